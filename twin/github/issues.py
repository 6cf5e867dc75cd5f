"""Issues: filed, edited, assigned, closed, reopened, found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from twin.github import labels
from twin.github.hub import Hub
from twin.github.models import Edit, Event, Issue, Repository, Role, User
from twin.github.problems import forbidden, invalid, too_long, unprocessable

TITLE_LIMIT, BODY_LIMIT = 256, 65_536
REASONS = ("completed", "not_planned", "duplicate")


@dataclass(frozen=True)
class Query:
    """What a list of issues is narrowed and ordered by."""

    state: str = "open"
    labels: tuple[str, ...] = ()
    """All of them must be on the issue."""
    since: str = ""
    """Updated at this time or later, ISO 8601 in UTC."""
    author: str = ""
    assignee: str = ""
    words: str = ""
    kind: str = ""
    """`issue`, `pull` or both."""
    sort: str = "created"
    direction: str = "desc"


_ORDERS = {
    "created": "created_at",
    "updated": "updated_at",
    "comments": "(SELECT COUNT(*) FROM comments WHERE issue_id = i.id)",
}


_ASSIGNED = "EXISTS (SELECT 1 FROM issue_assignees JOIN users u ON u.id = user_id WHERE issue_id = i.id AND login = ?)"


def search(hub: Hub, repository: Repository, query: Query, limit: int, offset: int) -> tuple[list[Issue], int]:
    """(one page, how many there are in all)."""
    where, values = ["repository_id = ?"], [repository.id]
    for name in query.labels:
        where.append(
            "EXISTS (SELECT 1 FROM issue_labels JOIN labels l ON l.id = label_id WHERE issue_id = i.id AND l.name = ?)"
        )
        values.append(name)  # type: ignore[arg-type]
    conditions: list[tuple[str, Any]] = [
        ("state = ?", query.state if query.state != "all" else ""),
        ("substr(updated_at, 1, 19) >= substr(?, 1, 19)", query.since),
        ("author_id = (SELECT id FROM users WHERE login = ?)", query.author),
        (_ASSIGNED, query.assignee),
        ("(title || ' ' || COALESCE(body, '')) LIKE '%' || ? || '%'", query.words),
    ]  # fmt: skip
    for condition, value in conditions:
        if value:
            where.append(condition)
            values.append(value)
    if query.kind:
        where.append("head IS NOT NULL" if query.kind == "pull" else "head IS NULL")
    direction = "ASC" if query.direction == "asc" else "DESC"
    # Every piece of this text is our own; what a client sent is bound as a value.
    source = f"FROM issues i WHERE {' AND '.join(where)}"
    order = f"ORDER BY {_ORDERS.get(query.sort, 'created_at')} {direction}, i.id {direction} LIMIT ? OFFSET ?"
    found = hub.store.all(Issue, f"SELECT i.* {source} {order}", *values, limit, offset)
    return found, int(hub.store.value(f"SELECT COUNT(*) {source}", *values))


def find(hub: Hub, repository: Repository, number: int) -> Issue | None:
    return hub.store.one(Issue, "SELECT * FROM issues WHERE repository_id = ? AND number = ?", repository.id, number)


def events(hub: Hub, issue: Issue) -> list[Event]:
    return hub.store.all(Event, "SELECT * FROM events WHERE issue_id = ? ORDER BY id", issue.id)


def edits(hub: Hub, subject: str, subject_id: int) -> list[Edit]:
    """Oldest first; the first entry is the text as it was written."""
    return hub.store.all(
        Edit, "SELECT * FROM edits WHERE subject = ? AND subject_id = ? ORDER BY id", subject, subject_id
    )


def create(hub: Hub, actor: User, repository: Repository, given: dict[str, Any], head: str | None = None) -> Issue:
    """File an issue, or with `head` a pull request. Labels and assignees of people below triage are dropped.

    Raises: Problem 422 for a missing title, a text too long, a person who cannot be assigned.
    """
    title, body = _title(given.get("title")), _body(given.get("body"))
    trusted = hub.role(actor, repository) >= Role.TRIAGE
    names = _names(given.get("labels")) if trusted else []
    people = _people(hub, repository, given) if trusted else []
    now = hub.store.now()
    with hub.store.transaction():
        number = 1 + (hub.store.value("SELECT MAX(number) FROM issues WHERE repository_id = ?", repository.id) or 0)
        id = hub.store.insert(
            "issues", repository_id=repository.id, number=number, title=title, body=body, author_id=actor.id,
            state="open", head=head, base=given.get("base") if head else None, created_at=now, updated_at=now,
        )  # fmt: skip
        hub.store.insert("edits", subject="issue", subject_id=id, editor_id=actor.id, edited_at=now, body=body or "")
        hub.tell(actor, repository, "pull.created" if head else "issue.created", number=number, title=title)
        issue = hub.issue(id)
        hub.send_issue(id, actor, "opened")
        if names:
            labels.add(hub, actor, issue, names)
        assign(hub, actor, issue, people)
    return hub.issue(id)


def edit(hub: Hub, actor: User, issue: Issue, given: dict[str, Any]) -> Issue:
    """Change title, body, state, labels, assignees: what is not given stays.

    The author may change the text and close; others need write for the text and triage for the rest.
    Raises: Problem 403, 422.
    """
    repository = hub.repository_of(issue)
    role, own = hub.role(actor, repository), issue.author_id == actor.id
    texts = {"title", "body"} & given.keys()
    if (not own and role < Role.TRIAGE) or (texts and not own and role < Role.WRITE):
        raise forbidden()
    with hub.store.transaction():
        if "title" in given:
            _rename(hub, actor, issue, _title(given["title"]))
        if "body" in given:
            _rewrite(hub, actor, issue, _body(given["body"]))
        if given.get("state") is not None:
            _set_state(hub, actor, issue, given["state"], given.get("state_reason"))
        # GitHub drops these silently for an author without triage.
        if "labels" in given and role >= Role.TRIAGE:
            labels.replace(hub, actor, issue, _names(given["labels"]))
        if {"assignee", "assignees"} & given.keys() and role >= Role.TRIAGE:
            _reassign(hub, actor, issue, _people(hub, repository, given))
    return hub.issue(issue.id)


def _rename(hub: Hub, actor: User, issue: Issue, title: str) -> None:
    if title == issue.title:
        return
    hub.store.update("issues", issue.id, title=title)
    hub.note(issue, actor, "renamed", rename={"from": issue.title, "to": title})
    _edited(hub, actor, issue, title={"from": issue.title})


def _rewrite(hub: Hub, actor: User, issue: Issue, body: str | None) -> None:
    if body == issue.body:
        return
    now = hub.store.now()
    hub.store.update("issues", issue.id, body=body, updated_at=now)
    hub.store.insert("edits", subject="issue", subject_id=issue.id, editor_id=actor.id, edited_at=now, body=body or "")
    _edited(hub, actor, issue, body={"from": issue.body or ""})


def _edited(hub: Hub, actor: User, issue: Issue, **changes: Any) -> None:
    hub.tell(actor, hub.repository_of(issue), "issue.edited", number=issue.number, fields=sorted(changes))
    hub.send_issue(issue.id, actor, "edited", changes=changes)


def _set_state(hub: Hub, actor: User, issue: Issue, state: object, reason: object) -> None:
    if state not in ("open", "closed"):
        raise invalid("Issue", "state")
    if reason is not None and reason not in (*REASONS, "reopened"):
        raise invalid("Issue", "state_reason")
    if state == "closed":
        reason = reason or "completed"
    if state == issue.state and (state == "open" or reason == issue.state_reason):
        return
    if state == "closed":
        now = hub.store.now()
        hub.store.update("issues", issue.id, state="closed", state_reason=reason, closed_at=now, closed_by_id=actor.id)
        hub.note(issue, actor, "closed", state_reason=reason)
    else:
        hub.store.update("issues", issue.id, state="open", state_reason="reopened", closed_at=None, closed_by_id=None)
        hub.note(issue, actor, "reopened")
    action = "closed" if state == "closed" else "reopened"
    hub.tell(actor, hub.repository_of(issue), f"issue.{action}", number=issue.number)
    hub.send_issue(issue.id, actor, action)


# --- assignees


def assign(hub: Hub, actor: User, issue: Issue, people: list[User]) -> None:
    for person in people:
        sql = "INSERT OR IGNORE INTO issue_assignees (issue_id, user_id) VALUES (?, ?)"
        if hub.store.execute(sql, issue.id, person.id):
            _assigned(hub, actor, issue, person, "assigned")


def unassign(hub: Hub, actor: User, issue: Issue, people: list[User]) -> None:
    for person in people:
        sql = "DELETE FROM issue_assignees WHERE issue_id = ? AND user_id = ?"
        if hub.store.execute(sql, issue.id, person.id):
            _assigned(hub, actor, issue, person, "unassigned")


def _reassign(hub: Hub, actor: User, issue: Issue, people: list[User]) -> None:
    held = hub.store.rows("SELECT user_id FROM issue_assignees WHERE issue_id = ?", issue.id)
    wanted = {person.id for person in people}
    unassign(hub, actor, issue, [hub.user(row["user_id"]) for row in held if row["user_id"] not in wanted])
    assign(hub, actor, issue, people)


def _assigned(hub: Hub, actor: User, issue: Issue, person: User, event: str) -> None:
    hub.note(issue, actor, event, assignee=person.id, assigner=actor.id)
    hub.tell(actor, hub.repository_of(issue), f"issue.{event}", number=issue.number, assignee=person.login)
    hub.send_issue(issue.id, actor, event, assignee=hub.shapes.user(person))


def assignable(hub: Hub, repository: Repository, login: object) -> User:
    """Raises Problem 422 for somebody without access."""
    person = hub.user_named(str(login))
    if person is None or hub.role(person, repository) < Role.TRIAGE:
        raise invalid("Issue", "assignees", value=login)
    return person


def _people(hub: Hub, repository: Repository, given: dict[str, Any]) -> list[User]:
    logins = given.get("assignees")
    if logins is None:
        logins = [given["assignee"]] if given.get("assignee") else []
    if not isinstance(logins, list):
        raise invalid("Issue", "assignees")
    return [assignable(hub, repository, login) for login in logins]


# --- checks of what a client sent


def _title(title: object) -> str:
    if title is None or title == "":
        raise invalid("Issue", "title", "missing_field")
    if not isinstance(title, str | int | float):
        raise unprocessable('Invalid request.\n\nNo subschema in "oneOf" matched.')
    if len(str(title)) > TITLE_LIMIT:
        raise too_long("Issue", "title", TITLE_LIMIT)
    return str(title)


def _body(body: object) -> str | None:
    if body is not None and not isinstance(body, str):
        raise unprocessable(f"Invalid request.\n\nFor 'properties/body', {body!r} is not a string.")
    if body and len(body) > BODY_LIMIT:
        raise too_long("Issue", "body", BODY_LIMIT)
    return body


def _names(given: object) -> list[str]:
    """Label names, which may come as text or as objects with a name."""
    if given is None:
        return []
    if not isinstance(given, list):
        raise invalid("Issue", "labels")
    return [str(each.get("name")) if isinstance(each, dict) else str(each) for each in given]
