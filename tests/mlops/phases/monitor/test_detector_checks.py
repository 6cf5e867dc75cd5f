"""Drift checks of a detector: what the job is given, and what is kept of what it found. Moto's AWS; no job runs."""

from __future__ import annotations

import json

import pytest

from mlops import endpoints, keys
from mlops.endpoints import Serving
from mlops.objects import Stored
from mlops.phases.monitor import drift, edge_cases, plan, ringing
from mlops.policy import Monitoring
from mlops.record import RunRecord, Trigger
from mlops.services import Services
from mlops.spec import RunSpec, canonical

ENDPOINT = "mlops-road"
RUN = "gh-1-1-aaaaaaaaaaaa"
SPEC = {"name": "road", "model_type": "supervised_learning", "algorithm": "yolox", "variant": "yolox-nano",
        "dataset": {"name": "kitti"}, "deployment": {"target": "sagemaker_endpoint"}}  # fmt: skip


@pytest.fixture
def road(house: Services) -> Services:
    """An endpoint that serves a detector and was asked something this hour."""
    spec = canonical(RunSpec.model_validate(SPEC))
    house.ledger.create_run(RunRecord(run_key=RUN, trigger=Trigger.ISSUE, spec=spec, created_at="2026-11-01T00:00:00Z"))
    serving = Serving(version="v1.0.0", run_key=RUN, config="c", model_uri="s3://mlops-bucket/models/road/m.tar.gz",
                      dataset="kitti", dataset_version="v1.0.0", evaluation_uri="s3://mlops-bucket/evaluations/x/",
                      since="2026-11-01T00:00:00Z")  # fmt: skip
    endpoints.change(house.ledger, ENDPOINT, model="road", serving=serving)
    hour = house.now().strftime("%Y/%m/%d/%H")
    put(house, f"logs/{ENDPOINT}/capture/{ENDPOINT}/v1-0-0/{hour}/00-00-000-a.jsonl", "{}")
    return house


def put(services: Services, key: str, text: str) -> None:
    services.cloud.s3.put_object(Bucket="mlops-bucket", Key=key, Body=text.encode())


def decided(services: Services, check: str = "c1") -> dict:
    record = endpoints.require(services.ledger, ENDPOINT)
    return drift._decide(services, record, check, record.serving)


def inputs(chosen: dict) -> dict[str, str]:
    return {one["InputName"]: one["S3Input"]["S3Uri"] for one in chosen["body"]["ProcessingInputs"]}


def test_the_job_gets_what_the_model_found_in_the_judged_frames_where_validate_left_it(road):
    assert "predictions" not in inputs(decided(road))
    put(road, "evaluations/x/prediction_sample.parquet", "rows")
    assert inputs(decided(road))["predictions"] == "s3://mlops-bucket/evaluations/x/prediction_sample.parquet"


def test_the_job_is_asked_for_edge_cases_with_the_model_at_hand(road):
    chosen = decided(road)
    asked = chosen["document"]["edge_cases"]
    assert (asked["most"], asked["known"], asked["after"]) == (50, [], None)
    assert inputs(chosen)["model"] == "s3://mlops-bucket/models/road/m.tar.gz"
    assert chosen["document"]["drift"] == {"minimum_rows": 50, "share": 0.01}


def test_frames_that_were_offered_a_moment_ago_are_not_asked_for_again(road):
    offered = {"check": "c0", "at": road.timestamp(), "until": road.timestamp(), "issue": 7, "fingerprints": ["ff"]}
    endpoints.change(road.ledger, ENDPOINT, edge_cases=offered)
    chosen = decided(road)
    assert "edge_cases" not in chosen["document"]
    assert "model" not in inputs(chosen)


