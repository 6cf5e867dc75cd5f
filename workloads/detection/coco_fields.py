"""What the fields of a COCO row may hold, whoever reads it."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workloads.kitti.mistakes import BadFile


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


def check_rows(document: Mapping[str, Any], path: Path) -> None:
    """What makes the document as a whole doubtful: rows that are none, and ids that do not tell rows apart."""
    for key in ("images", "annotations", "categories"):
        for place, one in enumerate(document[key]):
            where = f"{key}[{place}]"
            check_row(one, path, where)
            if one.get("id") is None and key != "annotations":
                raise BadFile(path, "lacks id", field=where)
            if one.get("name") in (None, "") and key == "categories":
                raise BadFile(path, "lacks name", field=where)
        if twins := first_twins(document[key]):
            place, before = twins
            reason = f"two {key} have one id: {document[key][place]['id']!r} is that of {key}[{before}] too"
            raise BadFile(path, reason, field=f"{key}[{place}]")


def check_row(one: Any, path: Path, where: str) -> None:
    """Raises BadFile: it is no object, or its ids cannot be compared."""
    if not isinstance(one, dict):
        raise BadFile(path, f"{one!r} is no object", field=where)
    for name in ("id", "image_id", "category_id"):
        if isinstance(one.get(name), list | dict):
            raise BadFile(path, f"{name}: {one[name]!r} is no whole number", field=where)


def box_of(annotation: Mapping[str, Any], path: Path, where: str) -> tuple[float, float, float, float]:
    """Left, top, width and height of an annotation.

    Raises:
        BadFile: `bbox` is missing, holds no four finite numbers, or its size is negative.
    """
    box = annotation.get("bbox")
    try:
        left, top, width, height = (float(value) for value in (box if isinstance(box, list | tuple) else ()))
    except (TypeError, ValueError, OverflowError):
        left = top = width = height = math.nan
    if not all(map(math.isfinite, (left, top, width, height))):
        raise BadFile(path, f"bbox {box!r}: four finite numbers are needed", field=where)
    if width < 0 or height < 0:
        raise BadFile(path, f"bbox {box!r}: a negative box; width and height start at 0", field=where)
    return left, top, width, height
