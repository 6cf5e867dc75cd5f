"""Runs that no person starts: new data, drift, schedules and backfills. Each key names one run for good."""

from __future__ import annotations

import logging
from datetime import UTC, timedelta
from typing import Any

from mlops import costs, endpoints, raw_data
from mlops.decisions import once
from mlops.endpoints import EndpointRecord
from mlops.errors import IssueRejected, JobFailed, RequestRefused
from mlops.handles import DriftReport
from mlops.identity import digest, endpoint_name, model_id, slug
from mlops.incidents import drift_incident
from mlops.keys import raw_prefix
from mlops.notify import Event, Message, deliver, is_open
from mlops.phases.monitor.drift import name_of
from mlops.phases.retrain import edge_cases
from mlops.policy import Work, run_spec
from mlops.raw_data import parse_moment
from mlops.record import RunRecord, RunState, Trigger
from mlops.report import Addresses
from mlops.services import Services
from mlops.spec.model import RunSpec, canonical

log = logging.getLogger(__name__)


def consider_new_data(services: Services, keys: list[str], event_id: str) -> list[dict[str, Any]]:
    """For each dataset that the object keys belong to: start the policy's run, or say why not. Safe to repeat.

    The run is named after the contents of the dataset, so that two events about one upload start one run.
    """
    return [_new_data(services, dataset, event_id) for dataset in sorted({_dataset_of(key) for key in keys} - {""})]


def _dataset_of(key: str) -> str:
    parts = key.split("/")
    return parts[1] if len(parts) > 3 and parts[0] == "datasets" and parts[2] == "raw" and parts[3] else ""


def _new_data(services: Services, dataset: str, event_id: str) -> dict[str, Any]:
    work = services.policy.new_data.get(dataset)
    if work is None:
        return _nothing(dataset=dataset, reason=f"The policy names no run for new data of {dataset}.")
    settings = services.settings
    try:
        inventory = raw_data.take_inventory(services.cloud, dataset, settings.bucket, raw_prefix(dataset))
        spec = _spec_of(services, work)
    except (JobFailed, RequestRefused) as refused:
        return _nothing(dataset=dataset, reason=str(refused))
    key = f"data-{slug(dataset)}-{digest([inventory.contents, canonical(spec)], 12)}"
    started = _start(services, key, Trigger.NEW_DATA, spec)
    return {"dataset": dataset, "event_id": event_id, **started}


def act_on_drift(services: Services, endpoint: str, check_id: str) -> dict[str, Any]:
    """What the policy says about a collected drift check: a retraining, an issue, or nothing. Safe to repeat.

    Frames that the check has set aside are offered in an issue of their own; `edge_cases` of the answer says so.

    Raises:
        RequestRefused: the check was not collected, or a newer one was.
    """
    record = endpoints.require(services.ledger, endpoint)
    noted = record.drift or {}
    if noted.get("check") != check_id:
        raise RequestRefused(f"Check {check_id} of {endpoint} is not the last one collected; collect it first.")
    offered = edge_cases.offer(services, record, check_id)
    return _act(services, record, check_id) | ({"edge_cases": offered} if offered else {})


def _act(services: Services, record: EndpointRecord, check_id: str) -> dict[str, Any]:
    endpoint, noted = record.endpoint, record.drift or {}
    report = DriftReport.model_validate(noted["report"])
    name = name_of(endpoint, check_id)
    chosen = once(services.ledger, name, "drift-action", lambda: _choose_action(services, record, report))
    if chosen["action"] == "none":
        if _is_over(services, report):
            deliver(services, _relief(report, name))
        return _nothing(endpoint=endpoint, reason=chosen["reason"])
    if chosen["action"] == "issue":
        done = _open_issue(services, endpoint, report)
    else:
        spec = RunSpec.model_validate(chosen["spec"])
        done = _start(services, f"drift-{slug(endpoint)[:60]}-{digest(name, 12)}", Trigger.DRIFT, spec)
    deliver(services, _message(services, report, name, done))
    endpoints.change(services.ledger, endpoint, drift={**noted, "acted_at": chosen["at"]})
    return {"endpoint": endpoint, "check": check_id, **done}


def _choose_action(services: Services, record: EndpointRecord, report: DriftReport) -> dict[str, Any]:
    policy, now = services.policy.monitoring, services.timestamp()
    if not report.drifted:
        return {"action": "none", "reason": report.message or "Nothing has drifted."}
    if policy.drift == "none":
        return {"action": "none", "reason": "Drifted; the policy asks for nothing (monitoring.drift: none)."}
    last = (record.drift or {}).get("acted_at")
    if last and parse_moment(now) - parse_moment(last) < timedelta(hours=policy.retrain_after_hours):
        return {"action": "none", "reason": f"Drifted; it was acted upon at {last} already."}
    serving_run = services.ledger.get_run(record.serving.run_key) if record.serving else None
    if policy.drift == "retrain" and serving_run:
        return {"action": "retrain", "spec": serving_run.spec, "at": now}
    return {"action": "issue", "at": now}


