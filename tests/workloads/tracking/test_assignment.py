"""Pairs are the cheapest, and those scipy finds even where costs are equal."""

from __future__ import annotations

from itertools import permutations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linear_sum_assignment

from workloads.tracking.assignment import assign

shapes = st.tuples(st.integers(1, 7), st.integers(1, 7))
equal_costs = arrays(np.int64, shapes, elements=st.integers(0, 3)).map(lambda whole: whole / 4)


@settings(max_examples=200, deadline=None)
@given(equal_costs)
def test_pairs_are_those_of_scipy_where_many_costs_are_equal(cost):
    rows, columns = linear_sum_assignment(cost)
    partner = assign(cost, 1.0)
    assert {(row, column) for row, column in enumerate(partner) if column >= 0} == set(zip(rows, columns, strict=True))


def test_pairs_are_those_of_scipy_on_random_costs():
    random = np.random.default_rng(0)
    for size in ((1, 1), (3, 40), (40, 3), (60, 60), (100, 90)):
        cost = random.random(size)
        rows, columns = linear_sum_assignment(cost)
        partner = assign(cost, 2.0)
        np.testing.assert_array_equal(partner[rows], columns)
        assert (partner >= 0).sum() == len(rows)


@settings(max_examples=60, deadline=None)
@given(arrays(np.float64, (4, 4), elements=st.floats(0, 1)), st.floats(0.1, 0.9))
def test_no_other_choice_of_pairs_below_the_limit_gains_more(cost, limit):
    """All 24 full assignments, each with the option to leave a pair out."""
    best = max(
        sum(max(limit - cost[row, column], 0) for row, column in enumerate(one)) for one in permutations(range(4))
    )
    partner = assign(cost, limit)
    pairs = [(row, column) for row, column in enumerate(partner) if column >= 0]
    assert all(cost[pair] <= limit for pair in pairs)
    assert abs(sum(limit - cost[pair] for pair in pairs) - best) < 1e-9


def test_one_good_pair_is_not_given_up_for_two_bad_ones():
    """Without the limit the diagonal is cheaper (1.3 against 1.4), and both its pairs exceed 0.6."""
    assert assign(np.array([[0.65, 0.1], [1.3, 0.65]]), 0.6).tolist() == [1, -1]


def test_nothing_to_pair():
    assert assign(np.empty((0, 3)), 1.0).tolist() == []
    assert assign(np.empty((2, 0)), 1.0).tolist() == [-1, -1]
