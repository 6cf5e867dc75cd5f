"""The way back: label_2 files from a COCO document, byte for byte where nothing was changed.

A row's own text is used as long as it agrees with the annotation; a box somebody moved since is written anew into its
row. Annotations that never were KITTI rows get KITTI's placeholders in the fields they lack.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workloads.detection.coco_fields import box_of, check_row, check_rows
from workloads.kitti.mistakes import BadFile
from workloads.kitti.row import LABEL_FIELDS, Column, parse_row, words_of

PLACEHOLDERS = {"truncated": -1, "occluded": -1, "alpha": -10, "dimensions": [-1, -1, -1],
                "location": [-1000, -1000, -1000], "rotation_y": -10}  # fmt: skip
"""KITTI's values for unknown. Source: KITTI object devkit, readme.txt."""
_MOVED_PX = 1e-4


def restore(coco: Path, out: Path) -> int:
    """Write `out/label_2/NNNNNN.txt` for each image of a document, or of all `annotations.json` below a folder.

    Returns:
        How many files were written.

    Raises:
        BadFile: no JSON, no COCO document, no image, two images with the same frame name, or an annotation that gives
            no row our own reader takes. Nothing is written then.
    """
    files = sorted(coco.rglob("annotations.json")) if coco.is_dir() else [coco]
    if not files:
        raise BadFile(coco, "there is no annotations.json below this folder")
    texts: dict[str, str] = {}
    for path in files:
        for frame, text in label_texts(read_document(path), path).items():
            if frame in texts:
                raise BadFile(path, f"frame {frame} comes twice; restore one document after the other")
            texts[frame] = text
    if not texts:
        raise BadFile(coco, "names no image; there is no label file to write")
    folder = out / "label_2"
    folder.mkdir(parents=True, exist_ok=True)
    for frame, text in texts.items():
        (folder / f"{frame}.txt").write_bytes(text.encode("utf-8"))
    return len(texts)


def read_document(path: Path) -> dict[str, Any]:
    """A COCO document: a JSON object with images, annotations and categories."""
    try:
        document = json.loads(path.read_bytes())
    except OSError as wrong:
        raise BadFile(path, f"cannot be read: {wrong.strerror}") from wrong
    except json.JSONDecodeError as wrong:
        raise BadFile(path, f"no valid JSON: {wrong.msg} (column {wrong.colno})", line=wrong.lineno) from wrong
    except UnicodeDecodeError as wrong:
        raise BadFile(path, "no valid JSON: it is no UTF-8 text") from wrong
    except ValueError as wrong:  # Python reads no whole number of more than 4,300 digits
        raise BadFile(path, f"no valid JSON: {wrong}") from wrong
    except RecursionError as wrong:
        raise BadFile(path, "lists or objects lie too deeply in one another to be read") from wrong
    for name in ("images", "annotations", "categories"):
        if not isinstance(document, dict) or not isinstance(document.get(name), list):
            raise BadFile(path, f"no COCO document: it has no list {name!r}")
    return document


def label_texts(document: Mapping[str, Any], path: Path) -> dict[str, str]:
    """{frame: content of its label file}.

    Raises:
        BadFile: an image, annotation or category that cannot be used; the message names it.
    """
    check_rows(document, path)
    names = {one.get("id"): str(one.get("name")) for one in document["categories"]}
    rows: dict[Any, dict[Any, str]] = {}
    frames: dict[Any, str] = {}
    named: set[str] = set()
    for image in document["images"]:
        frame = Path(str(image.get("file_name") or "")).stem
        if not frame or frame in named:
            raise BadFile(path, f"two images of frame {frame}" if frame else "an image without file_name",
                          field=f"images, id {image.get('id')}")  # fmt: skip
        if "\0" in frame or not _is_unicode(frame):
            raise BadFile(
                path, f"file_name {image['file_name']!r} cannot name a file", field=f"images, id {image['id']}"
            )
        named.add(frame)
        frames[image.get("id")] = frame
        rows[image.get("id")] = {}
    if not isinstance(document.get("kitti_left_out", []), list):
        raise BadFile(path, "kitti_left_out is no list")
    for field in ("annotations", "kitti_left_out"):
        for place, one in enumerate(document.get(field, ())):
            where = f"{field}[{place}]"
            check_row(one, path, where)
            if one.get("image_id") not in rows:
                raise BadFile(path, f"there is no image {one.get('image_id')}", field=where)
            if one.get("category_id") is not None and one["category_id"] not in names:
                raise BadFile(path, f"there is no category {one['category_id']}", field=where)
            # A region that all classes ignore comes once for each of them: the line tells that they are one.
            key = one.get("kitti_line", f"new {place}")
            if "kitti_line" in one and not isinstance(key, int):
                raise BadFile(path, f"kitti_line: {key!r} is no whole number", field=where)
            if key not in rows[one["image_id"]]:
                rows[one["image_id"]][key] = _row(one, names, path, where)
    return {frames[image["id"]]: _joined(rows[image["id"]], _separators(image, path)) for image in document["images"]}


