"""Frames to label become one issue a check, for people: counts and addresses, and how to go on from there."""

from __future__ import annotations

import re

import pytest
import yaml

from mlops import endpoints
from mlops.endpoints import Serving
from mlops.handles import DriftReport, TrainedModel
from mlops.identity import Phase
from mlops.phases import retrain
from mlops.policy import run_spec
from mlops.record import PhaseRecord, PhaseState, RunRecord, Trigger
from mlops.services import Services
from mlops.spec import RunSpec, canonical

ENDPOINT, RUN = "mlops-road", "gh-1-1-aaaaaaaaaaaa"
SPEC = {"name": "road", "model_type": "supervised_learning", "algorithm": "yolox", "variant": "yolox-nano",
        "dataset": {"name": "kitti-roads"}, "hyperparameters": {"epochs": 20}, "augmentation": ["mosaic"],
        "deployment": {"target": "sagemaker_endpoint", "auto_scaling": {"max_instances": 2}}}  # fmt: skip
FOUND = {
    "frames": 2, "boxes": 5, "candidates": 9, "looked_at_again": 4, "masked": {"faces": 1, "plates": 3},
    "reasons": [{"reason": "low_confidence", "frames": 2, "meaning": "the scores lie just above the threshold"}],
    "fingerprints": ["000000000000000a", "000000000000000b"], "until": "2026-11-23T10:00:00Z",
}  # fmt: skip


@pytest.fixture
def road(house: Services) -> Services:
    """A detector that serves, and a check that set two frames aside."""
    trained = TrainedModel(model_uri="s3://mlops-bucket/models/road/training/j/output/model.tar.gz", algorithm="yolox",
                           seconds=1.0, metrics={}, hyperparameters={})  # fmt: skip
    phases = {phase: PhaseRecord() for phase in Phase}
    phases |= {Phase.TRAIN: PhaseRecord(state=PhaseState.SUCCEEDED, handle=trained.model_dump(mode="json"))}
    house.ledger.create_run(RunRecord(run_key=RUN, trigger=Trigger.ISSUE, spec=canonical(RunSpec.model_validate(SPEC)),
                                      phases=phases, created_at="2026-11-01T00:00:00Z"))  # fmt: skip
    serving = Serving(version="v1.2.0", run_key=RUN, config="c", since="2026-11-01T00:00:00Z",
                      model_uri="s3://mlops-bucket/models/road/v1.2.0/model.tar.gz")  # fmt: skip
    endpoints.change(house.ledger, ENDPOINT, model="road", serving=serving)
    checked(house, "monday")
    return house


def checked(services: Services, check: str, found: dict | None = FOUND) -> None:
    report = DriftReport(endpoint=ENDPOINT, checked_rows=90, share=0.0, drifted=False, message="Nothing moved.")
    noted = {"check": check, "at": "2026-11-23T10:00:00Z", "report": report.model_dump(mode="json"),
             "version": "v1.2.0", "edge_cases": found}  # fmt: skip
    endpoints.change(services.ledger, ENDPOINT, drift=noted)


def test_one_issue_a_check_asks_for_labels_also_where_nothing_drifted(road, forge):
    first, again = (retrain.act_on_drift(road, ENDPOINT, "monday") for _ in range(2))
    assert (first["action"], first["edge_cases"]["action"], first["edge_cases"]["frames"]) == ("none", "issue", 2)
    assert first["edge_cases"]["issue"] == again["edge_cases"]["issue"]
    issue = forge.call("GET", f"/issues/{first['edge_cases']['issue']}")
    assert issue["title"] == "Edge cases of mlops-road: 2 frames to label"
    assert "| the scores lie just above the threshold | 2 |" in issue["body"]
    where = "s3://mlops-bucket/logs/mlops-road/drift/monday/edge_cases/"
    assert all(f"{where}{name}" in issue["body"] for name in ("contact_sheet.jpg", "annotations.json", "images/"))
    assert "1 places that may be faces, 3 that may be number plates" in issue["body"]
    assert "![" not in issue["body"]  # no picture leaves the bucket


def test_closed_issue_is_not_opened_again_for_the_same_check(road, forge):
    first = retrain.act_on_drift(road, ENDPOINT, "monday")["edge_cases"]["issue"]
    forge.call("PATCH", f"/issues/{first}", {"state": "closed"})
    assert retrain.act_on_drift(road, ENDPOINT, "monday")["edge_cases"]["issue"] == first


def test_record_keeps_what_was_offered_so_that_it_never_is_again(road, forge):
    retrain.act_on_drift(road, ENDPOINT, "monday")
    checked(road, "tuesday", {**FOUND, "fingerprints": ["000000000000000c"], "until": "2026-11-24T10:00:00Z"})
    retrain.act_on_drift(road, ENDPOINT, "tuesday")
    kept = endpoints.require(road.ledger, ENDPOINT).edge_cases
    assert kept["fingerprints"] == [*FOUND["fingerprints"], "000000000000000c"]
    assert (kept["check"], kept["until"]) == ("tuesday", "2026-11-24T10:00:00Z")


def test_issue_holds_a_spec_that_starts_fine_tuning_once_the_hash_is_filled_in(road, forge):
    number = retrain.act_on_drift(road, ENDPOINT, "monday")["edge_cases"]["issue"]
    body = forge.call("GET", f"/issues/{number}")["body"]
    assert "an ONNX network, which cannot be trained on" in body
    assert "aws s3 cp s3://mlops-bucket/models/road/training/j/output/model.tar.gz - | tar -xzO" in body
    assert "aws s3 cp weights.pth s3://mlops-bucket/models/road/weights/" in body
    document = yaml.safe_load(re.search(r"```yaml\n(.*?)```", body, re.DOTALL)[1])
    document["hyperparameters"]["weights_sha256"] = "ab" * 32
    spec = run_spec(document, road.settings)
    assert spec.hyperparameters.weights_uri == "s3://mlops-bucket/models/road/weights/yolox_nano_kitti_roads_v1-2-0.pth"
    assert (spec.variant, spec.augmentation, spec.hyperparameters.epochs) == ("yolox-nano", ("mosaic",), 20)


def test_check_without_frames_opens_nothing(road, forge):
    checked(road, "tuesday", None)
    assert "edge_cases" not in retrain.act_on_drift(road, ENDPOINT, "tuesday")


def test_policy_may_ask_for_nothing(road, tmp_path):
    (tmp_path / "policy.yaml").write_text("monitoring: {edge_cases: none}")
    road.settings = type(road.settings)(**{**road.settings.__dict__, "policy_file": str(tmp_path / "policy.yaml")})
    acted = retrain.act_on_drift(road, ENDPOINT, "monday")
    assert acted["edge_cases"]["action"] == "none"
    assert endpoints.require(road.ledger, ENDPOINT).edge_cases is None
