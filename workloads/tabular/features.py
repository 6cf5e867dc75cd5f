"""From raw columns to the model's matrix: one recipe, the same arithmetic in `prepare` and in `serve`.

Imports numpy only. The recipe is fitted on the training split (`fitting.py`) and travels as `features.json`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

MISSING_WORDS = frozenset({"", "?", "NA", "N/A", "n/a", "NaN", "nan", "NAN", "NULL", "null", "None", "#N/A", "<NA>"})
"""Words that mean "no value", in a CSV file and in a request alike."""

BOOLEAN_WORDS = {"true": 1.0, "false": 0.0}


class FeatureError(ValueError):
    """A value that does not fit its column. `column` names it; the message says what would fit."""

    def __init__(self, column: str, message: str):
        self.column = column
        super().__init__(f"{column}: {message}")


@dataclass(frozen=True)
class Column:
    """One raw column and how it is encoded."""

    name: str
    kind: str
    """`number`, `boolean` (0 or 1) or `category`."""
    fill: float | str | None = None
    """Stands in for a missing value. Fitted on the training split, whatever the policy is."""
    encoding: str = "none"
    """`none` for numbers and booleans; `one_hot`, `label` or `target` for categories."""
    categories: tuple[str, ...] = ()
    """Known words in order: most frequent first for one_hot, else sorted."""
    values: tuple[tuple[float, ...], ...] = ()
    """Target encoding: one row per category."""
    unknown: tuple[float, ...] = ()
    """Target encoding: what an unknown word becomes (the mean over all of training)."""
    example: float | str | None = None
    """A typical value, for documents and for the warm-up call."""

    @property
    def width(self) -> int:
        """Number of model inputs this column becomes."""
        if self.encoding == "one_hot":
            return len(self.categories)
        return len(self.unknown) if self.encoding == "target" else 1

    @cached_property
    def codes(self) -> dict[str, int]:
        return {word: code for code, word in enumerate(self.categories)}


@dataclass(frozen=True)
class FeaturePlan:
    """The whole recipe. `apply` gives `(x - offset) / scale` of the encoded columns as float32."""

    columns: tuple[Column, ...]
    outputs: tuple[str, ...]
    """Names of the d model inputs, in order."""
    offset: tuple[float, ...]
    scale: tuple[float, ...]
    task: str
    target: str | None = None
    classes: tuple[str, ...] = ()
    missing: str = "median"
    """The policy that was asked for. `drop`: rows with a missing value had no part in training."""
    scaling: str = "none"
    format: int = 1
    notes: dict[str, str] = field(default_factory=dict)
    """Raw columns that are not used, and why."""

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    def apply(self, data: Mapping[str, Sequence[Any] | np.ndarray] | np.ndarray | Sequence[Sequence[Any]], *,
              fill_missing: bool | None = None) -> np.ndarray:  # fmt: skip
        """Encode rows in raw units.

        Args:
            data: columns by name (unused names are ignored), or n rows of values in the order of `names`.
            fill_missing: whether a missing value (None, NaN, infinite, or one of MISSING_WORDS) takes the column's
                `fill`; by default, unless the policy was `drop`. A word that training never saw is no
                error: all zeros (one_hot), -1 (label) or the overall mean (target).

        Returns:
            (n, d) float32, columns as in `outputs`.

        Raises:
            FeatureError: a column is missing, a row has another length, a value is no number where one is
                needed, or a value is missing and may not be filled.
        """
        fill = self.missing != "drop" if fill_missing is None else fill_missing
        if self._plain and isinstance(data, np.ndarray) and data.dtype.kind in "fiu":
            return self._apply_numbers(data, fill)
        by_name = data if isinstance(data, Mapping) else self._transpose(data)
        blocks = []
        for column in self.columns:
            if column.name not in by_name:
                raise FeatureError(column.name, f"is missing; needed are {', '.join(self.names)}"[:500])
            blocks.append(encode(column, by_name[column.name], fill))
        return self._finish(np.concatenate(blocks, axis=1))

    def example_row(self) -> dict[str, Any]:
        """A typical row in raw units."""
        return {column.name: column.example for column in self.columns}

    @cached_property
    def _plain(self) -> bool:
        return all(column.kind == "number" for column in self.columns)

    @cached_property
    def _fills(self) -> np.ndarray:
        return np.array([column.fill for column in self.columns], dtype=np.float64)

    @cached_property
    def _affine(self) -> tuple[np.ndarray, np.ndarray]:
        return np.array(self.offset, dtype=np.float64), np.array(self.scale, dtype=np.float64)

    def _apply_numbers(self, rows: np.ndarray, fill: bool) -> np.ndarray:
        """The short way for a matrix of numbers; the same arithmetic as the long one."""
        if rows.ndim != 2 or rows.shape[1] != len(self.columns):
            raise FeatureError("row", f"shape {rows.shape} given; needed are rows of {len(self.columns)} values")
        rows = rows.astype(np.float64, copy=False)
        finite = np.isfinite(rows)
        if not finite.all():
            if not fill:
                row, place = np.argwhere(~finite)[0]
                raise _missing(self.columns[place], int(row))
            rows = np.where(finite, rows, self._fills)
        return self._finish(rows)

    def _finish(self, encoded: np.ndarray) -> np.ndarray:
        offset, scale = self._affine
        with np.errstate(over="ignore"):  # beyond float32 is infinite; the model's answer is checked, not its input
            return ((encoded - offset) / scale).astype(np.float32)

    def _transpose(self, rows: Any) -> dict[str, list[Any]]:
        wrong = next((row for row in rows if len(row) != len(self.columns)), None)
        if wrong is not None:
            raise FeatureError("row", f"{len(wrong)} values given; needed are {len(self.columns)}")
        columns = list(zip(*rows, strict=True)) or [()] * len(self.columns)
        return {column.name: list(values) for column, values in zip(self.columns, columns, strict=True)}

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> FeaturePlan:
        """The plan in a parsed `features.json`. Raises ValueError for another format."""
        if document.get("format") != 1:
            raise ValueError(f"features.json has format {document.get('format')!r}; this code reads format 1")
        plain = dict(document)
        plain["columns"] = tuple(_column(entry) for entry in document["columns"])
        for name in ("outputs", "offset", "scale", "classes"):
            plain[name] = tuple(document[name])
        return cls(**plain)

    @classmethod
    def loads(cls, text: str | bytes) -> FeaturePlan:
        return cls.from_json(json.loads(text))


def _column(entry: Mapping[str, Any]) -> Column:
    tuples = {name: tuple(entry[name]) for name in ("categories", "unknown")}
    return Column(**{**entry, **tuples, "values": tuple(tuple(row) for row in entry["values"])})


def encode(column: Column, values: Sequence[Any] | np.ndarray, fill: bool = True) -> np.ndarray:
    """(n, width) float64: one raw column as the model's inputs, before scaling."""
    if column.kind != "category":
        return _encode_numbers(column, values, fill)[:, None]
    codes = _encode_words(column, values, fill)
    if column.encoding == "label":
        return codes.astype(np.float64)[:, None]
    if column.encoding == "target":
        table = np.array([*column.values, column.unknown], dtype=np.float64)
        return table[codes]  # -1, an unknown word, is the last row
    return np.concatenate([np.eye(len(column.categories)), np.zeros((1, len(column.categories)))])[codes]


