"""What a canary step has shown: CloudWatch's figures of the new variant, and our own probes where requests are few."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from mlops.aws import Cloud, translated
from mlops.phases.deploy.endpoint import Answer
from mlops.phases.deploy.traffic import Sample

_PERIOD_S = 60


@dataclass(frozen=True)
class Totals:
    """CloudWatch's figures of one variant since the first step began."""

    requests: int = 0
    errors: int = 0
    latency_p95_ms: float | None = None


def totals(cloud: Cloud, endpoint: str, variant: str, since: datetime, now: datetime) -> Totals:
    """CloudWatch keeps whole minutes: steps are told apart by subtraction, not by asking for a part."""
    dimensions = [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant}]
    queries = [
        _query("requests", "Invocations", "Sum", dimensions),
        _query("errors", "Invocation5XXErrors", "Sum", dimensions),
        _query("latency", "ModelLatency", "p95", dimensions),
    ]
    with translated(f"read the metrics of {endpoint}"):
        results = cloud.cloudwatch.get_metric_data(
            MetricDataQueries=queries,
            StartTime=since.replace(second=0, microsecond=0),
            EndTime=now + timedelta(seconds=_PERIOD_S),
        )["MetricDataResults"]
    values = {one["Id"]: one["Values"] for one in results}
    return Totals(
        requests=int(sum(values.get("requests", []))),
        errors=int(sum(values.get("errors", []))),
        latency_p95_ms=max((value / 1000 for value in values.get("latency", [])), default=None),
    )


def of_step(
    now_seen: Totals, before: Mapping[str, int], probes: Sequence[Mapping[str, Any]], waited_s: float
) -> Sample:
    """The step's own share of the totals. CloudWatch lags: of its figures and those of our probes the larger counts."""
    sent = [float(probe["latency_ms"]) for probe in probes]
    return Sample(
        requests=max(now_seen.requests - before.get("requests", 0), len(probes)),
        errors=max(now_seen.errors - before.get("errors", 0), sum(not probe["ok"] for probe in probes)),
        latency_p95_ms=now_seen.latency_p95_ms if now_seen.latency_p95_ms is not None else percentile(sent, 95),
        waited_s=waited_s,
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
