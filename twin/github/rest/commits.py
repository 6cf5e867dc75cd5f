"""Branches and the history of commits."""

from __future__ import annotations

from typing import Any

from dulwich.objects import Commit

from twin.github.call import Answer, Call, Routes
from twin.github.commits import Entry, NoSuchCommit, when
from twin.github.problems import Problem, not_found, unprocessable
from twin.github.pushes import listed_commit


def resolve(call: Call, name: str) -> Commit:
    try:
        return call.hub.git(call.repository).resolve(name)
    except NoSuchCommit as missing:
        raise unprocessable(f"No commit found for SHA: {name}") from missing


async def list_branches(call: Call) -> Answer:
    return call.cut(list(call.hub.git(call.repository).branches().items()), lambda pair: _branch(call, *pair))


async def show_branch(call: Call) -> Answer:
    name = call.params["branch"]
    sha = call.hub.git(call.repository).branches().get(name)
    if sha is None:
        raise not_found("Branch not found")
    whole = listed_commit(call.hub, call.repository, resolve(call, sha))
    return Answer({**_branch(call, name, sha), "commit": whole})


def _branch(call: Call, name: str, sha: str) -> dict[str, Any]:
    url = f"{call.shapes.repository_url(call.repository)}/commits/{sha}"
    return {"name": name, "commit": {"sha": sha, "url": url}, "protected": False}


async def list_commits(call: Call) -> Answer:
    git = call.hub.git(call.repository)
    if not git.branches():
        raise Problem(409, "Git Repository is empty.")
    name = call.query.get("sha") or call.repository.default_branch
    try:
        found = git.log(name, call.query.get("path", "").strip("/"))
    except NoSuchCommit as missing:
        raise not_found() from missing
    since, until = call.since[:19], call.query.get("until", "")[:19]
    kept = [commit for commit in found if _within(commit, since, until)]
    return call.cut(kept, lambda commit: listed_commit(call.hub, call.repository, commit))


def _within(commit: Commit, since: str, until: str) -> bool:
    at = when(commit.commit_time).isoformat()[:19]
    return (not since or at >= since) and (not until or at <= until)


async def show_commit(call: Call) -> Answer:
    commit = resolve(call, call.params["ref"])
    if "sha" in call.headers.get("accept", ""):
        return Answer(commit.id, headers={"Content-Type": "application/vnd.github.sha; charset=utf-8"})
    files = [_file(call, commit, *change) for change in call.hub.git(call.repository).changes(commit)]
    shape = listed_commit(call.hub, call.repository, commit)
    stats = {name: sum(file[name] for file in files) for name in ("additions", "deletions")}
    return Answer({**shape, "files": files, "stats": {**stats, "total": sum(stats.values())}})


def _file(call: Call, commit: Commit, status: str, old: Entry | None, new: Entry | None) -> dict[str, Any]:
    entry = new or old
    assert entry is not None
    git = call.hub.git(call.repository)
    before, after = (git.blob(side.sha).splitlines() if side and side.type == "blob" else [] for side in (old, new))
    added, removed = len(set(after) - set(before)), len(set(before) - set(after))
    api, sha = call.shapes.repository_url(call.repository), commit.id.decode()
    return {
        "sha": entry.sha, "filename": entry.path, "status": status, "additions": added, "deletions": removed,
        "changes": added + removed, "contents_url": f"{api}/contents/{entry.path}?ref={sha}",
        "raw_url": f"{call.shapes.web}/{call.repository.full_name}/raw/{sha}/{entry.path}",
        "blob_url": f"{call.shapes.web}/{call.repository.full_name}/blob/{sha}/{entry.path}",
    }  # fmt: skip


_REPO = "/repos/{owner}/{repo}"
ROUTES: Routes = [
    ("GET", _REPO + "/branches", list_branches),
    ("GET", _REPO + "/branches/{branch+}", show_branch),
    ("GET", _REPO + "/commits", list_commits),
]
SHOW: Routes = [("GET", _REPO + "/commits/{ref+}", show_commit)]
"""Behind every other route below `commits/`, because a ref may contain slashes."""
