"""KITTI labels as COCO JSON. Every row is kept with its own text, so that `restoring` gives the very files back.

COCO's box is [left, top, right - left, bottom - top] in pixels of the original image. An annotation carries KITTI's
other fields under their names (`dimensions` is height, width, length; `location` the centre of the bottom face, camera
frame, metres) and its origin: `kitti_type`, `kitti_line`, `kitti_row`. Rows no class wants lie in `kitti_left_out`.
"""

from __future__ import annotations

import gc
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workloads.kitti.layout import Layout
from workloads.kitti.mistakes import BadFile
from workloads.kitti.objects import Objects, read_labels, read_rows_of
from workloads.kitti.policy import ClassPolicy, Use
from workloads.kitti.row import KINDS, UNKNOWN, Column

Document = dict[str, Any]
_SCALE = 1e6
"""Differences of KITTI's two-decimal numbers lose the dust of binary fractions: six decimals are kept."""


@dataclass(frozen=True)
class Picture:
    """One image as the JSON names it."""

    id: int
    file_name: str
    size: tuple[int, int]
    """(height, width) in pixels."""


def read_good_labels(layout: Layout, frames: Sequence[str]) -> tuple[Objects, dict[str, BadFile]]:
    """The labels of all frames whose file is right, and what is wrong with the others."""
    try:
        return _checked(read_labels(layout.labels, frames), layout), {}
    except BadFile:
        pass  # one file at least is wrong: find out which, and keep the others
    bad: dict[str, BadFile] = {}
    for frame in frames:
        path = layout.label(frame)
        try:
            _checked(read_rows_of(path.read_bytes(), path), layout)
        except FileNotFoundError:
            bad[frame] = BadFile(path, f"there is no label file of frame {frame}")
        except OSError as wrong:
            bad[frame] = BadFile(path, f"cannot be read: {wrong.strerror}")
        except BadFile as wrong:
            bad[frame] = wrong
    return read_labels(layout.labels, [frame for frame in frames if frame not in bad]), bad


def _checked(objects: Objects, layout: Layout) -> Objects:
    """JSON is text; a label that is none would not come back as it was."""
    try:
        objects.text.decode("utf-8")
    except UnicodeDecodeError as wrong:
        row = int(np.searchsorted(objects.spans[:, 0], wrong.start, side="right")) - 1
        frame = objects.frames[int(objects.frame_of_row[row])] if row >= 0 else objects.frames[0]
        line = int(objects.lines[row]) if row >= 0 else 1
        raise BadFile(layout.label(frame), "is no UTF-8 text", line=line) from wrong
    return objects


def to_coco(objects: Objects, pictures: Sequence[Picture], policy: ClassPolicy) -> Document:
    """The document of all frames of `objects`; `pictures` are in their order."""
    with _no_collection():
        words, code = _words(objects)
        uses = np.array([policy.of(word) for word in words], np.int64).reshape(-1, 2)
        use, category = uses[code, 0], uses[code, 1]
        left, top, right, bottom = (objects.values[:, place] for place in range(Column.LEFT, Column.BOTTOM + 1))
        empty = (right <= left) | (bottom <= top)
        use = np.where(empty, Use.LEFT_OUT, use)
        rows = _row_texts(objects)
        annotations = _annotations(objects, pictures, policy, words, code, use, category, rows)
        image_of_row = np.array([picture.id for picture in pictures], np.int64)[objects.frame_of_row].tolist()
        left_out = [
            {"image_id": image_of_row[row], "kitti_type": words[code[row]], "kitti_line": int(objects.lines[row]),
             "kitti_row": rows[row], "reason": "empty box" if empty[row] else "no class of this data set"}
            for row in np.flatnonzero(use == Use.LEFT_OUT).tolist()
        ]  # fmt: skip
        images = [{"id": one.id, "file_name": one.file_name, "height": one.size[0], "width": one.size[1]}
                  for one in pictures]  # fmt: skip
        for place, between in _unusual_separators(objects):
            images[place]["kitti_separators"] = between
    counts = Counter({word: int(count) for word, count in zip(words, np.bincount(code, minlength=len(words)),
                                                              strict=True) if count})  # fmt: skip
    return {
        "info": {"description": "KITTI object labels as COCO JSON", "class_policy": policy.report(counts)},
        "images": images,
        "annotations": annotations,
        "categories": [{"id": place, "name": name} for place, name in enumerate(policy.classes, 1)],
        "kitti_left_out": left_out,
    }


