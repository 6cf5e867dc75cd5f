"""How many marked faces and plates are found, and how much else is masked."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from workloads import json_file
from workloads.contract import UserError
from workloads.images.codec import decode, encode
from workloads.images.orientation import UPRIGHT, orientation_of
from workloads.privacy.masking import FINDERS, covered_share, find, mask

COVERED = 0.8
"""A marked object counts as found when so much of it would be masked: what is left cannot be read."""
Marks = dict[str, dict[str, np.ndarray]]
"""image's name -> kind -> (n, 4) boxes."""


@dataclass
class Tally:
    """Counts of one kind over all images."""

    marked: int = 0
    found: int = 0
    masked_share: list[float] = field(default_factory=list)
    outside_share: list[float] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)
    cpu_milliseconds: list[float] = field(default_factory=list)
    missed: list[dict[str, Any]] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        return {
            "marked": self.marked,
            "found": self.found,
            "recall": self.found / self.marked if self.marked else None,
            "missed": self.missed,
            "masked_area_share": _mean(self.masked_share),
            "masked_area_share_max": max(self.masked_share, default=0.0),
            "masked_area_share_without_marks": _mean(self.outside_share),
            "milliseconds_per_image": _mean(self.milliseconds),
            "cpu_milliseconds_per_image": _mean(self.cpu_milliseconds),
        }


def measure(folder: Path, marks: Marks) -> dict[str, Any]:
    """Recall, masked area and time of each marked kind over the images that `marks` names, below `folder`.

    Raises:
        UserError: an image is missing or is none.
    """
    tallies: dict[str, Tally] = {}
    for name, by_kind in tqdm(marks.items(), unit="image", disable=not sys.stderr.isatty()):
        image, orientation = read_image(folder / name)
        for kind, truth in by_kind.items():
            _count(tallies.setdefault(kind, Tally()), name, image, orientation, kind, truth)
    sizes = {kind: tally.document() for kind, tally in sorted(tallies.items())}
    return {"images": len(marks), "found_means_covered": COVERED, "kinds": sizes}


def _count(tally: Tally, name: str, image: np.ndarray, orientation: int, kind: str, truth: np.ndarray) -> None:
    height, width = image.shape[:2]
    started, worked = time.perf_counter(), time.process_time()
    boxes = find(kind, image, orientation)
    mask(image, boxes)
    tally.milliseconds.append(1000 * (time.perf_counter() - started))
    tally.cpu_milliseconds.append(1000 * (time.process_time() - worked))
    for box in truth:
        tally.marked += 1
        if covered_share_of(box, boxes) >= COVERED:
            tally.found += 1
        else:
            tally.missed.append({"image": name, "box_xyxy": [float(side) for side in box]})
    share = covered_share(boxes, height, width)
    both = share + covered_share(truth, height, width) - covered_share(np.concatenate([boxes, truth]), height, width)
    tally.masked_share.append(share)
    tally.outside_share.append(share - both)


def covered_share_of(box: np.ndarray, boxes: np.ndarray) -> float:
    """The share of one box's area that the others cover together, on a grid of 64 x 64 points."""
    x = box[0] + (np.arange(64) + 0.5) / 64 * (box[2] - box[0])
    y = box[1] + (np.arange(64) + 0.5) / 64 * (box[3] - box[1])
    covered = np.zeros((64, 64), bool)
    for left, top, right, bottom in boxes:
        covered |= ((y >= top) & (y < bottom))[:, None] & ((x >= left) & (x < right))
    return float(covered.mean())


def read_marks(path: Path, folder: Path | None = None) -> Marks:
    """Marks of a JSON file, in stored pixels.

    Either one image, `{"image": NAME, "plates_xyxy": [[x1, y1, x2, y2], ...], "faces_xyxy": [...]}`, or many,
    `{NAME: {"faces_xyxy": [...], "plates_xyxy": [...]}, ...}`; other keys are left alone.

    Raises:
        UserError: no such file, no JSON, no marks, or a box that is none.
    """
    document = json_file.read(path)
    if not isinstance(document, dict):
        raise UserError(f"{path}: a JSON object is needed, image names with their marks")
    images = {str(document["image"]): document} if "image" in document else document
    marks = {name: _kinds(entry, f"{path}, {name}") for name, entry in images.items() if isinstance(entry, Mapping)}
    marks = {name: kinds for name, kinds in marks.items() if kinds}
    if not marks:
        raise UserError(f"{path}: holds no mark; {' or '.join(f'{kind}_xyxy' for kind in FINDERS)} is needed")
    return marks


def _kinds(entry: Mapping[str, Any], where: str) -> dict[str, np.ndarray]:
    kinds = {}
    for kind in FINDERS:
        given = entry.get(f"{kind}_xyxy")
        if given is None:
            continue
        try:
            boxes = np.array(given, np.float64).reshape(-1, 4)
        except (ValueError, TypeError) as wrong:
            raise UserError(f"{where}, {kind}_xyxy: a list of boxes of 4 numbers is needed") from wrong
        if not np.isfinite(boxes).all() or (boxes[:, 2:] <= boxes[:, :2]).any():
            raise UserError(f"{where}, {kind}_xyxy: a box needs left < right and top < bottom, in pixels")
        kinds[kind] = boxes
    return kinds


def read_image(path: Path) -> tuple[np.ndarray, int]:
    """(h, w, 3) uint8 BGR in stored pixels, and the orientation its tag tells.

    Raises:
        UserError: no such file, or no image.
    """
    try:
        content = path.read_bytes()
        return decode(content, str(path)), orientation_of(content)
    except OSError as wrong:
        raise UserError(f"{path}: cannot be read: {wrong.strerror}") from wrong


def write_image(path: Path, image: np.ndarray, orientation: int = UPRIGHT) -> None:
    """Of the kind its name says, with the orientation in its tag.

    Raises:
        UserError: another ending than .png, .jpg or .jpeg, or a place that cannot be written.
    """
    endings = {".png": [], ".jpg": [cv2.IMWRITE_JPEG_QUALITY, 95], ".jpeg": [cv2.IMWRITE_JPEG_QUALITY, 95]}
    if path.suffix.lower() not in endings:
        raise UserError(f"{path}: choose a name that ends in .png or .jpg")
    content = encode(path.suffix.lower(), image, endings[path.suffix.lower()], orientation)
    try:
        path.write_bytes(content)
    except OSError as wrong:
        raise UserError(f"{path}: cannot be written: {wrong.strerror}") from wrong


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else 0.0
