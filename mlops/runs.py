"""The life of a run's record: opened, judged, failed, closed, shown. Each step is safe to repeat."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from mlops import history, report
from mlops.errors import MlopsError, RequestRefused, Unavailable
from mlops.experiment import track
from mlops.faults import Culprit
from mlops.identity import Phase
from mlops.judge import Verdict
from mlops.living_comment import issue_url, publish, publish_if_allowed
from mlops.messages import outcome_message
from mlops.notify import deliver, flush
from mlops.outcome import conclude
from mlops.record import Outcome, PhaseState, RunRecord, RunState, Trigger
from mlops.telemetry import tracing
from mlops.workflow import life

if TYPE_CHECKING:
    from mlops.services import Services

__all__ = [
    "Remedy", "close_run", "issue_url", "mend", "open_run", "publish", "reconcile", "record_verdict", "remedy",
    "report_failure", "stop_run",
]  # fmt: skip

log = logging.getLogger(__name__)

DAG_ID = "lifecycle"
_STALE = timedelta(minutes=2)


class Remedy(StrEnum):
    """What is due for a run whose record and whose Airflow run do not fit together."""

    NONE = ""
    START = "start"
    START_AGAIN = "start again"
    """Airflow does not know it any more; its finished phases are kept and its jobs adopted."""
    CLOSE = "close"
    FAIL = "close as failed"


def open_run(
    services: Services, run_key: str, airflow_run_id: str, parameters: dict[str, Any] | None = None
) -> RunRecord:
    """The DAG run has begun: mark the run started, and create its record where it came from Airflow's UI.

    Raises:
        IssueRejected: the parameters of a run from the UI are wrong.
        RequestRefused: the run is over, waits for approval, or is unknown and has no parameters.
    """
    record = services.ledger.get_run(run_key)
    if record is None:
        record = _create_from_parameters(services, run_key, airflow_run_id, parameters)
    if record.state is RunState.FINISHED:
        raise RequestRefused(f"Run {run_key} is over; comment /rerun on its issue, or trigger a new run.")
    if record.state is RunState.AWAITING_APPROVAL:
        raise RequestRefused(f"Run {run_key} waits for a maintainer's /approve.")
    now = services.timestamp()

    def started(known: RunRecord) -> RunRecord:
        return known.model_copy(
            update={
                "state": RunState.STARTED,
                "started_at": known.started_at or now,
                "airflow_run_id": airflow_run_id or known.airflow_run_id,
            }
        )

    services.ledger.update_run(run_key, started)
    return publish_if_allowed(services, run_key)


def _create_from_parameters(
    services: Services, run_key: str, airflow_run_id: str, parameters: dict[str, Any] | None
) -> RunRecord:
    if parameters is None:
        raise RequestRefused(f"There is no run {run_key}, and no parameters to make one from.")
    from mlops.spec import canonical, from_parameters

    settings = services.settings
    spec = from_parameters(parameters, data_buckets=settings.data_buckets, instance_types=settings.instance_types)
    record = RunRecord(
        run_key=run_key,
        trigger=Trigger.UI,
        repository=settings.github_repository,
        spec=canonical(spec),
        state=RunState.APPROVED,
        created_at=services.timestamp(),
        airflow_run_id=airflow_run_id,
    )
    services.ledger.create_run(record)
    return services.ledger.require_run(run_key)


def record_verdict(services: Services, run_key: str, verdict: Verdict | dict[str, Any]) -> RunRecord:
    """Keep what the judge said, and show it."""
    judged = Verdict.model_validate(verdict).model_dump(mode="json")
    record = services.ledger.update_run(run_key, lambda known: known.model_copy(update={"verdict": judged}))
    life.tell(services, record, [Phase.VALIDATE])
    return publish_if_allowed(services, run_key)


def report_failure(services: Services, run_key: str, phase: str, reason: str, fault: Culprit = "platform") -> RunRecord:
    """A task gave up: say in which phase, why, and who can mend it. What the phase itself wrote of that stays."""
    failed = Phase(phase) if phase in set(Phase) else None
    now = services.timestamp()

    def note(known: RunRecord) -> RunRecord | None:
        if known.state is RunState.FINISHED or known.outcome is not None:
            return None
        subject = failed or report.current_phase(known) or report.failed_phase(known)
        if subject is None:
            return known.model_copy(update={"message": reason})
        before = known.phases[subject]
        message = before.message if before.state is PhaseState.FAILED and before.message else reason
        after = before.model_copy(
            update={
                "state": PhaseState.FAILED,
                "message": message,
                "fault": before.fault or fault,
                "ended_at": before.ended_at or now,
            }
        )
        return known.model_copy(
            update={"phases": {**known.phases, subject: after}, "message": f"{subject.value} failed: {message}"}
        )

    services.ledger.update_run(run_key, note)
    return publish_if_allowed(services, run_key)


def close_run(services: Services, run_key: str) -> RunRecord:
    """The run is over: conclude, tell people, track, commit the record. Repeating completes what was left undone.

    Raises:
        Unavailable: GitHub did not take the comment or the record; call again.
    """
    limit, now = services.settings.max_retrainings, services.timestamp()
    record = services.ledger.update_run(
        run_key, lambda known: conclude(known, max_retrainings=limit, now=now) if known.reported_at is None else None
    )
    if record.reported_at is not None:
        life.tell(services, record)
        return record
    publish_if_allowed(services, run_key)
    deliver(services, outcome_message(services, record))
    track(services, record)
    if services.settings.github_repository and record.history_commit is None:
        record = services.ledger.require_run(run_key)
        path, commit = history.commit_record(services, record)
        services.ledger.update_run(
            run_key, lambda known: known.model_copy(update={"history_path": path, "history_commit": commit})
        )
    shown = publish(services, run_key)
    if shown.comment_id is None and shown.issue is not None and services.settings.github_repository:
        raise Unavailable(f"Another process is writing the comment of {run_key}; try again.")
    closed = services.ledger.update_run(
        run_key, lambda known: known.model_copy(update={"reported_at": known.reported_at or services.timestamp()})
    )
    life.tell(services, closed)
    _trace(services, closed)
    return closed


def _trace(services: Services, record: RunRecord) -> None:
    """The span above all others of the run: from its label to its report."""
    began = datetime.fromisoformat(record.labelled_at or record.created_at)
    tracing.record(
        "run", record.run_key, (), None, began.timestamp(), services.now().timestamp(), trigger=record.trigger.value,
        outcome=record.outcome.value if record.outcome else "", issue=record.issue,
        failed=record.outcome.value if record.outcome is Outcome.FAILED else "",
    )  # fmt: skip


# -- putting right -----------------------------------------------------------------------------------------------------
def reconcile(services: Services) -> dict[str, list[str] | int]:
    """Compare the ledger with Airflow and mend: start what was never started, close what ended in silence."""
    done: dict[str, list[str]] = {"started": [], "closed": [], "failed": []}
    for record in services.ledger.list_runs(limit=10_000):
        try:
            if chosen := remedy(services, record):
                mend(services, record, chosen)
                done["started" if chosen in {Remedy.START, Remedy.START_AGAIN} else "closed"].append(record.run_key)
        except MlopsError as error:
            # One run that cannot be mended now leaves the others to be.
            log.warning("Could not put run %s right: %s", record.run_key, error)
            done["failed"].append(record.run_key)
    done["closed"] += life.follow_up(services, lambda record, message: stop_run(services, record, message))
    return {**done, "messages": flush(services)}


def stop_run(services: Services, record: RunRecord, message: str) -> RunRecord:
    """End a run that a person has stopped: in Airflow, its jobs, its execution. Safe to repeat."""
    from mlops import intake

    if record.state is RunState.STARTED:
        # The outcome first: whatever the ending tasks report then, the record says that a person stopped it.
        services.ledger.update_run(
            record.run_key, lambda known: known.model_copy(update={"outcome": Outcome.STOPPED, "message": message})
        )
        services.airflow.end_run(DAG_ID, record.airflow_run_id or record.run_key)
        _stop_jobs(services, record)
    life.stop(services, record.run_key, message)
    return intake.end_without_airflow(services, record.run_key, message)


def _stop_jobs(services: Services, record: RunRecord) -> None:
    from mlops import jobs

    for phase in record.phases.values():
        for job in phase.jobs:
            if job.kind not in {"processing", "training"}:
                continue
            try:
                jobs.stop(services, job.name, job.kind)
            except RequestRefused as over:
                log.info("Job %s needs no stop: %s", job.name, over)


def remedy(services: Services, record: RunRecord, *, at_once: bool = False) -> Remedy:
    """What puts a run right, by the ledger and by Airflow; nothing is changed.

    `at_once`: a person says that nobody else is at work, so that what has just begun is not left to them.

    Raises:
        Unavailable: Airflow did not answer.
    """
    if record.state is RunState.AWAITING_APPROVAL:
        return Remedy.NONE
    moments = {RunState.FINISHED: record.ended_at}
    if not at_once and not _older(services, moments.get(record.state, record.started_at or record.created_at)):
        return Remedy.NONE
    if record.state is RunState.FINISHED:
        return Remedy.NONE if record.reported_at else Remedy.CLOSE
    if record.state is RunState.APPROVED:
        return Remedy.START
    run = services.airflow.get_run(DAG_ID, record.airflow_run_id or record.run_key)
    if run is None:
        return Remedy.START_AGAIN
    return {"failed": Remedy.FAIL, "success": Remedy.CLOSE}.get(str(run.get("state")), Remedy.NONE)


def mend(services: Services, record: RunRecord, chosen: Remedy) -> None:
    """Do what `remedy` said. Safe to repeat."""
    from mlops import intake

    if chosen in {Remedy.START, Remedy.START_AGAIN}:
        # Airflow's database was lost; the ledger was not. An execution would be adopted and start nothing.
        intake.start(services, record, directly=chosen is Remedy.START_AGAIN)
        return
    if chosen is Remedy.FAIL:
        report_failure(services, record.run_key, "", "The Airflow run ended without saying why; see its log.")
    if chosen is not Remedy.NONE:
        close_run(services, record.run_key)


def _older(services: Services, moment: str | None) -> bool:
    """True where `moment` lies far enough back that nobody is still at work on it."""
    since = report.seconds_between(moment, services.timestamp())
    return since is None or since > _STALE.total_seconds()
