"""Reactions to issues and comments."""

from __future__ import annotations

from twin.github import comments
from twin.github.call import Answer, Call, Routes

Subject = tuple[str, int]


def _issue(call: Call) -> Subject:
    return "issue", call.issue.id


def _comment(call: Call) -> Subject:
    return "comment", comments.find(call.hub, call.repository, call.number("comment"))[0].id


def _list(call: Call, subject: Subject) -> Answer:
    found = comments.reactions(call.hub, *subject, call.query.get("content", ""))
    return call.cut(found, call.shapes.reaction)


def _create(call: Call, subject: Subject) -> Answer:
    reaction, new = comments.react(call.hub, call.actor, call.repository, *subject, call.body.get("content"))
    return Answer(call.shapes.reaction(reaction), 201 if new else 200)


def _delete(call: Call, subject: Subject) -> Answer:
    comments.unreact(call.hub, call.actor, call.repository, *subject, call.number("id"))
    return Answer(status=204)


async def list_on_issue(call: Call) -> Answer:
    return _list(call, _issue(call))


async def create_on_issue(call: Call) -> Answer:
    return _create(call, _issue(call))


async def delete_on_issue(call: Call) -> Answer:
    return _delete(call, _issue(call))


async def list_on_comment(call: Call) -> Answer:
    return _list(call, _comment(call))


async def create_on_comment(call: Call) -> Answer:
    return _create(call, _comment(call))


async def delete_on_comment(call: Call) -> Answer:
    return _delete(call, _comment(call))


_ISSUE = "/repos/{owner}/{repo}/issues/{number}/reactions"
_COMMENT = "/repos/{owner}/{repo}/issues/comments/{comment}/reactions"
ROUTES: Routes = [
    ("GET", _ISSUE, list_on_issue),
    ("POST", _ISSUE, create_on_issue),
    ("DELETE", _ISSUE + "/{id}", delete_on_issue),
    ("GET", _COMMENT, list_on_comment),
    ("POST", _COMMENT, create_on_comment),
    ("DELETE", _COMMENT + "/{id}", delete_on_comment),
]
