from __future__ import annotations

import pytest

from mlops.phases.retrain.tuning import Symptoms, suggest_settings, symptoms
from mlops.spec import WORKLOADS, RunSpec


def spec(algorithm: str = "random_forest", **hyperparameters) -> RunSpec:
    kind = "unsupervised_learning" if algorithm in ("kmeans", "pca") else "supervised_learning"
    return RunSpec.model_validate(
        {
            "model_type": kind,
            "algorithm": algorithm,
            "dataset": {"name": "toy"},
            "hyperparameters": hyperparameters,
        }
    )


def log(train: list[float], validation: list[float], metric: str = "f1") -> dict:
    return {"curve": {"series": {f"train:{metric}": train, f"validation:{metric}": validation}}}


def test_the_gap_is_a_share_whatever_the_direction():
    """By hand: (1.0 - 0.8) / 1.0 and, for an error, (12 - 9) / 12."""
    assert symptoms(log([0.7, 1.0], [0.6, 0.8]), "f1").gap == pytest.approx(0.2)
    assert symptoms(log([9.0], [12.0], "rmse"), "rmse").gap == pytest.approx(0.25)
    assert symptoms({}, "f1").gap is None


def test_a_curve_that_gets_better_at_its_end_is_still_rising():
    assert symptoms(log([0.5] * 8, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]), "f1").still_rising is True
    assert symptoms(log([0.5] * 8, [0.1, 0.2, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8]), "f1").still_rising is False
    assert symptoms(log([9.0] * 4, [9.0, 8.0, 7.0, 6.0], "rmse"), "rmse").still_rising is True


def test_a_model_that_learns_by_heart_is_held_back():
    found = suggest_settings(spec(n_estimators=100), Symptoms("f1", train=1.0, validation=0.8))
    assert found.hyperparameters == {"max_depth": 8, "min_samples_leaf": 2}
    assert found.reasons[0].startswith("f1 is 1 on training and 0.8 on validation: the model learns by heart")


def test_a_model_that_is_too_weak_is_made_stronger():
    found = suggest_settings(spec(n_estimators=2, max_depth=1), Symptoms("f1", 0.7, 0.7, missed=("accuracy",)))
    assert found.hyperparameters == {"n_estimators": 200, "max_depth": 8}
    assert "missed: accuracy" in found.reasons[0]


def test_a_curve_that_was_cut_off_is_trained_longer():
    found = suggest_settings(spec("neural_network", epochs=5), Symptoms("f1", 0.7, 0.7, still_rising=True))
    assert found.hyperparameters == {"epochs": 10, "early_stopping_patience": 30}


def test_an_algorithm_at_its_limits_gets_no_settings():
    found = suggest_settings(spec("linear_regression", alpha=0.0), Symptoms("rmse", 9.0, 9.0))
    assert found.hyperparameters == {}
    assert found.reasons[-1] == "linear_regression is at its limits; another algorithm may do better."


@pytest.mark.parametrize("algorithm", WORKLOADS)
@pytest.mark.parametrize(
    "seen", [Symptoms("f1", 1.0, 0.5), Symptoms("f1", 0.5, 0.5), Symptoms("f1", 0.5, 0.5, still_rising=True)]
)
def test_every_suggestion_is_within_the_limits_of_the_spec(algorithm, seen):
    for setting, value in suggest_settings(spec(algorithm), seen).hyperparameters.items():
        RunSpec.model_validate({**spec(algorithm).model_dump(mode="json"), "hyperparameters": {setting: value}})


def test_a_model_that_missed_nothing_is_not_called_too_weak():
    found = suggest_settings(spec(n_estimators=30), Symptoms("f1", train=1.0, validation=0.97))
    assert found.reasons == ("Training and validation agree: a stronger model may gain a little more.",)
