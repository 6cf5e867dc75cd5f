"""Everything one emulator holds: the store, the git repositories, limits, faults, webhooks, and who is told what."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twin.github.commits import GitRepository, Signature
from twin.github.faults import Faults
from twin.github.limits import Limits, Meter
from twin.github.models import Issue, Label, Repository, Role, User
from twin.github.problems import forbidden
from twin.github.shapes import Shapes
from twin.github.store import Clock, Store, system_clock
from twin.github.webhooks import PAUSES_S, Deliverer


class Hub:
    """One emulator. Changes go through the functions of `issues`, `labels`, `comments`, ..., which call `tell`."""

    def __init__(
        self,
        state_dir: Path,
        *,
        clock: Clock = system_clock,
        limits: Limits | None = None,
        webhook_pauses_s: Sequence[float] = PAUSES_S,
    ) -> None:
        self.state_dir = state_dir
        self.clock = clock
        self.store = Store(state_dir / "github.sqlite", clock)
        self.meter = Meter(limits or Limits(), clock)
        self.faults = Faults()
        self.url = "http://127.0.0.1"
        """Scheme, host and port under which we were last called; webhook payloads link there."""
        self.deliverer = Deliverer(self.store, webhook_pauses_s)
        self._git: dict[int, GitRepository] = {}

    def close(self) -> None:
        for git in self._git.values():
            git.repo.close()
        self.store.close()

    @property
    def shapes(self) -> Shapes:
        return Shapes(self.store, self.url)

    def git(self, repository: Repository) -> GitRepository:
        if repository.id not in self._git:
            path = self.state_dir / "repositories" / repository.owner / f"{repository.name}.git"
            self._git[repository.id] = GitRepository(path, repository.default_branch)
        return self._git[repository.id]

    # --- people

    def user(self, id: int) -> User:
        return self.store.get(User, "SELECT * FROM users WHERE id = ?", id)

    def user_named(self, login: str) -> User | None:
        return self.store.one(User, "SELECT * FROM users WHERE login = ?", login)

    def user_of_token(self, token: str) -> User | None:
        return self.store.one(User, "SELECT users.* FROM users JOIN tokens ON user_id = id WHERE token = ?", token)

    def repository(self, owner: str, name: str) -> Repository | None:
        return self.store.one(Repository, "SELECT * FROM repositories WHERE owner = ? AND name = ?", owner, name)

    def role(self, user: User | None, repository: Repository) -> Role:
        """What a person may do; everybody reads a public repository, its owner may do everything."""
        base = Role.NONE if repository.private else Role.READ
        if user is None:
            return base
        if user.login.lower() == repository.owner.lower():
            return Role.ADMIN
        held = self.store.value(
            "SELECT role FROM collaborators WHERE repository_id = ? AND user_id = ?", repository.id, user.id
        )
        return max(base, Role(held or 0))

    def require(self, actor: User, repository: Repository, role: Role, message: str | None = None) -> None:
        """Raises Problem 403."""
        if self.role(actor, repository) < role:
            raise forbidden(message or "Must have admin rights to Repository.")

    def signature(self, user: User) -> Signature:
        return Signature(user.login, user.email, self.clock())

    # --- what happened

    def tell(self, actor: User, repository: Repository, kind: str, **detail: Any) -> None:
        """Write the log of true effects, which tests compare with what the system believes."""
        self.store.insert(
            "effects", at=self.store.now(), actor=actor.login, kind=kind,
            repository=repository.full_name, detail=json.dumps(detail),
        )  # fmt: skip

    def note(self, issue: Issue, actor: User, event: str, **detail: Any) -> None:
        """Add an event to an issue's history and touch the issue."""
        now = self.store.now()
        self.store.insert(
            "events", issue_id=issue.id, actor_id=actor.id, event=event, created_at=now, detail=json.dumps(detail)
        )
        self.store.update("issues", issue.id, updated_at=now)

    def send(self, repository: Repository, sender: User, event: str, action: str | None, **members: Any) -> None:
        """Queue a webhook delivery for each hook that listens."""
        shapes = self.shapes
        payload = {**({"action": action} if action else {}), **members}
        payload.update(repository=shapes.repository(repository), sender=shapes.user(sender))
        self.deliverer.queue(repository, event, action, payload)

    def send_issue(self, issue_id: int, sender: User, action: str, **members: Any) -> None:
        issue = self.issue(issue_id)
        event, kind = ("pull_request", "pull_request") if issue.is_pull else ("issues", "issue")
        repository = self.repository_of(issue)
        self.send(repository, sender, event, action, **{kind: self.shapes.issue(repository, issue)}, **members)

    # --- issues

    def repository_of(self, issue: Issue) -> Repository:
        return self.store.get(Repository, "SELECT * FROM repositories WHERE id = ?", issue.repository_id)

    def issue(self, id: int) -> Issue:
        return self.store.get(Issue, "SELECT * FROM issues WHERE id = ?", id)

    def labels_of(self, issue: Issue) -> list[Label]:
        return self.shapes.labels_of(issue)
