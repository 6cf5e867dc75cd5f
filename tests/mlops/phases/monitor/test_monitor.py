"""The watch over an endpoint that serves on the twin; the tests follow one another."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mlops import endpoints
from mlops.errors import RequestRefused
from mlops.phases import deploy, monitor
from mlops.phases.monitor.drift import in_window
from mlops.record import PhaseState

ENDPOINT = "mlops-toy"


@pytest.fixture(scope="module")
def serving(laptop) -> str:
    run = laptop.open_run()
    for phase in ("prepare", "train", "validate", "package"):
        laptop.run_phase(run, phase)
    laptop.deploy(run)
    return run


def ask(laptop, rows: int, middle: float) -> None:
    for start in range(0, rows, 10):
        instances = [[middle + 0.1 * ((start + n) % 7), middle - 0.1 * n] for n in range(10)]
        deploy.predict(laptop.services, ENDPOINT, instances)
    laptop.flush()


def check(laptop, check_id: str):
    laptop.wait(monitor.start_drift_check(laptop.services, ENDPOINT, check_id))
    return monitor.collect_drift_check(laptop.services, ENDPOINT, check_id)


def test_only_captures_of_the_window_are_read():
    keys = [f"p/2026/11/23/{hour}/x.jsonl" for hour in ("08", "09", "10")] + ["p/2026/11/22/23/y.jsonl"]
    since = datetime(2026, 11, 23, 9, 40, tzinfo=UTC)
    assert in_window(keys, "p/", since) == ["2026/11/23/09/x.jsonl", "2026/11/23/10/x.jsonl"]


def test_a_watch_puts_up_dashboard_and_alarms_and_can_be_opened_twice(laptop, serving):
    watch = monitor.open_watch(laptop.services, serving)
    assert monitor.open_watch(laptop.services, serving) == watch
    assert watch.baseline_uri == "s3://mlops-bucket/datasets/toy/versions/v1.0.0/baseline/"
    alarms = laptop.services.cloud.cloudwatch.describe_alarms(AlarmNames=watch.alarms)["MetricAlarms"]
    assert sorted(one["AlarmName"] for one in alarms) == sorted(watch.alarms)
    assert laptop.services.cloud.cloudwatch.get_dashboard(DashboardName=watch.dashboard)["DashboardBody"]
    assert monitor.watched(laptop.services) == [ENDPOINT]


def test_a_run_that_deployed_nothing_opens_no_watch(laptop, serving):
    run = laptop.trained_like(serving, may_deploy=False)
    with pytest.raises(RequestRefused, match="no result of phase deploy"):
        monitor.open_watch(laptop.services, run)
    deploy.start(laptop.services, run)
    assert monitor.open_watch(laptop.services, run).alarms == []
    assert laptop.services.ledger.get_run(run).phases["monitor"].state is PhaseState.SKIPPED


def test_the_proof_of_a_deployment_is_no_traffic(laptop, serving):
    laptop.flush()
    report = check(laptop, "proof")
    assert (report.drifted, report.checked_rows) == (False, 0)


def test_a_check_without_requests_in_the_window_is_skipped(laptop, serving):
    # The proof of the deployment was captured, too: forget it.
    laptop.flush()
    s3 = laptop.services.cloud.s3
    for one in s3.list_objects_v2(Bucket="mlops-bucket", Prefix="logs/mlops-toy/capture/").get("Contents", []):
        s3.delete_object(Bucket="mlops-bucket", Key=one["Key"])
    submission = monitor.start_drift_check(laptop.services, ENDPOINT, "quiet")
    assert submission.skipped == "No request to v1.0.0 was captured in the last 24 hours."
    report = monitor.collect_drift_check(laptop.services, ENDPOINT, "quiet")
    assert (report.drifted, report.checked_rows) == (False, 0)


def test_shifted_requests_are_found_and_published(laptop, serving):
    ask(laptop, 80, middle=40.0)
    report = check(laptop, "shifted")
    assert report.drifted is True
    assert (report.checked_rows, set(report.features)) >= (80, {"a", "b"})
    assert report.report_uri == "s3://mlops-bucket/logs/mlops-toy/drift/shifted/drift_report.html"
    bucket_key = report.report_uri.removeprefix("s3://mlops-bucket/")
    page = laptop.services.cloud.s3.get_object(Bucket="mlops-bucket", Key=bucket_key)["Body"].read()
    assert b"<html" in page.lower()
    assert endpoints.read(laptop.services.ledger, ENDPOINT).drift["check"] == "shifted"
    published = laptop.services.cloud.cloudwatch.list_metrics(Namespace="MLOps")["Metrics"]
    assert [(one["MetricName"], one["Dimensions"][0]["Value"]) for one in published] == [("DriftShare", ENDPOINT)]
    assert monitor.collect_drift_check(laptop.services, ENDPOINT, "shifted") == report
    assert monitor.start_drift_check(laptop.services, ENDPOINT, "shifted").job.adopted is True


def test_figures_of_the_last_minutes_count_every_request(laptop, serving):
    ask(laptop, 80, middle=40.0)
    found = monitor.metrics(laptop.services, ENDPOINT, 60)
    assert found["requests"] >= 8
    assert found["error_rate"] == 0.0
    assert 0 < found["latency_ms"]["p50"] <= found["latency_ms"]["p95"] <= found["latency_ms"]["p99"]
    with pytest.raises(RequestRefused, match="no endpoint mlops-nothing"):
        monitor.metrics(laptop.services, "mlops-nothing", 5)


def test_a_check_that_was_not_started_cannot_be_collected(laptop, serving):
    with pytest.raises(RequestRefused, match="was not started"):
        monitor.collect_drift_check(laptop.services, ENDPOINT, "never")
    with pytest.raises(RequestRefused, match="There is no endpoint"):
        monitor.start_drift_check(laptop.services, "mlops-nothing", "x")
