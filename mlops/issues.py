"""What one read of an issue or comment shows, and the labels that show its state."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

STATE_LABELS: dict[str, tuple[str, str]] = {
    "mlops:running": ("1d76db", "A run of this issue is under way"),
    "mlops:awaiting-approval": ("fbca04", "Waits for a maintainer's /approve"),
    "mlops:refused": ("e99695", "Nothing was started; see the comment"),
    "mlops:deployed": ("0e8a16", "The model answers on its endpoint"),
    "mlops:rolled-back": ("bfd4f2", "The model was deployed and then taken back"),
    "mlops:registered": ("5319e7", "The model passed and is in the registry"),
    "mlops:kept-champion": ("c5def5", "Passed, but the serving model is better"),
    "mlops:below-threshold": ("d93f0b", "Waits for an operator's comment with other settings"),
    "mlops:stopped": ("6a737d", "Ended without a model"),
    "mlops:failed": ("b60205", "A phase failed; see the comment"),
}
"""Colour and meaning of each state; an issue carries one of them at a time, beside its trigger label."""


@dataclass(frozen=True)
class LabelEvent:
    """The moment a trigger label was set, and by whom."""

    id: int
    label: str
    actor: str
    at: datetime


@dataclass(frozen=True)
class IssueSnapshot:
    """What one read of an issue showed. The label event is read before the body: a later edit cannot hide."""

    number: int
    title: str
    body: str
    state: str
    is_pull_request: bool
    author: str
    labels: tuple[str, ...]
    labelled: LabelEvent | None
    updated_at: datetime
    url: str

    @property
    def body_hash(self) -> str:
        return body_hash(self.body)

    def is_watched(self, trigger_labels: Sequence[str]) -> bool:
        """True where the sensor hands on whatever happens on it."""
        return not self.is_pull_request and self.state == "open" and bool(set(self.labels) & set(trigger_labels))


@dataclass(frozen=True)
class Edit:
    """The last change of an issue's body: None in `at` where it was never edited."""

    body_hash: str
    at: datetime | None
    editor: str


@dataclass(frozen=True)
class Comment:
    id: int
    author: str
    body: str
    created_at: datetime
    edited: bool
    url: str


def body_hash(body: str) -> str:
    """SHA-256 of the raw text, kept as evidence of what was approved."""
    return hashlib.sha256(body.encode()).hexdigest()
