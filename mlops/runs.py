"""The life of a run's record: opened, judged, failed, closed, shown. Each step is safe to repeat."""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from mlops import history, memory, report
from mlops.errors import Conflict, MlopsError, RequestRefused, Unavailable
from mlops.identity import Phase
from mlops.judge import Verdict
from mlops.notify import Event, Message, deliver, flush
from mlops.record import Outcome, PhaseRecord, PhaseState, RunRecord, RunState, Trigger

if TYPE_CHECKING:
    from mlops.services import Services

log = logging.getLogger(__name__)

DAG_ID = "lifecycle"
_CLAIM_S = 20.0
"""After this long without a result, whoever wanted to write the first comment is taken for dead."""
_STALE = timedelta(minutes=2)
_EVENTS = {
    Outcome.DEPLOYED: Event.DEPLOYED,
    Outcome.REGISTERED: Event.REGISTERED,
    Outcome.KEPT_CHAMPION: Event.KEPT_CHAMPION,
    Outcome.BELOW_THRESHOLD: Event.BELOW_THRESHOLD,
    Outcome.STOPPED: Event.STOPPED,
    Outcome.FAILED: Event.FAILED,
}


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
    return publish(services, run_key)


def _create_from_parameters(
    services: Services, run_key: str, airflow_run_id: str, parameters: dict[str, Any] | None
) -> RunRecord:
    if parameters is None:
        raise RequestRefused(f"There is no run {run_key}, and no parameters to make one from.")
    from mlops.spec import canonical, from_parameters

    record = RunRecord(
        run_key=run_key,
        trigger=Trigger.UI,
        repository=services.settings.github_repository,
        spec=canonical(from_parameters(parameters)),
        state=RunState.APPROVED,
        created_at=services.timestamp(),
        airflow_run_id=airflow_run_id,
    )
    services.ledger.create_run(record)
    return services.ledger.require_run(run_key)


def record_verdict(services: Services, run_key: str, verdict: Verdict | dict[str, Any]) -> RunRecord:
    """Keep what the judge said, and show it."""
    judged = Verdict.model_validate(verdict).model_dump(mode="json")
    services.ledger.update_run(run_key, lambda known: known.model_copy(update={"verdict": judged}))
    return publish(services, run_key)


def report_failure(services: Services, run_key: str, phase: str, reason: str) -> RunRecord:
    """A task gave up: say in which phase and why. What the phase itself wrote about its failure stays."""
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
            update={"state": PhaseState.FAILED, "message": message, "ended_at": before.ended_at or now}
        )
        return known.model_copy(
            update={"phases": {**known.phases, subject: after}, "message": f"{subject.value} failed: {message}"}
        )

    services.ledger.update_run(run_key, note)
    return publish(services, run_key)


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
    failed = report.failed_phase(record)
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
        return record
    publish(services, run_key)
    deliver(services, outcome_message(services, record))
    _track(services, record)
    if services.settings.github_repository and record.history_commit is None:
        record = services.ledger.require_run(run_key)
        path, commit = history.commit_record(services, record)
        services.ledger.update_run(
            run_key, lambda known: known.model_copy(update={"history_path": path, "history_commit": commit})
        )
    shown = publish(services, run_key)
    if shown.comment_id is None and shown.issue is not None and services.settings.github_repository:
        raise Unavailable(f"Another process is writing the comment of {run_key}; try again.")
    return services.ledger.update_run(
        run_key, lambda known: known.model_copy(update={"reported_at": known.reported_at or services.timestamp()})
    )


def outcome_message(services: Services, record: RunRecord) -> Message:
    assert record.outcome is not None
    endpoint = str(record.phases[Phase.DEPLOY].handle.get("endpoint") or "")
    parts = [record.message]
    if record.outcome is Outcome.BELOW_THRESHOLD and record.issue is not None:
        parts.append("Answer on the issue with other settings, and the next training starts.")
    elif record.outcome is Outcome.DEPLOYED:
        parts.append(f"It answers on {endpoint}.")
    return Message(
        event=_EVENTS[record.outcome],
        key=record.run_key,
        incident=record.run_key,
        title=report.title(record),
        text=" ".join(part for part in parts if part),
        url=issue_url(services, record),
    )


def issue_url(services: Services, record: RunRecord) -> str:
    if record.issue is None:
        return ""
    root = f"{report.Addresses.from_settings(services.settings).repository}/issues/{record.issue}"
    return f"{root}#issuecomment-{record.comment_id}" if record.comment_id else root


