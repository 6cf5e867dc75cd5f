"""Files through the contents API: read, written with compare-and-swap by sha, deleted."""

from __future__ import annotations

import base64
import binascii
from typing import Any
from urllib.parse import quote

from twin.github.call import Answer, Call, Routes
from twin.github.commits import BadPath, Entry, NoSuchCommit, Signature, check_path
from twin.github.models import Role
from twin.github.problems import conflict, not_found, unprocessable
from twin.github.pushes import commit_files, git_commit

INLINE_LIMIT_BYTES, SIZE_LIMIT_BYTES = 1 << 20, 100 << 20


def shape(call: Call, entry: Entry, ref: str) -> dict[str, Any]:
    """A file or folder without its content."""
    git, path = call.hub.git(call.repository), quote(entry.path)
    api, web = call.shapes.repository_url(call.repository), f"{call.shapes.web}/{call.repository.full_name}"
    kind = {"tree": "dir", "commit": "submodule"}.get(entry.type, "file")
    url, page = (
        f"{api}/contents/{path}?ref={quote(ref)}",
        f"{web}/{'tree' if kind == 'dir' else 'blob'}/{quote(ref)}/{path}",
    )
    git_url = f"{api}/git/{entry.type}s/{entry.sha}"
    return {
        "type": kind, "name": entry.name, "path": entry.path, "sha": entry.sha,
        "size": len(git.blob(entry.sha)) if kind == "file" else 0, "url": url, "html_url": page, "git_url": git_url,
        "download_url": f"{web}/raw/{quote(ref)}/{path}" if kind == "file" else None,
        "_links": {"self": url, "git": git_url, "html": page},
    }  # fmt: skip


async def show(call: Call) -> Answer:
    path = call.params.get("path", "").strip("/")
    ref, git = call.query.get("ref") or call.repository.default_branch, call.hub.git(call.repository)
    try:
        entry = git.entry(git.resolve(ref), path)
    except NoSuchCommit as missing:
        raise not_found(f"No commit found for the ref {ref}") from missing
    if entry is None:
        raise not_found()
    wanted = call.headers.get("accept", "")
    if entry.type == "tree":
        entries = [shape(call, each, ref) for each in git.folder(entry.sha, path)]
        return Answer({**shape(call, entry, ref), "entries": entries} if ".object" in wanted else entries)
    return _file(call, entry, ref, wanted)


def _file(call: Call, entry: Entry, ref: str, wanted: str) -> Answer:
    data = call.hub.git(call.repository).blob(entry.sha)
    if ".raw" in wanted:
        return Answer(data, headers={"Content-Type": "application/vnd.github.raw; charset=utf-8"})
    if len(data) > SIZE_LIMIT_BYTES:
        raise unprocessable("This API returns blobs up to 100 MB in size.")
    small = len(data) <= INLINE_LIMIT_BYTES
    content = base64.encodebytes(data).decode() if small else ""
    return Answer({**shape(call, entry, ref), "content": content, "encoding": "base64" if small else "none"})


async def show_readme(call: Call) -> Answer:
    call.params["path"] = "README.md"
    return await show(call)


async def put(call: Call) -> Answer:
    """Create or replace one file. 422: exists and no sha was given; 409: the sha is not the file's."""
    call.require(Role.WRITE)
    path, known = _target(call)
    if known is not None and not call.body.get("sha"):
        raise unprocessable('Invalid request.\n\n"sha" wasn\'t supplied.')
    _check_sha(call, path, known)
    content = call.body.get("content")
    if not isinstance(content, str):
        raise unprocessable('Invalid request.\n\n"content" wasn\'t supplied.')
    try:
        data = base64.b64decode("".join(content.split()), validate=True)
    except binascii.Error as wrong:
        raise unprocessable("content is not valid Base64") from wrong
    return _commit(call, path, data, 200 if known else 201)


async def delete(call: Call) -> Answer:
    call.require(Role.WRITE)
    path, known = _target(call)
    if known is None:
        raise not_found()
    # A client may send the members of a DELETE in the query.
    if not _member(call, "sha"):
        raise unprocessable('Invalid request.\n\n"sha" wasn\'t supplied.')
    _check_sha(call, path, known)
    return _commit(call, path, None, 200)


def _target(call: Call) -> tuple[str, str | None]:
    """(path, the sha of the file there now)."""
    path, git = call.params["path"].strip("/"), call.hub.git(call.repository)
    if not _member(call, "message"):
        raise unprocessable('Invalid request.\n\n"message" wasn\'t supplied.')
    try:
        check_path(path)
    except BadPath as bad:
        raise unprocessable("path contains a malformed path component") from bad
    branch = _branch(call)
    if branch not in git.branches():
        raise not_found(f"Branch {branch} not found")
    entry = git.entry(git.resolve(f"refs/heads/{branch}"), path)
    if entry and entry.type == "tree":
        raise unprocessable(f"{path} is a directory")
    return path, entry.sha if entry else None


def _check_sha(call: Call, path: str, known: str | None) -> None:
    given = _member(call, "sha")
    if given and given != known:
        raise conflict(
            f"{path} does not match {given}" if known else f"{path} does not exist, but sha {given} was given"
        )


def _commit(call: Call, path: str, data: bytes | None, status: int) -> Answer:
    sha = commit_files(
        call.hub,
        call.actor,
        call.repository,
        _branch(call),
        {path: data},
        str(_member(call, "message")),
        author=_author(call),
    )
    git = call.hub.git(call.repository)
    commit = git.resolve(sha)
    entry = git.entry(commit, path)
    content = shape(call, entry, _branch(call)) if entry else None
    return Answer({"content": content, "commit": git_commit(call.hub, call.repository, commit)}, status)


def _branch(call: Call) -> str:
    return str(_member(call, "branch") or call.repository.default_branch)


def _member(call: Call, name: str) -> Any:
    return call.body.get(name) or call.query.get(name)


def _author(call: Call) -> Signature | None:
    given = call.body.get("author") or call.body.get("committer")
    if given is None:
        return None
    if not isinstance(given, dict) or not given.get("name") or not given.get("email"):
        raise unprocessable('Invalid request.\n\nauthor needs "name" and "email".')
    return Signature(str(given["name"]), str(given["email"]), call.hub.clock())


_REPO = "/repos/{owner}/{repo}"
ROUTES: Routes = [
    ("GET", _REPO + "/readme", show_readme),
    ("GET", _REPO + "/contents", show),
    ("GET", _REPO + "/contents/{path+}", show),
    ("PUT", _REPO + "/contents/{path+}", put),
    ("DELETE", _REPO + "/contents/{path+}", delete),
]
