"""What a watch consists of: dashboard, alarms and the queries behind them, as pure functions."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from mlops.alarms import dimensions, error_alarm
from mlops.identity import bounded_name
from mlops.policy import Monitoring

NAMESPACE = "MLOps"
DRIFT_METRIC = "DriftShare"
PERCENTILES = ("p50", "p95", "p99")

_FIVE_MINUTES = 300


def dashboard_name(endpoint: str) -> str:
    return bounded_name(endpoint, limit=200)


def dashboard(endpoint: str, variant: str, region: str) -> str:
    """The body of PutDashboard: latency, requests, errors, machines, drift."""
    served = ["AWS/SageMaker", "ModelLatency", "EndpointName", endpoint, "VariantName", variant]

    def count(metric: str) -> list[Any]:
        return ["AWS/SageMaker", metric, *served[2:], {"stat": "Sum"}]

    def machine(metric: str) -> list[Any]:
        return ["/aws/sagemaker/Endpoints", metric, *served[2:], {"stat": "Average"}]

    charts: list[tuple[str, list[list[Any]]]] = [
        ("Latency (microseconds)", [[*served, {"stat": stat}] for stat in PERCENTILES]),
        ("Requests", [count("Invocations")]),
        ("Errors", [count("Invocation4XXErrors"), count("Invocation5XXErrors")]),
        ("Machines", [machine("CPUUtilization"), machine("MemoryUtilization"), machine("GPUUtilization")]),
        ("Share of drifted features", [[NAMESPACE, DRIFT_METRIC, "EndpointName", endpoint, {"stat": "Maximum"}]]),
    ]
    widgets = [
        {
            "type": "metric",
            "x": 12 * (place % 2),
            "y": 6 * (place // 2),
            "width": 12,
            "height": 6,
            "properties": {"title": title, "metrics": metrics, "region": region, "period": 60, "view": "timeSeries"},
        }
        for place, (title, metrics) in enumerate(charts)
    ]
    return json.dumps({"widgets": widgets}, sort_keys=True)


def alarms(endpoint: str, variant: str, policy: Monitoring, drift_share: float, topic: str) -> list[dict[str, Any]]:
    """PutMetricAlarm requests: latency P95, share of 5xx, drift."""
    common: dict[str, Any] = {
        "TreatMissingData": "notBreaching",
        "ActionsEnabled": bool(topic),
        "AlarmActions": [topic] if topic else [],
    }
    requests = [
        {
            "AlarmName": f"{endpoint}-latency-p95",
            "AlarmDescription": f"P95 latency of {endpoint} above {policy.latency_p95_ms:g} ms.",
            "Namespace": "AWS/SageMaker",
            "MetricName": "ModelLatency",
            "Dimensions": dimensions(endpoint, variant),
            "ExtendedStatistic": "p95",
            "Period": _FIVE_MINUTES,
            "EvaluationPeriods": 2,
            "Threshold": 1000 * policy.latency_p95_ms,  # microseconds
            "ComparisonOperator": "GreaterThanThreshold",
        },
        error_alarm(f"{endpoint}-5xx", endpoint, variant, policy.error_rate, periods=2),
        {
            "AlarmName": f"{endpoint}-drift",
            "AlarmDescription": f"Requests to {endpoint} have drifted from its training data.",
            "Namespace": NAMESPACE,
            "MetricName": DRIFT_METRIC,
            "Dimensions": dimensions(endpoint),
            "Statistic": "Maximum",
            "Period": 3600,
            "EvaluationPeriods": 1,
            "Threshold": drift_share,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        },
    ]
    return [{**common, **request} for request in requests]


def metric_queries(endpoint: str, variants: Iterable[str], period_s: int) -> list[dict[str, Any]]:
    """GetMetricData queries; ids are `{what}_{number of the variant}`."""
    wanted = [("requests", "Invocations", "Sum"), ("errors4xx", "Invocation4XXErrors", "Sum"),
              ("errors5xx", "Invocation5XXErrors", "Sum"),
              *[(stat, "ModelLatency", stat) for stat in PERCENTILES]]  # fmt: skip
    return [
        {
            "Id": f"{what}_{number}",
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/SageMaker",
                    "MetricName": metric,
                    "Dimensions": dimensions(endpoint, variant),
                },
                "Period": period_s,
                "Stat": stat,
            },
        }
        for number, variant in enumerate(variants)
        for what, metric, stat in wanted
    ]


def summary(values: dict[str, list[float]], variants: list[str], seconds: float) -> dict[str, Any]:
    """Figures per variant and over all; percentiles do not add up, so the busiest variant's stand for all."""
    found: dict[str, dict[str, Any]] = {}
    for number, variant in enumerate(variants):
        counts = {what: sum(values.get(f"{what}_{number}", [])) for what in ("requests", "errors4xx", "errors5xx")}
        latency = {
            stat: round(max(values[f"{stat}_{number}"]) / 1000, 3) if values.get(f"{stat}_{number}") else None
            for stat in PERCENTILES
        }
        found[variant] = {**{what: int(count) for what, count in counts.items()}, "latency_ms": latency}
    requests, busiest = sum(one["requests"] for one in found.values()), _busiest(found)
    errors = {what: sum(one[what] for one in found.values()) for what in ("errors4xx", "errors5xx")}
    return {
        "requests": requests,
        "requests_per_second": round(requests / seconds, 4),
        **errors,
        "error_rate": round(errors["errors5xx"] / requests, 4) if requests else 0.0,
        "latency_ms": found[busiest]["latency_ms"] if busiest else dict.fromkeys(PERCENTILES),
        "variants": found,
    }


def _busiest(found: dict[str, dict[str, Any]]) -> str | None:
    return max(found, key=lambda variant: found[variant]["requests"], default=None)
