"""Own statistics against scipy's, on continuous, tied, tiny and constant samples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from workloads.drift import two_samples
from workloads.drift.two_samples import Reference, chi_square, clustered

random = np.random.default_rng(7)
PAIRS = {
    "equal": (random.normal(size=2000), random.normal(size=500)),
    "shifted": (random.normal(size=2000), random.normal(1, 1, size=700)),
    "wider": (random.normal(size=300), random.normal(0, 3, size=5000)),
    "whole numbers": (random.integers(0, 17, 1797).astype(float), random.integers(0, 12, 400).astype(float)),
    "apart": (np.arange(50.0), np.arange(100.0, 150.0)),
    "one each": (np.array([1.0]), np.array([2.0])),
    "same": (np.arange(30.0), np.arange(30.0)),
    "constant": (np.zeros(40), np.zeros(30)),
}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_ks_equals_scipy(pair):
    reference, current = pair
    statistic = two_samples.ks_statistic(Reference(reference), np.sort(current))
    p_value = two_samples.ks_p_values([statistic], [len(reference)], [len(current)])[0]
    expected = stats.ks_2samp(reference, current, method="asymp")
    np.testing.assert_allclose([statistic, p_value], [expected.statistic, expected.pvalue], rtol=1e-9, atol=1e-12)


def test_what_differs_by_rounding_alone_is_constant():
    third = np.where(np.arange(80) % 2, 1 / 3, np.nextafter(1 / 3, 1))
    assert third.std() > 0
    assert two_samples.normed_wasserstein(Reference(third), third + 0.5) == pytest.approx(0.5)
    assert Reference(third * 1e-30).spread == Reference(np.full(80, 0.1) + 0.2).spread == 1
    assert Reference(np.array([1.0, 1.0 + 1e-9])).spread == pytest.approx(5e-10)


@pytest.mark.parametrize("size", [20, 1000, 9_000, 12_000, 50_000])
def test_p_values_equal_scipys_for_any_distance(size):
    """Beyond size x distance^2 = 2.2 scipy doubles a one-sided sum: up to 5e-8 too much, and no more."""
    distances = np.linspace(0.1, 4.5, 23) / np.sqrt(size / 2)
    expected = stats.distributions.kstwo.sf(distances, np.round(size / 2))
    got = two_samples.ks_p_values(distances, [size] * 23, [size] * 23)
    doubled = distances**2 * size / 2 > 2.2
    np.testing.assert_allclose(got[~doubled], expected[~doubled], atol=1e-9)
    np.testing.assert_allclose(got[doubled], expected[doubled], atol=5e-8)


@pytest.mark.parametrize("seed", range(10))
def test_ks_statistic_equals_scipy_on_large_samples(seed):
    """Large enough that most boxes are never looked into; rounding makes runs of equal values."""
    draw = np.random.default_rng(seed)
    reference, current = draw.normal(size=9000), draw.normal(0.01 * seed, 1, size=7000 + seed)
    for digits in (9, 2, 0):
        a, b = reference.round(digits), current.round(digits)
        got = two_samples.ks_statistic(Reference(a), np.sort(b))
        assert got == pytest.approx(stats.ks_2samp(a, b, method="asymp").statistic, abs=1e-12)


samples = arrays.arrays(float, st.integers(1, 40), elements=st.integers(-5, 5).map(float) | st.floats(-5, 5))


@settings(max_examples=300, deadline=None)
@given(reference=samples, current=samples)
def test_ks_statistic_equals_scipy_with_any_ties(reference, current):
    got = two_samples.ks_statistic(Reference(reference), np.sort(current))
    assert got == pytest.approx(stats.ks_2samp(reference, current, method="asymp").statistic, abs=1e-12)


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_wasserstein_equals_scipy_over_the_deviation(pair):
    reference, current = pair
    spread = reference.std() or 1.0
    expected = stats.wasserstein_distance(reference, current) / spread
    assert two_samples.normed_wasserstein(Reference(reference), np.sort(current)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("counts", [[[10, 20, 30], [12, 18, 33]], [[5, 95], [50, 50]], [[7, 0, 3], [1, 9, 2]]])
def test_chi_square_equals_scipy(counts):
    expected = stats.chi2_contingency(counts, correction=False)
    got = two_samples.chi_square(*np.array(counts))
    np.testing.assert_allclose(got, [expected.statistic, expected.pvalue], rtol=1e-9)


def test_one_category_alone_cannot_differ():
    assert two_samples.chi_square(np.array([5]), np.array([9])) == (0.0, 1.0)


def test_adjusted_p_values_equal_scipys():
    p_values = np.array([0.001, 0.2, 0.03, 0.03, 0.9, 0.0])
    np.testing.assert_allclose(two_samples.false_discovery_adjusted(p_values), stats.false_discovery_control(p_values))


def test_psi_of_halves_by_hand():
    """(0.75 - 0.5) ln(0.75 / 0.5) + (0.25 - 0.5) ln(0.25 / 0.5) = 0.25 ln 3."""
    got = two_samples.psi_of_shares(np.array([0.5, 0.5]), np.array([0.75, 0.25]))
    assert got == pytest.approx(0.25 * np.log(3))


def test_psi_counts_each_value_in_its_decile():
    """Reference 0..99 has ten bins of ten; all current values lie in the first."""
    got = two_samples.psi(Reference(np.arange(100.0)), np.zeros(20))
    floor = two_samples.FLOOR
    assert got == pytest.approx(0.9 * np.log(10) + 9 * (floor - 0.1) * np.log(floor / 0.1))


def test_psi_bins_equal_scipys_histogram():
    reference, current = PAIRS["shifted"]
    sample = Reference(reference)
    edges = np.concatenate([[-np.inf], sample.edges, [np.inf]])
    shares = [stats.binned_statistic(np.clip(v, -99, 99), None, "count", np.clip(edges, -100, 100)).statistic / len(v)
              for v in (reference, current)]  # fmt: skip
    assert two_samples.psi(sample, current) == pytest.approx(two_samples.psi_of_shares(*shares), rel=1e-9)


def test_psi_of_the_reference_itself_is_zero():
    for reference, _ in PAIRS.values():
        assert two_samples.psi(Reference(reference), reference) == pytest.approx(0, abs=1e-12)


def test_counts_of_independent_draws_stay_as_they_are():
    """One box a frame: nothing comes together, so no evidence is lost but what chance says."""
    kinds = np.random.default_rng(0).integers(0, 3, 3000)
    counts = np.eye(3, dtype=int)[kinds]
    np.testing.assert_allclose(clustered(counts), counts.sum(axis=0), rtol=0.01)


def test_boxes_that_are_all_alike_within_a_frame_count_as_one():
    """Ten of a kind in each frame tell as much as one: 10 times as many boxes, the same evidence."""
    kinds = np.random.default_rng(1).integers(0, 2, 400)
    counts = 10 * np.eye(2, dtype=int)[kinds]
    np.testing.assert_allclose(clustered(counts), counts.sum(axis=0) / 10, rtol=0.01)


@pytest.mark.parametrize("counts", [[[0, 0], [0, 0]], [[3, 0], [2, 0]], [[3, 4]], np.zeros((0, 2), int)])
def test_counts_that_tell_nothing_of_clusters_stay_as_they_are(counts):
    counts = np.array(counts).reshape(-1, 2)
    np.testing.assert_array_equal(clustered(counts), counts.sum(axis=0))


def test_shares_of_clustered_boxes_give_no_more_false_alarms_than_the_level():
    """Frames full of one kind each: counted box by box, half of all comparisons would be called different."""
    rng = np.random.default_rng(2)
    p_values = {"careful": [], "naive": []}
    for _ in range(300):
        samples = [rng.poisson(8, (80, 1)) * np.eye(3, dtype=int)[rng.integers(0, 3, 80)] for _ in range(2)]
        p_values["careful"].append(chi_square(*map(clustered, samples))[1])
        p_values["naive"].append(chi_square(*(one.sum(axis=0) for one in samples))[1])
    assert np.mean(np.array(p_values["careful"]) < 0.05) < 0.09
    assert np.mean(np.array(p_values["naive"]) < 0.05) > 0.4
