from __future__ import annotations

import json

import pytest

from mlops.phases.monitor import plan
from mlops.policy import Monitoring
from mlops.spec import RunSpec


def spec(algorithm: str = "random_forest", **deployment) -> RunSpec:
    wanted = {"name": "x", "model_type": "supervised_learning", "algorithm": algorithm, "dataset": {"name": "d"}}
    return RunSpec.model_validate(wanted | {"deployment": {"target": "sagemaker_endpoint", **deployment}})


def test_the_alarms_hold_the_policys_limits_in_cloudwatchs_units():
    policy = Monitoring(latency_p95_ms=250)
    requests = plan.alarms("e", "v1", policy, plan.latency_limit(spec(), policy), 0.3, "arn:topic")
    made = {one["AlarmName"]: one for one in requests}
    assert sorted(made) == ["e-5xx", "e-drift", "e-latency-p95"]
    latency = made["e-latency-p95"]
    assert (latency["Threshold"], latency["Period"], latency["EvaluationPeriods"]) == (250_000, 300, 2)
    assert made["e-5xx"]["Threshold"] == 0.05
    assert made["e-5xx"]["Metrics"][2]["Expression"] == "errors / requests"
    assert made["e-drift"]["Threshold"] == 0.3
    assert made["e-drift"]["AlarmActions"] == ["arn:topic"]
    silent = plan.alarms("e", "v1", policy, plan.latency_limit(spec(), policy), 0.3, "")
    assert all(one["ActionsEnabled"] is False for one in silent)


@pytest.mark.parametrize(
    ("deployment", "limit_ms"),
    [
        ({}, 50),
        ({"auto_scaling": {"max_instances": 2, "target_latency_ms": 40}}, 40),
        ({"max_latency_ms": 80, "auto_scaling": {"max_instances": 2, "target_latency_ms": 40}}, 80),
        ({"auto_scaling": {"max_instances": 2, "target_invocations_per_instance": 100}}, 50),
    ],
    ids=["specification", "scaling", "limit", "scaled by requests"],
)
def test_a_detectors_alarm_rings_after_five_minutes_above_its_issues_latency(deployment, limit_ms):
    policy = Monitoring(latency_p95_ms=250)
    latency = plan.latency_limit(spec("yolox", **deployment), policy)
    alarm = plan.alarms("e", "v1", policy, latency, 0.01, "arn:topic")[0]
    assert (alarm["Threshold"], alarm["Period"], alarm["EvaluationPeriods"]) == (1000 * limit_ms, 60, 5)
    assert alarm["AlarmDescription"] == f"P95 latency of e above {limit_ms} ms for 5 minutes."
    assert alarm["AlarmActions"] == ["arn:topic"]


def test_one_moved_statistic_is_drift_of_a_detector_unless_the_policy_says_otherwise():
    assert plan.drift_share(spec("yolox"), Monitoring()) == 0.01
    assert plan.drift_share(spec(), Monitoring()) == 0.3
    assert plan.drift_share(spec("yolox"), Monitoring(limits={"share": 0.5})) == 0.5


def test_the_dashboard_shows_latency_requests_errors_machines_and_drift():
    widgets = json.loads(plan.dashboard("e", "v1", "us-east-1"))["widgets"]
    assert [one["properties"]["title"] for one in widgets] == [
        "Latency (microseconds)", "Requests", "Errors", "Machines", "Share of drifted features",
    ]  # fmt: skip
    assert [metric[-1]["stat"] for metric in widgets[0]["properties"]["metrics"]] == ["p50", "p95", "p99"]


def test_a_detectors_dashboard_shows_what_its_checks_publish():
    widgets = json.loads(plan.dashboard("e", "v1", "us-east-1", of_detector=True))["widgets"]
    shown = {metric[1] for one in widgets for metric in one["properties"]["metrics"] if metric[0] == plan.NAMESPACE}
    assert shown == {plan.DRIFT_METRIC, *(metric for metric, _ in plan.FIGURES.values())}
    assert len({(one["x"], one["y"]) for one in widgets}) == len(widgets) == 10


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
