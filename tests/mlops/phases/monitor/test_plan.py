from __future__ import annotations

import json

from mlops.phases.monitor import plan
from mlops.policy import Monitoring


def test_the_alarms_hold_the_policys_limits_in_cloudwatchs_units():
    made = {one["AlarmName"]: one for one in plan.alarms("e", "v1", Monitoring(latency_p95_ms=250), 0.3, "arn:topic")}
    assert sorted(made) == ["e-5xx", "e-drift", "e-latency-p95"]
    assert made["e-latency-p95"]["Threshold"] == 250_000
    assert made["e-5xx"]["Threshold"] == 0.05
    assert made["e-5xx"]["Metrics"][2]["Expression"] == "errors / requests"
    assert made["e-drift"]["Threshold"] == 0.3
    assert made["e-drift"]["AlarmActions"] == ["arn:topic"]
    assert all(one["ActionsEnabled"] is False for one in plan.alarms("e", "v1", Monitoring(), 0.3, ""))


def test_the_dashboard_shows_latency_requests_errors_machines_and_drift():
    widgets = json.loads(plan.dashboard("e", "v1", "us-east-1"))["widgets"]
    assert [one["properties"]["title"] for one in widgets] == [
        "Latency (microseconds)", "Requests", "Errors", "Machines", "Share of drifted features",
    ]  # fmt: skip
    assert [metric[-1]["stat"] for metric in widgets[0]["properties"]["metrics"]] == ["p50", "p95", "p99"]


def test_figures_add_up_over_variants_and_the_busiest_speaks_for_latency():
    """By hand: 90 + 10 requests in 200 s are 0.5 a second; 2 of 100 answers are 5xx."""
    values = {
        "requests_0": [90.0], "errors5xx_0": [1.0], "errors4xx_0": [0.0],
        "p50_0": [2000.0], "p95_0": [4000.0, 5000.0], "p99_0": [6000.0],
        "requests_1": [10.0], "errors5xx_1": [1.0], "errors4xx_1": [3.0], "p50_1": [9000.0],
    }  # fmt: skip
    found = plan.summary(values, ["v1", "v2"], 200.0)
    assert (found["requests"], found["requests_per_second"], found["error_rate"]) == (100, 0.5, 0.02)
    assert found["latency_ms"] == {"p50": 2.0, "p95": 5.0, "p99": 6.0}
    assert found["variants"]["v2"]["latency_ms"] == {"p50": 9.0, "p95": None, "p99": None}


def test_an_endpoint_that_nobody_asked_has_no_latency():
    found = plan.summary({}, ["v1"], 60.0)
    assert (found["requests"], found["error_rate"], found["latency_ms"]["p95"]) == (0, 0.0, None)
