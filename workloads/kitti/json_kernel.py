"""The fast half of writing COCO annotations: a row's own digits become JSON, for every row that is surely plain.

`coco.annotation` writes the others, and says what an annotation is.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_INTEGER, _DECIMAL, _WORDS, _AS_IT_IS, _KIND, _ROW, _END = range(7)
_FIELDS = (
    (',{"id":', _INTEGER, 0, 0), (',"image_id":', _INTEGER, 0, 0), (',"category_id":', _INTEGER, 0, 0),
    (',"bbox":[', _WORDS, 4, 6), (",", _DECIMAL, 0, 0), (",", _DECIMAL, 0, 0), ('],"area":', _DECIMAL, 0, 0),
    (',"iscrowd":', _INTEGER, 0, 0), (',"truncated":', _WORDS, 1, 2), (',"occluded":', _AS_IT_IS, 2, 0),
    (',"alpha":', _WORDS, 3, 4), (',"dimensions":[', _WORDS, 8, 11), ('],"location":[', _WORDS, 11, 14),
    ('],"rotation_y":', _WORDS, 14, 15), (',"kitti_type":', _KIND, 0, 0), (',"kitti_line":', _INTEGER, 0, 0),
    (',"kitti_row":"', _ROW, 0, 0), ('"}', _END, 0, 0),
)  # fmt: skip
"""What stands before a field, how it is written, and the words of the row (from, to) that it is made of."""
_ID, _IMAGE, _CATEGORY, _WIDE, _HIGH, _AREA, _CROWD, _LINE = 0, 1, 2, 4, 5, 6, 7, 15
_TEXT = np.frombuffer("".join(field[0] for field in _FIELDS).encode(), np.uint8)
_STARTS = np.concatenate(([0], np.cumsum([len(field[0]) for field in _FIELDS])))
_HOW, _FROM, _TO = np.array([field[1:] for field in _FIELDS]).T.copy()
LONGEST = len(_TEXT) + 160
"""Bytes of an annotation at most, beside its row (which comes twice) and its type."""
_MOST_SCALED = 3_000_000_000
"""The square of a side in ten-thousandths of a pixel still fits into 64 bits."""
_MOST_DECIMALS = 4


@njit(cache=True, nogil=True)
def write_rows(text: np.ndarray, spans: np.ndarray, copies: np.ndarray, first_id: np.ndarray, image: np.ndarray,
               category: np.ndarray, crowd: np.ndarray, lines: np.ndarray, kind: np.ndarray, kinds: np.ndarray,
               kind_starts: np.ndarray, out: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Annotations of the rows of which `copies` is not 0, each with a comma before it.

    Args:
        text: (bytes,) uint8; spans (n, 2) where each row begins and ends in it.
        copies: (n,) how often a row is written; from 2 on for the categories 1, 2, … instead of `category`.
        first_id, image, category, crowd, lines: (n,) the numbers to write.
        kind: (n,) places in `kinds`, JSON strings one after the other that begin at `kind_starts`.
        out: (bytes,) uint8, filled; large enough for all.

    Returns:
        ends (n,) where each row's annotations end in `out`, plain (n,) bool: rows that are written.
    """
    ends = np.zeros(len(spans), np.int64)
    plain = np.zeros(len(spans), np.bool_)
    words = np.empty((15, 2), np.int64)
    whole = np.empty(15, np.bool_)
    scaled = np.zeros(15, np.int64)
    decimals = np.zeros(15, np.int64)
    numbers = np.zeros(len(_HOW), np.int64)
    places = np.zeros(len(_HOW), np.int64)
    at = 0
    for row in range(len(spans)):
        end = spans[row, 1]
        while end > spans[row, 0] and text[end - 1] <= 32:
            end -= 1
        plain[row] = copies[row] > 0 and _split(text, spans[row, 0], end, words, whole, scaled, decimals)
        if plain[row]:
            wide, places[_WIDE] = _difference(scaled[6], decimals[6], scaled[4], decimals[4])
            high, places[_HIGH] = _difference(scaled[7], decimals[7], scaled[5], decimals[5])
            plain[row] = wide <= _MOST_SCALED and high <= _MOST_SCALED
            numbers[_WIDE], numbers[_HIGH] = wide, high
            numbers[_AREA], places[_AREA] = wide * high, places[_WIDE] + places[_HIGH]
            numbers[_IMAGE], numbers[_CROWD], numbers[_LINE] = image[row], crowd[row], lines[row]
        for copy in range(copies[row] if plain[row] else 0):
            numbers[_ID] = first_id[row] + copy
            numbers[_CATEGORY] = category[row] if copies[row] == 1 else copy + 1
            for field in range(len(_HOW)):
                at = _copy(out, at, _TEXT, _STARTS[field], _STARTS[field + 1])
                how = _HOW[field]
                if how <= _DECIMAL:
                    at = _number(out, at, numbers[field], places[field], how == _DECIMAL)
                elif how == _WORDS:
                    for place in range(_FROM[field], _TO[field]):
                        at = _copy(out, at, text, words[place, 0], words[place, 1])
                        if whole[place]:  # with a point every reader takes it for a float
                            out[at], out[at + 1] = 46, 48
                            at += 2
                        out[at] = 44
                        at += 1
                    at -= 1
                elif how == _KIND:
                    at = _copy(out, at, kinds, kind_starts[kind[row]], kind_starts[kind[row] + 1])
                elif how == _ROW:
                    at = _copy(out, at, text, spans[row, 0], end)
                elif how == _AS_IT_IS:
                    at = _copy(out, at, text, words[_FROM[field], 0], words[_FROM[field], 1])
        ends[row] = at
    return ends, plain


