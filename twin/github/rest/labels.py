"""Labels of the repository and of an issue."""

from __future__ import annotations

from twin.github import labels
from twin.github.call import Answer, Call, Routes
from twin.github.models import Label
from twin.github.problems import not_found, unprocessable


def _named(call: Call) -> Label:
    label = labels.find(call.hub, call.repository, call.params["name"])
    if label is None:
        raise not_found()
    return label


def _given(call: Call) -> list[str]:
    """Names out of `{"labels": [...]}` or a bare list."""
    listed = call.listed
    names = listed.get("labels") if isinstance(listed, dict) else listed
    if not isinstance(names, list) or not all(isinstance(name, str | dict) for name in names):
        raise unprocessable('Invalid request.\n\n"labels" wasn\'t supplied.')
    return [name if isinstance(name, str) else str(name.get("name")) for name in names]


def _answer(call: Call, found: list[Label]) -> Answer:
    return Answer([call.shapes.label(call.repository, label) for label in found])


async def list_in_repository(call: Call) -> Answer:
    every = labels.every(call.hub, call.repository)
    return call.cut(every, lambda label: call.shapes.label(call.repository, label))


async def create(call: Call) -> Answer:
    label = labels.create(call.hub, call.actor, call.repository, call.body)
    return Answer(call.shapes.label(call.repository, label), 201)


async def show(call: Call) -> Answer:
    return Answer(call.shapes.label(call.repository, _named(call)))


async def edit(call: Call) -> Answer:
    label = labels.edit(call.hub, call.actor, call.repository, _named(call), call.body)
    return Answer(call.shapes.label(call.repository, label))


async def delete(call: Call) -> Answer:
    labels.delete(call.hub, call.actor, call.repository, _named(call))
    return Answer(status=204)


async def list_on_issue(call: Call) -> Answer:
    found = labels.on_issue(call.hub, call.issue)
    return call.cut(found, lambda label: call.shapes.label(call.repository, label))


async def add(call: Call) -> Answer:
    return _answer(call, labels.add(call.hub, call.actor, call.issue, _given(call)))


async def replace(call: Call) -> Answer:
    return _answer(call, labels.replace(call.hub, call.actor, call.issue, _given(call)))


async def remove(call: Call) -> Answer:
    return _answer(call, labels.remove(call.hub, call.actor, call.issue, [call.params["name"]]))


async def remove_all(call: Call) -> Answer:
    labels.replace(call.hub, call.actor, call.issue, [])
    return Answer(status=204)


_REPO = "/repos/{owner}/{repo}"
_ISSUE = _REPO + "/issues/{number}/labels"
ROUTES: Routes = [
    ("GET", _REPO + "/labels", list_in_repository),
    ("POST", _REPO + "/labels", create),
    ("GET", _REPO + "/labels/{name}", show),
    ("PATCH", _REPO + "/labels/{name}", edit),
    ("DELETE", _REPO + "/labels/{name}", delete),
    ("GET", _ISSUE, list_on_issue),
    ("POST", _ISSUE, add),
    ("PUT", _ISSUE, replace),
    ("DELETE", _ISSUE, remove_all),
    ("DELETE", _ISSUE + "/{name}", remove),
]
