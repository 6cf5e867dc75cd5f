"""Which rows and columns take part, on columns whose statistics are known by hand."""

from __future__ import annotations

import numpy as np
import pytest

from workloads.contract import UserError
from workloads.tabular import cleaning
from workloads.tabular.reading import Table


def numbers(**columns) -> Table:
    return Table({n: np.array(v, dtype=float) for n, v in columns.items()}, dict.fromkeys(columns, "number"))


def words(*values) -> np.ndarray:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def test_iqr_outlier_lies_beyond_one_and_a_half_quartile_distances():
    """0..8: quartiles 2 and 6, fences -4 and 12."""
    assert cleaning._fences(np.arange(9.0), "iqr", 1.5) == (-4.0, 12.0)


def test_zscore_outlier_lies_beyond_so_many_deviations():
    """Mean 0, deviation 1 (population): fences -3 and 3."""
    assert cleaning._fences(np.array([-1.0, 1.0] * 10), "zscore", 3.0) == (-3.0, 3.0)


def test_outliers_are_marked_by_column_and_gaps_are_none():
    table = numbers(x=[0, 1, 2, 3, 4, 5, 6, 7, 100], y=[1, 1, 1, 1, 1, 1, 1, 1, np.nan])
    found = cleaning.outliers(table, ["x", "y"], "iqr", 1.5)
    assert {name: np.flatnonzero(mask).tolist() for name, mask in found.items()} == {"x": [8]}


def test_column_without_spread_has_no_outliers():
    """Most pixels of an image border are 0; the few that are not must not cost the row."""
    assert cleaning.outliers(numbers(x=[0] * 20 + [5]), ["x"], "iqr", 1.5) == {}


def test_method_none_finds_none():
    assert cleaning.outliers(numbers(x=[0, 0, 0, 1e9]), ["x"], "none", 0) == {}


@pytest.mark.parametrize(
    ("preprocessing", "limit"),
    [({"outliers": "iqr"}, 1.5), ({"outliers": "zscore"}, 3.0), ({"outliers": "iqr", "outlier_limit": 3}, 3.0)],
)
def test_outlier_limit_has_the_usual_defaults(preprocessing, limit):
    assert cleaning.outlier_limit(preprocessing) == limit


def test_equal_rows_have_equal_fingerprints_and_order_of_columns_counts():
    table = Table({"a": np.array([1.0, 1.0, 2.0, np.nan, np.nan, -0.0, 0.0]),
                   "b": words("x", "x", "x", None, None, "z", "z")}, {"a": "number", "b": "category"})  # fmt: skip
    prints = cleaning.fingerprints(table, ["a", "b"])
    assert prints[0] == prints[1] != prints[2]
    assert prints[3] == prints[4]
    assert prints[5] == prints[6]
    assert prints[0] != cleaning.fingerprints(table, ["b", "a"])[0]


def test_fingerprints_of_many_rows_do_not_collide():
    grid = np.stack(np.meshgrid(np.arange(300), np.arange(300)), axis=-1).reshape(-1, 2).astype(float)
    prints = cleaning.fingerprints(numbers(a=grid[:, 0], b=grid[:, 1]), ["a", "b"])
    assert len(np.unique(prints)) == 90_000


def test_fingerprint_is_stable_across_versions():
    """Stored with every model; a change would break the seal of all of them."""
    table = Table({"a": np.array([1.5]), "b": words("x")}, {"a": "number", "b": "category"})
    assert cleaning.fingerprints(table, ["a", "b"]).tolist() == [14819783427225102674]


def test_identifier_and_empty_columns_are_left_out_with_a_reason():
    table = Table({"id": words(*[f"row-{n}" for n in range(60)]), "gap": np.full(60, np.nan),
                   "town": words(*["Nara", "Kyoto"] * 30)},
                  {"id": "category", "gap": "number", "town": "category"})  # fmt: skip
    usable, notes = cleaning.usable_columns(table, list(table.columns))
    assert usable == ["town"]
    assert notes == {"id": "identifier: nearly every row has a word of its own", "gap": "no values"}


def test_dropping_all_rows_names_the_worst_column():
    table = numbers(x=[1, np.nan, np.nan, np.nan], y=[np.nan, 1, 1, 1])
    with pytest.raises(UserError, match="drop leaves 0 of 4 rows; column 'x' alone has no value in 3"):
        cleaning.whole_rows(table, ["x", "y"])


@pytest.mark.parametrize("form", ["${}.5", "1,{:03d}", "{} %", "{},5", "{} kg"])
def test_numbers_in_disguise_that_look_like_identifiers_are_called_numbers(form):
    table = Table({"price": words(*[form.format(n) for n in range(60)])}, {"price": "category"})
    _, notes = cleaning.usable_columns(table, ["price"])
    assert "as a plain number" in notes["price"]
