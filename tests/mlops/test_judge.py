from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops.judge import Check, Verdict, check, judge

GOOD = {"accuracy": 0.95, "f1": 0.94}


def verdict(metrics=GOOD, thresholds=None, **changed) -> Verdict:
    arguments = {"rows": 100, "seal_intact": True, **changed}
    return judge("classification", metrics, {"accuracy": 0.9} if thresholds is None else thresholds, **arguments)


def test_a_model_that_meets_its_thresholds_is_deployed():
    assert verdict() == Verdict(
        accepted=True,
        decision="deploy",
        checks=[Check(metric="accuracy", value=0.95, limit=0.9, direction="at_least", passed=True)],
        reasons=["accuracy 0.95 meets at least 0.9."],
        primary_metric="f1",
    )


def test_a_missed_threshold_names_value_and_limit():
    missed = verdict(thresholds={"accuracy": 0.99})
    assert (missed.decision, missed.accepted) == ("below_threshold", False)
    assert missed.reasons == ["accuracy is 0.95; the issue asks for at least 0.99."]


@pytest.mark.parametrize(
    ("metric", "value", "limit", "passed"),
    [
        ("rmse", 50.0, 50.0, True),
        ("rmse", 50.1, 50.0, False),
        ("accuracy", 0.9, 0.9, True),
        ("accuracy", 0.89, 0.9, False),
        ("davies_bouldin", 2.0, 1.0, False),
        ("r2", None, 0.1, False),
        ("r2", math.nan, 0.1, False),
        ("r2", math.inf, 0.1, False),
        ("accuracy", True, 0.9, False),
    ],
)
def test_direction_follows_the_metric_and_nothing_unmeasured_passes(metric, value, limit, passed):
    assert check(metric, value, limit).passed is passed


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"rows": 9}, "Only 9 test rows; at least 10 are needed."),
        ({"seal_intact": False}, "The test split changed"),
        ({"metrics": {"accuracy": math.nan}}, "accuracy is not a number."),
        ({"metrics": {"accuracy": -0.2}}, "accuracy is -0.2, which is impossible (from 0 to 1)."),
        ({"metrics": {"accuracy": 1.2}}, "accuracy is 1.2, which is impossible"),
    ],
    ids=["few rows", "broken seal", "nan", "negative", "above one"],
)
def test_figures_that_cannot_be_believed_are_never_accepted(changed, reason):
    doubted = verdict(**changed)
    assert (doubted.decision, doubted.accepted) == ("invalid", False)
    assert doubted.reasons[0].startswith(reason)


def test_without_thresholds_a_model_passes_unless_the_champion_is_better():
    assert verdict(thresholds={}).decision == "deploy"
    assert verdict(thresholds={}, champion_metrics={"f1": 0.94}).decision == "deploy"
    assert verdict(thresholds={}, champion_metrics={"f1": 0.95}).decision == "keep_champion"
    assert verdict({"accuracy": 0.95}, {}).decision == "invalid"


def test_the_champion_is_compared_on_the_primary_metric_in_its_direction():
    kept = judge(
        "regression", {"rmse": 60.0}, {"rmse": 70}, rows=50, seal_intact=True,
        champion_metrics={"rmse": 55.0}, champion_version="v1.0.0",
    )  # fmt: skip
    assert kept.decision == "keep_champion"
    assert kept.against_champion == -5.0
    assert kept.reasons[0] == "rmse 60 is worse than 55 of the serving model v1.0.0, on the same rows."


def test_a_missed_threshold_counts_even_if_the_champion_is_worse():
    assert verdict(thresholds={"accuracy": 0.99}, champion_metrics={"f1": 0.1}).decision == "below_threshold"


@given(st.dictionaries(st.sampled_from(["accuracy", "f1", "rmse"]), st.floats()), st.floats(0, 1), st.integers(0, 30))
def test_whatever_is_measured_only_believable_and_sufficient_figures_are_accepted(metrics, limit, rows):
    made = verdict(metrics, {"accuracy": limit}, rows=rows)
    if made.accepted:
        assert rows >= 10
        assert limit <= metrics["accuracy"] <= 1.0 + 1e-6
        assert all(math.isfinite(value) for value in metrics.values())
    assert made.reasons


def test_a_few_frames_are_judged_and_said_to_be_few():
    found = judge("object_detection", {"map_50_95": 0.4}, {"map_50_95": 0.3}, rows=2, seal_intact=True)
    assert found.decision == "deploy"
    assert found.reasons[-1] == "Judged on 2 frames only: these figures say little about others."
    assert judge("object_detection", {}, {}, rows=0, seal_intact=True).decision == "invalid"
