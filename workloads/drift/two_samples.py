"""Tests and distances between a reference kept sorted and a current sample. numpy; p-values by scipy.special.

Equal to scipy (tests) and far quicker where one reference meets many samples: it is sorted once, and few of the
current values are looked up in it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

LARGE = 5000
"""Effective sample size from which the p-value is taken from a series instead of an exact sum."""
ROUNDING = 1e-12
"""A spread below this share of the values is their last digit's: of grey pictures, whose blue is a third of all light,
it is 4e-17, and measured by that any change would be endless."""
FLOOR = 1e-4
"""Share given to an empty bin in the PSI, whose logarithm would not exist else."""


class Reference:
    """The finite values of one column of the baseline: sorted, with decile edges and spread."""

    def __init__(self, values: np.ndarray, bins: int = 10):
        self.values = np.sort(values)
        self.size = len(self.values)
        spread = float(self.values.std())
        self.spread = spread if spread > ROUNDING * float(np.abs(self.values).max()) else 1.0
        """Standard deviation in the column's unit; 1 for a constant column, whose distance then is in that unit."""
        self.edges = np.unique(np.quantile(self.values, np.arange(1, bins) / bins))
        """Upper bounds of all PSI bins but the last; a value on a bound belongs below it."""
        below = np.searchsorted(self.values, self.edges, side="right")
        self.shares = np.diff(below, prepend=0, append=self.size) / self.size