def _annotations(objects: Objects, pictures: Sequence[Picture], policy: ClassPolicy, words: list[str],
                 code: np.ndarray, use: np.ndarray, category: np.ndarray, texts: list[str]
                 ) -> list[dict[str, Any]]:  # fmt: skip
    """In the order of rows; a row that all classes ignore comes once for each."""
    values = objects.values
    corner, size = values[:, Column.LEFT : Column.RIGHT], values[:, Column.RIGHT : Column.HEIGHT]
    size = size - corner
    numbers = np.hstack([corner, size, size[:, :1] * size[:, 1:]])
    numbers = np.rint(numbers * _SCALE) / _SCALE
    every = range(1, len(policy.classes) + 1)
    categories = [every if one == Use.IGNORE_ALL else (number,) if one else ()
                  for one, number in zip(use.tolist(), category.tolist(), strict=True)]  # fmt: skip
    fields = zip(
        np.array([picture.id for picture in pictures], np.int64)[objects.frame_of_row].tolist(), categories,
        numbers[:, :4].tolist(), numbers[:, 4].tolist(), (use != Use.OBJECT).astype(np.int64).tolist(),
        values[:, Column.TRUNCATED].tolist(), values[:, Column.OCCLUDED].astype(np.int64).tolist(),
        values[:, Column.ALPHA].tolist(), values[:, Column.HEIGHT : Column.X].tolist(),
        values[:, Column.X : Column.ROTATION_Y].tolist(), values[:, Column.ROTATION_Y].tolist(),
        [words[one] for one in code.tolist()], objects.lines.tolist(), texts, strict=True,
    )  # fmt: skip
    number = itertools.count(1)
    return [
        {"id": next(number), "image_id": image, "category_id": kind, "bbox": box, "area": area, "iscrowd": crowd,
         "truncated": truncated, "occluded": occluded, "alpha": alpha, "dimensions": dimensions,
         "location": location, "rotation_y": turn, "kitti_type": word, "kitti_line": line, "kitti_row": text}
        for image, kinds, box, area, crowd, truncated, occluded, alpha, dimensions, location, turn, word, line, text
        in fields for kind in kinds
    ]  # fmt: skip


def _words(objects: Objects) -> tuple[list[str], np.ndarray]:
    """Every type as it is written, and (n,) the place of each row's."""
    words = list(KINDS)
    code = objects.kind.astype(np.int64)
    places = {word: place for place, word in enumerate(words)}
    for row in np.flatnonzero(objects.kind == UNKNOWN).tolist():
        word = objects.word(row)
        if word not in places:
            places[word] = len(words)
            words.append(word)
        code[row] = places[word]
    return words, code


def _row_texts(objects: Objects) -> list[str]:
    """Each row as it stands, without the blanks around it."""
    text = objects.text.decode("ascii", "replace")  # one character a byte: spans hold
    if text.isascii():
        return [text[start:end].rstrip() for start, end in objects.spans.tolist()]
    return [objects.row_text(row) for row in range(len(objects))]


def _unusual_separators(objects: Objects) -> Iterator[tuple[int, list[str]]]:
    """(frame, what stands before, between and after its rows) where that is more than one newline after each."""
    begun = np.concatenate(([0], objects.file_ends))
    for frame in np.flatnonzero(~_is_plain(objects, begun)).tolist():
        pieces, at = [], int(begun[frame])
        for start, stop in objects.spans[objects.row_starts[frame] : objects.row_starts[frame + 1]].tolist():
            pieces.append(objects.text[at:start])
            at = start + len(objects.text[start:stop].rstrip())
        pieces.append(objects.text[at : int(begun[frame + 1])])
        yield frame, [piece.decode("utf-8") for piece in pieces]


def _is_plain(objects: Objects, begun: np.ndarray) -> np.ndarray:
    """(frames,) bool: the file is its rows, a newline after each, and nothing else."""
    buffer = np.frombuffer(objects.text, np.uint8)
    start, end = objects.spans[:, 0], objects.spans[:, 1]
    # A row is in place where it begins at the end of the row or file before, and no blank stands at its own end.
    after = np.concatenate((begun[:1], end + 1))[: len(start)]
    frame = objects.frame_of_row
    first = np.zeros(len(start), bool)
    first[objects.row_starts[:-1][np.diff(objects.row_starts) > 0]] = True
    fits = start == np.where(first, begun[frame], after)
    fits &= buffer[end - 1] > 32 if len(end) else True
    plain = np.ones(len(objects.frames), bool)
    plain[frame[~fits]] = False
    filled = np.diff(objects.row_starts) > 0
    last = objects.row_starts[1:][filled] - 1
    plain[filled] &= end[last] + 1 == begun[1:][filled]
    plain[~filled] &= np.diff(begun)[~filled] == 0
    return plain


@contextmanager
def _no_collection() -> Iterator[None]:
    """Many small dicts and no cycle: the collector would walk all of them again and again."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def select(document: Document, images: Mapping[int, Mapping[str, Any]]) -> Document:
    """The part of a document that belongs to the images of these ids; `images` may change their entries."""
    chosen = [one | images[one["id"]] for one in document["images"] if one["id"] in images]
    parts: Document = {name: [one for one in document[name] if one["image_id"] in images]
             for name in ("annotations", "kitti_left_out") if name in document}  # fmt: skip
    return {**document, "images": chosen, **parts}


def write(path: Path, document: Document) -> Path:
    import orjson

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps(document))
    return path
