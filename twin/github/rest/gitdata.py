"""The Git Data API: blobs, trees, commits and refs."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import datetime
from typing import Any

from dulwich.objects import Blob, Tree

from twin.github.call import Answer, Call, Routes
from twin.github.commits import FILE, BadPath, Entry, NoSuchCommit, Signature, StaleHead
from twin.github.models import Role
from twin.github.problems import invalid, not_found, unprocessable
from twin.github.pushes import NO_SHA, git_commit, told

_MODES = {"100644", "100755", "040000", "120000", "160000"}


async def create_blob(call: Call) -> Answer:
    call.require(Role.WRITE)
    content, encoding = call.body.get("content"), call.body.get("encoding", "utf-8")
    if not isinstance(content, str):
        raise unprocessable('Invalid request.\n\n"content" wasn\'t supplied.')
    try:
        data = content.encode() if encoding == "utf-8" else base64.b64decode("".join(content.split()), validate=True)
    except binascii.Error as wrong:
        raise unprocessable("content is not valid Base64") from wrong
    sha = call.hub.git(call.repository).add_blob(data)
    return Answer({"sha": sha, "url": f"{_api(call)}/git/blobs/{sha}"}, 201)


async def show_blob(call: Call) -> Answer:
    sha = call.params["sha"]
    blob = call.hub.git(call.repository).object(sha)
    if not isinstance(blob, Blob):
        raise not_found()
    if ".raw" in call.headers.get("accept", ""):
        return Answer(blob.data, headers={"Content-Type": "application/vnd.github.raw; charset=utf-8"})
    content = base64.encodebytes(blob.data).decode()
    url = f"{_api(call)}/git/blobs/{sha}"
    return Answer({"sha": sha, "url": url, "size": len(blob.data), "content": content, "encoding": "base64"})


# --- trees


def _entry_shape(call: Call, entry: Entry) -> dict[str, Any]:
    shape = {"path": entry.path, "mode": f"{entry.mode:06o}", "type": entry.type, "sha": entry.sha}
    if entry.type == "blob":
        shape["size"] = len(call.hub.git(call.repository).blob(entry.sha))  # type: ignore[assignment]
    return {**shape, "url": f"{_api(call)}/git/{entry.type}s/{entry.sha}"}


def _tree_shape(call: Call, sha: str, *, recursive: bool = False) -> dict[str, Any]:
    git = call.hub.git(call.repository)
    entries = list(git.walk(sha)) if recursive else git.folder(sha)
    listed = [_entry_shape(call, entry) for entry in entries]
    return {"sha": sha, "url": f"{_api(call)}/git/trees/{sha}", "tree": listed, "truncated": False}


async def show_tree(call: Call) -> Answer:
    """By the sha of a tree, or by anything that names a commit."""
    git, name = call.hub.git(call.repository), call.params["sha"]
    if not isinstance(git.object(name), Tree):
        try:
            name = git.resolve(name).tree.decode()
        except NoSuchCommit as missing:
            raise not_found() from missing
    return Answer(_tree_shape(call, name, recursive=bool(call.query.get("recursive"))))


async def create_tree(call: Call) -> Answer:
    call.require(Role.WRITE)
    git, given, base = call.hub.git(call.repository), call.body.get("tree"), call.body.get("base_tree")
    if not isinstance(given, list) or not given:
        raise unprocessable("Invalid tree info")
    if base is not None:
        try:
            base = base if isinstance(git.object(base), Tree) else git.resolve(str(base)).tree.decode()
        except NoSuchCommit as missing:
            raise not_found() from missing
    changes: dict[str, tuple[int, str] | None] = {}
    for each in given:
        changes[str(each.get("path", ""))] = _tree_change(call, each)
    try:
        return Answer(_tree_shape(call, git.add_tree(base, changes)), 201)
    except BadPath as bad:
        raise unprocessable("tree.path contains a malformed path component") from bad


def _tree_change(call: Call, given: dict[str, Any]) -> tuple[int, str] | None:
    git, mode = call.hub.git(call.repository), str(given.get("mode", f"{FILE:06o}"))
    if mode not in _MODES:
        raise unprocessable(f"tree.mode {mode} is none of {', '.join(sorted(_MODES))}")
    if "content" in given:
        return int(mode, 8), git.add_blob(str(given["content"]).encode())
    if given.get("sha") is None:
        return None
    if git.object(str(given["sha"])) is None:
        raise unprocessable(f"tree.sha {given['sha']} is not a valid blob")
    return int(mode, 8), str(given["sha"])


# --- commits


async def create_commit(call: Call) -> Answer:
    call.require(Role.WRITE)
    git, message, tree = call.hub.git(call.repository), call.text("message"), call.text("tree")
    if not isinstance(git.object(tree), Tree):
        raise unprocessable("Tree SHA does not exist")
    parents = [str(parent) for parent in call.body.get("parents", [])]
    try:
        for parent in parents:
            git.resolve(parent)
    except NoSuchCommit as missing:
        raise unprocessable("Parent SHA does not exist or is not a commit object") from missing
    author = _signature(call, "author", call.hub.signature(call.actor))
    sha = git.add_commit(tree, parents, message, author, _signature(call, "committer", author))
    call.hub.tell(call.actor, call.repository, "git.commit", sha=sha)
    return Answer(git_commit(call.hub, call.repository, git.resolve(sha)), 201)


def _signature(call: Call, name: str, default: Signature) -> Signature:
    given = call.body.get(name)
    if not isinstance(given, dict):
        return default
    try:
        at = datetime.fromisoformat(given["date"]) if given.get("date") else default.when
    except (ValueError, TypeError) as wrong:
        raise unprocessable(f"Invalid request.\n\n{name}.date is no ISO 8601 time.") from wrong
    return Signature(str(given.get("name", default.name)), str(given.get("email", default.email)), at)


async def show_commit(call: Call) -> Answer:
    try:
        commit = call.hub.git(call.repository).resolve(call.params["sha"])
    except NoSuchCommit as missing:
        raise not_found() from missing
    return Answer(git_commit(call.hub, call.repository, commit))


# --- refs


def _ref_shape(call: Call, ref: str, sha: str) -> dict[str, Any]:
    return {
        "ref": ref, "node_id": "", "url": f"{_api(call)}/git/{ref}",
        "object": {"sha": sha, "type": "commit", "url": f"{_api(call)}/git/commits/{sha}"},
    }  # fmt: skip


async def list_refs(call: Call) -> Answer:
    prefix = "refs/" + call.params.get("ref", "")
    found = [(ref, sha) for ref, sha in call.hub.git(call.repository).refs().items() if ref.startswith(prefix)]
    return call.cut(found, lambda pair: _ref_shape(call, *pair))


async def show_ref(call: Call) -> Answer:
    ref = "refs/" + call.params["ref"]
    sha = call.hub.git(call.repository).refs().get(ref)
    if sha is None:
        raise not_found()
    return Answer(_ref_shape(call, ref, sha))


async def create_ref(call: Call) -> Answer:
    call.require(Role.WRITE)
    git, ref, sha = call.hub.git(call.repository), call.text("ref"), call.text("sha")
    if not re.fullmatch(r"refs/(heads|tags)/[\w./+-]+", ref) or ".." in ref or ref.endswith((".", "/", ".lock")):
        raise unprocessable(f"{ref} is not a valid ref name.")
    if ref in git.refs():
        raise unprocessable("Reference already exists")
    _existing(call, sha)
    git.move(ref, sha, None)
    told(call.hub, call.actor, call.repository, ref, NO_SHA, sha)
    return Answer(_ref_shape(call, ref, sha), 201)


async def update_ref(call: Call) -> Answer:
    """422 unless the new commit follows the old one, or `force` is true."""
    call.require(Role.WRITE)
    git, ref, sha = call.hub.git(call.repository), "refs/" + call.params["ref"], call.text("sha")
    old = git.refs().get(ref)
    if old is None:
        raise unprocessable("Reference does not exist")
    _existing(call, sha)
    if not call.body.get("force") and not git.is_ancestor(old, sha):
        raise unprocessable("Update is not a fast forward")
    try:
        git.move(ref, sha, old)
    except StaleHead as stale:
        raise unprocessable("Reference cannot be updated") from stale
    told(call.hub, call.actor, call.repository, ref, old, sha)
    return Answer(_ref_shape(call, ref, sha))


async def delete_ref(call: Call) -> Answer:
    call.require(Role.WRITE)
    git, ref = call.hub.git(call.repository), "refs/" + call.params["ref"]
    old = git.refs().get(ref)
    if old is None:
        raise unprocessable("Reference does not exist")
    if ref == f"refs/heads/{call.repository.default_branch}":
        raise unprocessable("Cannot delete the default branch")
    git.delete(ref)
    told(call.hub, call.actor, call.repository, ref, old, NO_SHA)
    return Answer(status=204)


def _existing(call: Call, sha: str) -> None:
    try:
        call.hub.git(call.repository).resolve(sha if re.fullmatch(r"[0-9a-f]{40}", sha) else "")
    except NoSuchCommit as missing:
        raise invalid("Reference", "sha", message="Object does not exist") from missing


def _api(call: Call) -> str:
    return call.shapes.repository_url(call.repository)


_GIT = "/repos/{owner}/{repo}/git"
ROUTES: Routes = [
    ("POST", _GIT + "/blobs", create_blob),
    ("GET", _GIT + "/blobs/{sha}", show_blob),
    ("POST", _GIT + "/trees", create_tree),
    ("GET", _GIT + "/trees/{sha+}", show_tree),
    ("POST", _GIT + "/commits", create_commit),
    ("GET", _GIT + "/commits/{sha}", show_commit),
    ("GET", _GIT + "/refs", list_refs),
    ("POST", _GIT + "/refs", create_ref),
    ("GET", _GIT + "/matching-refs/{ref+}", list_refs),
    ("GET", _GIT + "/ref/{ref+}", show_ref),
    ("GET", _GIT + "/refs/{ref+}", show_ref),
    ("PATCH", _GIT + "/refs/{ref+}", update_ref),
    ("DELETE", _GIT + "/refs/{ref+}", delete_ref),
]
