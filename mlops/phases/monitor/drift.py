"""Drift checks: captured requests of the serving version against the data its model was trained on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from mlops import endpoints, jobs, keys
from mlops.alarms import dimensions
from mlops.aws import translated
from mlops.decisions import known, once
from mlops.endpoints import EndpointRecord, Serving
from mlops.errors import PlatformFault, RequestRefused
from mlops.handles import DriftReport, Submission
from mlops.identity import Phase, slug
from mlops.jobs import JobRequest
from mlops.objects import Stored, listing, read_json, size_of, write_json
from mlops.phases import requests
from mlops.phases.deploy.endpoint import OWN_REQUESTS
from mlops.phases.monitor import edge_cases, plan, ringing
from mlops.phases.monitor.watch import capture_folder
from mlops.policy import Monitoring
from mlops.services import Services
from mlops.settings import Settings
from mlops.spec.model import RunSpec

PHASE = Phase.MONITOR
_STEP = "drift"
_MOST_OBJECTS = 5000
_MOST_BYTES = 8 << 30
"""Of captures in one check: frames of a day would fill any disk, and no test needs them all."""
_PREDICTIONS = "prediction_sample.parquet"
"""What `validate` leaves beside its results: the statistics of a detector's answers to the judged frames."""


def name_of(endpoint: str, check_id: str) -> str:
    """What the jobs and decisions of one check are named after."""
    return slug(f"{endpoint}-{check_id}")


def in_window(capture_keys: list[str], prefix: str, since: datetime) -> list[str]:
    """Names below `prefix` of captures in hours not before `since`; `yyyy/mm/dd/hh/...` sorts as time does."""
    first = since.astimezone(UTC).strftime("%Y/%m/%d/%H")
    names = [key.removeprefix(prefix) for key in capture_keys]
    return sorted(name for name in names if name[:13] >= first)[-_MOST_OBJECTS:]


def thinned(objects: list[Stored], most_bytes: int) -> list[Stored]:
    """Every so many of the objects, newest first in the count, so that all together are no larger than `most_bytes`."""
    total = sum(one.size for one in objects)
    step = max(1, math.ceil(total / most_bytes))
    return objects[::-1][::step][::-1]


def plan_check(
    settings: Settings,
    endpoint: str,
    check_id: str,
    data: str,
    document: dict[str, Any],
    further: Mapping[str, str] | None = None,
    data_bytes: int = 0,
) -> JobRequest:
    """The drift job.

    Args:
        data: prefix of the dataset version that the serving model was trained on.
        further: inputs of a detector's check: `predictions` (what the model found in the judged frames) and `model`
            (the archive that serves, for a second look at some frames).
        data_bytes: size of the captures.
    """
    where = keys.uri(settings.bucket, keys.drift_prefix(endpoint, check_id))
    name = name_of(endpoint, check_id)
    body = requests.processing_body(
        settings,
        "drift",
        inputs={
            "capture": f"{where}captures.manifest",
            "baseline": f"{data}baseline/",
            "features": f"{data}features.json",
            "run": f"{where}run.json",
            **(further or {}),
        },
        outputs={"drift": where},
        variables=requests.environment(name, PHASE.value, document),
        data_bytes=data_bytes,
    )
    # The window is hours of one variant: a list of objects, not a prefix.
    body["ProcessingInputs"][0]["S3Input"]["S3DataType"] = "ManifestFile"
    return JobRequest("processing", name, PHASE, body, step=_STEP)


def start_drift_check(services: Services, endpoint: str, check_id: str) -> Submission:
    """Start or adopt the job of one check; `skipped` where nothing was asked in the window. Safe to repeat.

    Raises: as `mlops.jobs.submit`; RequestRefused where the endpoint is unknown or serves nothing.
    """
    record = endpoints.require(services.ledger, endpoint)
    serving = _require_serving(record)
    name = name_of(endpoint, check_id)
    chosen = once(services.ledger, name, _STEP, lambda: _decide(services, record, check_id, serving))
    if chosen["skipped"]:
        return Submission(run_key=serving.run_key, phase=PHASE.value, skipped=chosen["skipped"])
    where = keys.uri(services.settings.bucket, keys.drift_prefix(endpoint, check_id))
    write_json(services.cloud, f"{where}run.json", chosen["document"])
    _write_manifest(services, f"{where}captures.manifest", chosen["captures"])
    job = jobs.submit(services, JobRequest("processing", name, PHASE, chosen["body"], step=_STEP))
    return Submission(run_key=serving.run_key, phase=PHASE.value, job=job)


def _require_serving(record: EndpointRecord) -> Serving:
    if record.serving is None:
        raise RequestRefused(f"Endpoint {record.endpoint} serves nothing yet.")
    return record.serving


