"""CloudWatch's words for an endpoint: its dimensions, and the alarm on its errors."""

from __future__ import annotations

from typing import Any


def dimensions(endpoint: str, variant: str | None = None) -> list[dict[str, str]]:
    named = [{"Name": "EndpointName", "Value": endpoint}]
    return named + ([{"Name": "VariantName", "Value": variant}] if variant else [])


def error_alarm(name: str, endpoint: str, variant: str, rate: float, *, periods: int) -> dict[str, Any]:
    """Rings when the share of 5xx answers of a variant is above `rate`."""

    def stat(metric: str) -> dict[str, Any]:
        return {
            "Metric": {
                "Namespace": "AWS/SageMaker",
                "MetricName": metric,
                "Dimensions": dimensions(endpoint, variant),
            },
            "Period": 60,
            "Stat": "Sum",
        }

    return {
        "AlarmName": name,
        "AlarmDescription": f"More than {100 * rate:g} % of the answers of {endpoint} are 5xx.",
        "Metrics": [
            {"Id": "requests", "MetricStat": stat("Invocations"), "ReturnData": False},
            {"Id": "errors", "MetricStat": stat("Invocation5XXErrors"), "ReturnData": False},
            {"Id": "rate", "Expression": "errors / requests", "Label": "share of 5xx", "ReturnData": True},
        ],
        "EvaluationPeriods": periods,
        "Threshold": rate,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
    }
