"""What a canary step has shown: CloudWatch's figures of the new variant, and our own probes where requests are few."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from mlops.aws import Cloud, translated
from mlops.phases.deploy.endpoint import Answer
from mlops.phases.deploy.traffic import Sample

_PERIOD_S = 60


def observe(
    cloud: Cloud, endpoint: str, variant: str, since: datetime, now: datetime, probes: Sequence[dict[str, Any]]
) -> Sample:
    """CloudWatch lags by a minute or more: of its figures and those of our probes the larger counts."""
    dimensions = [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant}]
    queries = [
        _query("requests", "Invocations", "Sum", dimensions),
        _query("errors", "Invocation5XXErrors", "Sum", dimensions),
        _query("latency", "ModelLatency", "p95", dimensions),
    ]
    with translated(f"read the metrics of {endpoint}"):
        results = cloud.cloudwatch.get_metric_data(
            MetricDataQueries=queries, StartTime=since, EndTime=now + timedelta(seconds=_PERIOD_S)
        )["MetricDataResults"]
    values = {one["Id"]: one["Values"] for one in results}
    latencies_ms = [value / 1000 for value in values.get("latency", [])]
    sent = [probe["latency_ms"] for probe in probes]
    return Sample(
        requests=max(int(sum(values.get("requests", []))), len(probes)),
        errors=max(int(sum(values.get("errors", []))), sum(not probe["ok"] for probe in probes)),
        latency_p95_ms=max(latencies_ms) if latencies_ms else percentile(sent, 95),
        waited_s=(now - since).total_seconds(),
    )


def _query(name: str, metric: str, statistic: str, dimensions: list[dict[str, str]]) -> dict[str, Any]:
    return {
        "Id": name,
        "MetricStat": {
            "Metric": {"Namespace": "AWS/SageMaker", "MetricName": metric, "Dimensions": dimensions},
            "Period": _PERIOD_S,
            "Stat": statistic,
        },
    }


def percentile(values: Sequence[float], percent: float) -> float | None:
    """The smallest value that at least `percent` of the values do not exceed; None of no values."""
    if not values:
        return None
    ordered = sorted(values)
    rank = max(1, -(-len(ordered) * percent // 100))
    return ordered[int(rank) - 1]


def as_probe(answer: Answer, version: str) -> dict[str, Any]:
    """One of our own requests, as the ledger keeps it; another version's answer is no good answer."""
    return {"ok": answer.ok and answer.version == version, "latency_ms": round(answer.latency_ms, 2)}
