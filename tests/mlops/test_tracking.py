"""MLflow with a SQLite file: one run for each run key."""

from __future__ import annotations

import pytest

from mlops.errors import Unavailable
from mlops.experiment import flat
from mlops.tracking import RUN_KEY_TAG, Tracking

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def tracking(tmp_path_factory) -> Tracking:
    """Making MLflow's tables takes seconds; each test logs under its own key."""
    return Tracking(f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db")


def log(tracking: Tracking, key: str, **changes):
    plain = {
        "experiment": "xgboost-breast-cancer",
        "parameters": {"algorithm": "xgboost", "hyperparameters.max_depth": 4, "variant": None},
        "metrics": {"test_f1": 0.97, "test_nan": float("nan")},
        "tags": {"mlops.dataset": "breast-cancer@1"},
        "curves": {"train_loss": [(1, 0.9), (2, 0.5), (3, 0.2)]},
        "plots": {"roc_curve.png": PNG},
    }
    return tracking.log_run(key, **{**plain, **changes})


def test_a_run_holds_settings_figures_curves_plots_and_tags(tracking):
    run = tracking._client.get_run(log(tracking, "gh-1"))
    assert run.data.params == {"algorithm": "xgboost", "hyperparameters.max_depth": "4"}
    assert run.data.metrics == {"test_f1": 0.97, "train_loss": 0.2}
    assert run.data.tags[RUN_KEY_TAG] == "gh-1"
    assert run.info.status == "FINISHED"
    assert [one.step for one in tracking._client.get_metric_history(run.info.run_id, "train_loss")] == [1, 2, 3]
    assert [one.path for one in tracking._client.list_artifacts(run.info.run_id, "plots")] == ["plots/roc_curve.png"]


def test_logging_twice_is_one_run(tracking):
    assert log(tracking, "gh-2") == log(tracking, "gh-2")
    found = tracking._client.search_runs(["1"], f"tags.`{RUN_KEY_TAG}` = 'gh-2'")
    assert len(found) == 1


def test_points_of_a_run_that_goes_on_are_not_logged_again_at_its_end(tracking):
    tracking.log_points("gh-5", "xgboost-breast-cancer", [("train_loss", 1, 0.9), ("train_loss", 2, 0.5)])
    run_id = log(tracking, "gh-5")
    assert [one.step for one in tracking._client.get_metric_history(run_id, "train_loss")] == [1, 2, 3]
    assert tracking._client.get_run(run_id).data.tags["mlops.dataset"] == "breast-cancer@1"


def test_a_run_cut_short_is_completed(tracking):
    run_id, _ = tracking._find_or_create("gh-3", "xgboost-breast-cancer", {})
    assert log(tracking, "gh-3", failed=True) == run_id
    assert tracking._client.get_run(run_id).info.status == "FAILED"


def test_a_version_is_registered_once(tracking):
    run_id = log(tracking, "gh-4")
    tracking.register("model", "1.0.0", "s3://bucket/model.tar.gz", run_id)
    tracking.register("model", "1.0.0", "s3://bucket/model.tar.gz", run_id)
    assert len(tracking._client.search_model_versions("name = 'model'")) == 1


def test_without_an_address_nothing_is_tracked():
    assert log(Tracking(""), "gh-5") is None
    Tracking("").register("model", "1.0.0", "s3://x", "run")


def test_a_store_that_cannot_be_opened_is_unavailable(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable):
        log(Tracking(f"sqlite:///{tmp_path}/file/mlflow.db"), "gh-6")


def test_settings_become_flat_names():
    assert flat({"a": {"b": 1, "c": {"d": [2]}}, "e": None}) == {"a.b": 1, "a.c.d": [2], "e": None}