def _is_unicode(text: str) -> bool:
    """JSON can spell halves of characters, and no file can hold them."""
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def _separators(image: Mapping[str, Any], path: Path) -> list[str] | None:
    """What stands before, between and after the rows, where that is unusual: blanks, and a byte order mark."""
    given = image.get("kitti_separators")
    if given is None:
        return None
    blank = isinstance(given, list) and all(isinstance(one, str) for one in given)
    if not blank or any(letter > " " for letter in "".join(given).removeprefix("\ufeff")):
        raise BadFile(
            path, f"kitti_separators: {given!r} are not the blanks around rows", field=f"images, id {image['id']}"
        )
    if any("\n" not in one for one in given[1:-1]):
        raise BadFile(path, f"kitti_separators: {given!r} put two rows on one line", field=f"images, id {image['id']}")
    return list(given)


def _joined(rows: Mapping[Any, str], separators: list[str] | None) -> str:
    in_order = sorted(rows, key=lambda key: (isinstance(key, str), key if isinstance(key, int) else 0))
    texts = [rows[key] for key in in_order]
    if separators is None or len(separators) != len(texts) + 1:
        return "".join(text + "\n" for text in texts)
    return separators[0] + "".join(text + after for text, after in zip(texts, separators[1:], strict=True))


def _row(one: Mapping[str, Any], names: Mapping[Any, str], path: Path, field: str) -> str:
    text = one.get("kitti_row")
    if text is None:
        return _written(one, names, path, field)
    numbers = _numbers(str(text), path, field)
    if "bbox" not in one:
        return str(text)
    left, top, right, bottom = numbers[Column.LEFT : Column.BOTTOM + 1]
    held = (left, top, right - left, bottom - top)  # as convert writes it; its sums would lose a far corner
    if all(abs(now - was) <= _MOVED_PX for now, was in zip(box_of(one, path, field), held, strict=True)):
        return str(text)
    words = words_of(str(text))
    words[1 + Column.LEFT : 2 + Column.BOTTOM] = [f"{value:.2f}" for value in _corners(one, path, field)]
    return " ".join(words)


def _numbers(row: str, path: Path, field: str) -> list[float]:
    """Its 15 numbers, by our own reader: what that refuses is not written."""
    if "\n" in row:
        raise BadFile(path, f"{row!r} is more than one row", field=field)
    if not _is_unicode(row):
        raise BadFile(path, f"{row!r} is no text that a file can hold", field=field)
    try:
        return parse_row(row, LABEL_FIELDS, path, 1)[1]
    except BadFile as wrong:
        at = f"field {wrong.field}: " if wrong.field else ""
        raise BadFile(path, f"{row!r} is no label row: {at}{wrong.reason}", field=field) from wrong


def _corners(one: Mapping[str, Any], path: Path, field: str) -> list[float]:
    left, top, width, height = box_of(one, path, field)
    return [left, top, left + width, top + height]


def _written(one: Mapping[str, Any], names: Mapping[Any, str], path: Path, field: str) -> str:
    """A row of an annotation that never had one."""
    known = {name: one.get(name, placeholder) for name, placeholder in PLACEHOLDERS.items()}
    kind = str(one.get("kitti_type") or ("DontCare" if one.get("iscrowd") else names.get(one.get("category_id"), "")))
    if len(words_of(kind)) != 1:
        raise BadFile(path, f"{kind!r} cannot be a type of KITTI's: one word is needed", field=field)
    corners = _corners(one, path, field)
    try:
        numbers = [known["truncated"], _whole(known["occluded"]), known["alpha"], *corners, *known["dimensions"],
                   *known["location"], known["rotation_y"]]  # fmt: skip
        row = " ".join([kind, *map(_spell, numbers)])
    except (TypeError, ValueError, OverflowError) as wrong:
        raise BadFile(path, f"{', '.join(PLACEHOLDERS)} must be numbers, as KITTI has them", field=field) from wrong
    _numbers(row, path, field)
    return row


def _whole(number: Any) -> Any:
    """1 of 1.0; what is not whole stays, for the reader to refuse."""
    return int(number) if int(number) == float(number) else number


def _spell(number: float) -> str:
    """Two decimals, as KITTI has them; its placeholders are whole."""
    return str(number) if isinstance(number, int) else f"{number:.2f}"
