"""Bodies of `/invocations` to rows in raw units: JSON and CSV, named or positional columns, one row or many.

| JSON | CSV |
|---|---|
| `{"instances": [[1, 2], [3, null]]}` or `[[1, 2], [3, null]]` | rows without a header, in the model's column order |
| `{"instances": [{"a": 1, "b": 2}]}` or `{"a": 1, "b": 2}` | rows below a header, in any order |
| `{"columns": ["b", "a"], "data": [[2, 1]]}` | |

Columns of the raw data that the model does not use (constant ones, the target) may be named, and are ignored.
`null`, an empty cell and the words of `FeaturePlan` for "no value" are missing values. What is wrong is
named by row (from 1, without the header) and column.
"""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Sequence
from http import HTTPStatus
from operator import itemgetter
from typing import Any

import numpy as np
import orjson

from workloads.serving.answers import Refusal, bad_request
from workloads.tabular.features import FeatureError, FeaturePlan, encode

_CONTAINERS = (list, dict)  # spelled once: `list | dict` is built anew each time it is met
MAX_ROWS = 50_000
"""More rows would make an answer of hundreds of megabytes out of 6 MB of `1\\n`."""


class Reader:
    """Reads bodies for one model. `read` gives what `FeaturePlan.apply` takes, checked."""

    def __init__(self, plan: FeaturePlan):
        self._plan = plan
        self._names = plan.names
        self._known = frozenset(self._names)
        self._ignored = frozenset([*plan.notes, plan.target]) - self._known
        """Columns of the raw data that the model does not use: whoever sends the data as they are may send them."""
        self._numeric = all(column.kind == "number" for column in plan.columns)
        self._in_order = itemgetter(*self._names) if len(self._names) > 1 else None

    def read_json(self, body: bytes) -> np.ndarray | list[Sequence[Any]]:
        """Rows of a JSON body in the model's column order. Raises Refusal."""
        try:
            document = orjson.loads(body.removeprefix(b"\xef\xbb\xbf"))
        except orjson.JSONDecodeError as invalid:
            raise bad_request("invalid_json", f"the body is not JSON: {invalid}", _SHAPES) from invalid
        return self._checked(self._rows_of(document))

    def read_csv(self, body: bytes) -> np.ndarray | list[Sequence[Any]]:
        """Rows of a CSV body in the model's column order. Raises Refusal."""
        try:
            text = body.decode("utf-8-sig")
        except UnicodeDecodeError as invalid:
            raise bad_request("invalid_csv", f"byte {invalid.start} is not UTF-8", "Send CSV as UTF-8.") from invalid
        if text.count("\n") > MAX_ROWS + 1:
            raise _too_many(text.count("\n"))  # before they cost memory
        if self._numeric and (plain := _plain_numbers(text, len(self._names))) is not None:
            return plain
        try:
            lines = io.StringIO(text, newline=None)
            rows: list[Sequence[Any]] = [row for row in csv.reader(lines, strict=True) if row]
        except csv.Error as invalid:
            raise bad_request("invalid_csv", f"the body is not CSV: {invalid}", "Quote cells as RFC 4180 does.") from (
                invalid
            )
        if rows and self._is_header(rows[0]):
            header = [cell.strip() for cell in rows[0]]
            return self._checked(self._reordered(header, rows[1:]))
        return self._checked(rows)

    def encode(self, rows: np.ndarray | list[Sequence[Any]]) -> np.ndarray:
        """(n, d) float32 for the model. Raises Refusal naming row and column of the first value that does not fit."""
        try:
            return self._plan.apply(rows)
        except FeatureError as wrong:
            raise self._locate(rows, wrong) from wrong

    # JSON

    def _rows_of(self, document: Any) -> list[Sequence[Any]]:
        if isinstance(document, dict):
            if "instances" in document and "instances" not in self._known:
                if len(document) > 1:
                    _only(document, {"instances"})
                document = document["instances"]
                if isinstance(document, dict):
                    document = [document]
            elif "data" in document and "data" not in self._known:
                _only(document, {"columns", "data", "index"})
                return self._reordered(document.get("columns", self._names), document["data"])
            else:
                document = [document]
        if not isinstance(document, list):
            raise bad_request("no_rows", f"{_kind(document)} given where rows are needed", _SHAPES)
        if document and not isinstance(document[0], _CONTAINERS):
            document = [document]  # one row of values
        return self._by_position(document) if document and isinstance(document[0], dict) else document

    def _by_position(self, rows: list[Any]) -> list[Sequence[Any]]:
        """Named rows to values in the model's order."""
        width = len(self._names)
        if self._in_order is not None:
            try:
                values = list(map(self._in_order, rows))
                if set(map(len, rows)) == {width}:
                    return values
            except (KeyError, TypeError, IndexError):
                pass  # a name, or a row that is no object: told below, by row and column
        for number, row in enumerate(rows, start=1):
            if not isinstance(row, dict):
                raise bad_request("mixed_rows", f"row {number}: {_kind(row)} among named rows", _SHAPES)
            self._check_names(list(row), f"row {number}: ")
        return [[row[name] for name in self._names] for row in rows]

    # both

    def _reordered(self, columns: Any, rows: Any) -> list[Sequence[Any]]:
        if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
            raise bad_request("bad_columns", "`columns` is not a list of names", _SHAPES)
        if not isinstance(rows, list):
            raise bad_request("no_rows", f"`data` is {_kind(rows)}, not a list of rows", _SHAPES)
        self._check_names(columns)
        _check_width(rows, len(columns))
        if columns == self._names:
            return rows
        places = [columns.index(name) for name in self._names]
        return [[row[place] for place in places] for row in rows]

    def _check_names(self, given: list[str], where: str = "") -> None:
        for name in given:
            if name not in self._known and name not in self._ignored:
                near = difflib.get_close_matches(name[:100], self._names, n=1)
                hint = f"Did you mean {near[0]!r}? " if near else ""
                remedy = f"{hint}The columns are: {_listed(self._names)}."
                raise bad_request("unknown_column", f"{where}column {name[:100]!r} is unknown to this model", remedy)
        once = set(given)
        if len(once) != len(given):
            twice = next(name for name in given if given.count(name) > 1)
            raise bad_request("duplicate_column", f"{where}column {twice!r} is given twice", "Give each column once.")
        if absent := [name for name in self._names if name not in once]:
            remedy = "Give every column; a missing value is null (JSON) or empty (CSV)."
            raise bad_request("missing_column", f"{where}column {_listed(absent)} is missing", remedy)

    def _checked(self, rows: list[Sequence[Any]]) -> np.ndarray | list[Sequence[Any]]:
        """The rows as a matrix where all is numbers; else as they are, each of the right length and flat."""
        if not rows:
            raise bad_request("no_rows", "the body holds no rows", _SHAPES)
        if len(rows) > MAX_ROWS:
            raise _too_many(len(rows))
        if self._numeric:
            try:
                matrix = np.asarray(rows, dtype=np.float64)  # null becomes NaN: missing, as the plan has it
            except (ValueError, TypeError):
                pass  # ragged, nested, or words: told below, or read by the plan
            else:
                if matrix.shape == (len(rows), len(self._names)):
                    return matrix
        _check_width(rows, len(self._names))
        for number, row in enumerate(rows, start=1):
            for name, value in zip(self._names, row, strict=True):
                if isinstance(value, _CONTAINERS):
                    message = f"row {number}, column {name}: {_kind(value)} given; one value is needed"
                    raise bad_request("bad_value", message, _SHAPES)
        return rows

    def _is_header(self, cells: Sequence[str]) -> bool:
        """A line is a header if a cell of it is a column's name and no number (a name like `7` alone is no sign)."""
        words = {cell.strip() for cell in cells}
        return words == self._known or any(word in self._known and not _is_number(word) for word in words)

    def _locate(self, rows: np.ndarray | list[Sequence[Any]], wrong: FeatureError) -> Refusal:
        place = self._names.index(wrong.column) if wrong.column in self._known else 0
        column, fill = self._plan.columns[place], self._plan.missing != "drop"
        for number, row in enumerate(rows, start=1):
            try:
                encode(column, [row[place]], fill)
            except FeatureError as told:
                reason = str(told).removeprefix(f"{column.name}: ")
                return bad_request("bad_value", f"row {number}, column {column.name}: {reason}", _remedy(column.kind))
        return bad_request("bad_value", str(wrong), _SHAPES)


