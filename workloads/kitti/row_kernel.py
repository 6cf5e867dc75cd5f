"""The fast half of reading labels: bytes to columns in one pass, for every row that is surely right."""

from __future__ import annotations

import numpy as np
from numba import njit

from workloads.kitti.row import KINDS, UNKNOWN

_LONGEST = max(map(len, KINDS))
_WORDS = np.zeros((len(KINDS), _LONGEST), np.uint8)
for _place, _kind in enumerate(KINDS):
    _WORDS[_place, : len(_kind)] = np.frombuffer(_kind.lower().encode(), np.uint8)
_LENGTHS = np.array([len(kind) for kind in KINDS])
_POWERS = 10.0 ** np.arange(23)
"""Exact in float64, so mantissa / power is the correctly rounded number (Clinger, PLDI 1990)."""
_EXACT = 1 << 53


@njit(cache=True, nogil=True)
def read_rows(buffer: np.ndarray, file_starts: np.ndarray, file_ends: np.ndarray, fields: int, capacity: int
              ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Read all files that lie one after the other in `buffer` (uint8).

    Returns:
        values (n, 15) float64, kind (n,) int8, spans (n, 2) int64 (the row's bytes), lines (n,) int32 from 1,
        doubts (n,) bool (rows to be read again by `parse_row`), row_starts (files + 1,) int64.
    """
    values = np.zeros((capacity, 15))
    kind = np.empty(capacity, np.int8)
    spans = np.empty((capacity, 2), np.int64)
    lines = np.empty(capacity, np.int32)
    doubts = np.zeros(capacity, np.bool_)
    row_starts = np.zeros(len(file_starts) + 1, np.int64)
    row = 0
    for file in range(len(file_starts)):
        at, end, line = file_starts[file], file_ends[file], 0
        if end - at >= 3 and buffer[at] == 0xEF and buffer[at + 1] == 0xBB and buffer[at + 2] == 0xBF:
            at += 3  # the byte order mark that Windows editors put before UTF-8 text is no part of the first word
        while at < end:
            line += 1
            while at < end and _blank(buffer[at]):
                at += 1
            if at < end and buffer[at] == 10:
                at += 1
                continue
            if at == end:
                break
            begun = at
            while at < end and buffer[at] > 32:
                at += 1
            kind[row] = _code(buffer, begun, at)
            place, fine = 0, True
            while True:
                while at < end and _blank(buffer[at]):
                    fine = fine and _usual(buffer[at])
                    at += 1
                if at == end or buffer[at] == 10:
                    break
                value, at, exact = _decimal(buffer, at, end)
                fine = bool(fine and exact and place < fields - 1)
                if place < 15:
                    values[row, place] = value
                place += 1
            spans[row, 0], spans[row, 1], lines[row] = begun, at, line
            doubts[row] = not (fine and place == fields - 1 and _within(values[row], kind[row]))
            row += 1
            at += 1
        row_starts[file + 1] = row
    return values[:row], kind[:row], spans[:row], lines[:row], doubts[:row], row_starts


@njit(cache=True, nogil=True, inline="always")
def _blank(byte: int) -> bool:
    """Whatever no word holds, or a file of something else would never end."""
    return byte <= 32 and byte != 10


@njit(cache=True, nogil=True, inline="always")
def _usual(byte: int) -> bool:
    return byte == 32 or byte == 9 or byte == 13


@njit(cache=True, nogil=True)
def _code(buffer: np.ndarray, begun: int, end: int) -> int:
    length = end - begun
    for code in range(len(_LENGTHS)):
        if _LENGTHS[code] != length:
            continue
        same = True
        for place in range(length):
            byte = buffer[begun + place]
            if 65 <= byte <= 90:
                byte += np.uint8(32)
            if byte != _WORDS[code, place]:
                same = False
                break
        if same:
            return code
    return UNKNOWN


@njit(cache=True, nogil=True)
def _decimal(buffer: np.ndarray, at: int, end: int) -> tuple[float, int, bool]:
    """(value, where the word ends, whether the value is surely exact): [-+]digits[.digits] of up to 15 digits."""
    negative = buffer[at] == 45
    if negative or buffer[at] == 43:
        at += 1
    mantissa, digits, decimals, points = np.int64(0), 0, 0, 0
    fine = True
    while at < end and buffer[at] > 32:
        byte = buffer[at]
        if 48 <= byte <= 57:
            if digits < 18:
                mantissa = mantissa * 10 + (np.int64(byte) - 48)
            digits += 1
            decimals += points
        elif byte == 46:
            points += 1
        else:
            fine = False
        at += 1
    fine = fine and points < 2 and 0 < digits < 18 and bool(mantissa < _EXACT)
    if not fine:
        return 0.0, at, False
    value = mantissa / _POWERS[decimals]
    return (-value if negative else value), at, True


@njit(cache=True, nogil=True)
def _within(numbers: np.ndarray, kind: int) -> bool:
    """The limits of `row._check`."""
    occluded = numbers[1]
    fine = -1 <= numbers[0] <= 1 and -1 <= occluded <= 3 and occluded == np.floor(occluded)
    fine = fine and numbers[5] >= numbers[3] and numbers[6] >= numbers[4]
    if kind != 8:  # DontCare
        for place in range(7, 10):
            fine = bool(fine and (numbers[place] >= 0 or numbers[place] == -1))
    return fine
