"""What MLflow gets of a finished run."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import replace

import pytest

from mlops import keys, runs
from mlops.identity import Phase
from mlops.services import Services
from mlops.tracking import Tracking
from tests.mlops.records import RUN_KEY, deployed_record, put


@pytest.fixture
def tracked(house: Services, tmp_path) -> Services:
    house.settings = replace(house.settings, mlflow_tracking_uri=f"sqlite:///{tmp_path}/mlflow.db")
    return house


def archive(log: dict) -> bytes:
    """A training archive that holds `training_log.json`."""
    content = json.dumps(log).encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        member = tarfile.TarInfo("training_log.json")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def test_a_closed_run_is_tracked_with_curves_and_plots(tracked, started):
    _, run_key = started
    put(tracked, run_key, deployed_record())
    _, model = keys.split_uri(deployed_record().phases[Phase.TRAIN].handle["model_uri"])
    curve = {"curve": {"x": [1, 2], "series": {"validation:logloss": [0.5, 0.2]}}}
    tracked.cloud.s3.put_object(Bucket="mlops-bucket", Key=model, Body=archive(curve))
    plot = keys.evaluation_prefix(RUN_KEY) + "roc_curve.png"
    tracked.cloud.s3.put_object(Bucket="mlops-bucket", Key=plot, Body=b"\x89PNG\r\n\x1a\n")
    record = runs.close_run(tracked, run_key)
    client = Tracking(tracked.settings.mlflow_tracking_uri)._client
    run = client.get_run(record.mlflow_run_id)
    assert run.data.metrics == {
        "validation_f1": 0.98, "test_f1": 0.97, "test_accuracy": 0.974, "validation_logloss": 0.2,
    }  # fmt: skip
    assert run.data.params["hyperparameters.n_estimators"] == "50"
    assert run.data.tags["mlops.dataset"] == "breast-cancer@3f2a91c0de11"
    assert run.data.tags["mlops.outcome"] == "deployed"
    assert [one.path for one in client.list_artifacts(record.mlflow_run_id, "plots")] == ["plots/roc_curve.png"]


def test_a_store_that_is_away_holds_no_result_back(house, started, tmp_path):
    (tmp_path / "file").write_text("")
    house.settings = replace(house.settings, mlflow_tracking_uri=f"sqlite:///{tmp_path}/file/mlflow.db")
    _, run_key = started
    put(house, run_key, deployed_record())
    record = runs.close_run(house, run_key)
    assert record.mlflow_run_id is None
    assert record.history_commit
