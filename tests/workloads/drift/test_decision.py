"""Drift is called where a test and an effect both say so, on enough rows, at a controlled rate of false alarms."""

from __future__ import annotations

import numpy as np
import pytest

from workloads.contract import UserError
from workloads.drift.decision import Finding, Policy, decide

POLICY = Policy()


def columns(rows, features=10, seed=0, shift=0.0):
    random = np.random.default_rng(seed)
    return {f"x{place}": random.normal(shift, 1, rows) for place in range(features)}


def words(text):
    out = np.empty(len(text), dtype=object)
    out[:] = list(text)
    return out


def test_same_distribution_is_no_drift():
    """100 checks of 10 features: with a rate of 1 % false alarms, about one check may show one feature."""
    wrong = sum(decide(columns(1000), columns(200, seed=seed), POLICY).share > 0 for seed in range(1, 101))
    assert wrong <= 4


def test_shifted_features_are_named_with_their_distance():
    current = columns(500, seed=1) | {"x3": np.random.default_rng(9).normal(2, 1, 500)}
    decision = decide(columns(2000), current, POLICY)
    assert list(decision.scores) == ["x3"]
    assert decision.scores["x3"] == pytest.approx(2, abs=0.15)
    assert (decision.share, decision.drifted) == (0.1, False)


def test_data_have_drifted_from_the_policys_share_of_features():
    current = columns(500, seed=1)
    for name in ("x0", "x1", "x2"):
        current[name] = current[name] + 1
    decision = decide(columns(2000), current, POLICY)
    assert (decision.share, decision.drifted) == (0.3, True)
    assert decision.message.startswith("3 of 10 features drifted (30%, limit 30%) in 500 rows; largest: x")


def test_tiny_shift_is_no_drift_however_many_rows():
    """0.05 deviations in 50,000 rows: p is zero, and nobody would retrain for it."""
    decision = decide(columns(50_000, 2), columns(50_000, 2, seed=1, shift=0.05), POLICY)
    assert max(one.q_value for one in decision.findings) < 1e-6
    assert not decision.drifted


def test_too_few_rows_are_not_judged_and_say_so():
    decision = decide(columns(2000), columns(49, seed=1, shift=5), POLICY)
    assert (decision.drifted, decision.share, decision.scores) == (False, 0.0, {})
    assert decision.message == "Not judged: 49 rows captured, 50 are needed."
    assert decide(columns(2000), columns(50, seed=1, shift=5), POLICY).drifted


def test_no_rows_at_all_are_not_judged():
    assert "0 rows" in decide(columns(100), columns(0), POLICY).message


def test_changed_shares_of_words_are_drift():
    decision = decide({"colour": words("rrrbbg" * 50)}, {"colour": words("gggggb" * 20)}, POLICY)
    assert decision.drifted
    assert decision.findings[0].test == "chi_square"


def test_new_word_is_drift_only_when_it_is_common():
    reference = {"colour": words("rb" * 200)}
    assert not decide(reference, {"colour": words("rb" * 99 + "x")}, POLICY).drifted
    assert decide(reference, {"colour": words("rb" * 60 + "x" * 80)}, POLICY).drifted


def test_many_rare_words_are_no_drift():
    """200 words once each in both samples, all different: nothing can be learned from single rows."""
    reference = {"id": words([f"a{n}" for n in range(200)])}
    assert decide(reference, {"id": words([f"b{n}" for n in range(100)])}, POLICY).scores == {}


def test_risen_share_of_missing_values_is_drift():
    reference, current = columns(1000, 1), columns(400, 1, seed=1)
    current["x0"][:100] = np.nan
    decision = decide(reference, current, POLICY)
    assert [one.test for one in decision.findings if one.drifted] == ["missing"]
    assert decision.scores == {"x0": 0.25}


def test_column_that_went_silent_is_drift():
    decision = decide(columns(1000, 1), {"x0": np.full(200, np.nan)}, POLICY)
    assert decision.scores == {"x0": 1.0}


def test_constant_column_that_moves_is_drift():
    assert decide({"x": np.zeros(500)}, {"x": np.ones(100)}, POLICY).drifted
    assert not decide({"x": np.zeros(500)}, {"x": np.zeros(100)}, POLICY).drifted


def test_changed_shares_of_labels_are_drift_without_any_feature():
    decision = decide(columns(1000), columns(200, seed=1), POLICY, words("ab" * 500), ["a"] * 200)
    assert decision.drifted
    assert decision.share == 0
    assert decision.message.endswith("The predictions have drifted.")


def test_values_that_spread_less_than_the_target_are_no_drift():
    """A regression explains part of the variance only; its mean is what must hold."""
    random = np.random.default_rng(3)
    target, predictions = random.normal(150, 77, 1000), random.normal(150, 40, 200)
    assert not decide(columns(1000), columns(200, seed=1), POLICY, target, predictions.tolist()).drifted
    assert decide(columns(1000), columns(200, seed=1), POLICY, target, (predictions + 40).tolist()).drifted


def test_feature_called_prediction_is_a_feature():
    reference, current = {"prediction": np.zeros(500)}, {"prediction": np.ones(100)}
    assert decide(reference, current, POLICY).share == 1.0


def test_policy_is_read_from_the_run_and_ignores_the_rest():
    assert Policy.read({"share": 0.5, "schedule": "@daily"}) == Policy(share=0.5)
    assert Policy.read(None) == Policy()


def test_features_compared_elsewhere_are_judged_with_the_others():
    """One of two features drifted is a share of a half; its q-value comes from both p-values."""
    sample = np.random.default_rng(0).normal(size=200)
    further = [Finding("mix", "chi_square", 1e-6, 0.5, 0.2)]
    decision = decide({"light": sample}, {"light": sample[:100]}, Policy(), further=further)
    assert (decision.share, decision.drifted, decision.scores) == (0.5, True, {"mix": 0.5})
    assert decision.findings[-1].q_value == pytest.approx(2e-6)


def test_column_without_any_value_now_is_not_compared():
    """Answers may be lost while requests are not."""
    sample = np.random.default_rng(0).normal(size=200)
    decision = decide({"a": sample, "b": sample}, {"a": sample, "b": sample[:0]}, Policy())
    assert [one.feature for one in decision.findings] == ["a"]


def test_limit_of_nothing_counts_every_change():
    changed = decide({"a": np.zeros(100)}, {"a": np.ones(100)}, Policy(distance=0.0))
    assert (changed.drifted, changed.scores) == (True, {"a": 1.0})


def test_limit_that_is_no_number_names_itself():
    with pytest.raises(UserError, match=r"drift\.psi: True given"):
        Policy.read({"psi": True})


@pytest.mark.parametrize(("limits", "least"), [({"minimum_rows": 0}, 1), ({"psi": -0.1}, 0), ({"share": np.nan}, 0)])
def test_limit_below_its_least_is_refused(limits, least):
    with pytest.raises(UserError, match=rf"given; choose {least} or more"):
        Policy.read(limits)
