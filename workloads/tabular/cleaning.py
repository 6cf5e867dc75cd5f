"""Which rows and columns take part: duplicates, missing values, outliers, columns that say nothing."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import numpy as np

from workloads.contract import UserError
from workloads.tabular.reading import Table, missing_mask

IDENTIFIER_SHARE = 0.9
"""A text column in which so many rows have a word of their own names rows; nothing can be learned from it."""
IDENTIFIER_ROWS = 50

OUTLIER_LIMITS = {"iqr": 1.5, "zscore": 3.0}


def usable_columns(table: Table, features: list[str]) -> tuple[list[str], dict[str, str]]:
    """(columns that may serve as features, reason for each that may not)."""
    notes = {}
    for name in features:
        missing = table.missing(name)
        if missing.all():
            notes[name] = "no values"
        elif table.kinds[name] == "category" and table.rows >= IDENTIFIER_ROWS:
            present = table.columns[name][~missing]
            if len(set(present.tolist())) > IDENTIFIER_SHARE * len(present):
                notes[name] = _why_identifier(present)
    return [name for name in features if name not in notes], notes


def _why_identifier(words: np.ndarray) -> str:
    note = "identifier: nearly every row has a word of its own"
    strange = [word for word in words.tolist() if not _reads_as_number(word)]
    meant = sum(any(mark.isdigit() for mark in word) and _NUMBER_LIKE.fullmatch(word) is not None for word in strange)
    if len(words) - len(strange) + meant < len(words) / 2:
        return note
    # Numbers in disguise: say so, or a good column is missed by nobody.
    return f"{note}. For numbers, write {strange[0][:40]!r} as a plain number such as 1234.5, or leave it empty"


_NUMBER_LIKE = re.compile(r"[^\w\s]?\s?[-+]?\d[\d.,' ]*\s?(%|[^\w\s]|[a-zA-Z]{1,3})?")


def _reads_as_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def fingerprints(table: Table, names: list[str]) -> np.ndarray:
    """(n,) uint64: a hash of each row's raw values in the columns `names`; equal rows have equal hashes.

    Depends on values and column order only, so that it can be computed again from stored rows.
    """
    mixed = np.full(table.rows, 0x9E3779B97F4A7C15, dtype=np.uint64)
    for name in names:
        mixed = _mix(mixed ^ _bits(table.columns[name]))
    return mixed


def _bits(values: np.ndarray) -> np.ndarray:
    if values.dtype != object:
        numbers = np.where(np.isfinite(values), values, np.nan) + 0.0  # -0.0 becomes 0.0
        return numbers.astype(np.float64).view(np.uint64)
    known = {word: int.from_bytes(hashlib.blake2b(repr(word).encode(), digest_size=8).digest(), "little")
             for word in set(values.tolist())}  # fmt: skip
    return np.array([known[word] for word in values], dtype=np.uint64)


def _mix(bits: np.ndarray) -> np.ndarray:
    """SplitMix64's finaliser (Steele, Lea, Flood 2014): each input bit reaches each output bit."""
    bits = bits + np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def first_of_each(keys: np.ndarray) -> np.ndarray:
    """(n,) bool: True at the first row of each distinct key."""
    mask = np.zeros(len(keys), dtype=bool)
    mask[np.unique(keys, return_index=True)[1]] = True
    return mask


def whole_rows(table: Table, names: list[str]) -> np.ndarray:
    """(n,) bool: rows with a value in every column of `names`. Raises UserError where none is left."""
    missing = {name: table.missing(name) for name in names}
    keep = ~np.any(list(missing.values()), axis=0) if missing else np.ones(table.rows, dtype=bool)
    if not keep.any():
        worst = max(missing, key=lambda name: int(missing[name].sum()))
        raise UserError(
            f"preprocessing.missing: drop leaves 0 of {table.rows} rows; column {worst!r} alone has no value in "
            f"{int(missing[worst].sum())}. Choose mean, median or mode, or remove the column"
        )
    return keep


def outlier_limit(preprocessing: dict[str, Any]) -> float:
    method = preprocessing.get("outliers", "none")
    return float(preprocessing.get("outlier_limit") or OUTLIER_LIMITS.get(method, 0.0))


def outliers(train: Table, names: list[str], method: str, limit: float) -> dict[str, np.ndarray]:
    """{column: (n,) bool} for number columns that have outliers, judged by the training split's own statistics.

    `iqr`: more than `limit` quartile distances below the first or above the third quartile. `zscore`: more
    than `limit` standard deviations from the mean. Columns without spread have none.
    """
    found = {}
    for name in names:
        if train.kinds[name] != "number" or method == "none":
            continue
        values = train.columns[name]
        low, high = _fences(values[~missing_mask(values)], method, limit)
        with np.errstate(invalid="ignore"):
            mask = (values < low) | (values > high)  # False for NaN
        if mask.any():
            found[name] = mask
    return found


def _fences(values: np.ndarray, method: str, limit: float) -> tuple[float, float]:
    if not len(values):
        return -np.inf, np.inf
    if method == "iqr":
        first, third = np.quantile(values, [0.25, 0.75])
        spread, low, high = third - first, first, third
    else:
        spread = values.std()
        low = high = values.mean()
    return (low - limit * spread, high + limit * spread) if spread > 0 else (-np.inf, np.inf)
