"""Rows of numbers in text: one pass for all plain numbers, Python's `float` for the words that are not surely exact."""

from __future__ import annotations

from codecs import BOM_UTF8
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from workloads.kitti.mistakes import BadFile

MOST_DIGITS = 18
"""Of a count in a header: more do not fit 64 bits, and no file holds so much."""

_POWERS = 10.0 ** np.arange(23)
"""Exact in float64: so is the product or quotient with a mantissa below 2^53, rounded once (Clinger, PLDI 1990)."""
_EXACT = 1 << 53
_DONE, _SHORT, _UNEVEN, _MORE = 0, 1, 2, 3


def begin_of(head: bytes) -> int:
    """The byte where a header begins: behind the mark with which Windows editors begin a text."""
    return len(BOM_UTF8) if head.startswith(BOM_UTF8) else 0


def is_count(word: str) -> bool:
    """True for a whole number that a header may give, 0 included."""
    return word.isascii() and word.isdigit() and len(word) <= MOST_DIGITS


def read_rows(content: np.ndarray, start: int, first_line: int, rows: int, columns: int, path: Path, what: str
              ) -> tuple[np.ndarray, int, int]:  # fmt: skip
    """(rows, columns) float64 from the lines that follow byte `start` of uint8 `content`; blank lines are passed over.

    Args:
        first_line: number of that line in the file, for messages. what: a row's name, `point` or `vertex`.

    Returns:
        The table, the byte where the next line starts, and the number of that line.

    Raises:
        BadFile: too few rows, another count of words in a line, or a word that is no number.
    """
    table = np.empty((rows, columns))
    doubts = np.empty((max(1024, columns), 5), np.int64)
    state = np.array([start, first_line, 0], np.int64)  # byte, line, row: where the next call goes on
    while True:
        status, found, doubtful = _parse(content, state, table, doubts)
        for row, column, begun, end, line in doubts[:doubtful].tolist():
            word = content[begun:end].tobytes().decode("utf-8", "replace")
            table[row, column] = _number(word, path, line, column)
        at, line, row = (int(value) for value in state)
        if status == _DONE:
            return table, at, line
        if status == _SHORT:
            raise BadFile(
                path, f"the header says {rows:,} {what} rows and the file ends after {row:,}; it is cut, "
                "or the header is wrong", line=line)  # fmt: skip
        if status == _UNEVEN:
            raise BadFile(path, f"{found} numbers; a {what} row has {columns}", line=line)


def as_type(values: np.ndarray, kind: np.dtype, path: Path, field: str) -> np.ndarray:
    """Float64 of a text in the type that the header gives them.

    Raises:
        BadFile: a number that is not whole, or too large, where the type is one of whole numbers.
    """
    if kind.kind == "f":
        with np.errstate(over="ignore"):
            return values.astype(kind)
    limits = np.iinfo(kind)
    low, high = float(limits.min), float(limits.max)
    wrong = np.flatnonzero(~((values >= low) & (values <= high) & (values == np.floor(values))))
    if len(wrong):
        value = values.reshape(-1)[wrong[0]]
        raise BadFile(path, f"{value:.15g} given; {kind.name} holds whole numbers from {limits.min} to {limits.max}",
                      field=field)  # fmt: skip
    with np.errstate(invalid="ignore"):
        whole = values.astype(kind)
    whole[values == high] = limits.max  # the largest of 64 bits is none of float64, and its neighbour leaves the type
    return whole


def _number(word: str, path: Path, line: int, column: int) -> float:
    try:
        if "_" in word:
            raise ValueError(word)
        return float(word)
    except ValueError as wrong:
        raise BadFile(path, f"{word[:40]!r} is no number", line=line, field=str(column + 1)) from wrong


@njit(cache=True, nogil=True)
def _parse(content: np.ndarray, state: np.ndarray, table: np.ndarray, doubts: np.ndarray) -> tuple[int, int, int]:
    """Go on from `state` (byte, line, row) until the table is full, something is wrong, or there is no room for doubts.

    Returns:
        The status, the count of numbers in the line where it ended, and how many words are left to `float`.
    """
    rows, columns = table.shape
    at, line, row = state[0], state[1], state[2]
    doubtful, end = 0, len(content)
    while row < rows:
        state[0], state[1], state[2] = at, line, row
        if doubtful + columns > len(doubts):
            return _MORE, 0, doubtful
        column = 0
        while at < end and content[at] != 10:
            if content[at] <= 32:
                at += 1
                continue
            begun = at
            negative = content[at] == 45
            if negative or content[at] == 43:
                at += 1
            mantissa: Any = np.int64(0)
            exponent: Any = 0
            digits, decimals = 0, 0
            while at < end and 48 <= content[at] <= 57:
                mantissa = mantissa * 10 + (np.int64(content[at]) - 48)
                at += 1
                digits += 1
            if at < end and content[at] == 46:
                at += 1
                whole = digits
                while at < end and 48 <= content[at] <= 57:
                    mantissa = mantissa * 10 + (np.int64(content[at]) - 48)
                    at += 1
                    digits += 1
                decimals = digits - whole
            fine = 0 < digits < 19
            if fine and at + 1 < end and (content[at] | 32) == 101:
                at += 1
                down = content[at] == 45
                if down or content[at] == 43:
                    at += 1
                known = 0
                while at < end and 48 <= content[at] <= 57 and known < 4:
                    exponent = exponent * 10 + (np.int64(content[at]) - 48)
                    at += 1
                    known += 1
                fine = known > 0
                exponent = -exponent if down else exponent
            fine = fine and (at == end or content[at] <= 32)
            scale = exponent - decimals
            if column < columns:
                if fine and mantissa < _EXACT and -22 <= scale <= 22:
                    value = mantissa * _POWERS[scale] if scale >= 0 else mantissa / _POWERS[-scale]
                    table[row, column] = -value if negative else value
                else:
                    while at < end and content[at] > 32:
                        at += 1
                    doubts[doubtful, 0], doubts[doubtful, 1] = row, column
                    doubts[doubtful, 2], doubts[doubtful, 3], doubts[doubtful, 4] = begun, at, line
                    doubtful += 1
            while at < end and content[at] > 32:
                at += 1
            column += 1
        if column == columns:
            row += 1
        elif column:
            return _UNEVEN, column, doubtful
        if at >= end and row < rows:
            state[2] = row
            return _SHORT, column, doubtful
        at += 1
        line += 1
    state[0], state[1], state[2] = min(at, end), line, row
    return _DONE, 0, doubtful
