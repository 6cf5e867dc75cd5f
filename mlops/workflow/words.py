"""What a phase says to its state: pure functions of the run's record."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from mlops.identity import Phase
from mlops.phases.graph import FOLLOWERS
from mlops.record import PhaseState, RunRecord, RunState

ANSWERED_STATES = (PhaseState.SUCCEEDED.value, PhaseState.SKIPPED.value)
PLATFORM_FAULT = "Mlops.PlatformFault"
"""One attempt failed and Airflow tries again: the state is entered anew."""
PHASE_FAILED = "Mlops.PhaseFailed"
STOPPED = "Mlops.Stopped"
CAUSE_LENGTH = 32_000
"""Step Functions takes 32,768 characters."""


@dataclass(frozen=True)
class Answer:
    """A phase's last word."""

    phase: str
    state: str
    """`succeeded`, `skipped` or `failed`."""
    message: str
    next: str
    """The phase that follows; empty after the last."""
    result: dict[str, Any]

    @property
    def failed(self) -> bool:
        return self.state == PhaseState.FAILED

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def answer_of(record: RunRecord, phase: Phase) -> Answer | None:
    """What `phase` answers; None as long as it may still say something else."""
    known, over = record.phases[phase], record.state is RunState.FINISHED
    if known.state is PhaseState.FAILED:
        # The next attempt may succeed; only the end of the run is the end of that.
        if not over:
            return None
    elif known.state.value not in ANSWERED_STATES:
        return None
    elif not over and (phase is Phase.RETRAIN or (phase is Phase.VALIDATE and record.verdict is None)):
        # The judge still has to speak; and closing the run is the last act of `retrain`.
        return None
    return Answer(phase.value, known.state.value, known.message, _next(record, phase), _result(record, phase))


def _next(record: RunRecord, phase: Phase) -> str:
    followers = FOLLOWERS[phase]
    if not followers:
        return ""
    accepted = bool((record.verdict or {}).get("accepted"))
    return (followers[0] if accepted or len(followers) == 1 else followers[1]).value


def _result(record: RunRecord, phase: Phase) -> dict[str, Any]:
    result = dict(record.phases[phase].handle)
    if phase is Phase.VALIDATE:
        return {**result, "verdict": record.verdict}
    if phase is Phase.RETRAIN:
        outcome = record.outcome.value if record.outcome else None
        return {**result, "outcome": outcome, "history_path": record.history_path}
    return result