@njit(cache=True, nogil=True)
def _split(text: np.ndarray, at: int, end: int, words: np.ndarray, whole: np.ndarray, scaled: np.ndarray,
           decimals: np.ndarray) -> bool:  # fmt: skip
    """Find the 15 words; False unless all is printable, needs no escape, and numbers are as JSON spells them."""
    place = 0
    while at < end:
        if text[at] == 32:
            at += 1
            continue
        begun = at
        while at < end and text[at] != 32:
            if text[at] < 32 or text[at] > 126 or text[at] == 34 or text[at] == 92:
                return False
            at += 1
        if place == 15:
            return False
        words[place, 0], words[place, 1] = begun, at
        if place > 0 and not _read(text, begun, at, place, whole, scaled, decimals):
            return False
        place += 1
    return place == 15 and bool(whole[2])


@njit(cache=True, nogil=True)
def _read(text: np.ndarray, at: int, end: int, place: int, whole: np.ndarray, scaled: np.ndarray,
          decimals: np.ndarray) -> bool:  # fmt: skip
    """-?(0|[1-9][0-9]*)([.][0-9]+)? with few digits, as an integer and its number of decimals."""
    negative = text[at] == 45
    at += negative
    if end - at > 11 or at == end or (text[at] == 48 and end - at > 1 and text[at + 1] != 46):
        return False
    value, digits, point = np.int64(0), 0, -1
    for here in range(at, end):
        if text[here] == 46 and point < 0 and here > at:
            point = here
        elif 48 <= text[here] <= 57:
            value = value * 10 + (np.int64(text[here]) - 48)
            digits += 1
        else:
            return False
    whole[place] = point < 0
    decimals[place] = 0 if point < 0 else end - point - 1
    scaled[place] = -value if negative else value
    return point != end - 1 and digits > 0 and (place < 4 or place > 7 or decimals[place] <= _MOST_DECIMALS)


@njit(cache=True, nogil=True)
def _difference(a: int, a_decimals: int, b: int, b_decimals: int) -> tuple[int, int]:
    """a - b, exactly."""
    while a_decimals < b_decimals:
        a, a_decimals = a * 10, a_decimals + 1
    while b_decimals < a_decimals:
        b, b_decimals = b * 10, b_decimals + 1
    return a - b, a_decimals


@njit(cache=True, nogil=True)
def _copy(out: np.ndarray, at: int, source: np.ndarray, begin: int, end: int) -> int:
    """Unsigned places: those cannot count from the end, and are not asked whether they do."""
    there, here, last = np.uint64(at), np.uint64(begin), np.uint64(end)
    while here < last:
        out[there] = source[here]
        there += np.uint64(1)
        here += np.uint64(1)
    return at + end - begin


@njit(cache=True, nogil=True)
def _number(out: np.ndarray, at: int, value: int, decimals: int, pointed: bool) -> int:
    """value, or if `pointed` value / 10 ** decimals with at least one decimal and no zeros after it; from 0 up."""
    rest = np.uint64(value)
    ten = np.uint64(10)
    while pointed and decimals > 1 and rest % ten == 0:
        rest //= ten
        decimals -= 1
    if pointed and decimals == 0:
        rest *= ten
        decimals = 1
    width, bound = 1 + decimals, ten
    for _ in range(decimals):
        bound *= ten
    while rest >= bound and width < 20:
        bound *= ten
        width += 1
    width += pointed
    point = at + width - 1 - decimals if pointed else -1
    for place in range(at + width - 1, at - 1, -1):
        if place == point:
            out[place] = 46
        else:
            out[place] = np.uint64(48) + rest % ten
            rest //= ten
    return at + width