def _decide(services: Services, record: EndpointRecord, check_id: str, serving: Serving) -> dict[str, Any]:
    policy, endpoint = services.policy.monitoring, record.endpoint
    since = services.now() - timedelta(hours=policy.window_hours)
    bucket, prefix = capture_folder(services, endpoint, serving.version)
    stored = {one.key.removeprefix(prefix): one for one in listing(services.cloud, bucket, prefix)}
    captures = thinned(
        [stored[name] for name in in_window([prefix + name for name in stored], prefix, since)], _MOST_BYTES
    )
    if not captures:
        reason = f"No request to {serving.version} was captured in the last {policy.window_hours} hours."
        return {"skipped": reason, "version": serving.version}
    stored_spec = services.ledger.require_run(serving.run_key).spec
    spec = RunSpec.model_validate(stored_spec)
    document: dict[str, Any] = {
        "run_key": serving.run_key,
        "phase": PHASE.value,
        "endpoint": endpoint,
        "check": check_id,
        "model_id": endpoint,
        "version": serving.version,
        "dataset_version": serving.dataset_version,
        "spec": stored_spec,
        "drift": limits(policy, spec),
        "own_requests": OWN_REQUESTS,
    }
    further: dict[str, str] = {}
    if plan.detects(spec):
        predictions = f"{serving.evaluation_uri}{_PREDICTIONS}"
        if serving.evaluation_uri and size_of(services.cloud, predictions):
            further["predictions"] = predictions  # an input without an object would fail the job
        if asked := edge_cases.wanted(record, policy, services.timestamp()):
            document["edge_cases"] = asked
            further["model"] = serving.model_uri
    data = keys.uri(services.settings.bucket, keys.dataset_version_prefix(serving.dataset, serving.dataset_version))
    return {
        "skipped": "",
        "version": serving.version,
        "captures": {"prefix": keys.uri(bucket, prefix), "names": [one.key.removeprefix(prefix) for one in captures]},
        "document": document,
        "body": dict(
            plan_check(
                services.settings, endpoint, check_id, data, document, further, sum(one.size for one in captures)
            ).body
        ),
    }


def limits(policy: Monitoring, spec: RunSpec) -> dict[str, float]:
    """What the drift job is told: the policy's own names, its minimum of rows, and the share that the alarm has."""
    return {**policy.limits, "minimum_rows": policy.min_rows, "share": plan.drift_share(spec, policy)}


def _write_manifest(services: Services, s3_uri: str, captures: dict[str, Any]) -> None:
    """SageMaker's list of objects: a prefix, then names below it."""
    import json

    bucket, key = keys.split_uri(s3_uri)
    body = json.dumps([{"prefix": captures["prefix"]}, *captures["names"]]).encode()
    with translated(f"write {s3_uri}"):
        services.cloud.s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")


def collect_drift_check(services: Services, endpoint: str, check_id: str) -> DriftReport:
    """What the check found; also CloudWatch metrics and the endpoint's record. Safe to repeat.

    People are told of alarms that ring at this moment, whatever the check found.

    Raises: as `mlops.jobs.require_success`.
    """
    name = name_of(endpoint, check_id)
    chosen = known(services.ledger, name, _STEP)
    if chosen is None:
        raise RequestRefused(f"Check {check_id} of {endpoint} was not started; call start_drift_check first.")
    if chosen["skipped"]:
        report = DriftReport(endpoint=endpoint, checked_rows=0, share=0.0, drifted=False, message=chosen["skipped"])
    else:
        report = _read_report(services, endpoint, check_id, name)
    record = endpoints.require(services.ledger, endpoint)
    before = record.drift or {}
    if before.get("check") == check_id:
        return report
    ringing.tell(services, record)
    _publish(services, endpoint, check_id, report)
    asked = (chosen.get("document") or {}).get("edge_cases")
    frames = edge_cases.found(services, endpoint, check_id) if asked else None
    noted = {
        "check": check_id,
        "at": services.timestamp(),
        "report": report.model_dump(mode="json"),
        "version": chosen["version"],
        "edge_cases": {**frames, "until": asked["until"]} if asked and frames else None,
        "acted_at": before.get("acted_at"),
    }
    endpoints.change(services.ledger, endpoint, drift=noted)
    return report


def _read_report(services: Services, endpoint: str, check_id: str, name: str) -> DriftReport:
    jobs.require_success(services, "processing", name, PHASE, _STEP)
    where = keys.uri(services.settings.bucket, keys.drift_prefix(endpoint, check_id))
    found = read_json(services.cloud, f"{where}drift.json")
    if found is None:
        raise PlatformFault(f"The drift job left no drift.json at {where}.")
    return DriftReport.model_validate({**found, "endpoint": endpoint, "report_uri": f"{where}drift_report.html"})


def _publish(services: Services, endpoint: str, check_id: str, report: DriftReport) -> None:
    """The share of drifted features, and of a detector what its frames and answers were like."""
    if not report.checked_rows:
        return
    where = keys.uri(services.settings.bucket, keys.drift_prefix(endpoint, check_id))
    figures = (read_json(services.cloud, f"{where}drift_details.json") or {}).get("figures") or {}
    values = {plan.DRIFT_METRIC: report.share}
    values |= {metric: figures[name] for name, (metric, _) in plan.FIGURES.items() if name in figures}
    with translated(f"publish the drift of {endpoint}"):
        services.cloud.cloudwatch.put_metric_data(
            Namespace=plan.NAMESPACE,
            MetricData=[
                {"MetricName": metric, "Dimensions": dimensions(endpoint), "Value": float(value), "Unit": "None"}
                for metric, value in values.items()
            ],
        )
