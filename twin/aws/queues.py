"""SQS on the twin: who may use a queue for dead letters, and a policy that outlives other changes."""

from __future__ import annotations

from typing import Any

from moto.sqs.models import Queue

_set = Queue._set_attributes
_attributes: Any = Queue.attributes
_EXTRA = "RedriveAllowPolicy"


def _set_attributes(self: Any, attributes: dict[str, Any], now: float | None = None) -> None:
    """moto forgets the policy whenever something else is set."""
    kept = getattr(self, "policy", None)
    _set(self, attributes, now)
    if "Policy" not in attributes:
        self.policy = kept


def _shown(self: Any) -> dict[str, Any]:
    found = _attributes.fget(self)
    return {name: value for name, value in found.items() if name != _EXTRA or value}


def mend_queues() -> None:
    if _EXTRA not in Queue.BASE_ATTRIBUTES:
        Queue.BASE_ATTRIBUTES = [*Queue.BASE_ATTRIBUTES, _EXTRA]
    Queue.redrive_allow_policy = None  # type: ignore[attr-defined]
    Queue._set_attributes = _set_attributes  # type: ignore[method-assign]
    Queue.attributes = property(_shown)  # type: ignore[method-assign, assignment]