def ks_statistic(reference: Reference, current_sorted: np.ndarray) -> float:
    """Largest distance between the two empirical distribution functions, 0 to 1.

    Both are steps, so it is reached at a current value or just before one. Every `step`-th value is looked up
    first; between two of them neither function can leave the box their ends span, and only boxes that reach
    beyond the largest distance so far are looked into. Equal to `scipy.stats.ks_2samp(...).statistic`.
    """
    size = len(current_sorted)
    step = max(1, math.isqrt(size) // 4)
    grid = np.append(np.arange(0, size - 1, step), size - 1)
    coarse = current_sorted[grid]
    largest, lower, upper = _distances(reference, current_sorted, coarse)
    ours_low, theirs_low = lower[0][:-1], lower[1][:-1]
    ours_high, theirs_high = upper[0][1:], upper[1][1:]
    boxes = np.flatnonzero(np.maximum(ours_high - theirs_low, theirs_high - ours_low) > largest)
    inside = (grid[boxes][:, None] + np.arange(1, step)).ravel()
    if not len(inside):
        return largest
    return max(largest, _distances(reference, current_sorted, current_sorted[np.minimum(inside, size - 1)])[0])


_Steps = tuple[np.ndarray, np.ndarray]


def _distances(reference: Reference, current_sorted: np.ndarray, at: np.ndarray) -> tuple[float, _Steps, _Steps]:
    """Largest distance at or just before the values `at`, and both functions just before and at them."""
    before, up_to = [
        (
            np.searchsorted(reference.values, at, side=side) / reference.size,
            np.searchsorted(current_sorted, at, side=side) / len(current_sorted),
        )
        for side in ("left", "right")
    ]
    return float(max(np.abs(a - b).max() for a, b in (before, up_to))), before, up_to


def ks_p_values(statistics: Sequence[float], reference_sizes: Sequence[int], sizes: Sequence[int]) -> np.ndarray:
    """Two-sided p-values, all at once: `scipy.stats.ks_2samp(..., method="asymp").pvalue`.

    Within 1e-9 of scipy's, except that for large samples scipy leaves out a second term of up to 5e-8.
    """
    from scipy.stats.distributions import kstwo

    distance, n, m = (np.asarray(values, dtype=float) for values in (statistics, reference_sizes, sizes))
    both = np.round(n * m / (n + m))
    large = both >= LARGE
    p_values = np.empty(len(distance))
    p_values[~large] = kstwo.sf(distance[~large], both[~large])
    p_values[large] = 1 - _pelz_good(distance[large], both[large])  # scipy's sum over n terms takes 50 ms each
    return np.clip(p_values, 0.0, 1.0)


def _pelz_good(distance: np.ndarray, size: np.ndarray) -> np.ndarray:
    """P(D <= distance) for D of one sample of `size`, to 1e-11 from LARGE on.

    Source: Pelz and Good, J. R. Statist. Soc. B 38 (1976), in the form of Simard and L'Ecuyer, J. Stat. Softw.
    39/11 (2011); K0 to K3 of the latter.
    """
    z = np.clip(np.sqrt(size) * distance, 0.05, 4.5)[:, None]  # the function is 0 below and 1 above
    k = np.arange(1, 26)
    odd, root = 2 * k - 1, math.sqrt(2 * math.pi)
    p2, p4, p6 = math.pi**2, math.pi**4, math.pi**6
    e = np.exp(-p2 / 8 * odd**2 / z**2)
    f = np.exp(-p2 / 2 * k**2 / z**2) * k**2
    k0 = e / z
    k1 = e * (p2 / 4 * odd**2 - z**2) / (6 * z**4)
    k2 = e * (6 * z**6 + 2 * z**4 + p2 / 4 * (2 * z**4 - 5 * z**2) * odd**2 + p4 / 16 * (1 - 2 * z**2) * odd**4)
    k2 = k2 / (72 * z**7) - f * p2 / (36 * z**3)
    k3 = -30 * z**6 - 90 * z**8 + p2 / 4 * (135 * z**4 - 96 * z**6) * odd**2
    k3 = k3 + p4 / 16 * (212 * z**4 - 60 * z**2) * odd**4 + p6 / 64 * (5 - 30 * z**2) * odd**6
    k3 = e * k3 / (6480 * z**10) + f * p2 * (3 * z**2 - p2 * k**2) / (216 * z**6)
    n = size[:, None]
    return root * (k0 + k1 / np.sqrt(n) + k2 / n + k3 / n**1.5).sum(axis=1)


def psi(reference: Reference, current: np.ndarray) -> float:
    """Population stability index over the reference's deciles; `current` in any order, finite."""
    up_to = np.array([np.count_nonzero(current <= edge) for edge in reference.edges])  # quicker than a sort
    return psi_of_shares(reference.shares, np.diff(up_to, prepend=0, append=len(current)) / len(current))


def psi_of_shares(expected: np.ndarray, found: np.ndarray) -> float:
    """Sum of (found - expected) ln(found / expected). 0.1 is called a small change, 0.2 a large one.

    Source: Siddiqi, "Credit Risk Scorecards", Wiley 2006 (system stability report).
    """
    expected, found = np.maximum(expected, FLOOR), np.maximum(found, FLOOR)
    return float(((found - expected) * np.log(found / expected)).sum())


def normed_wasserstein(reference: Reference, current_sorted: np.ndarray) -> float:
    """Mean distance the values have moved, in standard deviations of the reference.

    Equal to `scipy.stats.wasserstein_distance(...) / std`, Evidently's own measure for large samples.
    """
    everything = np.sort(np.concatenate([reference.values, current_sorted]), kind="stable")  # merges two runs
    gaps = np.diff(everything)
    ours = np.searchsorted(reference.values, everything[:-1], side="right") / reference.size
    theirs = np.searchsorted(current_sorted, everything[:-1], side="right") / len(current_sorted)
    return float((np.abs(ours - theirs) * gaps).sum()) / reference.spread


def chi_square(reference_counts: np.ndarray, counts: np.ndarray) -> tuple[float, float]:
    """(statistic, p-value) of two rows of counts over the same k categories, none of them empty in both.

    Equal to `scipy.stats.chi2_contingency([reference_counts, counts], correction=False)`.
    """
    from scipy.special import chdtrc

    table = np.array([reference_counts, counts], dtype=float)
    if table.shape[1] < 2:
        return 0.0, 1.0
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    return statistic, float(chdtrc(table.shape[1] - 1, statistic))


def false_discovery_adjusted(p_values: np.ndarray) -> np.ndarray:
    """q-values: rejecting those below a limit keeps the expected share of false alarms below that limit.

    Source: Benjamini and Hochberg, J. R. Statist. Soc. B 57 (1995); `scipy.stats.false_discovery_control`.
    """
    count = len(p_values)
    order = np.argsort(p_values)
    scaled = p_values[order] * count / np.arange(1, count + 1)
    adjusted = np.empty(count)
    adjusted[order] = np.minimum.accumulate(scaled[::-1])[::-1]
    return np.minimum(adjusted, 1.0)


def clustered(counts: np.ndarray) -> np.ndarray:
    """Counts over k categories, summed over clusters and made as few as independent draws would tell as much.

    Things that come together (the boxes of one frame) are alike; counted one by one they look like far more evidence
    than they are. Each sum is divided by its design effect: the variance of the shares between clusters over that of
    independent draws, mean over the categories, at least 1.

    Args:
        counts: (clusters, k), one row a cluster, some of them empty.

    Source: Rao and Scott, J. Amer. Statist. Assoc. 76 (1981), first-order correction.
    """
    total = counts.sum(axis=0, dtype=float)
    everything, clusters = total.sum(), len(counts)
    shares = total / max(everything, 1.0)
    there = (shares > 0) & (shares < 1)
    if clusters < 2 or there.sum() < 2:
        return total
    residuals = counts - counts.sum(axis=1, keepdims=True) * shares
    variance = clusters / (clusters - 1) * (residuals**2).sum(axis=0) / everything**2
    effects = variance[there] * everything / shares[there]
    return total / max(1.0, float(effects.sum()) / (int(there.sum()) - 1))
