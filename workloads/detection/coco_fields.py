"""What the fields of a COCO row may hold, whoever reads it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any


def is_number(value: Any) -> bool:
    """An integer of 400 digits is none: no float holds it."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def mistake_in(annotation: Mapping[str, Any]) -> str | None:
    """The first of the fields that may be left out and hold what they must not: key, value and what is needed."""
    if "iscrowd" in annotation and annotation["iscrowd"] not in (0, 1):
        return f"iscrowd: {annotation['iscrowd']!r} is not 0 or 1"
    if "area" in annotation and not (is_number(annotation["area"]) and annotation["area"] >= 0):
        return f"area: {annotation['area']!r} is not a finite number from 0 up"
    return None


def first_twins(rows: Sequence[Mapping[str, Any]]) -> tuple[int, int] | None:
    """The places of the first two rows with one `id`, the later one first. A row without id is nobody's twin."""
    places: dict[Any, int] = {}
    for place, row in enumerate(rows):
        if row.get("id") is not None and (before := places.setdefault(row["id"], place)) != place:
            return place, before
    return None
