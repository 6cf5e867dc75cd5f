"""Splits: shares and counts met, classes in proportion, equal rows on one side."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workloads.contract import UserError
from workloads.tabular.splitting import SPLITS, split_rows, wanted_rows

KEYS = np.arange(100, dtype=np.uint64)


def sizes(rows):
    return {name: len(chosen) for name, chosen in rows.items()}


@pytest.mark.parametrize(
    ("splits", "expected"),
    [
        ({}, (70, 15, 15)),
        ({"train": 0.6, "validation": 0.2, "test": 0.2}, (60, 20, 20)),
        ({"train": 0.5, "validation": 0.25, "test": 0.2}, (50, 25, 20)),
        ({"train": 50, "validation": 20, "test": 10}, (50, 20, 10)),
        ({"train": 60.0, "validation": 20.0, "test": None}, (60, 20, 20)),
        ({"train": 0.8}, (80, 10, 10)),
    ],
    ids=["default", "shares", "shares-below-one", "counts", "rest-is-test", "rest-is-shared"],
)
def test_shares_and_counts_are_met(splits, expected):
    assert tuple(wanted_rows(splits, 100).values()) == expected
    assert tuple(sizes(split_rows(KEYS, None, splits, seed=0)).values()) == expected


def test_rounding_loses_no_row():
    assert sum(wanted_rows({}, 101).values()) == 101


@pytest.mark.parametrize(
    ("splits", "available", "words"),
    [
        ({"train": 80, "validation": 20, "test": 20}, 100, "120 rows wanted .*, 100 distinct ones are there"),
        ({"train": 90, "validation": 10}, 100, "test 0; each split needs at least one row"),
        ({}, 9, "9 distinct rows after cleaning .* at least 10"),
    ],
    ids=["too-many", "nothing-left", "too-few-rows"],
)
def test_splits_that_cannot_be_are_refused(splits, available, words):
    with pytest.raises(UserError, match=words):
        wanted_rows(splits, available)


def test_every_class_is_in_every_split_in_its_share():
    classes = np.repeat([0, 1], [80, 20])
    rows = split_rows(KEYS, classes, {}, seed=1)
    assert {name: np.bincount(classes[chosen]).tolist() for name, chosen in rows.items()} == {
        "train": [56, 14], "validation": [12, 3], "test": [12, 3],
    }  # fmt: skip


def test_class_of_three_rows_gives_one_to_each_split():
    classes = np.repeat([0, 1], [97, 3])
    rows = split_rows(KEYS, classes, {}, seed=1)
    assert [int((classes[chosen] == 1).sum()) for chosen in rows.values()] == [1, 1, 1]


def test_class_with_too_few_distinct_rows_is_refused():
    keys = KEYS.copy()
    keys[97:] = 97
    with pytest.raises(UserError, match=r"1 distinct row\(s\)"):
        split_rows(keys, np.repeat([0, 1], [97, 3]), {}, seed=0)


def test_same_seed_same_split_other_seed_other_split():
    once, again, other = (split_rows(KEYS, None, {}, seed=seed)["test"].tolist() for seed in (3, 3, 4))
    assert once == again != other


@given(st.lists(st.integers(0, 30), min_size=60, max_size=120), st.integers(0, 100))
def test_no_row_is_in_two_splits_and_no_key_on_two_sides(keys, seed):
    keys = np.array([*keys, *range(100, 140)], dtype=np.uint64)
    rows = split_rows(keys, None, {}, seed=seed)
    together = np.concatenate([rows[name] for name in SPLITS])
    assert sorted(together.tolist()) == list(range(len(keys)))
    sides = [set(keys[rows[name]].tolist()) for name in SPLITS]
    assert sum(map(len, sides)) == len(set.union(*sides))


@given(st.lists(st.integers(3, 40), min_size=2, max_size=12), st.integers(0, 50))
def test_stratified_split_is_exact_and_complete_for_any_class_sizes(counts, seed):
    classes = np.repeat(np.arange(len(counts)), counts)
    if len(classes) < 10:
        return
    rows = split_rows(np.arange(len(classes), dtype=np.uint64), classes, {}, seed=seed)
    assert sum(map(len, rows.values())) == len(classes)
    for chosen in rows.values():
        assert set(classes[chosen].tolist()) == set(range(len(counts)))
