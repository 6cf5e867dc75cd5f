"""The recipe's arithmetic, on rows small enough to be checked by hand."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import numpy as np
import pytest

from workloads.tabular.features import Column, FeatureError, FeaturePlan

AGE = Column("age", "number", fill=40.0, example=40.0)
SMOKES = Column("smokes", "boolean", fill=0.0, example=0.0)
TOWN = Column("town", "category", "Kyoto", "one_hot", ("Kyoto", "Nara"), example="Kyoto")


def plan(*columns, offset=None, scale=None, **more):
    width = sum(column.width for column in columns)
    return FeaturePlan(columns, tuple(f"x{i}" for i in range(width)), tuple(offset or [0.0] * width),
                       tuple(scale or [1.0] * width), "regression", **more)  # fmt: skip


def test_numbers_are_shifted_and_scaled():
    """(50 - 40) / 5 = 2."""
    np.testing.assert_array_equal(plan(AGE, offset=[40.0], scale=[5.0]).apply([[50]]), np.float32([[2.0]]))


def test_columns_go_by_name_and_unused_ones_are_ignored():
    rows = plan(AGE, SMOKES).apply({"extra": [9, 9], "smokes": [True, "false"], "age": ["1", 2.5]})
    np.testing.assert_array_equal(rows, np.float32([[1, 1], [2.5, 0]]))


@pytest.mark.parametrize("missing", [None, math.nan, math.inf, "", "NA", " nan ", "?"], ids=repr)
def test_missing_value_takes_the_fill(missing):
    np.testing.assert_array_equal(plan(AGE, TOWN).apply([[missing, missing]]), np.float32([[40, 1, 0]]))


def test_missing_value_is_refused_where_training_knew_none():
    with pytest.raises(FeatureError, match="no value in row 1") as refused:
        plan(AGE, missing="drop").apply([[1], [None]])
    assert refused.value.column == "age"
    filled = plan(AGE, missing="drop").apply([[None]], fill_missing=True)
    np.testing.assert_array_equal(filled, np.float32([[40]]))


def test_missing_number_in_a_matrix_is_refused_the_same_way():
    with pytest.raises(FeatureError, match="age: no value in row 1"):
        plan(AGE, missing="drop").apply(np.array([[1.0], [np.nan]]))


def test_one_hot_of_an_unknown_word_is_all_zeros():
    np.testing.assert_array_equal(plan(TOWN).apply([["Nara"], ["Osaka"]]), np.float32([[0, 1], [0, 0]]))


def test_label_of_an_unknown_word_is_minus_one():
    column = Column("town", "category", "a", "label", ("a", "b"))
    np.testing.assert_array_equal(plan(column).apply([["b"], ["z"]]), np.float32([[1], [-1]]))


def test_target_encoding_of_an_unknown_word_is_the_overall_mean():
    column = Column("town", "category", "a", "target", ("a", "b"), ((0.2,), (0.8,)), (0.5,))
    np.testing.assert_array_equal(plan(column).apply([["a"], ["b"], ["z"]]), np.float32([[0.2], [0.8], [0.5]]))


def test_whole_number_and_its_text_are_the_same_category():
    column = Column("grade", "category", "1", "label", ("1", "2"))
    np.testing.assert_array_equal(plan(column).apply([[2], [2.0], ["2"], [" 2 "]]), np.float32([[1]] * 4))


@pytest.mark.parametrize(
    ("rows", "column", "words"),
    [
        ([["old"]], "age", "'old' given; a number is needed"),
        ([[[1]]], "age", "a number is needed"),
        ([[1, 2]], "row", "2 values given; needed are 1"),
        (np.ones((2, 3)), "row", "needed are rows of 1 values"),
        ({"year": [1]}, "age", "is missing; needed are age"),
    ],
    ids=["text", "list", "long-row", "wide-matrix", "absent-column"],
)
def test_value_that_does_not_fit_names_its_column(rows, column, words):
    with pytest.raises(FeatureError, match=words) as refused:
        plan(AGE).apply(rows)
    assert refused.value.column == column


def test_matrix_lists_and_columns_give_the_same_bits():
    """The short way for matrices must be the same arithmetic."""
    random = np.random.default_rng(0)
    rows = random.normal(1e3, 1, (50, 3))
    rows[7, 1] = np.nan
    columns = tuple(Column(name, "number", fill=random.normal()) for name in "abc")
    recipe = plan(*columns, offset=rows[0].tolist(), scale=[0.1, 3.0, 7.0])
    as_matrix = recipe.apply(rows)
    np.testing.assert_array_equal(as_matrix, recipe.apply(rows.tolist()))
    np.testing.assert_array_equal(as_matrix, recipe.apply({n: rows[:, i].tolist() for i, n in enumerate("abc")}))
    np.testing.assert_array_equal(as_matrix, np.concatenate([recipe.apply(rows[i : i + 1]) for i in range(50)]))


def test_no_rows_give_an_empty_matrix():
    assert plan(AGE, TOWN).apply([]).shape == (0, 3)
    assert plan(AGE).apply(np.empty((0, 1))).shape == (0, 1)


def test_plan_survives_json():
    recipe = plan(AGE, TOWN, Column("t", "category", "a", "target", ("a",), ((0.1, 0.9),), (0.5, 0.5)),
                  target="y", classes=("n", "y"), notes={"id": "identifier"})  # fmt: skip
    assert FeaturePlan.loads(json.dumps(recipe.to_json())) == recipe


def test_another_format_is_refused():
    with pytest.raises(ValueError, match="format 2"):
        FeaturePlan.from_json({"format": 2})


def test_serving_needs_no_pandas_arrow_or_scikit_learn():
    heavy = "{'pandas', 'pyarrow', 'sklearn', 'scipy', 'torch', 'pydantic'}"
    code = f"import workloads.tabular.features, sys; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
