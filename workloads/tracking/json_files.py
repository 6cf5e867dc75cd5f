"""A COCO-like JSON list: rows of `frame` (or `image_id`), `bbox` [x, y, w, h], `score`, and what class it is.

A row names its class by `category_id`, or `category` or `class` with a word; `track_id` is its number.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from workloads.kitti.mistakes import BadFile
from workloads.tracking.rows import LARGEST_PX, NO_ID, NO_IDENTITY, Rows, RowsBuilder

_CLASS_KEYS = ("category_id", "category", "class")
_WHOLE = re.compile("0|-?[1-9][0-9]{0,99}")
"""A class that was a number. 007 was a word."""


def read(path: Path, content: str, *, detections: bool) -> Rows:
    """Detections (in frame order) or tracks and truth (with `track_id`, any order).

    Raises:
        BadFile: file, place in the list and key of the first row that is wrong.
    """
    try:
        document = json.loads(content if content.strip() else "[]")
    except (ValueError, RecursionError) as wrong:
        raise BadFile(path, f"is no JSON: {wrong}") from wrong
    if not isinstance(document, list):
        raise BadFile(path, "is no list; a list of {frame or image_id, bbox, score, ...} is read")
    rows = RowsBuilder(path, listed=True)
    for place, row in enumerate(document):
        where = Path(f"{path}[{place}]")
        if not isinstance(row, dict):
            raise BadFile(where, "is no object with frame or image_id, bbox and score")
        key = "frame" if "frame" in row else "image_id"
        score = _number(row, "score", where) if detections or "score" in row else 1.0
        if detections and not 0 <= score <= 1:
            raise BadFile(where, f"{row['score']} given; a score is 0 to 1: rescale it", field="score")
        name = next((_name(row, word, where) for word in _CLASS_KEYS if word in row), "")
        track = NO_ID if detections else _whole(row, "track_id", where)
        if not detections and track < 0:
            raise BadFile(where, NO_IDENTITY.format(track), field="track_id")
        rows.add(frame=_whole(row, key, where, least=0), track=track, box=_box(row, where), score=score, name=name,
                 line=place)  # fmt: skip
    rows.first_frame = min((row[0] for row in rows.table), default=0)
    return rows.build(in_order=detections)


def text(tracks: Rows) -> str:
    """The same rows with a `track_id`, one a line; a class that was a number is `category_id` again."""
    lines = []
    for frame, track, kind, (left, top, right, bottom), score in zip(
        tracks.frames.tolist(), tracks.ids.tolist(), tracks.classes.tolist(), tracks.boxes_xyxy.tolist(),
        tracks.scores.tolist(), strict=True,
    ):  # fmt: skip
        box = [round(value, 3) for value in (left, top, right - left, bottom - top)]
        row: dict[str, Any] = {"frame": frame, "track_id": track, "bbox": box, "score": score}
        if name := tracks.names[kind]:
            row |= {"category_id": int(name)} if _WHOLE.fullmatch(name) else {"category": name}
        lines.append(json.dumps(row))
    return "[" + ",\n ".join(lines) + "]\n"


def _name(row: dict[str, Any], key: str, where: Path) -> str:
    value = row[key]
    if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
        raise BadFile(where, f"{json.dumps(value)} given; a class is a whole number or a word: leave the key out where "
                      "it is not known", field=key)  # fmt: skip
    return str(value)


def _number(row: dict[str, Any], key: str, where: Path) -> float:
    if key not in row:
        raise BadFile(where, f"lacks {key}")
    value = row[key]
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
        raise BadFile(where, f"{value!r} is not a finite number", field=key)
    return float(value)


def _whole(row: dict[str, Any], key: str, where: Path, *, least: int = -(10**9)) -> int:
    value = _number(row, key, where)
    if value != int(value) or not least <= value <= 10**9:
        raise BadFile(where, f"{row[key]} given; a whole number{f' from {least} up' if least == 0 else ''}", field=key)
    return int(value)


def _box(row: dict[str, Any], where: Path) -> tuple[float, float, float, float]:
    box = row.get("bbox")
    if not (isinstance(box, list) and len(box) == 4 and all(map(_is_pixels, box)) and box[2] >= 0 and box[3] >= 0):
        raise BadFile(where, f"{box!r} is not [x, y, width, height] in pixels with sizes from 0 up", field="bbox")
    return box[0], box[1], box[0] + box[2], box[1] + box[3]


def _is_pixels(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST_PX
