"""Labels of a repository, and labels on an issue."""

from __future__ import annotations

import re
from typing import Any

from twin.github.hub import Hub
from twin.github.models import Issue, Label, Repository, Role, User
from twin.github.problems import invalid, not_found, too_long

DEFAULT_COLOR = "ededed"
NAME_LIMIT, DESCRIPTION_LIMIT = 50, 100


def every(hub: Hub, repository: Repository) -> list[Label]:
    return hub.store.all(Label, "SELECT * FROM labels WHERE repository_id = ? ORDER BY name", repository.id)


def find(hub: Hub, repository: Repository, name: str) -> Label | None:
    """Names are compared without case, as GitHub does."""
    return hub.store.one(Label, "SELECT * FROM labels WHERE repository_id = ? AND name = ?", repository.id, name)


def known(hub: Hub, repository: Repository, name: str) -> Label:
    label = find(hub, repository, name)
    if label is None:
        raise not_found("Label does not exist")
    return label


def create(hub: Hub, actor: User, repository: Repository, given: dict[str, Any]) -> Label:
    """Raises Problem 403 below write, 422 for a name that exists or a colour that is none."""
    hub.require(actor, repository, Role.WRITE)
    values = _checked(hub, repository, {"color": DEFAULT_COLOR, **given}, None)
    if "name" not in values:
        raise invalid("Label", "name", "missing_field")
    return _insert(hub, actor, repository, **values)


def _insert(hub: Hub, actor: User, repository: Repository, **values: Any) -> Label:
    hub.store.insert("labels", repository_id=repository.id, **values)
    hub.tell(actor, repository, "label.created", name=values["name"])
    return known(hub, repository, values["name"])


def edit(hub: Hub, actor: User, repository: Repository, label: Label, given: dict[str, Any]) -> Label:
    hub.require(actor, repository, Role.WRITE)
    if "new_name" in given:
        given = {**given, "name": given["new_name"]}
    values = _checked(hub, repository, given, label)
    if values:
        hub.store.update("labels", label.id, **values)
    hub.tell(actor, repository, "label.edited", name=label.name)
    return hub.store.get(Label, "SELECT * FROM labels WHERE id = ?", label.id)


def delete(hub: Hub, actor: User, repository: Repository, label: Label) -> None:
    hub.require(actor, repository, Role.WRITE)
    with hub.store.transaction():
        hub.store.execute("DELETE FROM issue_labels WHERE label_id = ?", label.id)
        hub.store.execute("DELETE FROM labels WHERE id = ?", label.id)
        hub.tell(actor, repository, "label.deleted", name=label.name)


def _checked(hub: Hub, repository: Repository, given: dict[str, Any], own: Label | None) -> dict[str, Any]:
    values = {name: given[name] for name in ("name", "color", "description") if given.get(name) is not None}
    if "name" in values:
        _check_name(values["name"])
        other = find(hub, repository, values["name"])
        if other and (own is None or other.id != own.id):
            raise invalid("Label", "name", "already_exists")
    if not re.fullmatch(r"[0-9a-fA-F]{6}", str(values.get("color", DEFAULT_COLOR))):
        raise invalid("Label", "color")
    if len(str(values.get("description", ""))) > DESCRIPTION_LIMIT:
        raise too_long("Label", "description", DESCRIPTION_LIMIT)
    return values


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name.strip():
        raise invalid("Label", "name")
    if len(name) > NAME_LIMIT:
        raise too_long("Label", "name", NAME_LIMIT)


# --- on an issue


def on_issue(hub: Hub, issue: Issue) -> list[Label]:
    return hub.labels_of(issue)


def add(hub: Hub, actor: User, issue: Issue, names: list[str]) -> list[Label]:
    """Put labels on an issue; a name that the repository does not have yet becomes a label. Needs triage."""
    repository = hub.repository_of(issue)
    hub.require(actor, repository, Role.TRIAGE)
    for name in names:
        _check_name(name)
    with hub.store.transaction():
        for name in names:
            label = find(hub, repository, name) or _insert(hub, actor, repository, name=name, color=DEFAULT_COLOR)
            sql = "INSERT OR IGNORE INTO issue_labels (issue_id, label_id) VALUES (?, ?)"
            if hub.store.execute(sql, issue.id, label.id):
                _changed(hub, actor, repository, issue, label, "labeled")
    return on_issue(hub, issue)


def remove(hub: Hub, actor: User, issue: Issue, names: list[str]) -> list[Label]:
    """Take labels off an issue. Raises Problem 404 for one that is not on it."""
    repository = hub.repository_of(issue)
    hub.require(actor, repository, Role.TRIAGE)
    with hub.store.transaction():
        for name in names:
            label = known(hub, repository, name)
            sql = "DELETE FROM issue_labels WHERE issue_id = ? AND label_id = ?"
            if not hub.store.execute(sql, issue.id, label.id):
                raise not_found("Label does not exist")
            _changed(hub, actor, repository, issue, label, "unlabeled")
    return on_issue(hub, issue)


def replace(hub: Hub, actor: User, issue: Issue, names: list[str]) -> list[Label]:
    wanted = {name.lower() for name in names}
    held = {label.name.lower(): label.name for label in on_issue(hub, issue)}
    with hub.store.transaction():
        remove(hub, actor, issue, [name for lower, name in held.items() if lower not in wanted])
        return add(hub, actor, issue, [name for name in names if name.lower() not in held])


def _changed(hub: Hub, actor: User, repository: Repository, issue: Issue, label: Label, event: str) -> None:
    hub.note(issue, actor, event, label={"name": label.name, "color": label.color})
    hub.tell(actor, repository, f"issue.{event}", number=issue.number, label=label.name)
    hub.send_issue(issue.id, actor, event, label=hub.shapes.label(repository, label))
