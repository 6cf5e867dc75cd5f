"""Runs that no person starts, with moto's S3 and ledger, the GitHub twin and a stand-in for Airflow's API."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from mlops import endpoints
from mlops.endpoints import Serving
from mlops.errors import RequestRefused
from mlops.handles import DriftReport
from mlops.notify import is_open
from mlops.phases import retrain
from mlops.record import RunRecord, RunState, Trigger
from mlops.services import Services
from mlops.spec import RunSpec, canonical

SPEC = {
    "name": "wine",
    "model_type": "supervised_learning",
    "algorithm": "random_forest",
    "dataset": {"name": "wine"},
    "deployment": {"target": "sagemaker_endpoint"},
}
POLICY = """
schedules:
  - name: nightly
    cron: "@daily"
    spec: {name: wine, model_type: supervised_learning, algorithm: random_forest, dataset: {name: wine}}
monitoring: {drift: retrain}
new_data:
  wine: {model: wine}
"""


@pytest.fixture
def office(house: Services, tmp_path: Path) -> Services:
    """The house with a policy file; `policy(...)` of a test may rewrite it."""
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    house.settings = dataclasses.replace(house.settings, policy_file=str(path))
    return house


def serve(office: Services) -> None:
    """An endpoint whose version was made by a run of the ledger."""
    spec = canonical(RunSpec.model_validate(SPEC))
    office.ledger.create_run(
        RunRecord(run_key="gh-1-1-aaaaaaaaaaaa", trigger=Trigger.ISSUE, spec=spec, created_at="2026-11-01T00:00:00Z")
    )
    serving = Serving(
        version="v1.0.0", run_key="gh-1-1-aaaaaaaaaaaa", config="c", model_uri="s3://b/m", since="2026-11-01T00:00:00Z"
    )
    endpoints.change(office.ledger, "mlops-wine", model="wine", serving=serving)


def drifted(office: Services, check: str, *, drifted: bool = True, rows: int = 90) -> None:
    report = DriftReport(
        endpoint="mlops-wine",
        checked_rows=rows,
        share=0.5,
        drifted=drifted,
        features={"alcohol": 1.7},
        message="Alcohol.",
    )
    known = endpoints.require(office.ledger, "mlops-wine").drift or {}
    noted = {**known, "check": check, "at": "2026-11-23T10:00:00Z", "report": report.model_dump(mode="json")}
    endpoints.change(office.ledger, "mlops-wine", drift=noted)


def upload(office: Services, text: str = "a,y\n1,2\n") -> None:
    office.cloud.s3.put_object(Bucket="mlops-bucket", Key="datasets/wine/raw/data.csv", Body=text.encode())


def write_policy(office: Services, text: str) -> None:
    Path(office.settings.policy_file).write_text(text)


def test_a_schedule_starts_one_run_an_interval(office, airflow):
    first = retrain.start_scheduled(office, "nightly", "2026-11-23T00:00:00Z", backfill=False)
    again = retrain.start_scheduled(office, "nightly", "2026-11-23T00:00:00+00:00", backfill=False)
    assert (first["action"], again["action"]) == ("started", "exists")
    assert first["run_key"] == again["run_key"] == "sched-nightly-20261123t0000"
    record = office.ledger.get_run(first["run_key"])
    assert (record.trigger, record.state, record.may_deploy, record.data_as_of) == (
        Trigger.SCHEDULE, RunState.STARTED, True, None,
    )  # fmt: skip
    assert list(airflow.runs) == [first["run_key"]]


def test_a_backfill_reads_the_past_and_may_not_deploy(office):
    made = retrain.start_scheduled(office, "nightly", "2026-10-01T02:00:00+02:00", backfill=True)
    record = office.ledger.get_run(made["run_key"])
    assert made["run_key"] == "sched-nightly-20261001t0000-backfill"
    assert (record.trigger, record.may_deploy, record.data_as_of) == (
        Trigger.BACKFILL, False, "2026-10-01T00:00:00Z",
    )  # fmt: skip


def test_a_schedule_that_is_not_there_or_an_interval_that_is_none_is_refused(office):
    with pytest.raises(RequestRefused, match="there are: nightly"):
        retrain.start_scheduled(office, "hourly", "2026-11-23T00:00:00Z", backfill=False)
    with pytest.raises(RequestRefused, match="is no moment"):
        retrain.start_scheduled(office, "nightly", "yesterday", backfill=False)


def test_new_data_start_the_serving_models_run_once_for_the_same_contents(office, airflow):
    serve(office)
    upload(office)
    keys = ["datasets/wine/raw/data.csv", "datasets/wine/raw/metadata.json", "datasets/iris/raw/a.csv", "models/x"]
    iris, wine = retrain.consider_new_data(office, keys, "event-1")
    assert (iris["action"], iris["dataset"]) == ("none", "iris")
    assert (wine["action"], wine["dataset"]) == ("started", "wine")
    assert retrain.consider_new_data(office, keys[:1], "event-2")[0]["action"] == "exists"
    upload(office, "a,y\n1,2\n3,4\n")
    other = retrain.consider_new_data(office, keys[:1], "event-3")[0]
    assert other["action"] == "started"
    assert sorted(airflow.runs) == sorted([wine["run_key"], other["run_key"]])
    assert office.ledger.get_run(other["run_key"]).trigger is Trigger.NEW_DATA


def test_new_data_of_a_model_that_nobody_deployed_start_nothing(office, airflow):
    upload(office)
    assert (
        "No run serves model wine"
        in retrain.consider_new_data(office, ["datasets/wine/raw/data.csv"], "e")[0]["reason"]
    )
    serve(office)
    gone = retrain.consider_new_data(office, ["datasets/wine/raw/data.csv"], "e")
    assert gone[0]["action"] == "started"
    assert retrain.consider_new_data(office, ["datasets/wine/versions/v1.0.0/x"], "e") == []


def test_drift_starts_one_retraining_and_then_waits(office):
    serve(office)
    drifted(office, "monday")
    acted = retrain.act_on_drift(office, "mlops-wine", "monday")
    assert acted["action"] == "started"
    assert acted["run_key"].startswith("drift-mlops-wine-")
    assert retrain.act_on_drift(office, "mlops-wine", "monday")["run_key"] == acted["run_key"]
    drifted(office, "tuesday")
    assert "acted upon at" in retrain.act_on_drift(office, "mlops-wine", "tuesday")["reason"]


def test_a_check_without_drift_ends_the_incident_of_one_with_it(office):
    serve(office)
    drifted(office, "monday")
    retrain.act_on_drift(office, "mlops-wine", "monday")
    assert is_open(office.ledger, "drift-mlops-wine")
    drifted(office, "tuesday", drifted=False, rows=10)
    retrain.act_on_drift(office, "mlops-wine", "tuesday")
    assert is_open(office.ledger, "drift-mlops-wine"), "too few rows prove nothing"
    drifted(office, "wednesday", drifted=False)
    for _ in range(2):
        retrain.act_on_drift(office, "mlops-wine", "wednesday")
    assert not is_open(office.ledger, "drift-mlops-wine")
    told = [item.value["message"] for item in office.ledger.list_items("message")]
    assert sorted(one["title"] for one in told) == ["Drift on mlops-wine", "No drift on mlops-wine any more"]


def test_drift_opens_one_issue_where_policy_says_so(office, forge):
    write_policy(office, "monitoring: {drift: issue, retrain_after_hours: 0}")
    serve(office)
    drifted(office, "monday")
    first, again = (retrain.act_on_drift(office, "mlops-wine", "monday") for _ in range(2))
    assert first["issue"] == again["issue"]
    issue = forge.call("GET", f"/issues/{first['issue']}")
    assert issue["title"] == "Drift on mlops-wine"
    assert "50 % of the features, over 90 rows" in issue["body"]
    (told,) = office.ledger.list_items("message")
    assert told.value["message"]["event"] == "drift"
    assert told.value["message"]["url"].endswith(f"/issues/{first['issue']}")
    drifted(office, "tuesday")
    assert retrain.act_on_drift(office, "mlops-wine", "tuesday")["issue"] == first["issue"]
    forge.call("PATCH", f"/issues/{first['issue']}", {"state": "closed"})
    drifted(office, "wednesday")
    assert retrain.act_on_drift(office, "mlops-wine", "wednesday")["issue"] != first["issue"]


@pytest.mark.parametrize(
    ("policy", "has_drifted", "reason"),
    [("monitoring: {drift: none}", True, "the policy asks for nothing"), (POLICY, False, "Alcohol.")],
)
def test_nothing_is_done_without_drift_or_without_a_policy_for_it(office, airflow, policy, has_drifted, reason):
    write_policy(office, policy)
    serve(office)
    drifted(office, "monday", drifted=has_drifted)
    acted = retrain.act_on_drift(office, "mlops-wine", "monday")
    assert acted["action"] == "none"
    assert reason in acted["reason"]
    assert not airflow.runs


def test_a_check_that_is_not_the_last_one_is_not_acted_upon(office):
    serve(office)
    drifted(office, "tuesday")
    with pytest.raises(RequestRefused, match="not the last one collected"):
        retrain.act_on_drift(office, "mlops-wine", "monday")


def test_a_run_above_the_cost_ceiling_is_not_started_without_a_person(office, airflow):
    office.settings = dataclasses.replace(office.settings, cost_ceiling_usd=0.1)
    refused = retrain.start_scheduled(office, "nightly", "2026-11-23T00:00:00Z", backfill=False)
    assert (refused["action"], office.ledger.get_run(refused["run_key"])) == ("refused", None)
    assert not airflow.runs
