"""Phase `monitor`: alarms and baselines, drift checks on captured traffic, latency and errors."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from mcp_bridge.capabilities.model_deployment import EndpointName
from mcp_bridge.tools import IdempotencyKey, RunKey, Tools
from mlops.handles import DriftReport, Submission, Watch

CheckId = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,62}$", description="Names one check of one endpoint, e.g. `20261123t1000`."
    ),
]


class Watched(BaseModel):
    endpoints: list[str]


class Metrics(BaseModel):
    endpoint: str
    minutes: int
    metrics: dict[str, Any] = Field(description="Requests per second, error rate, latency p50, p95, p99 in ms.")


def register(tools: Tools) -> None:
    @tools.effect("Open a watch", reported=True)
    def open_watch(run_key: RunKey, idempotency_key: IdempotencyKey) -> Watch:
        """Put alarms, dashboard and drift baseline in place for the endpoint the run deployed. Next: decide_next."""
        from mlops.phases import monitor

        return monitor.open_watch(tools.services, run_key)

    @tools.read("List watched endpoints")
    def list_watched() -> Watched:
        """Endpoints with a watch. Check each with start_drift_check or endpoint_metrics."""
        from mlops.phases import monitor

        return Watched(endpoints=monitor.watched(tools.services))

    @tools.effect("Start a drift check")
    def start_drift_check(endpoint: EndpointName, check_id: CheckId, idempotency_key: IdempotencyKey) -> Submission:
        """Start or adopt the job that compares captured traffic with the training baseline.

        Then follow_job until it ended, then collect_drift_check. `skipped`: too few requests to compare.
        """
        from mlops.phases import monitor

        return monitor.start_drift_check(tools.services, endpoint, check_id)

    @tools.effect("Collect a drift check")
    def collect_drift_check(endpoint: EndpointName, check_id: CheckId, idempotency_key: IdempotencyKey) -> DriftReport:
        """Which features drifted and where the report lies. Next, where it drifted: act_on_drift."""
        from mlops.phases import monitor

        return monitor.collect_drift_check(tools.services, endpoint, check_id)

    @tools.read("Read endpoint metrics")
    def endpoint_metrics(
        endpoint: EndpointName,
        minutes: Annotated[int, Field(ge=1, le=10_080, description="How far to look back.")],
    ) -> Metrics:
        """Request rate, error rate and latency percentiles of an endpoint over the last minutes."""
        from mlops.phases import monitor

        return Metrics(endpoint=endpoint, minutes=minutes, metrics=monitor.metrics(tools.services, endpoint, minutes))
