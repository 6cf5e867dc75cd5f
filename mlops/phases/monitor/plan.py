"""What a watch consists of: dashboard, alarms and the queries behind them, as pure functions."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from mlops.alarms import dimensions, error_alarm
from mlops.identity import bounded_name
from mlops.policy import Monitoring
from mlops.spec.algorithms import ALGORITHMS
from mlops.spec.model import RunSpec

NAMESPACE = "MLOps"
DRIFT_METRIC = "DriftShare"
FIGURES = {
    "detections_per_frame": ("DetectionsPerFrame", "Detections per frame"),
    "confidence": ("DetectionConfidence", "Mean score of the detections of a frame"),
    "fallback_share": ("FallbackShare", "Share of answers not to rely on"),
    "brightness": ("FrameBrightness", "Brightness of frames (0 to 255)"),
    "sharpness": ("FrameSharpness", "Sharpness of frames (variance of the Laplacian)"),
}
"""What a check of a detector's traffic measures: its own name, CloudWatch's, and the chart's."""
DRIFT_SHARE = 0.3
ONE_STATISTIC = 0.01
"""Of a detector's traffic any statistic that has moved is drift: each says something of the camera or the road."""
DETECTION_LATENCY_MS = 50.0
"""Source: specification 6.4, step 6."""
PERCENTILES = ("p50", "p95", "p99")

_FIVE_MINUTES = 300


def dashboard_name(endpoint: str) -> str:
    return bounded_name(endpoint, limit=200)


@dataclass(frozen=True)
class Latency:
    """When the alarm on latency rings: `minutes` in a row with a P95 above `limit_ms`, or two times five minutes."""

    limit_ms: float
    minutes: int | None = None


def latency_limit(spec: RunSpec, policy: Monitoring) -> Latency:
    """Of a detector what its issue says, else 50 ms, for 5 minutes (specification 6.4); of others the policy's."""
    if not detects(spec):
        return Latency(policy.latency_p95_ms)
    scaling = spec.deployment.auto_scaling
    wanted = spec.deployment.max_latency_ms or (scaling.target_latency_ms if scaling else None)
    return Latency(wanted or DETECTION_LATENCY_MS, minutes=5)


def drift_share(spec: RunSpec, policy: Monitoring) -> float:
    """Share of drifted features from which data count as drifted: the policy's, else that of the kind of data."""
    return policy.limits.get("share", ONE_STATISTIC if detects(spec) else DRIFT_SHARE)


def detects(spec: RunSpec) -> bool:
    return ALGORITHMS[spec.algorithm].workload == "detection"


def dashboard(endpoint: str, variant: str, region: str, *, of_detector: bool = False) -> str:
    """The body of PutDashboard: latency, requests, errors, machines, drift; of a detector its figures, too."""
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
    if of_detector:
        charts += [
            (title, [[NAMESPACE, metric, "EndpointName", endpoint, {"stat": "Average"}]])
            for metric, title in FIGURES.values()
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


def alarms(
    endpoint: str, variant: str, policy: Monitoring, latency: Latency, drift_share: float, topic: str
) -> list[dict[str, Any]]:
    """PutMetricAlarm requests: latency P95, share of 5xx, drift."""
    common: dict[str, Any] = {
        "TreatMissingData": "notBreaching",
        "ActionsEnabled": bool(topic),
        "AlarmActions": [topic] if topic else [],
    }
    requests = [
        {
            "AlarmName": f"{endpoint}-latency-p95",
            "AlarmDescription": f"P95 latency of {endpoint} above {latency.limit_ms:g} ms{_lasting(latency)}.",
            "Namespace": "AWS/SageMaker",
            "MetricName": "ModelLatency",
            "Dimensions": dimensions(endpoint, variant),
            "ExtendedStatistic": "p95",
            "Period": 60 if latency.minutes else _FIVE_MINUTES,
            "EvaluationPeriods": latency.minutes or 2,
            "Threshold": 1000 * latency.limit_ms,  # microseconds
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


def _lasting(latency: Latency) -> str:
    return f" for {latency.minutes} minutes" if latency.minutes else ""


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
