"""The rows of the emulator's database, typed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Role(IntEnum):
    """What a person may do in a repository; each role includes those before it."""

    NONE = 0
    READ = 1
    TRIAGE = 2
    WRITE = 3
    MAINTAIN = 4
    ADMIN = 5

    @property
    def role_name(self) -> str:
        return self.name.lower()

    @property
    def permission(self) -> str:
        """The legacy field of the REST API: it knows neither triage (`read`) nor maintain (`write`)."""
        return {Role.TRIAGE: Role.READ, Role.MAINTAIN: Role.WRITE}.get(self, self).role_name


@dataclass(frozen=True)
class User:
    id: int
    login: str
    name: str
    type: str
    created_at: str

    @property
    def email(self) -> str:
        """The address that ties a commit to the account."""
        return f"{self.id}+{self.login}@users.noreply.github.com"


@dataclass(frozen=True)
class Repository:
    id: int
    owner: str
    name: str
    private: int
    description: str
    default_branch: str
    created_at: str
    updated_at: str
    pushed_at: str

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"


@dataclass(frozen=True)
class Label:
    id: int
    repository_id: int
    name: str
    color: str
    description: str | None


@dataclass(frozen=True)
class Issue:
    id: int
    repository_id: int
    number: int
    title: str
    body: str | None
    author_id: int
    state: str
    state_reason: str | None
    head: str | None
    """The branch of a pull request; None for an issue."""
    base: str | None
    created_at: str
    updated_at: str
    closed_at: str | None
    closed_by_id: int | None

    @property
    def is_pull(self) -> bool:
        return self.head is not None


@dataclass(frozen=True)
class Comment:
    id: int
    issue_id: int
    author_id: int
    body: str
    created_at: str
    updated_at: str


@dataclass(frozen=True)
class Edit:
    """The text of an issue or a comment after one edit."""

    id: int
    subject: str
    subject_id: int
    editor_id: int
    edited_at: str
    body: str


@dataclass(frozen=True)
class Event:
    id: int
    issue_id: int
    actor_id: int
    event: str
    created_at: str
    detail: str
    """JSON: the members that this kind of event has, e.g. `{"label": {"name": ..., "color": ...}}`."""


@dataclass(frozen=True)
class Reaction:
    id: int
    subject: str
    subject_id: int
    user_id: int
    content: str
    created_at: str


@dataclass(frozen=True)
class Hook:
    id: int
    repository_id: int
    url: str
    content_type: str
    secret: str | None
    events: str
    """Comma-separated; `*` is every event."""
    active: int
    created_at: str
    updated_at: str


@dataclass(frozen=True)
class Delivery:
    id: int
    hook_id: int
    guid: str
    event: str
    action: str | None
    payload: str
    """The exact bytes that are signed and sent, as text."""
    state: str
    """pending, delivered or failed."""
    attempts: int
    due_at: float
    redelivery: int
    delivered_at: str | None
    duration_s: float
    status_code: int
    status: str
    request_headers: str
    response_headers: str
    response_body: str
