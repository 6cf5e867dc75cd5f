"""How a run ended: a pure function of its phases and its verdict."""

from __future__ import annotations

from mlops.identity import Phase
from mlops.judge import Verdict
from mlops.record import Outcome, PhaseRecord, PhaseState, RunRecord, RunState
from mlops.report import failed_phase


def conclude(record: RunRecord, *, max_retrainings: int, now: str) -> RunRecord:
    """The record of a run that is over, with its outcome: a pure function, and the same record when asked again."""
    if record.outcome is not None:
        outcome, message = record.outcome, record.message
    else:
        outcome, message = _outcome(record, max_retrainings)
    return record.model_copy(
        update={
            "state": RunState.FINISHED,
            "outcome": outcome,
            "message": message,
            "ended_at": record.ended_at or now,
            "phases": {phase: _settled(one, outcome, phase, now) for phase, one in record.phases.items()},
        }
    )


def _outcome(record: RunRecord, max_retrainings: int) -> tuple[Outcome, str]:
    failed = failed_phase(record)
    deployment = record.phases[Phase.DEPLOY]
    serves = deployment.handle.get("state") == "in_service"
    if failed and not (serves and failed in {Phase.MONITOR, Phase.RETRAIN}):
        return Outcome.FAILED, record.message or f"{failed.value} failed: {record.phases[failed].message}"
    if record.verdict is None:
        return Outcome.FAILED, record.message or "The run ended before its model was judged."
    verdict = Verdict.model_validate(record.verdict)
    why = verdict.reasons[0] if verdict.reasons else ""
    if verdict.decision == "invalid":
        return Outcome.FAILED, f"The measurement cannot be believed: {why}"
    if verdict.decision == "keep_champion":
        return Outcome.KEPT_CHAMPION, why
    if verdict.decision == "below_threshold":
        if record.retraining >= max_retrainings:
            return Outcome.STOPPED, f"{why} {record.retraining} of {max_retrainings} retrainings used; it stops."
        return Outcome.BELOW_THRESHOLD, why
    if serves:
        return Outcome.DEPLOYED, f"{failed.value} failed: {record.phases[failed].message}" if failed else ""
    if record.phases[Phase.PACKAGE].state is not PhaseState.SUCCEEDED:
        return Outcome.FAILED, record.message or "The run ended before its model was packaged."
    if deployment.state is PhaseState.SKIPPED or deployment.handle.get("state") == "skipped" or not record.may_deploy:
        return Outcome.REGISTERED, deployment.message
    return Outcome.FAILED, record.message or deployment.message or "The run ended before its model was deployed."


def _settled(phase: PhaseRecord, outcome: Outcome, name: Phase, now: str) -> PhaseRecord:
    """No phase of a run that is over is still to come or under way."""
    if phase.state is PhaseState.PENDING:
        return phase.model_copy(update={"state": PhaseState.SKIPPED})
    if phase.state is PhaseState.RUNNING:
        # Closing the run is the last act of `retrain`.
        ended = PhaseState.SUCCEEDED if name is Phase.RETRAIN else PhaseState.FAILED
        return phase.model_copy(update={"state": ended, "ended_at": phase.ended_at or now})
    return phase
