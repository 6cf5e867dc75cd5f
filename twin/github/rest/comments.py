"""Comments on issues."""

from __future__ import annotations

from twin.github import comments
from twin.github.call import Answer, Call, Routes


async def list_on_issue(call: Call) -> Answer:
    found, total = comments.on_issue(call.hub, call.issue, call.since, call.page_size, call.offset)
    return call.page([call.shapes.comment(call.repository, call.issue, comment) for comment in found], total)


async def list_in_repository(call: Call) -> Answer:
    sort, direction = call.query.get("sort", "created"), call.query.get("direction", "asc")
    found, total = comments.in_repository(
        call.hub, call.repository, call.since, sort, direction, call.page_size, call.offset
    )
    shapes = call.shapes
    return call.page([shapes.comment(call.repository, call.hub.issue(each.issue_id), each) for each in found], total)


async def create(call: Call) -> Answer:
    comment = comments.create(call.hub, call.actor, call.issue, call.body.get("body"))
    shape = call.shapes.comment(call.repository, call.issue, comment)
    return Answer(shape, 201, {"Location": shape["url"]})


async def show(call: Call) -> Answer:
    comment, issue = comments.find(call.hub, call.repository, call.number("id"))
    return Answer(call.shapes.comment(call.repository, issue, comment), modified=comment.updated_at)


async def edit(call: Call) -> Answer:
    actor = call.actor
    comment, issue = comments.find(call.hub, call.repository, call.number("id"))
    comment = comments.edit(call.hub, actor, issue, comment, call.body.get("body"))
    return Answer(call.shapes.comment(call.repository, issue, comment))


async def delete(call: Call) -> Answer:
    actor = call.actor
    comment, issue = comments.find(call.hub, call.repository, call.number("id"))
    comments.delete(call.hub, actor, issue, comment)
    return Answer(status=204)


_REPO = "/repos/{owner}/{repo}"
ROUTES: Routes = [
    ("GET", _REPO + "/issues/{number}/comments", list_on_issue),
    ("POST", _REPO + "/issues/{number}/comments", create),
    ("GET", _REPO + "/issues/comments", list_in_repository),
    ("GET", _REPO + "/issues/comments/{id}", show),
    ("PATCH", _REPO + "/issues/comments/{id}", edit),
    ("DELETE", _REPO + "/issues/comments/{id}", delete),
]
