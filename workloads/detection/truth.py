"""The judged frames of a prepared data set: pictures, labelled boxes, and regions that are not judged."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workloads.contract import UserError
from workloads.detection.boxes import xywh_to_xyxy
from workloads.images.codec import decode

ANNOTATIONS = "annotations.json"


@dataclass(frozen=True)
class Frame:
    """One picture and what is in it. Places are those of `rows`, in file order."""

    image_id: int
    path: Path
    boxes_xyxy: np.ndarray
    """(n, 4) float64, pixels of the original picture."""
    classes: np.ndarray
    """(n,) int64, from 0 in the order of `Truth.classes`."""
    ignored: np.ndarray
    """(n,) bool: COCO's iscrowd. Finding it is no gain, missing it no loss, boxes inside it no mistake."""
    rows: tuple[dict[str, Any], ...]
    """The annotations themselves, with KITTI's further fields where there are any."""

    @property
    def name(self) -> str:
        """The file's name without its suffix; of a KITTI frame its six digits."""
        return self.path.stem

    def picture(self) -> np.ndarray:
        """(h, w, 3) uint8 BGR. Raises BadImage."""
        return decode(self.content(), self.path.name)

    def content(self) -> bytes:
        """Raises UserError where the file is not there."""
        try:
            return self.path.read_bytes()
        except OSError as missing:
            raise UserError(
                f"{self.path.name}: named by {ANNOTATIONS}, and cannot be read: {missing.strerror}"
            ) from missing


@dataclass(frozen=True)
class Truth:
    """All frames of one split, and the COCO document they were read from."""

    frames: tuple[Frame, ...]
    """By image id."""
    classes: tuple[str, ...]
    document: dict[str, Any]
    category_ids: tuple[int, ...]
    """COCO's id of each class."""

    @property
    def objects(self) -> int:
        """Boxes that count."""
        return sum(int((~frame.ignored).sum()) for frame in self.frames)


def read(folder: Path, classes: Sequence[str]) -> Truth:
    """The split in `folder` (images/ and annotations.json).

    Args:
        classes: the data set's, in its order; what other categories are named is not judged.

    Raises:
        UserError: no such file or no COCO JSON, a class it does not name, or not one labelled box: then there is
            nothing to judge by. KITTI's own testing frames (7,518) have no public labels.
    """
    document = _document(folder / ANNOTATIONS)
    ids = {str(row["name"]): int(row["id"]) for row in document["categories"]}
    if unknown := [name for name in classes if name not in ids]:
        raise UserError(
            f"{folder.name}/{ANNOTATIONS}: no category is named {', '.join(unknown)}; prepare the data again"
        )
    places = {ids[name]: place for place, name in enumerate(classes)}
    by_image: dict[int, list[dict[str, Any]]] = {int(row["id"]): [] for row in document["images"]}
    for row in document["annotations"]:
        if row["category_id"] in places and row["image_id"] in by_image:
            by_image[row["image_id"]].append(row)
    frames = tuple(_frame(folder, row, by_image[int(row["id"])], places)
                   for row in sorted(document["images"], key=lambda row: int(row["id"])))  # fmt: skip
    truth = Truth(frames, tuple(classes), document, tuple(ids[name] for name in classes))
    if not truth.objects:
        raise UserError(
            f"{folder.name}: none of its {len(frames)} frames has a labelled box, so that nothing can be judged. "
            "KITTI's 7,518 testing frames have no public labels; take test frames from the 7,481 training frames "
            "(its 3712/3769 lists, or dataset.splits)"
        )
    return truth


def _frame(folder: Path, image: dict[str, Any], rows: list[dict[str, Any]], places: dict[int, int]) -> Frame:
    return Frame(
        image_id=int(image["id"]),
        path=folder / "images" / Path(str(image["file_name"])).name,
        boxes_xyxy=xywh_to_xyxy(np.array([row["bbox"] for row in rows], np.float64).reshape(-1, 4)),
        classes=np.array([places[row["category_id"]] for row in rows], np.int64),
        ignored=np.array([bool(row.get("iscrowd", 0)) for row in rows], bool),
        rows=tuple(rows),
    )


def _document(path: Path) -> dict[str, Any]:
    where = f"{path.parent.name}/{path.name}"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as missing:
        raise UserError(f"{where}: is missing; a split without labels cannot be judged") from missing
    except ValueError as wrong:
        raise UserError(f"{where}: is no JSON: {wrong}") from wrong
    if not isinstance(document, dict) or any(
        not isinstance(document.get(key), list) for key in ("images", "annotations", "categories")
    ):
        raise UserError(f"{where}: is no COCO document; it needs lists of images, annotations and categories")
    return document
