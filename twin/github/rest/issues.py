"""Issues, their events and their timeline."""

from __future__ import annotations

from typing import Any

from twin.github import comments, issues
from twin.github.call import Answer, Call, Routes
from twin.github.models import Event, Role
from twin.github.problems import not_found, unprocessable


def _choice(call: Call, name: str, choices: tuple[str, ...]) -> str:
    """A query member out of a few; the first is the default. Raises Problem 422."""
    value = call.query.get(name) or choices[0]
    if value not in choices:
        raise unprocessable(f"Invalid {name}: {value!r}; choose from {', '.join(choices)}")
    return value


async def list_issues(call: Call) -> Answer:
    """Pull requests appear among the issues, as on GitHub."""
    assignee = call.query.get("assignee", "")
    query = issues.Query(
        state=_choice(call, "state", ("open", "closed", "all")),
        labels=tuple(name for name in call.query.get("labels", "").split(",") if name),
        since=call.since,
        author=call.query.get("creator", ""),
        assignee="" if assignee == "*" else assignee,
        sort=_choice(call, "sort", ("created", "updated", "comments")),
        direction=_choice(call, "direction", ("desc", "asc")),
    )
    repository = call.repository
    found, total = issues.search(call.hub, repository, query, call.page_size, call.offset)
    return call.page([call.shapes.issue(repository, issue) for issue in found], total)


async def create_issue(call: Call) -> Answer:
    repository, actor = call.repository, call.actor
    issue = issues.create(call.hub, actor, repository, call.body)
    shape = call.shapes.issue(repository, issue)
    return Answer(shape, 201, {"Location": shape["url"]})


async def show_issue(call: Call) -> Answer:
    return Answer(call.shapes.issue(call.repository, call.issue), modified=call.issue.updated_at)


async def edit_issue(call: Call) -> Answer:
    issue = issues.edit(call.hub, call.actor, call.issue, call.body)
    return Answer(call.shapes.issue(call.repository, issue))


# --- assignees


async def add_assignees(call: Call) -> Answer:
    call.require(Role.TRIAGE)
    people = [issues.assignable(call.hub, call.repository, login) for login in call.body.get("assignees", [])]
    with call.hub.store.transaction():
        issues.assign(call.hub, call.actor, call.issue, people)
    return Answer(_reread(call), 201)


async def remove_assignees(call: Call) -> Answer:
    call.require(Role.TRIAGE)
    people = [call.hub.user_named(str(login)) for login in call.body.get("assignees", [])]
    with call.hub.store.transaction():
        issues.unassign(call.hub, call.actor, call.issue, [person for person in people if person])
    return Answer(_reread(call))


def _reread(call: Call) -> dict[str, Any]:
    return call.shapes.issue(call.repository, call.hub.issue(call.issue.id))


# --- events


async def list_issue_events(call: Call) -> Answer:
    return call.cut(
        issues.events(call.hub, call.issue), lambda event: call.shapes.event(call.repository, call.issue, event)
    )


async def list_repository_events(call: Call) -> Answer:
    """Newest first, of all issues."""
    where = "FROM events e JOIN issues i ON i.id = issue_id WHERE repository_id = ?"
    sql = f"SELECT e.* {where} ORDER BY e.id DESC LIMIT ? OFFSET ?"
    found = call.hub.store.all(Event, sql, call.repository.id, call.page_size, call.offset)
    total = call.hub.store.value(f"SELECT COUNT(*) {where}", call.repository.id)
    return call.page([_with_issue(call, event) for event in found], total)


async def show_event(call: Call) -> Answer:
    sql = "SELECT e.* FROM events e JOIN issues i ON i.id = issue_id WHERE e.id = ? AND repository_id = ?"
    event = call.hub.store.one(Event, sql, call.number("id"), call.repository.id)
    if event is None:
        raise not_found()
    return Answer(_with_issue(call, event))


def _with_issue(call: Call, event: Event) -> dict[str, Any]:
    return call.shapes.event(call.repository, call.hub.issue(event.issue_id), event, with_issue=True)


async def list_timeline(call: Call) -> Answer:
    issue, repository, shapes = call.issue, call.repository, call.shapes
    entries = [(e.created_at, e.id, shapes.event(repository, issue, e)) for e in issues.events(call.hub, issue)]
    said, _ = comments.on_issue(call.hub, issue)
    entries += [(c.created_at, c.id, shapes.commented(repository, issue, c)) for c in said]
    entries.sort(key=lambda entry: entry[:2])
    return call.cut(entries, lambda entry: entry[2])


_REPO = "/repos/{owner}/{repo}"
_ISSUE = _REPO + "/issues/{number}"
ROUTES: Routes = [
    ("GET", _REPO + "/issues", list_issues),
    ("POST", _REPO + "/issues", create_issue),
    ("GET", _REPO + "/issues/events", list_repository_events),
    ("GET", _REPO + "/issues/events/{id}", show_event),
    ("GET", _ISSUE, show_issue),
    ("PATCH", _ISSUE, edit_issue),
    ("GET", _ISSUE + "/events", list_issue_events),
    ("GET", _ISSUE + "/timeline", list_timeline),
    ("POST", _ISSUE + "/assignees", add_assignees),
    ("DELETE", _ISSUE + "/assignees", remove_assignees),
]
