"""The error tree. The caller's question decides the class: who can mend it, and is a retry of use?

MlopsError
├── IssueRejected      the requester can fix it: every mistake, with line, limit and remedy
├── RequestRefused     the requester or operator asked for something policy or state forbids
├── JobFailed          a job ended badly
│   ├── UserFault      the requester's mistake (data, settings): never retried
│   └── PlatformFault  capacity, interruption, internal error: retried, three times at most
├── Unavailable        a service did not answer or is throttling: retry later
└── Conflict           the thing exists with another meaning (a name, a version, a fence)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


class MlopsError(Exception):
    """Root of all errors this project raises on purpose. The message is fit to show a person."""


@dataclass(frozen=True)
class Problem:
    """One mistake in an issue body, in the issue's own words and lines."""

    line: int | None
    """1-based line of the issue body; None where no line can be named (a missing field)."""
    field: str
    """Dotted path as the requester wrote or should write it, e.g. `hyperparameters.epochs`."""
    code: str
    """Stable machine word, e.g. `out_of_range`, `unknown_field`, `no_workload`."""
    message: str
    """What is wrong: the value, and the limit."""
    remedy: str
    """What to do next."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class IssueRejected(MlopsError):
    """The issue cannot become a run. Carries every problem at once, in order of line."""

    def __init__(self, problems: Sequence[Problem]):
        self.problems = tuple(problems)
        super().__init__(" ".join(f"{p.field}: {p.message}" for p in self.problems))

    @property
    def fields(self) -> list[str]:
        return [problem.field for problem in self.problems]


class RequestRefused(MlopsError):
    """Understood, and not allowed or not possible now. The message names the remedy."""


class JobFailed(MlopsError):
    """A job ended in Failed or Stopped; the message holds its FailureReason."""


class UserFault(JobFailed):
    """The requester's mistake; trying again would fail again."""


class PlatformFault(JobFailed):
    """Capacity, interruption or an internal error; the next try may succeed."""


class Unavailable(MlopsError):
    """A service did not answer, or asked us to come back later."""


class Conflict(MlopsError):
    """The thing exists already and means something else."""
