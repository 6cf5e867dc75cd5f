"""Train, validation and test: stratified, seeded, and equal rows never on two sides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from workloads.contract import UserError

SPLITS = ("train", "validation", "test")
DEFAULT_SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}
FEWEST_ROWS = 10


def wanted_rows(splits: Mapping[str, Any], available: int) -> dict[str, int]:
    """Rows per split, from shares (below 1) or counts; splits not named share what is left.

    Raises:
        UserError: more rows wanted than there are, or a split would stay empty.
    """
    given = {name: float(splits[name]) for name in SPLITS if splits.get(name)}
    if not given:
        given = dict(DEFAULT_SHARES)
    counts = {name: int(value) if value >= 1 else round(value * available) for name, value in given.items()}
    open_splits = [name for name in SPLITS if name not in counts]
    if all(value < 1 for value in given.values()) and not open_splits and abs(sum(given.values()) - 1) < 1e-6:
        counts["train"] = available - counts["validation"] - counts["test"]  # rounding loses no row
    rest = available - sum(counts.values())
    if rest < 0:
        raise UserError(
            f"dataset.splits: {sum(counts.values())} rows wanted ({_spell(counts)}), {available} distinct ones "
            "are there after cleaning; lower the counts or use shares such as 0.7, 0.15, 0.15"
        )
    for place, name in enumerate(reversed(open_splits)):
        counts[name] = rest // (len(open_splits) - place)
        rest -= counts[name]
    empty = [name for name in SPLITS if counts[name] < 1]
    if empty or available < FEWEST_ROWS:
        raise UserError(
            f"dataset.splits: {available} distinct rows after cleaning give {_spell(counts)}; each split needs at "
            f"least one row and the dataset at least {FEWEST_ROWS}. Bring more data or change the splits"
        )
    return {name: counts[name] for name in SPLITS}


def split_rows(keys: np.ndarray, strata: np.ndarray | None, splits: Mapping[str, Any], *, seed: int
               ) -> dict[str, np.ndarray]:  # fmt: skip
    """Row numbers of each split, ascending.

    Args:
        keys: (n,) rows with the same key stay together, so that no copy of a test row is trained on.
        strata: (n,) class code per row; every class appears in every split in its share. None: one stratum.
        splits: shares or counts, as in `wanted_rows`. Exact unless rows with equal keys must stay together.
        seed: decides who goes where.

    Raises:
        UserError: as `wanted_rows`, or a class with fewer than three distinct rows.
    """
    _, first, group = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(np.argsort(first))  # groups numbered by first appearance, not by hash
    group, first = order[group], np.sort(first)
    classes = np.zeros(len(first), dtype=np.int64) if strata is None else strata[first]
    wanted = wanted_rows(splits, len(first))
    sizes = np.bincount(classes)
    if strata is not None and sizes[sizes > 0].min() < len(SPLITS):
        raise UserError(
            f"dataset: a class has {sizes[sizes > 0].min()} distinct row(s) after cleaning; each class needs "
            f"{len(SPLITS)}, one a split. Bring more rows of it, merge it with another, or clean less"
        )
    random = np.random.default_rng(seed)
    shuffled = [random.permutation(np.flatnonzero(classes == code)) for code in range(len(sizes))]
    left, chosen = sizes.copy(), {}
    for place, name in enumerate(("test", "validation", "train")):
        # Each class keeps one row for each split still to be filled.
        quota = _apportion(wanted[name], np.maximum(left - (2 - place), 0), left)
        taken = [groups[sizes[code] - left[code] :][: quota[code]] for code, groups in enumerate(shuffled)]
        chosen[name] = np.flatnonzero(np.isin(group, np.concatenate(taken)))
        left = left - quota
    return {name: chosen[name] for name in SPLITS}


def _apportion(total: int, most: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """`total` seats by `weights`, largest remainders first; at least one where there is any, never above `most`."""
    exact = total * weights / max(weights.sum(), 1)
    seats = np.minimum(np.maximum(np.floor(exact).astype(np.int64), (weights > 0).astype(np.int64)), most)
    for code in np.argsort(-(exact - np.floor(exact)), kind="stable"):
        if seats.sum() >= total:
            break
        seats[code] += seats[code] < most[code]
    while seats.sum() < total and (seats < most).any():
        seats[np.argmax(most - seats)] += 1
    return seats


def _spell(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {counts[name]}" for name in SPLITS if name in counts)