def _encode_numbers(column: Column, values: Sequence[Any] | np.ndarray, fill: bool) -> np.ndarray:
    if isinstance(values, np.ndarray) and values.dtype.kind in "fiub":
        numbers = values.astype(np.float64)
    else:
        numbers = np.array([to_number(column.name, value) for value in values], dtype=np.float64)
    missing = ~np.isfinite(numbers)
    if missing.any():
        if not fill:
            raise _missing(column, int(missing.argmax()))
        numbers[missing] = column.fill
    return numbers


def _encode_words(column: Column, values: Sequence[Any] | np.ndarray, fill: bool) -> np.ndarray:
    codes = np.empty(len(values), dtype=np.int64)
    for row, value in enumerate(values):
        word = to_word(value)
        if word is None:
            if not fill:
                raise _missing(column, row)
            word = str(column.fill)
        codes[row] = column.codes.get(word, -1)
    return codes


def to_number(name: str, value: Any) -> float:
    """A float, NaN for a missing value; text is read as a number or as true/false."""
    if value is None:
        return math.nan
    if isinstance(value, str):
        text = value.strip()
        if text in MISSING_WORDS:
            return math.nan
        if text.lower() in BOOLEAN_WORDS:
            return BOOLEAN_WORDS[text.lower()]
        value = text
    try:
        return float(value)
    except (TypeError, ValueError) as wrong:
        raise FeatureError(name, f"{str(value)[:40]!r} given; a number is needed") from wrong


def to_word(value: Any) -> str | None:
    """How a category is spelled, None for a missing value; whole numbers have no point: 3, not 3.0."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    word = str(value).strip()
    return None if word in MISSING_WORDS else word


def _missing(column: Column, row: int) -> FeatureError:
    return FeatureError(
        column.name, f"no value in row {row}; this model was trained on whole rows (missing: drop), give every value"
    )