def test_next_day_only_frames_since_then_are_asked_for():
    record = endpoints.EndpointRecord(endpoint=ENDPOINT, edge_cases={
        "check": "c0", "at": "2026-11-22T10:05:00Z", "until": "2026-11-22T10:00:00Z", "issue": 7,
        "fingerprints": ["ff"]})  # fmt: skip
    asked = edge_cases.wanted(record, Monitoring(max_edge_cases=9), "2026-11-23T11:00:00Z")
    assert asked == {"most": 9, "known": ["ff"], "after": "2026-11-22T10:00:00Z", "until": "2026-11-23T11:00:00Z"}
    assert edge_cases.wanted(record, Monitoring(edge_cases="none"), "2026-11-23T11:00:00Z") is None


def test_captures_beyond_the_disk_are_thinned_evenly_and_the_newest_stays():
    objects = [Stored(str(number), 10, "") for number in range(10)]
    assert [one.key for one in drift.thinned(objects, 40)] == ["0", "3", "6", "9"]
    assert drift.thinned(objects, 100) == objects
    assert drift.thinned([], 100) == []


def test_what_a_check_found_is_published_and_noted(road):
    """Moto ends the job at once; its documents lie where the workload leaves them."""
    drift.start_drift_check(road, ENDPOINT, "c1")
    asked = drift.known(road.ledger, drift.name_of(ENDPOINT, "c1"), "drift")["document"]["edge_cases"]
    where = keys.drift_prefix(ENDPOINT, "c1")
    report = {"endpoint": ENDPOINT, "checked_rows": 60, "share": 0.07, "drifted": True, "features": {"brightness": 2.0},
              "message": "Darker."}  # fmt: skip
    put(road, f"{where}drift.json", json.dumps(report))
    figures = {"detections_per_frame": 2.5, "confidence": 0.8, "unheard_of": 1.0}
    put(road, f"{where}drift_details.json", json.dumps({"figures": figures}))
    summary = {"frames": 2, "boxes": 3, "candidates": 9, "looked_at_again": 5, "reasons": [], "masked": {},
               "fingerprints": ["0a", "0b"], "note": "not kept"}  # fmt: skip
    put(road, f"{where}edge_cases/edge_cases.json", json.dumps(summary))
    assert drift.collect_drift_check(road, ENDPOINT, "c1").drifted
    assert drift.collect_drift_check(road, ENDPOINT, "c1").share == 0.07
    noted = endpoints.require(road.ledger, ENDPOINT).drift
    assert noted["edge_cases"]["fingerprints"] == ["0a", "0b"]
    assert noted["edge_cases"]["until"] == asked["until"]
    assert "note" not in noted["edge_cases"]
    published = {one["MetricName"] for one in road.cloud.cloudwatch.list_metrics(Namespace=plan.NAMESPACE)["Metrics"]}
    assert published == {"DriftShare", "DetectionsPerFrame", "DetectionConfidence"}


def test_alarm_that_rings_is_told_once_each_time_it_begins(road):
    """Moto's alarms ring when they are told to."""
    policy = Monitoring()
    requests = plan.alarms(
        ENDPOINT, "v1-0-0", policy, plan.latency_limit(RunSpec.model_validate(SPEC), policy), 0.01, ""
    )
    for request in requests:
        road.cloud.cloudwatch.put_metric_alarm(**request)
    names = [request["AlarmName"] for request in requests]
    record = endpoints.change(road.ledger, ENDPOINT, watch={"alarms": names})
    assert ringing.tell(road, record) == []
    road.cloud.cloudwatch.set_alarm_state(AlarmName=names[0], StateValue="ALARM", StateReason="5 datapoints above 50")
    assert ringing.tell(road, record) == ringing.tell(road, record) == [f"{ENDPOINT}-latency-p95"]
    (told,) = road.ledger.list_items("message")
    assert told.value["message"]["title"] == f"Alarm on {ENDPOINT}: P95 latency of {ENDPOINT} above 50 ms for 5 minutes"
    assert "5 datapoints above 50" in told.value["message"]["text"]
