"""Comments on issues, and reactions to both."""

from __future__ import annotations

from typing import Any

from twin.github.hub import Hub
from twin.github.issues import BODY_LIMIT
from twin.github.models import Comment, Issue, Reaction, Repository, Role, User
from twin.github.problems import forbidden, invalid, not_found, unprocessable
from twin.github.shapes import CONTENTS


def find(hub: Hub, repository: Repository, id: int) -> tuple[Comment, Issue]:
    """Raises Problem 404."""
    sql = "SELECT c.* FROM comments c JOIN issues i ON i.id = issue_id WHERE c.id = ? AND repository_id = ?"
    comment = hub.store.one(Comment, sql, id, repository.id)
    if comment is None:
        raise not_found()
    return comment, hub.issue(comment.issue_id)


def on_issue(hub: Hub, issue: Issue, since: str = "", limit: int = -1, offset: int = 0) -> tuple[list[Comment], int]:
    """(one page oldest first, how many there are); `since` is about the last change of each comment."""
    where = "FROM comments WHERE issue_id = ? AND substr(updated_at, 1, 19) >= substr(?, 1, 19)"
    page = hub.store.all(Comment, f"SELECT * {where} ORDER BY id LIMIT ? OFFSET ?", issue.id, since, limit, offset)
    return page, int(hub.store.value(f"SELECT COUNT(*) {where}", issue.id, since))


def in_repository(
    hub: Hub, repository: Repository, since: str, sort: str, direction: str, limit: int, offset: int
) -> tuple[list[Comment], int]:
    where = (
        "FROM comments c JOIN issues i ON i.id = issue_id "
        "WHERE repository_id = ? AND substr(c.updated_at, 1, 19) >= substr(?, 1, 19)"
    )
    order = "c.updated_at" if sort == "updated" else "c.created_at"
    way = "DESC" if direction == "desc" else "ASC"
    sql = f"SELECT c.* {where} ORDER BY {order} {way}, c.id {way} LIMIT ? OFFSET ?"
    page = hub.store.all(Comment, sql, repository.id, since, limit, offset)
    return page, int(hub.store.value(f"SELECT COUNT(*) {where}", repository.id, since))


def create(hub: Hub, actor: User, issue: Issue, body: object) -> Comment:
    """Anybody who may read may comment. Raises Problem 422 for an empty text or one too long."""
    text, now = _checked(body), hub.store.now()
    with hub.store.transaction():
        id = hub.store.insert(
            "comments", issue_id=issue.id, author_id=actor.id, body=text, created_at=now, updated_at=now
        )
        hub.store.update("issues", issue.id, updated_at=now)
        hub.store.insert("edits", subject="comment", subject_id=id, editor_id=actor.id, edited_at=now, body=text)
        return _told(hub, actor, issue, id, "created")


def edit(hub: Hub, actor: User, issue: Issue, comment: Comment, body: object) -> Comment:
    """The author, or anybody with write."""
    _require_own(hub, actor, issue, comment)
    text, now = _checked(body), hub.store.now()
    if text == comment.body:
        return comment
    with hub.store.transaction():
        hub.store.update("comments", comment.id, body=text, updated_at=now)
        hub.store.update("issues", issue.id, updated_at=now)
        hub.store.insert(
            "edits", subject="comment", subject_id=comment.id, editor_id=actor.id, edited_at=now, body=text
        )
        return _told(hub, actor, issue, comment.id, "edited", changes={"body": {"from": comment.body}})


def delete(hub: Hub, actor: User, issue: Issue, comment: Comment) -> None:
    _require_own(hub, actor, issue, comment)
    with hub.store.transaction():
        _told(hub, actor, issue, comment.id, "deleted")
        hub.store.execute("DELETE FROM comments WHERE id = ?", comment.id)
        hub.store.execute("DELETE FROM reactions WHERE subject = 'comment' AND subject_id = ?", comment.id)
        hub.store.update("issues", issue.id, updated_at=hub.store.now())


def _told(hub: Hub, actor: User, issue: Issue, id: int, action: str, **members: Any) -> Comment:
    repository, issue = hub.repository_of(issue), hub.issue(issue.id)
    comment = hub.store.get(Comment, "SELECT * FROM comments WHERE id = ?", id)
    hub.tell(actor, repository, f"comment.{action}", number=issue.number, id=id)
    shapes = hub.shapes
    hub.send(
        repository, actor, "issue_comment", action, **members,
        issue=shapes.issue(repository, issue), comment=shapes.comment(repository, issue, comment),
    )  # fmt: skip
    return comment


def _require_own(hub: Hub, actor: User, issue: Issue, comment: Comment) -> None:
    if comment.author_id != actor.id and hub.role(actor, hub.repository_of(issue)) < Role.WRITE:
        raise forbidden()


def _checked(body: object) -> str:
    if body is None or (isinstance(body, str) and not body.strip()):
        raise invalid("IssueComment", "body", "missing_field")
    if not isinstance(body, str):
        raise unprocessable(f"Invalid request.\n\nFor 'properties/body', {body!r} is not a string.")
    if len(body) > BODY_LIMIT:
        message = f"Body is too long (maximum is {BODY_LIMIT} characters)"
        raise invalid("IssueComment", "data", "unprocessable", message=message)
    return body


# --- reactions


def reactions(hub: Hub, subject: str, subject_id: int, content: str = "") -> list[Reaction]:
    sql = "SELECT * FROM reactions WHERE subject = ? AND subject_id = ? AND content LIKE ? ORDER BY id"
    return hub.store.all(Reaction, sql, subject, subject_id, content or "%")


def react(
    hub: Hub, actor: User, repository: Repository, subject: str, subject_id: int, content: object
) -> tuple[Reaction, bool]:
    """(the reaction, whether it is new): each person reacts once with each sign."""
    if content not in CONTENTS:
        raise invalid("Reaction", "content")
    where = "subject = ? AND subject_id = ? AND user_id = ? AND content = ?"
    with hub.store.transaction():
        new = hub.store.execute(
            "INSERT OR IGNORE INTO reactions (subject, subject_id, user_id, content, created_at) "
            "VALUES (?, ?, ?, ?, ?)",
            subject, subject_id, actor.id, content, hub.store.now(),
        )  # fmt: skip
        if new:
            hub.tell(actor, repository, "reaction.created", subject=subject, id=subject_id, content=content)
    found = hub.store.get(Reaction, f"SELECT * FROM reactions WHERE {where}", subject, subject_id, actor.id, content)  # noqa: S608
    return found, bool(new)


def unreact(hub: Hub, actor: User, repository: Repository, subject: str, subject_id: int, id: int) -> None:
    """Take back one's own reaction; a writer may take back anybody's."""
    sql = "SELECT * FROM reactions WHERE id = ? AND subject = ? AND subject_id = ?"
    reaction = hub.store.one(Reaction, sql, id, subject, subject_id)
    if reaction is None:
        raise not_found()
    if reaction.user_id != actor.id and hub.role(actor, repository) < Role.WRITE:
        raise forbidden()
    hub.store.execute("DELETE FROM reactions WHERE id = ?", id)
    hub.tell(actor, repository, "reaction.deleted", subject=subject, id=subject_id, content=reaction.content)
