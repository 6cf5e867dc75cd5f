"""What GraphQL queries walk over: repository, refs, commits, issues with comments, edits and timeline."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from dulwich.objects import Blob, Commit, Tree

from twin.github import comments, issues
from twin.github.call import Call
from twin.github.commits import NoSuchCommit, when
from twin.github.models import Comment, Edit, Event, Issue, Repository, User
from twin.github.pushes import person, text, verification
from twin.github.shapes import node_id, seconds

Json = dict[str, Any]
_TYPES = {
    "labeled": "LabeledEvent", "unlabeled": "UnlabeledEvent", "renamed": "RenamedTitleEvent", "closed": "ClosedEvent",
    "reopened": "ReopenedEvent", "assigned": "AssignedEvent", "unassigned": "UnassignedEvent",
}  # fmt: skip


def stamp(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def connection(
    items: Sequence[Any], shape: Callable[[Any], Any], first: int | None, last: int | None, after: str | None
) -> Json:
    """A page of a list; cursors are positions."""
    start = int(after) if after and after.isdigit() else 0
    stop = len(items)
    if first is not None:
        stop = min(stop, start + min(first, 100))
    elif last is not None:
        start = max(start, stop - min(last, 100))
    info = {
        "hasNextPage": stop < len(items),
        "hasPreviousPage": start > 0,
        "startCursor": str(start),
        "endCursor": str(stop),
    }
    return {"nodes": [shape(item) for item in items[start:stop]], "totalCount": len(items), "pageInfo": info}


def Person(call: Call, user: User) -> Json:
    shape = call.shapes.user(user)
    return {
        "__typename": "User", "id": shape["node_id"], "databaseId": user.id, "login": user.login, "name": user.name,
        "url": shape["html_url"],
    }  # fmt: skip


def label(found: Json) -> Json:
    return {"id": found.get("node_id", ""), "description": None, **found}


class RepositoryNode:
    """`repository(owner, name)`."""

    def __init__(self, call: Call, repository: Repository) -> None:
        self._call, self._repository = call, repository
        self._git = call.hub.git(repository)
        self.id = node_id("Repository", repository.id)
        self.databaseId = repository.id
        self.name = repository.name
        self.nameWithOwner = repository.full_name
        self.isPrivate = bool(repository.private)
        self.url = f"{call.shapes.web}/{repository.full_name}"
        self.viewerPermission = call.hub.role(call.caller, repository).name

    def defaultBranchRef(self, info: Any) -> Json | None:
        return self.ref(info, self._repository.default_branch)

    def ref(self, _: Any, qualifiedName: str) -> Json | None:
        name = qualifiedName if qualifiedName.startswith("refs/") else f"refs/heads/{qualifiedName}"
        sha = self._git.refs().get(name)
        if sha is None:
            return None
        prefix = "/".join(name.split("/")[:2]) + "/"
        return {"id": node_id("Ref", name), "name": name[len(prefix) :], "prefix": prefix, "target": self.commit(sha)}

    def commit(self, sha: str) -> Json:
        return self._commit_shape(self._git.resolve(sha))

    def _commit_shape(self, commit: Commit) -> Json:
        sha, message = commit.id.decode(), text(commit.message)
        headline, _, body = message.partition("\n\n")
        checked = verification(self._call.hub, sha)
        signature = {"isValid": True, "state": "VALID", "wasSignedByGitHub": True} if checked["verified"] else None

        def history(_: Any, first: int = 30, path: str = "") -> Json:
            found = self._git.log(sha, path)
            return {"nodes": [self._commit_shape(each) for each in found[:first]], "totalCount": len(found)}

        return {
            "__typename": "Commit", "id": node_id("Commit", sha), "oid": sha, "abbreviatedOid": sha[:7],
            "message": message,
            "messageHeadline": headline.rstrip("\n"), "messageBody": body, "url": f"{self.url}/commit/{sha}",
            "commitUrl": f"{self.url}/commit/{sha}", "committedDate": seconds(when(commit.commit_time).isoformat()),
            "author": person(commit.author, commit.author_time), "signature": signature, "history": history,
        }  # fmt: skip

    def object(self, _: Any, expression: str = "", oid: str = "") -> Json | None:
        """`main`, `main:path`, or an oid."""
        name, _sep, path = expression.partition(":")
        try:
            commit = self._git.resolve(name or oid)
        except NoSuchCommit:
            return None
        if not _sep:
            return self._commit_shape(commit)
        entry = self._git.entry(commit, path)
        found = self._git.object(entry.sha) if entry else None
        if isinstance(found, Tree | Blob):
            shape: Json = {
                "__typename": type(found).__name__,
                "oid": found.id.decode(),
                "abbreviatedOid": found.id.decode()[:7],
            }
            return (
                {**shape, "text": text(found.data), "byteSize": len(found.data)} if isinstance(found, Blob) else shape
            )
        return None

    def issue(self, _: Any, number: int) -> Any:
        found = issues.find(self._call.hub, self._repository, number)
        return IssueNode(self._call, self._repository, found) if found else None

    def issues(
        self, _: Any, first: int | None = None, last: int | None = None, after: str | None = None,
        states: Sequence[str] = (), labels: Sequence[str] = (),
    ) -> Json:  # fmt: skip
        state = states[0].lower() if len(states) == 1 else "all"
        query = issues.Query(state=state, kind="issue", direction="asc", labels=tuple(labels))
        found, _total = issues.search(self._call.hub, self._repository, query, -1, 0)
        return connection(found, lambda each: IssueNode(self._call, self._repository, each), first, last, after)


class IssueNode:
    """`issue(number)`: text, last edit and labels read in one go."""

    def __init__(self, call: Call, repository: Repository, issue: Issue) -> None:
        self._call, self._repository, self._issue = call, repository, issue
        self._edits = issues.edits(call.hub, "issue", issue.id)
        shape = call.shapes.issue(repository, issue)
        self._labels = shape["labels"]
        self.id, self.databaseId, self.number = shape["node_id"], issue.id, issue.number
        self.title, self.body, self.url = issue.title, issue.body or "", shape["html_url"]
        self.state = issue.state.upper()
        self.stateReason = issue.state_reason.upper() if issue.state_reason else None
        self.createdAt, self.updatedAt, self.closedAt = shape["created_at"], shape["updated_at"], shape["closed_at"]
        self.author = Person(call, call.hub.user(issue.author_id))
        self.authorAssociation = shape["author_association"]
        edited = self._edits[-1] if len(self._edits) > 1 else None
        self.lastEditedAt = seconds(edited.edited_at) if edited else None
        self.editor = Person(call, call.hub.user(edited.editor_id)) if edited else None
        self.includesCreatedEdit = edited is not None

    def labels(self, _: Any, first: int | None = None, last: int | None = None, after: str | None = None) -> Json:
        return connection(self._labels, label, first, last, after)

    def comments(self, _: Any, first: int | None = None, last: int | None = None, after: str | None = None) -> Json:
        found, _total = comments.on_issue(self._call.hub, self._issue)
        return connection(found, self._comment, first, last, after)

    def userContentEdits(
        self, _: Any, first: int | None = None, last: int | None = None, after: str | None = None
    ) -> Json:
        return connection(_shown(self._edits), self._edit, first, last, after)

    def timelineItems(
        self, _: Any, first: int | None = None, last: int | None = None, after: str | None = None,
        itemTypes: Sequence[str] | None = None, since: str | None = None,
    ) -> Json:  # fmt: skip
        found, _total = comments.on_issue(self._call.hub, self._issue)
        entries: list[Event | Comment] = [*issues.events(self._call.hub, self._issue), *found]
        entries = [
            each for each in entries if _kind(each) in (itemTypes or [_kind(each)]) and each.created_at >= (since or "")
        ]
        entries.sort(key=lambda each: (each.created_at, each.id))
        return connection(
            entries,
            lambda each: self._comment(each) if isinstance(each, Comment) else self._event(each),
            first,
            last,
            after,
        )

    def _comment(self, comment: Comment) -> Json:
        edits = issues.edits(self._call.hub, "comment", comment.id)
        shape = self._call.shapes.comment(self._repository, self._issue, comment)
        edited = edits[-1] if len(edits) > 1 else None

        def listed(_: Any, first: int | None = None, last: int | None = None, after: str | None = None) -> Json:
            return connection(_shown(edits), self._edit, first, last, after)

        return {
            "__typename": "IssueComment", "id": shape["node_id"], "databaseId": comment.id, "body": comment.body,
            "author": self._person(comment.author_id), "createdAt": shape["created_at"],
            "updatedAt": shape["updated_at"],
            "lastEditedAt": seconds(edited.edited_at) if edited else None, "url": shape["html_url"],
            "editor": self._person(edited.editor_id) if edited else None, "userContentEdits": listed,
            "authorAssociation": shape["author_association"],
        }  # fmt: skip

    def _event(self, event: Event) -> Json:
        detail, rename = json.loads(event.detail), json.loads(event.detail).get("rename", {})
        reason = detail.get("state_reason")
        return {
            "__typename": _TYPES[event.event], "id": node_id("Event", event.id), "actor": self._person(event.actor_id),
            "createdAt": seconds(event.created_at), "label": label(detail.get("label", {})),
            "previousTitle": rename.get("from"), "currentTitle": rename.get("to"),
            "stateReason": reason and reason.upper(),
        }  # fmt: skip

    def _edit(self, edit: Edit) -> Json:
        at = seconds(edit.edited_at)
        editor = self._person(edit.editor_id)
        return {"id": node_id("Edit", edit.id), "editor": editor, "editedAt": at, "createdAt": at, "diff": edit.body}

    def _person(self, id: int) -> Json:
        return Person(self._call, self._call.hub.user(id))


def _shown(edits: list[Edit]) -> list[Edit]:
    """Newest first, the text as written included; a text never edited has no edits."""
    return list(reversed(edits)) if len(edits) > 1 else []


def _kind(entry: Event | Comment) -> str:
    if isinstance(entry, Comment):
        return "ISSUE_COMMENT"
    name = _TYPES[entry.event].removesuffix("Event")
    return "".join(f"_{char}" if char.isupper() else char for char in name).lstrip("_").upper() + "_EVENT"
