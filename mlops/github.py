"""One GitHub repository: issues and comments read in one piece, comments and labels and commits written once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from github import GithubException

from mlops.errors import RequestRefused, Unavailable
from mlops.github_client import translated, unless_missing
from mlops.github_files import RepositoryFiles
from mlops.issues import STATE_LABELS, Comment, Edit, IssueSnapshot, LabelEvent, body_hash

if TYPE_CHECKING:
    from github.Issue import Issue
    from github.IssueComment import IssueComment

    from mlops.aws import Cloud
    from mlops.settings import Settings

_TOKEN = re.compile(r"[\x21-\x7e]+")
_EDITS = """query($owner: String!, $name: String!, $number: Int!) {
  repository(owner: $owner, name: $name) {
    issue(number: $number) { body lastEditedAt editor { login } }
  }
}"""


class GitHubRepository(RepositoryFiles):
    """Reads and writes of one repository. Safe to share between threads; every error is one of mlops.errors."""

    def __init__(self, api_url: str, name: str, token: Callable[[], str]):
        super().__init__(api_url, name, token)
        self._known_labels: set[str] = set()
        self._id: int | None = None
        self._login: str | None = None

    @classmethod
    def from_settings(cls, settings: Settings, cloud: Cloud) -> GitHubRepository:
        return cls(settings.github_api_url, settings.github_repository, lambda: _token(cloud, settings.github_secret))

    def _issue(self, number: int) -> Issue:
        return self._repo.get_issue(number)

    # -- who -----------------------------------------------------------------------------------------------------
    @property
    def id(self) -> int:
        """GitHub's number of the repository: part of every revision and run key."""
        if self._id is None:
            with translated(f"read repository {self.name}"):
                self._id = int(self._hub.get_repo(self.name, lazy=False).id)
        return self._id

    @property
    def login(self) -> str:
        """The account we act as; empty for an installation token, which may not ask."""
        if self._login is None:
            try:
                with translated("ask who we are"):
                    self._login = str(self._hub.get_user().login)
            except RequestRefused:
                self._login = ""
        return self._login

    def is_ours(self, author: str) -> bool:
        """True for a comment written by ourselves."""
        return author == self.login if self.login else author.endswith("[bot]")

    def role(self, login: str) -> str:
        """`role_name` of an account (`admin`, `maintain`, `write`, `triage`, `read`, a custom role, `none`).

        The legacy field `permission` shows triage as read and maintain as write; it is not looked at.
        """
        with translated(f"read the role of {login}"), unless_missing():
            return str(self._repo.get_collaborator_role_name(login))
        return "none"

    # -- issues --------------------------------------------------------------------------------------------------
    def snapshot(self, number: int, trigger_labels: Sequence[str]) -> IssueSnapshot:
        """One issue with the last event that set one of `trigger_labels`."""
        with translated(f"read issue {number}"):
            labelled = self._last_labelled(number, trigger_labels)
            return _snapshot(self._issue(number), labelled)

    def _last_labelled(self, number: int, trigger_labels: Sequence[str]) -> LabelEvent | None:
        found = None
        for event in self._issue(number).get_events():
            if event.event == "labeled" and event.label and event.label.name in trigger_labels:
                actor = event.actor.login if event.actor else ""
                found = LabelEvent(event.id, event.label.name, actor, event.created_at)
        return found

    def last_edit(self, number: int) -> Edit | None:
        """Who changed the body last and when, in one piece with its text; None where GraphQL cannot say."""
        owner, name = self.name.split("/")
        with translated(f"read the edits of issue {number}"):
            try:
                _, answer = self._hub.requester.graphql_query(_EDITS, {"owner": owner, "name": name, "number": number})
                issue = answer["data"]["repository"]["issue"]
                at = issue["lastEditedAt"]
                return Edit(
                    body_hash=body_hash(issue["body"] or ""),
                    at=datetime.fromisoformat(at.replace("Z", "+00:00")) if at else None,
                    editor=(issue["editor"] or {}).get("login", ""),
                )
            except (KeyError, TypeError):
                return None
            except GithubException as error:
                if error.status in {400, 404, 501}:
                    return None
                raise

    def create_issue(self, title: str, body: str, labels: Sequence[str] = (), marker: str = "") -> int:
        """The number of a new issue, or of our open issue that holds `marker` already."""
        with translated("open an issue"):
            if marker:
                for issue in self._repo.get_issues(state="open", labels=list(labels)):
                    if marker in (issue.body or "") and self.is_ours(issue.user.login):
                        return issue.number
                body = f"{body}\n\n{marker}"
            return self._repo.create_issue(title=title, body=body, labels=list(labels)).number

    def set_state_label(self, number: int, label: str | None) -> None:
        """Make `label` the issue's only state label; None removes them all. Other labels stay."""
        with translated(f"label issue {number}"):
            issue = self._issue(number)
            present = {one.name for one in issue.labels}
            if label and label not in present:
                self._ensure_label(label)
                issue.add_to_labels(label)
            for other in sorted((present & STATE_LABELS.keys()) - {label}):
                with unless_missing():  # somebody else was faster
                    issue.remove_from_labels(other)

    def _ensure_label(self, label: str) -> None:
        if label in self._known_labels:
            return
        colour, meaning = STATE_LABELS.get(label, ("ededed", ""))
        try:
            self._repo.create_label(label, colour, meaning)
        except GithubException as error:
            if error.status != 422:  # 422: it exists
                raise
        self._known_labels.add(label)

    # -- comments ------------------------------------------------------------------------------------------------
    def comments(self, number: int, since: datetime | None = None) -> list[Comment]:
        """Oldest first; `since` compares with the last change, by GitHub's clock."""
        with translated(f"read the comments of issue {number}"):
            issue = self._issue(number)
            found = issue.get_comments(since=since) if since else issue.get_comments()
            return [_comment(comment) for comment in found]

    def find_comment(self, number: int, marker: str) -> Comment | None:
        """Our own comment that begins with `marker`; one that quotes it, or somebody else's, is another."""
        for comment in self.comments(number):
            if comment.body.startswith(marker) and self.is_ours(comment.author):
                return comment
        return None

    def publish_comment(self, number: int, marker: str, body: str, comment_id: int | None = None) -> Comment:
        """Make our comment with `marker` read `body`: found and edited, or created; written only when it differs.

        `comment_id`, where known, spares the search. A lost reply leads to a search, not to a second comment.
        """
        assert body.startswith(marker)
        known = self._comment(number, comment_id) if comment_id else None
        if known is None or not known.body.startswith(marker):
            known = self.find_comment(number, marker)
        if known is None:
            try:
                with translated(f"comment on issue {number}"):
                    return _comment(self._issue(number).create_comment(body))
            except Unavailable:
                known = self.find_comment(number, marker)
                if known is None:
                    raise
        if known.body == body:
            return known
        with translated(f"edit comment {known.id}"):
            # The repository's own route: comments are addressed without their issue.
            edited = self._issue(number).get_comment(known.id)
            edited.edit(body)
            return _comment(edited)

    def _comment(self, number: int, comment_id: int) -> Comment | None:
        with translated(f"read comment {comment_id}"), unless_missing():
            found = _comment(self._issue(number).get_comment(comment_id))
            return found if self.is_ours(found.author) else None
        return None

    def react(self, number: int, comment_id: int, content: str) -> None:
        """`eyes`, `+1` or `-1` on a comment; a second time changes nothing."""
        with translated(f"react to comment {comment_id}"):
            self._issue(number).get_comment(comment_id).create_reaction(content)


