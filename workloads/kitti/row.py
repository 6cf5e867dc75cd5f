"""One row of a label or result file: the readable rules, and the only place that says what is wrong.

The fast reader (`row_kernel`) takes only what is surely right; every row it doubts comes here.
Source: KITTI object devkit, readme.txt.
"""

from __future__ import annotations

import math
import re
from enum import IntEnum
from pathlib import Path

from workloads.kitti.mistakes import BadFile

KINDS = ("Car", "Van", "Truck", "Pedestrian", "Person_sitting", "Cyclist", "Tram", "Misc", "DontCare")
"""The nine words of KITTI. Case does not matter, as in the official evaluator."""
UNKNOWN = len(KINDS)
"""The code of any other word: kept, never evaluated."""
CODES = {kind.lower(): code for code, kind in enumerate(KINDS)}
NUMBERS = (
    "truncated", "occluded", "alpha", "left", "top", "right", "bottom",
    "height", "width", "length", "x", "y", "z", "rotation_y", "score",
)  # fmt: skip
LABEL_FIELDS, RESULT_FIELDS = 15, 16
_WORD = re.compile(r"[^\t\n\v\f\r\x1c-\x1f ]+")
"""No blank of Unicode's parts words: the fast reader goes by bytes, and a type may hold a no-break space."""


class Column(IntEnum):
    """Where a number stands in `NUMBERS`."""

    TRUNCATED, OCCLUDED, ALPHA, LEFT, TOP, RIGHT, BOTTOM, HEIGHT, WIDTH, LENGTH, X, Y, Z, ROTATION_Y, SCORE = range(15)


def words_of(text: str) -> list[str]:
    """The words of a row."""
    return _WORD.findall(text)


def number_of(word: str) -> float:
    """NaN where it is none as a file spells it: Python itself takes 1_0, and digits of every script."""
    try:
        return float(word) if word.isascii() and "_" not in word else math.nan
    except ValueError:
        return math.nan


def parse_row(text: str, fields: int, path: Path | str, line: int) -> tuple[str, list[float]]:
    """(type, 15 numbers in the order of `NUMBERS`); a label's score is 0.

    Args:
        text: one line without its end.
        fields: 15 for labels, 16 for results.

    Raises:
        BadFile: another number of fields, a word where a number belongs, or a value outside its limits.
    """
    words = words_of(text)
    if len(words) != fields:
        raise BadFile(path, f"{len(words)} fields given; a {_kind_of_file(fields)} row has {fields}", line=line)
    numbers = [_number(word, place, path, line) for place, word in enumerate(words[1:])]
    _check(words[0], numbers, path, line)
    return words[0], numbers + [0.0] * (RESULT_FIELDS - fields)


def _kind_of_file(fields: int) -> str:
    return "label" if fields == LABEL_FIELDS else "result"


def _number(word: str, place: int, path: Path | str, line: int) -> float:
    value = number_of(word)
    if not math.isfinite(value):
        raise BadFile(path, f"{word!r} is not a finite number", line=line, field=_field(place))
    return value


def _check(kind: str, numbers: list[float], path: Path | str, line: int) -> None:
    """The limits no real file breaks; beyond them a column has slipped or a box is turned inside out."""

    def refuse(column: Column, reason: str) -> None:
        raise BadFile(path, f"{numbers[column]:g} given; {reason}", line=line, field=_field(column))

    if not -1 <= numbers[Column.TRUNCATED] <= 1:
        refuse(Column.TRUNCATED, "0 (whole) to 1 (leaving the image), or -1 for unknown")
    if numbers[Column.OCCLUDED] not in (-1, 0, 1, 2, 3):
        refuse(Column.OCCLUDED, "0, 1, 2 or 3, or -1 for unknown")
    for low, high in ((Column.LEFT, Column.RIGHT), (Column.TOP, Column.BOTTOM)):
        if numbers[high] < numbers[low]:
            refuse(high, f"a negative box: it must not be below {NUMBERS[low]} = {numbers[low]:g}")
    if kind.lower() == "dontcare":
        return  # its 3D fields mean nothing; tracking labels hold other placeholders there
    for column in (Column.HEIGHT, Column.WIDTH, Column.LENGTH):
        if numbers[column] < 0 and numbers[column] != -1:
            refuse(column, "metres from 0 up, or -1 for unknown")


def _field(place: int) -> str:
    return f"{place + 2} ({NUMBERS[place]})"
