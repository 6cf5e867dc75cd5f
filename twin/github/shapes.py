"""The JSON of GitHub's REST API for people, repositories, issues and what hangs on them."""

from __future__ import annotations

import base64
import json
from collections import Counter
from typing import Any

from twin.github.models import Comment, Event, Issue, Label, Reaction, Repository, Role, User
from twin.github.store import Store

Json = dict[str, Any]
CONTENTS = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")


def seconds(stamp: str) -> str:
    """The store's microseconds, cut to what the API shows."""
    return stamp[:19] + "Z"


def node_id(kind: str, id: object) -> str:
    return base64.b64encode(f"{kind}:{id}".encode()).decode()


class Shapes:
    """Builds the documents for one server address, e.g. `http://127.0.0.1:8081`."""

    def __init__(self, store: Store, url: str) -> None:
        self._store = store
        self.web = url
        self.api = f"{url}/api/v3"
        self._users: dict[int, Json] = {}

    # --- people

    def user(self, user: User) -> Json:
        api, web = f"{self.api}/users/{user.login}", f"{self.web}/{user.login}"
        return {
            "login": user.login, "id": user.id, "node_id": node_id("User", user.id),
            "avatar_url": f"{self.web}/avatars/{user.login}",
            "gravatar_id": "", "url": api, "html_url": web, "followers_url": f"{api}/followers",
            "repos_url": f"{api}/repos", "events_url": f"{api}/events{{/privacy}}", "type": user.type,
            "user_view_type": "public", "site_admin": False,
        }  # fmt: skip

    def user_by_id(self, id: int | None) -> Json | None:
        if id is None:
            return None
        if id not in self._users:
            self._users[id] = self.user(self._store.get(User, "SELECT * FROM users WHERE id = ?", id))
        return self._users[id]

    def whole_user(self, user: User) -> Json:
        return {**self.user(user), "name": user.name, "email": user.email, "created_at": seconds(user.created_at)}

    # --- repositories

    def repository_url(self, repository: Repository) -> str:
        return f"{self.api}/repos/{repository.full_name}"

    def repository(self, repository: Repository, role: Role | None = None) -> Json:
        url, web = self.repository_url(repository), f"{self.web}/{repository.full_name}"
        owner = self._store.get(User, "SELECT * FROM users WHERE login = ?", repository.owner)
        issues = "SELECT COUNT(*) FROM issues WHERE repository_id = ? AND state = 'open'"
        shape: Json = {
            "id": repository.id, "node_id": node_id("Repository", repository.id), "name": repository.name,
            "full_name": repository.full_name, "private": bool(repository.private), "owner": self.user(owner),
            "html_url": web, "description": repository.description, "fork": False, "url": url,
            "default_branch": repository.default_branch, "visibility": "private" if repository.private else "public",
            "created_at": seconds(repository.created_at), "updated_at": seconds(repository.updated_at),
            "pushed_at": seconds(repository.pushed_at), "clone_url": f"{web}.git", "git_url": f"{web}.git",
            "has_issues": True, "has_wiki": False, "archived": False, "disabled": False, "topics": [],
            "open_issues_count": self._store.value(issues, repository.id), "language": "Python", "size": 0,
        }  # fmt: skip
        shape["open_issues"] = shape["open_issues_count"]
        for name in ("issues{/number}", "labels{/name}", "collaborators{/collaborator}", "contents/{+path}", "hooks",
                     "commits{/sha}", "branches{/branch}", "events", "statuses/{sha}", "git/refs{/sha}"):  # fmt: skip
            shape[name.split("{")[0].rstrip("/").replace("/", "_") + "_url"] = f"{url}/{name}"
        if role is not None:
            shape["permissions"] = permissions(role)
            shape["role_name"] = role.role_name
        return shape

    def label(self, repository: Repository, label: Label) -> Json:
        return {
            "id": label.id, "node_id": node_id("Label", label.id), "name": label.name, "color": label.color,
            "url": f"{self.repository_url(repository)}/labels/{label.name}", "default": False,
            "description": label.description,
        }  # fmt: skip

    # --- issues

    def labels_of(self, issue: Issue) -> list[Label]:
        """In the order in which they were put on."""
        sql = "SELECT l.* FROM labels l JOIN issue_labels o ON o.label_id = l.id WHERE o.issue_id = ? ORDER BY o.rowid"
        return self._store.all(Label, sql, issue.id)

    def issue(self, repository: Repository, issue: Issue) -> Json:
        url = f"{self.repository_url(repository)}/issues/{issue.number}"
        kind = "pull" if issue.is_pull else "issues"
        web = f"{self.web}/{repository.full_name}/{kind}/{issue.number}"
        assigned = self._store.rows("SELECT user_id FROM issue_assignees WHERE issue_id = ? ORDER BY rowid", issue.id)
        assignees = [self.user_by_id(row["user_id"]) for row in assigned]
        shape = {
            "id": issue.id, "node_id": node_id("Issue", issue.id), "number": issue.number, "title": issue.title,
            "url": url, "repository_url": self.repository_url(repository), "labels_url": f"{url}/labels{{/name}}",
            "comments_url": f"{url}/comments", "events_url": f"{url}/events", "timeline_url": f"{url}/timeline",
            "html_url": web, "user": self.user_by_id(issue.author_id), "body": issue.body, "state": issue.state,
            "state_reason": issue.state_reason,
            "labels": [self.label(repository, label) for label in self.labels_of(issue)],
            "assignee": assignees[0] if assignees else None, "assignees": assignees, "milestone": None,
            "locked": False, "active_lock_reason": None, "draft": False,
            "comments": self._store.value("SELECT COUNT(*) FROM comments WHERE issue_id = ?", issue.id),
            "created_at": seconds(issue.created_at), "updated_at": seconds(issue.updated_at),
            "closed_at": issue.closed_at and seconds(issue.closed_at), "closed_by": self.user_by_id(issue.closed_by_id),
            "author_association": self.association(repository, issue.author_id),
            "performed_via_github_app": None, "reactions": self.reaction_counts("issue", issue.id, url),
        }  # fmt: skip
        if issue.is_pull:
            pull = f"{self.repository_url(repository)}/pulls/{issue.number}"
            shape["pull_request"] = {
                "url": pull,
                "html_url": web,
                "diff_url": f"{web}.diff",
                "patch_url": f"{web}.patch",
            }
        return shape

    def comment(self, repository: Repository, issue: Issue, comment: Comment) -> Json:
        api, kind = self.repository_url(repository), "pull" if issue.is_pull else "issues"
        url = f"{api}/issues/comments/{comment.id}"
        web = f"{self.web}/{repository.full_name}/{kind}/{issue.number}#issuecomment-{comment.id}"
        return {
            "id": comment.id, "node_id": node_id("IssueComment", comment.id), "url": url, "html_url": web,
            "issue_url": f"{api}/issues/{issue.number}", "user": self.user_by_id(comment.author_id),
            "created_at": seconds(comment.created_at), "updated_at": seconds(comment.updated_at), "body": comment.body,
            "author_association": self.association(repository, comment.author_id),
            "performed_via_github_app": None, "reactions": self.reaction_counts("comment", comment.id, url),
        }  # fmt: skip

    def association(self, repository: Repository, user_id: int) -> str:
        login = self._store.value("SELECT login FROM users WHERE id = ?", user_id)
        if str(login).lower() == repository.owner.lower():
            return "OWNER"
        sql = "SELECT role FROM collaborators WHERE repository_id = ? AND user_id = ?"
        return "COLLABORATOR" if self._store.value(sql, repository.id, user_id) else "NONE"

    def event(self, repository: Repository, issue: Issue, event: Event, *, with_issue: bool = False) -> Json:
        detail = json.loads(event.detail)
        for person in ("assignee", "assigner"):
            if person in detail:
                detail[person] = self.user_by_id(detail[person])
        shape = {
            "id": event.id, "node_id": node_id("Event", event.id), "event": event.event,
            "url": f"{self.repository_url(repository)}/issues/events/{event.id}",
            "actor": self.user_by_id(event.actor_id),
            "commit_id": None, "commit_url": None, "created_at": seconds(event.created_at),
            "performed_via_github_app": None, **detail,
        }  # fmt: skip
        return {**shape, "issue": self.issue(repository, issue)} if with_issue else shape

    def commented(self, repository: Repository, issue: Issue, comment: Comment) -> Json:
        """A comment as an entry of the timeline."""
        shape = self.comment(repository, issue, comment)
        return {**shape, "event": "commented", "actor": shape["user"]}

    # --- reactions

    def reaction(self, reaction: Reaction) -> Json:
        return {
            "id": reaction.id, "node_id": node_id("Reaction", reaction.id), "user": self.user_by_id(reaction.user_id),
            "content": reaction.content, "created_at": seconds(reaction.created_at),
        }  # fmt: skip

    def reaction_counts(self, subject: str, subject_id: int, url: str) -> Json:
        sql = "SELECT content FROM reactions WHERE subject = ? AND subject_id = ?"
        counts = Counter(row["content"] for row in self._store.rows(sql, subject, subject_id))
        return {"url": f"{url}/reactions", "total_count": counts.total(), **{name: counts[name] for name in CONTENTS}}


def permissions(role: Role) -> dict[str, bool]:
    return {
        "admin": role >= Role.ADMIN, "maintain": role >= Role.MAINTAIN, "push": role >= Role.WRITE,
        "triage": role >= Role.TRIAGE, "pull": role >= Role.READ,
    }  # fmt: skip
