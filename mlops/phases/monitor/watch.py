"""The watch over an endpoint: dashboard, alarms, baseline, and its figures."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from mlops import endpoints, keys
from mlops.aws import translated
from mlops.errors import RequestRefused
from mlops.handles import Deployment, PreparedData, Watch
from mlops.identity import Phase
from mlops.phases import progress
from mlops.phases.deploy import endpoint as live
from mlops.phases.deploy.plan import variant_name
from mlops.phases.monitor import plan
from mlops.phases.run import Run
from mlops.record import PhaseState
from mlops.services import Services

PHASE = Phase.MONITOR


def open_watch(services: Services, run_key: str) -> Watch:
    """Put dashboard and alarms over what this run deployed; nothing where it deployed nothing. Safe to repeat.

    Raises:
        RequestRefused: the deployment is not confirmed yet.
    """
    record = services.ledger.require_run(run_key)
    run = Run(record)
    deploy = record.phases[Phase.DEPLOY]
    if deploy.state is PhaseState.SKIPPED:
        nothing = Watch(endpoint=run.endpoint, dashboard="", alarms=[], baseline_uri="", schedule="")
        progress.skipped(services, run_key, PHASE, nothing, deploy.message)
        return nothing
    deployed = progress.require_result(record, Phase.DEPLOY, Deployment)
    prepared = progress.require_result(record, Phase.PREPARE, PreparedData)
    progress.begun(services, run_key, PHASE)
    policy = services.policy.monitoring
    variant = variant_name(deployed.version)
    share, latency = plan.drift_share(run.spec, policy), plan.latency_limit(run.spec, policy)
    topic = services.settings.alarm_topic_arn
    requests = plan.alarms(run.endpoint, variant, policy, latency, share, topic)
    name, cloudwatch = plan.dashboard_name(run.endpoint), services.cloud.cloudwatch
    with translated(f"watch {run.endpoint}"):
        body = plan.dashboard(run.endpoint, variant, services.cloud.region, of_detector=plan.detects(run.spec))
        cloudwatch.put_dashboard(DashboardName=name, DashboardBody=body)
        for request in requests:
            cloudwatch.put_metric_alarm(**request)
    watch = Watch(
        endpoint=run.endpoint,
        dashboard=name,
        alarms=[request["AlarmName"] for request in requests],
        baseline_uri=f"{prepared.prefix}baseline/",
        schedule=policy.cron,
    )
    endpoints.change(services.ledger, run.endpoint, watch=watch.model_dump(mode="json"))
    progress.succeeded(services, run_key, PHASE, watch, f"{len(watch.alarms)} alarms, drift checks at {policy.cron!r}.")
    return watch


def watched(services: Services) -> list[str]:
    """Endpoints that serve and have a watch."""
    return [one.endpoint for one in endpoints.list_all(services.ledger) if one.watch and one.serving]


def metrics(services: Services, endpoint: str, minutes: int) -> dict[str, Any]:
    """Requests, errors and latency percentiles over the last minutes, per variant and over all.

    Raises:
        RequestRefused: there is no such endpoint.
    """
    view = live.look(services.cloud, endpoint)
    if not view.exists:
        raise RequestRefused(f"There is no endpoint {endpoint}; list_watched names those there are.")
    variants = sorted(view.shares)
    now = services.now()
    seconds = 60.0 * minutes
    with translated(f"read the metrics of {endpoint}"):
        results = services.cloud.cloudwatch.get_metric_data(
            MetricDataQueries=plan.metric_queries(endpoint, variants, 60 * minutes),
            StartTime=now - timedelta(seconds=seconds),
            EndTime=now + timedelta(seconds=60),
        )["MetricDataResults"]
    values = {one["Id"]: list(one["Values"]) for one in results}
    return {"since": (now - timedelta(seconds=seconds)).isoformat(timespec="seconds"),
            **plan.summary(values, variants, seconds)}  # fmt: skip


def capture_folder(services: Services, endpoint: str, version: str) -> tuple[str, str]:
    """(bucket, prefix) of what a version was asked: SageMaker adds endpoint and variant to the configured prefix."""
    return services.settings.bucket, f"{keys.capture_prefix(endpoint)}{endpoint}/{variant_name(version)}/"
