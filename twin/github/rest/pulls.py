"""Pull requests, as far as lists of issues contain them."""

from __future__ import annotations

from typing import Any

from twin.github import issues
from twin.github.call import Answer, Call, Routes
from twin.github.models import Issue, Role
from twin.github.problems import invalid, not_found


def _shape(call: Call, issue: Issue) -> dict[str, Any]:
    shape, branches = call.shapes.issue(call.repository, issue), call.hub.git(call.repository).branches()
    sides = {
        side: {"ref": ref, "sha": branches.get(ref or "")} for side, ref in (("head", issue.head), ("base", issue.base))
    }
    return {**shape, "url": shape["pull_request"]["url"], "issue_url": shape["url"], **sides, "merged": False}


async def list_pulls(call: Call) -> Answer:
    query = issues.Query(state=call.query.get("state", "open"), kind="pull")
    found, total = issues.search(call.hub, call.repository, query, call.page_size, call.offset)
    return call.page([_shape(call, issue) for issue in found], total)


async def create(call: Call) -> Answer:
    call.require(Role.WRITE)
    head, base = call.text("head"), call.text("base")
    branches = call.hub.git(call.repository).branches()
    for name, branch in (("head", head), ("base", base)):
        if branch not in branches:
            raise invalid("PullRequest", name)
    return Answer(_shape(call, issues.create(call.hub, call.actor, call.repository, call.body, head)), 201)


async def show(call: Call) -> Answer:
    if not call.issue.is_pull:
        raise not_found()
    return Answer(_shape(call, call.issue), modified=call.issue.updated_at)


_REPO = "/repos/{owner}/{repo}"
ROUTES: Routes = [
    ("GET", _REPO + "/pulls", list_pulls),
    ("POST", _REPO + "/pulls", create),
    ("GET", _REPO + "/pulls/{number}", show),
]