def _track(services: Services, record: RunRecord) -> None:
    """MLflow gets the run; its being away is no reason to hold a result back."""
    if record.mlflow_run_id or not services.tracking.enabled:
        return
    trained, evaluated = record.phases[Phase.TRAIN].handle, record.phases[Phase.VALIDATE].handle
    package, prepared = record.phases[Phase.PACKAGE].handle, record.phases[Phase.PREPARE].handle
    tags = {
        "mlops.outcome": record.outcome.value if record.outcome else "",
        "mlops.trigger": record.trigger.value,
        "mlops.issue": issue_url(services, record),
        "mlops.dataset": f"{prepared.get('dataset', '')}@{prepared.get('version', '')}",
        "mlops.model_uri": str(package.get("model_uri") or trained.get("model_uri") or ""),
        "mlops.model_version": str(package.get("version") or ""),
        "mlops.evaluation": str(evaluated.get("prefix") or ""),
    }
    metrics = {f"validation_{name}": value for name, value in (trained.get("metrics") or {}).items()}
    metrics |= {f"test_{name}": value for name, value in (evaluated.get("metrics") or {}).items()}
    try:
        run_id = services.tracking.log_run(
            record.run_key,
            experiment=str(record.spec.get("name") or "mlops"),
            parameters=flat(record.spec),
            metrics=metrics,
            tags={name: value for name, value in tags.items() if value},
            plots=history.read_plots(services.cloud, record),
            failed=record.outcome is Outcome.FAILED,
        )
    except MlopsError as error:
        log.warning("Run %s is not tracked: %s", record.run_key, error)
        return
    services.ledger.update_run(record.run_key, lambda known: known.model_copy(update={"mlflow_run_id": run_id}))


def flat(value: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """`{"a": {"b": 1}}` as `{"a.b": 1}`: MLflow's parameters have no depth."""
    found: dict[str, Any] = {}
    for name, inner in value.items():
        if isinstance(inner, dict):
            found |= flat(inner, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = inner
    return found


# -- the living comment ----------------------------------------------------------------------------------------------
def publish(services: Services, run_key: str) -> RunRecord:
    """Make the issue show the record: one comment, edited only where it differs, and one state label."""
    record = services.ledger.require_run(run_key)
    if record.issue is None or not services.settings.github_repository:
        return record
    addresses = report.Addresses.from_settings(services.settings)
    for _ in range(4):
        text = report.render(record, addresses)
        record = _write(services, record, text)
        # Two tasks may publish at once; whoever wrote last must have written the latest.
        latest = services.ledger.require_run(run_key)
        if report.render(latest, addresses) == text:
            break
        record = latest
    _label(services, record)
    return services.ledger.require_run(run_key)


def _write(services: Services, record: RunRecord, text: str) -> RunRecord:
    assert record.issue is not None
    claim = f"claim#comment#{record.run_key}"
    if record.comment_id is None and not _claim(services, claim):
        return record
    try:
        comment = services.repository.publish_comment(
            record.issue, report.marker(record.run_key), text, record.comment_id
        )
    except MlopsError:
        # Whoever comes next searches for the comment before writing one.
        services.ledger.delete_item(claim)
        raise
    if record.comment_id == comment.id:
        return record
    return services.ledger.update_run(record.run_key, lambda known: known.model_copy(update={"comment_id": comment.id}))


def _claim(services: Services, item_id: str) -> bool:
    """Only one process creates the comment. The others leave it to that one, or take over from one that died."""
    known = services.ledger.get_item(item_id)
    if known and time.time() - known.updated_at < _CLAIM_S:
        return False
    try:
        services.ledger.put_item(item_id, {}, known.version if known else 0, keep_s=86_400)
    except Conflict:
        return False
    return True


def state_label(record: RunRecord) -> str:
    if record.outcome is not None:
        return f"mlops:{record.outcome.value}"
    return "mlops:awaiting-approval" if record.state is RunState.AWAITING_APPROVAL else "mlops:running"


def _label(services: Services, record: RunRecord) -> None:
    assert record.issue is not None
    # An older run of the issue must not speak for a newer one.
    current = memory.recall(services, record.issue).current
    if current in {None, record.run_key}:
        services.repository.set_state_label(record.issue, state_label(record))


# -- putting right -----------------------------------------------------------------------------------------------------
def reconcile(services: Services) -> dict[str, list[str]]:
    """Compare the ledger with Airflow and mend: start what was never started, close what ended in silence."""
    done: dict[str, list[str]] = {"started": [], "closed": [], "messages": [], "failed": []}
    for record in services.ledger.list_runs(limit=10_000):
        try:
            action = _mend(services, record)
            if action:
                done[action].append(record.run_key)
        except MlopsError as error:
            # One run that cannot be mended now leaves the others to be.
            log.warning("Could not put run %s right: %s", record.run_key, error)
            done["failed"].append(record.run_key)
    done["messages"] = [str(flush(services))]
    return done


def _mend(services: Services, record: RunRecord) -> str:
    from mlops import intake

    if record.state is RunState.FINISHED:
        if record.reported_at is None and _older(services, record.ended_at):
            close_run(services, record.run_key)
            return "closed"
        return ""
    if record.state is RunState.AWAITING_APPROVAL or not _older(services, record.started_at or record.created_at):
        return ""
    if record.state is RunState.APPROVED:
        intake.start(services, record)
        return "started"
    run = services.airflow.get_run(DAG_ID, record.airflow_run_id or record.run_key)
    if run is None and record.trigger is not Trigger.UI:
        # Airflow's database was lost; the ledger was not.
        intake.start(services, record)
        return "started"
    if run is None or run.get("state") in {"failed", "success"}:
        if run is None or run.get("state") == "failed":
            report_failure(services, record.run_key, "", "The Airflow run ended without saying why; see its log.")
        close_run(services, record.run_key)
        return "closed"
    return ""


def _older(services: Services, moment: str | None) -> bool:
    """True where `moment` lies far enough back that nobody is still at work on it."""
    since = report.seconds_between(moment, services.timestamp())
    return since is None or since > _STALE.total_seconds()