_SHAPES = (
    'Send {"instances": [[value, ...], ...]}, {"instances": [{"column": value}, ...]} or '
    '{"columns": [...], "data": [[...]]} as application/json, or rows as text/csv; see /openapi.json.'
)


def _remedy(kind: str) -> str:
    if kind == "category":
        return "Give a word, or nothing where the model may fill in."
    return "Give a number; a missing value is null (JSON) or empty (CSV)."


def _plain_numbers(text: str, width: int) -> np.ndarray | None:
    """CSV of nothing but finite numbers, the common case, without the csv module; None for all else."""
    try:
        rows = [list(map(float, line.split(","))) for line in text.split("\n") if line and line != "\r"]
        matrix = np.array(rows, dtype=np.float64)
    except ValueError:
        return None
    return matrix if matrix.ndim == 2 and matrix.shape[1] == width and np.isfinite(matrix).all() else None


def _too_many(rows: int) -> Refusal:
    message = f"{rows} rows given, {MAX_ROWS} are the limit"
    return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_many_rows", message, "Send them in several requests.")


def _check_width(rows: list[Any], width: int) -> None:
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, list | tuple):
            raise bad_request("mixed_rows", f"row {number}: {_kind(row)} given; a list of values is needed", _SHAPES)
        if len(row) != width:
            message = f"row {number}: {len(row)} values given, there are {width} columns"
            remedy = "Give one value a column, null or empty where there is none; or give the columns' names, too."
            raise bad_request("wrong_count", message, remedy)


def _only(document: dict[str, Any], allowed: set[str]) -> None:
    for name in document:
        if name not in allowed:
            message = f"{name[:100]!r} is not known beside {sorted(allowed)[0]!r}"
            raise bad_request("unknown_member", message, _SHAPES)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(name[:100] for name in names[:20])
    return shown if len(names) <= 20 else f"{shown} and {len(names) - 20} more"


def _kind(value: Any) -> str:
    words = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return words.get(type(value), "a number")