def _open_issue(services: Services, endpoint: str, report: DriftReport) -> dict[str, Any]:
    shown = sorted(report.features.items(), key=lambda pair: -pair[1])[:20]
    rows = "\n".join(f"| `{name.replace('`', '')}` | {score:.3g} |" for name, score in shown)
    body = (
        f"Requests to `{endpoint}` have drifted from the data its model was trained on: "
        f"{100 * report.share:.0f} % of the features, over {report.checked_rows} rows.\n\n"
        f"| feature | score |\n|---|---|\n{rows}\n\n"
        f"Report: `{report.report_uri}`\n\n"
        "Bring new labelled data and start a training, or roll the endpoint back with `/rollback` on the issue of the "
        "run that serves."
    )
    # As long as it is open, later checks find it: one issue an endpoint.
    marker = f"<!-- mlops-drift:{slug(endpoint)} -->"
    number = services.repository.create_issue(f"Drift on {endpoint}", body, ["mlops:drift"], marker)
    return {"action": "issue", "issue": number, "reason": report.message}


def _message(services: Services, report: DriftReport, name: str, done: dict[str, Any]) -> Message:
    """What people are told of drift, and of what follows from it."""
    repository = Addresses.from_settings(services.settings).repository
    follows = f"Run {done['run_key']}: {done['action']}." if "run_key" in done else "An issue asks what to do."
    return Message(
        event=Event.DRIFT,
        key=name,
        incident=drift_incident(report.endpoint),
        title=f"Drift on {report.endpoint}",
        text=f"{report.message} {follows} Report: {report.report_uri}",
        url=f"{repository}/issues/{done['issue']}" if repository and "issue" in done else "",
    )


def _is_over(services: Services, report: DriftReport) -> bool:
    """People were paged of drift, and a check that saw enough found none."""
    judged = report.checked_rows >= services.policy.monitoring.min_rows
    return judged and not report.drifted and is_open(services.ledger, drift_incident(report.endpoint))


def _relief(report: DriftReport, name: str) -> Message:
    incident = drift_incident(report.endpoint)
    return Message(
        event=Event.DRIFT,
        key=f"{name}/over",
        incident=incident,
        title=f"No drift on {report.endpoint} any more",
        text=f"{report.message} Report: {report.report_uri}",
        wakes=False,
        ends=[incident],
    )


def start_scheduled(services: Services, schedule_name: str, interval_end: str, backfill: bool) -> dict[str, Any]:
    """Start the run of a schedule for one interval. A backfill trains on the data as of its end and never deploys.

    Raises:
        RequestRefused: no such schedule, no moment, or nothing to run.
    """
    schedule = services.policy.schedule(schedule_name)
    moment = parse_moment(interval_end).astimezone(UTC)
    spec = _spec_of(services, schedule)
    key = f"sched-{slug(schedule.name)}-{moment.strftime('%Y%m%dt%H%M')}" + ("-backfill" if backfill else "")
    as_of = moment.isoformat(timespec="seconds").replace("+00:00", "Z") if backfill else None
    trigger = Trigger.BACKFILL if backfill else Trigger.SCHEDULE
    started = _start(services, key, trigger, spec, may_deploy=not backfill, data_as_of=as_of)
    return {"schedule": schedule.name, "interval_end": interval_end, **started}


def _spec_of(services: Services, work: Work) -> RunSpec:
    """The policy's own spec, or that of the run which serves the named model."""
    if work.spec is not None:
        try:
            return run_spec(work.spec, services.settings)
        except IssueRejected as rejected:
            raise RequestRefused(f"The policy's spec is refused: {rejected}") from rejected
    name = endpoint_name(model_id(str(work.model)))
    known = endpoints.read(services.ledger, name)
    serving_run = services.ledger.get_run(known.serving.run_key) if known and known.serving else None
    if serving_run is None:
        raise RequestRefused(f"No run serves model {work.model} yet; deploy it once, or give a spec.")
    return RunSpec.model_validate(serving_run.spec)


def _start(
    services: Services,
    key: str,
    trigger: Trigger,
    spec: RunSpec,
    *,
    may_deploy: bool = True,
    data_as_of: str | None = None,
) -> dict[str, Any]:
    """Write the run to the ledger, then to Airflow; a run that exists is not started again."""
    from mlops import intake

    settings = services.settings
    usd = costs.estimate(settings, spec).total_usd
    if usd > settings.cost_ceiling_usd:
        reason = (
            f"An estimate of {usd:.2f} USD is above the ceiling of {settings.cost_ceiling_usd:.2f} USD; file an issue."
        )
        return {"action": "refused", "run_key": key, "reason": reason}
    created = services.ledger.create_run(
        RunRecord(
            run_key=key,
            trigger=trigger,
            repository=settings.github_repository,
            spec=canonical(spec),
            actor="policy",
            created_at=services.timestamp(),
            may_deploy=may_deploy,
            data_as_of=data_as_of,
        )
    )
    record = services.ledger.require_run(key)
    if record.state is RunState.APPROVED:
        # Also where an earlier call died between the ledger and Airflow.
        record = intake.start(services, record)
    return {
        "action": "started" if created else "exists",
        "run_key": key,
        "state": record.state.value,
        "reason": record.message or trigger.value,
    }


def _nothing(*, reason: str, **about: Any) -> dict[str, Any]:
    log.info("Nothing started: %s", reason)
    return {**about, "action": "none", "reason": reason}