def _token(cloud: Cloud, secret: str) -> str:
    """The secret's text, or the field `token` of one that is JSON.

    Raises:
        RequestRefused: it holds no token. An HTTP client would say so too, and quote it.
    """
    text = cloud.secret(secret).strip()
    try:
        token = str(json.loads(text)["token"]) if text.startswith("{") else text
    except (ValueError, KeyError):
        token = ""
    if not _TOKEN.fullmatch(token):
        raise RequestRefused(f"Secret {secret} holds no token of GitHub's; put it again.")
    return token


def _snapshot(issue: Issue, labelled: LabelEvent | None) -> IssueSnapshot:
    return IssueSnapshot(
        number=issue.number,
        title=issue.title or "",
        body=issue.body or "",
        state=issue.state,
        is_pull_request=issue.pull_request is not None,
        author=issue.user.login if issue.user else "",
        labels=tuple(label.name for label in issue.labels),
        labelled=labelled,
        updated_at=issue.updated_at,
        url=issue.html_url,
    )


def _comment(comment: IssueComment) -> Comment:
    return Comment(
        id=comment.id,
        author=comment.user.login if comment.user else "",
        body=comment.body or "",
        created_at=comment.created_at,
        # GitHub stamps both times alike on creation; a later second means that the text is no longer the first.
        edited=comment.updated_at > comment.created_at,
        url=comment.html_url,
    )
