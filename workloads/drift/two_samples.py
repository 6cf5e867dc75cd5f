"""Tests and distances between a reference kept sorted and a current sample. numpy; p-values by scipy.special.

Equal to scipy to 1e-9 (tests) and far quicker where one reference meets many samples: it is sorted once, and
only the current values are looked up in it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

FLOOR = 1e-4
"""Share given to an empty bin in the PSI, whose logarithm would not exist else."""


class Reference:
    """The finite values of one column of the baseline: sorted, with decile edges and spread."""

    def __init__(self, values: np.ndarray, bins: int = 10):
        self.values = np.sort(values)
        self.size = len(self.values)
        spread = float(self.values.std())
        self.spread = spread if spread > 0 else 1.0
        """Standard deviation in the column's unit; 1 for a constant column, whose distance then is in that unit."""
        self.edges = np.unique(np.quantile(self.values, np.arange(1, bins) / bins))
        """Upper bounds of all PSI bins but the last; a value on a bound belongs below it."""
        below = np.searchsorted(self.values, self.edges, side="right")
        self.shares = np.diff(below, prepend=0, append=self.size) / self.size


def ks_statistic(reference: Reference, current_sorted: np.ndarray) -> float:
    """Largest distance between the two empirical distribution functions, 0 to 1.

    Both are steps, so it is reached at a current value or just before one: between two of them only the
    reference moves. Equal to `scipy.stats.ks_2samp(...).statistic`.
    """
    size = len(current_sorted)
    last = np.flatnonzero(np.append(current_sorted[1:] != current_sorted[:-1], True))  # of each run of equal values
    at = current_sorted[last]
    up_to = np.searchsorted(reference.values, at, side="right")
    before = up_to.copy()
    shared = reference.values[np.maximum(up_to - 1, 0)] == at  # only these need a second look
    before[shared] = np.searchsorted(reference.values, at[shared], side="left")
    ends = (last + 1) / size
    starts = np.append(0.0, ends[:-1])
    return float(max(np.abs(up_to / reference.size - ends).max(), np.abs(before / reference.size - starts).max()))


def ks_p_values(statistics: Sequence[float], reference_sizes: Sequence[int], sizes: Sequence[int]) -> np.ndarray:
    """Two-sided asymptotic p-values, all at once: `scipy.stats.ks_2samp(..., method="asymp").pvalue`."""
    from scipy.stats.distributions import kstwo

    n, m = np.asarray(reference_sizes, dtype=float), np.asarray(sizes, dtype=float)
    return np.clip(kstwo.sf(np.asarray(statistics, dtype=float), np.round(n * m / (n + m))), 0.0, 1.0)


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
