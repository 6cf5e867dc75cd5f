"""KITTI labels as COCO JSON. Every row is kept with its own text, so that `restoring` gives the very files back.

COCO's box is [left, top, right - left, bottom - top] in pixels of the original image. An annotation carries KITTI's
other fields under their names (`dimensions` is height, width, length; `location` the centre of the bottom face, camera
frame, metres) and its origin: `kitti_type`, `kitti_line`, `kitti_row`. Rows no class wants lie in `kitti_left_out`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
DECIMALS = 6
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


def frames_with_a_box_outside(objects: Objects, sizes: Mapping[str, tuple[int, int]], layout: Layout
                              ) -> dict[str, BadFile]:  # fmt: skip
    """Frames with a box that lies wholly beside its image: the label belongs to another one. Or with one that is too
    large for its area to be a number: JSON has no infinity.

    Args:
        sizes: {frame: (height, width) in pixels}; a frame without size is not looked at.
    """
    size = np.array([sizes.get(name, (np.inf, np.inf)) for name in objects.frames]).reshape(-1, 2)
    height, width = size[objects.frame_of_row].T
    left, top, right, bottom = objects.boxes.T
    wrong: dict[str, BadFile] = {}
    for row in np.flatnonzero((left >= width) | (top >= height) | (right < 0) | (bottom < 0)).tolist():
        name = objects.frames[int(objects.frame_of_row[row])]
        box = ", ".join(f"{value:g}" for value in objects.boxes[row])
        reason = f"the box [{box}] lies outside the image ({width[row]:g} x {height[row]:g} pixels)"
        wrong.setdefault(name, BadFile(layout.label(name), reason, line=int(objects.lines[row])))
    with np.errstate(over="ignore", invalid="ignore"):
        area = (right - left) * (bottom - top)
    for row in np.flatnonzero(~np.isfinite(area)).tolist():
        name = objects.frames[int(objects.frame_of_row[row])]
        reason = f"the box [{', '.join(f'{value:g}' for value in objects.boxes[row])}] has no finite area"
        wrong.setdefault(name, BadFile(layout.label(name), reason, line=int(objects.lines[row])))
    return wrong


@dataclass(frozen=True)
class Converted:
    """A document as JSON, and what is in it."""

    pieces: tuple[bytes | memoryview, ...]
    """The text in parts; joining megabytes costs as much as making them."""
    images: int
    annotations: int
    left_out: int
    """Rows that no class wants; kept in `kitti_left_out`."""
    class_policy: dict[str, Any]

    def document(self) -> Document:
        import orjson

        document: Document = orjson.loads(b"".join(self.pieces))
        return document

    def write(self, path: Path) -> None:
        with path.open("wb") as file:
            for piece in self.pieces:
                file.write(piece)


@dataclass(frozen=True)
class Decided:
    """What becomes of each of n rows."""

    words: list[str]
    """Types as they are written."""
    code: np.ndarray
    """(n,) places in `words`."""
    use: np.ndarray
    """(n,) `policy.Use`."""
    category: np.ndarray
    """(n,) category id; of a region that all classes ignore the first."""
    copies: np.ndarray
    """(n,) annotations it gives: none, one, or one a class."""
    image: np.ndarray
    """(n,) image id."""
    empty: np.ndarray
    """(n,) bool: a box without area."""


def to_coco(objects: Objects, pictures: Sequence[Picture], policy: ClassPolicy) -> Document:
    """The document of all frames of `objects`; `pictures` are in their order."""
    return to_json(objects, pictures, policy).document()


def to_json(objects: Objects, pictures: Sequence[Picture], policy: ClassPolicy) -> Converted:
    """The same as text, in a fraction of the time: rows are copied, not taken apart and spelt again."""
    import orjson

    decided = decide(objects, pictures, policy)
    images = [{"id": one.id, "file_name": one.file_name, "height": one.size[0], "width": one.size[1]}
              for one in pictures]  # fmt: skip
    for place, between in _unusual_separators(objects):
        images[place]["kitti_separators"] = between
    left_out = [
        {"image_id": int(decided.image[row]), "kitti_type": decided.words[decided.code[row]],
         "kitti_line": int(objects.lines[row]), "kitti_row": objects.row_text(row),
         "reason": "empty box" if decided.empty[row] else "no class of this data set"}
        for row in np.flatnonzero(decided.use == Use.LEFT_OUT).tolist()
    ]  # fmt: skip
    counts = np.bincount(decided.code, minlength=len(decided.words)).tolist()
    report = policy.report({word: count for word, count in zip(decided.words, counts, strict=True) if count})
    head = {
        "info": {"description": "KITTI object labels as COCO JSON", "class_policy": report},
        "categories": [{"id": place, "name": name} for place, name in enumerate(policy.classes, 1)],
        "images": images,
        "kitti_left_out": left_out,
    }
    pieces = (orjson.dumps(head)[:-1] + b',"annotations":[', *_annotations(objects, decided), b"]}")
    return Converted(pieces, len(images), int(decided.copies.sum()), len(left_out), report)


def decide(objects: Objects, pictures: Sequence[Picture], policy: ClassPolicy) -> Decided:
    words, code = _words(objects)
    uses = np.array([policy.of(word) for word in words], np.int64).reshape(-1, 2)
    empty = np.any(objects.boxes[:, 2:] <= objects.boxes[:, :2], axis=1)
    use = np.where(empty, Use.LEFT_OUT, uses[code, 0])
    copies = np.where(use == Use.IGNORE_ALL, len(policy.classes), (use != Use.LEFT_OUT).astype(np.int64))
    category = np.where(use == Use.IGNORE_ALL, 1, uses[code, 1])
    image = np.array([picture.id for picture in pictures], np.int64)[objects.frame_of_row]
    return Decided(words, code, use, category, copies, image, empty)


def _annotations(objects: Objects, decided: Decided) -> list[bytes | memoryview]:
    """JSON of all annotations in the order of rows, with commas between."""
    import orjson

    from workloads.kitti.json_kernel import LONGEST, write_rows

    kinds = [orjson.dumps(word) for word in decided.words]
    kind_starts = np.concatenate(([0], np.cumsum([len(kind) for kind in kinds])))
    sizes = 2 * (objects.spans[:, 1] - objects.spans[:, 0]) + LONGEST + int(np.diff(kind_starts).max())
    first_id = np.cumsum(decided.copies) - decided.copies + 1
    crowd = (decided.use != Use.OBJECT).astype(np.int64)
    buffer = np.empty(int(decided.copies @ sizes), np.uint8)
    ends, plain = write_rows(
        np.frombuffer(objects.text, np.uint8), objects.spans, decided.copies, first_id, decided.image,
        decided.category, crowd, objects.lines, decided.code, np.frombuffer(b"".join(kinds), np.uint8), kind_starts,
        buffer,
    )  # fmt: skip
    pieces: list[bytes | memoryview] = []
    begun = 0
    for row in np.flatnonzero(~plain & (decided.copies > 0)).tolist():
        odd = [b"," + orjson.dumps(annotation(objects, decided, row, copy, int(first_id[row]) + copy))
               for copy in range(decided.copies[row])]  # fmt: skip
        pieces += [buffer.data[begun : int(ends[row])], *odd]
        begun = int(ends[row])
    pieces = [piece for piece in [*pieces, buffer.data[begun : int(ends[-1]) if len(ends) else 0]] if len(piece)]
    return [pieces[0][1:], *pieces[1:]] if pieces else []  # no comma before the first


def annotation(objects: Objects, decided: Decided, row: int, copy: int, number: int) -> dict[str, Any]:
    """One annotation, readably; `write_rows` writes the same for plain rows."""
    values = objects.values[row].tolist()
    left, top, right, bottom = values[Column.LEFT : Column.BOTTOM + 1]
    box = [left, top, round(right - left, DECIMALS), round(bottom - top, DECIMALS)]
    return {
        "id": number, "image_id": int(decided.image[row]),
        "category_id": int(decided.category[row]) if decided.copies[row] == 1 else copy + 1,
        "bbox": box, "area": round(box[2] * box[3], DECIMALS + 2), "iscrowd": int(decided.use[row] != Use.OBJECT),
        "truncated": values[Column.TRUNCATED], "occluded": int(values[Column.OCCLUDED]),
        "alpha": values[Column.ALPHA], "dimensions": values[Column.HEIGHT : Column.LENGTH + 1],
        "location": values[Column.X : Column.Z + 1], "rotation_y": values[Column.ROTATION_Y],
        "kitti_type": decided.words[decided.code[row]], "kitti_line": int(objects.lines[row]),
        "kitti_row": objects.row_text(row),
    }  # fmt: skip


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
