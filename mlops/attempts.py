"""The attempts of one job, and what to do after them: pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from mlops.faults import Culprit, classify, in_plain_words

State = Literal["running", "succeeded", "failed", "stopped"]

MAX_RETRIES = 3
"""After a platform fault; the first attempt is not a retry."""


@dataclass(frozen=True)
class Job:
    """A job as SageMaker describes it."""

    name: str
    kind: str
    state: State
    detail: str = ""
    failure_reason: str = ""
    description: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class Adopt:
    """Use attempt `number`: it runs or has succeeded."""

    number: int


@dataclass(frozen=True)
class Create:
    number: int


@dataclass(frozen=True)
class GiveUp:
    fault: Culprit
    reason: str


def next_attempt(attempts: Sequence[Job]) -> Adopt | Create | GiveUp:
    """What to do, given the attempts so far in order. A job stopped by somebody counts as a platform fault."""
    if not attempts:
        return Create(1)
    last = attempts[-1]
    if last.state in ("running", "succeeded"):
        return Adopt(len(attempts))
    if last.state == "failed" and classify(last.failure_reason) == "user":
        return GiveUp("user", in_plain_words(last.failure_reason))
    if len(attempts) <= MAX_RETRIES:
        return Create(len(attempts) + 1)
    return GiveUp("platform", f"{len(attempts)} attempts failed, the last one: {plain_reason(last)}")


def plain_reason(job: Job) -> str:
    return in_plain_words(job.failure_reason) or f"{job.name} was {job.state}"
