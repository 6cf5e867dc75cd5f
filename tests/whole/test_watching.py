"""An endpoint is watched: its figures, its drift, and what policy makes of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

pytestmark = [pytest.mark.whole, pytest.mark.timeout(600)]

ENDPOINT = "mlops-watched-wine"
_BODY = """```yaml
name: watched-wine
model_type: supervised_learning
algorithm: logistic_regression
dataset: {name: wine}
evaluation: {thresholds: {accuracy: 0.7}}
deployment: {target: sagemaker_endpoint}
```"""


def file_ahead(system):
    return system.file_issue(_BODY)


@pytest.fixture(scope="module")
def serving(system):
    record = system.finished(system.ahead[file_ahead])
    assert record["outcome"] == "deployed"
    return record


def _ask(system, factor):
    """Every row of wine, its numbers times `factor`, ten rows a request; the answers' model versions."""
    header, lines = system.rows("wine")
    names = header.split(",")
    target = json.loads(
        system.aws("s3").get_object(Bucket="mlops-bucket", Key="datasets/wine/raw/metadata.json")["Body"].read()
    )["target"]
    rows = [dict(zip(names, line.split(","), strict=True)) for line in lines]
    asked = [{name: factor * float(value) for name, value in row.items() if name != target} for row in rows]
    runtime, versions = system.aws("sagemaker-runtime"), set()
    for first in range(0, len(asked), 10):
        reply = runtime.invoke_endpoint(
            EndpointName=ENDPOINT,
            ContentType="application/json",
            Body=json.dumps({"instances": asked[first : first + 10]}),
        )
        versions.add(json.loads(reply["Body"].read())["model_version"])
    return versions


def _drift_shares(system):
    now = datetime.now(UTC)
    points = system.aws("cloudwatch").get_metric_statistics(
        Namespace="MLOps", MetricName="DriftShare", Dimensions=[{"Name": "EndpointName", "Value": ENDPOINT}],
        StartTime=now - timedelta(hours=1), EndTime=now + timedelta(minutes=1), Period=60, Statistics=["Maximum"],
    )["Datapoints"]  # fmt: skip
    return [point["Maximum"] for point in sorted(points, key=lambda point: point["Timestamp"])]


def _issues(system):
    found = system.github.get("/issues", params={"labels": "mlops:drift", "state": "all"}).json()
    return [issue for issue in found if issue["title"] == f"Drift on {ENDPOINT}"]


def _drift_runs(system):
    found = system.bridge.call("list_runs", {"limit": 200})["runs"]
    return [run for run in found if run["trigger"] == "drift" and run["spec"]["name"] == "watched-wine"]


@pytest.fixture(scope="module")
def quiet(system, serving):
    """After a check of traffic like the training data: (drift shares, drift issues)."""
    _ask(system, 1.0)
    system.trigger("monitoring")
    return _drift_shares(system), _issues(system)


@pytest.fixture(scope="module")
def drifted(system, quiet):
    """After checks of shifted traffic, the policy asking for an issue."""
    _ask(system, 1.5)
    _ask(system, 1.6)
    system.trigger("monitoring")
    return _issues(system)


def test_traffic_like_the_training_data_is_no_drift(quiet):
    assert quiet == ([0.0], [])


def test_latency_errors_and_requests_are_figures(system, quiet):
    figures = system.bridge.call("endpoint_metrics", {"endpoint": ENDPOINT, "minutes": 60})["metrics"]
    assert figures["requests"] >= 18
    assert figures["requests_per_second"] > 0
    assert figures["error_rate"] == 0
    latency = figures["latency_ms"]
    assert 0 < latency["p50"] <= latency["p95"] <= latency["p99"]


def test_drift_opens_an_issue_with_the_report_where_policy_says_so(system, drifted):
    assert len(drifted) == 1
    assert _drift_shares(system)[-1] > 0.3
    report = drifted[0]["body"].partition("Report: `s3://mlops-bucket/")[2].partition("`")[0]
    page = system.aws("s3").get_object(Bucket="mlops-bucket", Key=report)["Body"].read()
    assert b"<html" in page.lower()
    assert _drift_runs(system) == []


def test_drift_retrains_where_policy_says_so_and_the_new_version_serves(system, serving, drifted):
    text = system.policy.read_text()
    system.policy.write_text(text.replace("drift: issue", "drift: retrain"))
    try:
        system.trigger("monitoring")
    finally:
        system.policy.write_text(text)
    runs = _drift_runs(system)
    assert len(runs) == 1

    record = system.reported(runs[0]["run_key"])
    assert record["outcome"] == "deployed"
    assert _ask(system, 1.0) == {record["phases"]["deploy"]["handle"]["version"]}
    assert len(_issues(system)) == 1
