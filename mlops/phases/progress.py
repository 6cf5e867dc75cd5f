"""What a run's record says about a phase: begun, succeeded, skipped, failed. Each may be said twice."""

from __future__ import annotations

from typing import Literal, TypeVar

from mlops.errors import JobFailed, RequestRefused, UserFault
from mlops.faults import Culprit
from mlops.handles import Handle, Submission
from mlops.identity import Phase
from mlops.record import JobHandle, Outcome, PhaseRecord, PhaseState, RunRecord, RunState
from mlops.services import Services
from mlops.workflow import life

H = TypeVar("H", bound=Handle)


def require_live(services: Services, run_key: str) -> RunRecord:
    """The run, unless a person stopped it: a stopped run starts nothing more."""
    record = services.ledger.require_run(run_key)
    if execution := life.aborted(services, run_key):
        told = life.stopped_message(execution)
        services.ledger.update_run(
            run_key,
            lambda known: known.model_copy(update={"outcome": known.outcome or Outcome.STOPPED, "message": told}),
        )
        raise RequestRefused(f"{told} Comment /rerun on the issue to start it anew.")
    if record.state is RunState.FINISHED and record.outcome is Outcome.STOPPED:
        raise RequestRefused(f"Run {run_key} was stopped; comment /rerun on the issue to start it anew.")
    return record


def result(record: RunRecord, phase: Phase, model: type[H]) -> H | None:
    """The phase's handle if the phase has succeeded."""
    known = record.phases[phase]
    return model.model_validate(known.handle) if known.state is PhaseState.SUCCEEDED and known.handle else None


def require_result(record: RunRecord, phase: Phase, model: type[H]) -> H:
    handle = result(record, phase, model)
    if handle is None:
        raise RequestRefused(f"Run {record.run_key} has no result of phase {phase.value} yet; collect it first.")
    return handle


def begun(services: Services, run_key: str, phase: Phase, job: JobHandle | None = None, message: str = "") -> None:
    """The phase runs, with this job (a later attempt is added to the list). A phase that succeeded stays so."""

    def change(record: RunRecord) -> RunRecord | None:
        known = record.phases[phase]
        if known.state is PhaseState.SUCCEEDED:
            return None
        jobs = list(known.jobs)
        if job and job.name not in [other.name for other in jobs]:
            jobs.append(job)
        record.phases[phase] = PhaseRecord(
            state=PhaseState.RUNNING,
            started_at=known.started_at or services.timestamp(),
            message=message,
            jobs=jobs,
            handle=known.handle,
        )
        return record

    services.ledger.update_run(run_key, change)


def succeeded(services: Services, run_key: str, phase: Phase, handle: Handle, message: str) -> None:
    _end(services, run_key, phase, PhaseState.SUCCEEDED, message, handle)


def skipped(services: Services, run_key: str, phase: Phase, handle: Handle | None, message: str) -> None:
    _end(services, run_key, phase, PhaseState.SKIPPED, message, handle)


def failed(services: Services, run_key: str, phase: Phase, fault: JobFailed, handle: Handle | None = None) -> None:
    whose: Culprit = "user" if isinstance(fault, UserFault) else "platform"
    _end(services, run_key, phase, PhaseState.FAILED, str(fault), handle, whose)
    life.attempt_failed(services, run_key, phase, fault)


def _end(
    services: Services,
    run_key: str,
    phase: Phase,
    state: PhaseState,
    message: str,
    handle: Handle | None,
    fault: Literal["", Culprit] = "",
) -> None:
    now = services.timestamp()
    value = handle.model_dump(mode="json") if handle else {}

    def change(record: RunRecord) -> RunRecord | None:
        known = record.phases[phase]
        if known.state is PhaseState.SUCCEEDED and state is PhaseState.FAILED:
            return None  # a late failure of a phase that has its result
        same = known.state is state and known.handle == value
        record.phases[phase] = PhaseRecord(
            state=state,
            started_at=known.started_at or now,
            ended_at=(known.ended_at if same else None) or now,
            message=message,
            fault=fault,
            jobs=known.jobs,
            handle=value,
        )
        return record

    life.tell(services, services.ledger.update_run(run_key, change), [phase])


def nothing_to_do(run_key: str, phase: Phase, reason: str) -> Submission:
    return Submission(run_key=run_key, phase=phase.value, skipped=reason)
