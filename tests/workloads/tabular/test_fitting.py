"""The recipe is fitted on training rows only, and target encoding never sees a row's own target."""

from __future__ import annotations

import numpy as np
import pytest

from workloads.contract import UserError
from workloads.tabular import fitting
from workloads.tabular.reading import Table
from workloads.tabular.target import Goal

REGRESSION = Goal("regression", "y")


def table(**columns) -> Table:
    kinds = {}
    for name, values in columns.items():
        text = any(isinstance(value, str) for value in values)
        kinds[name] = "category" if text else "number"
        columns[name] = np.empty(len(values), dtype=object) if text else np.array(values, dtype=float)
        columns[name][:] = values
    return Table(columns, kinds)


@pytest.mark.parametrize(("policy", "fill"), [("mean", 2.0), ("median", 1.0), ("mode", 1.0), ("drop", 1.0)])
def test_fill_follows_the_policy(policy, fill):
    """1, 1, 1, 5: mean 2, median 1, mode 1."""
    plan = fitting.fit(table(x=[1, 1, 1, 5, np.nan]), np.zeros(5), REGRESSION, {"missing": policy})
    assert plan.columns[0].fill == fill


def test_missing_word_takes_the_most_frequent_one():
    plan = fitting.fit(table(x=["b", "a", "b", None]), np.zeros(4), REGRESSION, {"missing": "mean"})
    assert plan.columns[0].fill == "b"


@pytest.mark.parametrize(
    ("scaling", "expected"), [("none", [0, 2, 4]), ("standard", [-1.2247449, 0, 1.2247449]), ("minmax", [0, 0.5, 1])]
)
def test_scaling_of_0_2_4(scaling, expected):
    """Mean 2, deviation sqrt(8/3)."""
    data = table(x=[0, 2, 4])
    plan = fitting.fit(data, np.zeros(3), REGRESSION, {"scaling": scaling})
    np.testing.assert_allclose(plan.apply(data.columns)[:, 0], expected, rtol=1e-6)


def test_one_hot_inputs_are_not_scaled_and_named_by_their_words():
    plan = fitting.fit(table(x=["b", "a", "b"], n=[1, 2, 3]), np.zeros(3), REGRESSION, {"scaling": "standard"})
    assert plan.outputs == ("x=b", "x=a", "n")
    assert (plan.offset[:2], plan.scale[:2]) == ((0.0, 0.0), (1.0, 1.0))


def test_rare_words_beyond_a_hundred_get_no_input():
    plan = fitting.fit(table(x=[f"w{n:03}" for n in range(150)] + ["w149"] * 2), np.zeros(152), REGRESSION, {})
    assert len(plan.outputs) == fitting.ONE_HOT_WORDS
    assert plan.outputs[0] == "x=w149"


def test_constant_columns_leave_with_a_reason():
    plan = fitting.fit(table(x=[1, 1, np.nan], w=["a", "a", "a"], y=[1, 2, 3]), np.zeros(3), REGRESSION, {})
    assert plan.names == ["y"]
    assert set(plan.notes) == {"x", "w"}


def test_nothing_but_constant_columns_is_refused():
    with pytest.raises(UserError, match="none of 1 feature columns says anything \\(x: constant"):
        fitting.fit(table(x=[1, 1]), np.zeros(2), REGRESSION, {})


def test_target_encoding_is_the_smoothed_mean():
    """Word a: targets 1, 1; overall mean 0.5; (2 + 10 * 0.5) / (2 + 10) = 7/12."""
    plan = fitting.fit(table(x=["a", "a", "b", "b"]), np.array([1.0, 1, 0, 0]), REGRESSION, {"encoding": "target"})
    assert plan.columns[0].values == ((7 / 12,), (5 / 12,))
    assert plan.columns[0].unknown == (0.5,)


def test_target_encoding_of_three_classes_has_one_input_each():
    goal = Goal("classification", "y", ("r", "g", "b"))
    data = table(x=["a", "a", "b"])
    plan = fitting.fit(data, np.array([0, 1, 2]), goal, {"encoding": "target"})
    assert plan.outputs == ("x~r", "x~g", "x~b")
    np.testing.assert_allclose(plan.apply(data.columns).sum(axis=1), 1.0, rtol=1e-6)


def test_training_rows_are_encoded_without_their_own_target():
    """Changing one row's target changes no input of that row, but inputs of others."""
    data = table(x=["a"] * 10 + ["b"] * 10, n=list(range(20)))
    target = np.arange(20, dtype=float)
    changed = target.copy()
    changed[3] = 1000.0
    settings = {"encoding": "target", "scaling": "none"}
    before, after = (fitting.training_matrix(fitting.fit(data, t, REGRESSION, settings), data, t, 0)
                     for t in (target, changed))  # fmt: skip
    assert before[3, 0] == after[3, 0]
    assert (before[:10, 0] != after[:10, 0]).any()


def test_target_encoding_without_a_target_becomes_one_hot():
    plan = fitting.fit(table(x=["a", "b"]), None, Goal("clustering", None), {"encoding": "target"})
    assert plan.columns[0].encoding == "one_hot"
