"""Raw data of a detector: a KITTI tree or a COCO one, behind one face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from workloads.contract import Run, UserError

Sizes = Mapping[str, tuple[int, int]]
"""{frame: (height, width)} of the frames whose images are whole."""


@dataclass(frozen=True)
class RawFrame:
    """One picture and the name it keeps."""

    name: str
    image: Path
    file_name: str
    """In the prepared data set; unique."""


@dataclass(frozen=True)
class Listed:
    """Frames that lists (or separate documents) assign: those to learn from, and those to be judged on."""

    learn: tuple[str, ...]
    judge: tuple[str, ...]
    sources: tuple[str, str]
    """Where each of them is written."""


class RawData(Protocol):
    """What `prepare` needs of any layout."""

    kind: str
    """`kitti` or `coco`."""
    frames: list[RawFrame]
    """All that may be used; what is wrong with one shows when it is read."""
    bad: dict[str, UserError]
    """Frames whose annotations cannot be used."""
    listed: Listed | None

    @property
    def unlabelled(self) -> int:
        """Further images that have no labels; never used."""

    def check_parts(self, frame: RawFrame) -> int:
        """Read what lies beside the image (calibration, scan): its size in bytes. Raises UserError."""

    def document(self, sizes: Sizes) -> tuple[dict[str, Any], dict[str, UserError]]:
        """One COCO document of these frames, and what was found wrong on the way; `images[].id` are stable.

        `info.class_policy` says what became of each type. Raises UserError where a class has no box.
        """

    def scan(self, frame: str) -> Path:
        """Its point cloud. Raises UserError where such data have none."""

    def companions(self, frame: str) -> dict[str, Path]:
        """{folder: file} that the judged frames take along."""


def open_raw(root: Path, run: Run) -> RawData:
    """The layout that lies at `root`.

    Raises:
        UserError: neither layout is there, or it is broken as a whole.
    """
    from workloads.detection.raw_coco import CocoRaw, find_documents
    from workloads.detection.raw_kitti import KittiRaw
    from workloads.kitti.layout import is_kitti

    if is_kitti(root):
        return KittiRaw.open(root, run)
    if documents := find_documents(root):
        return CocoRaw.open(root, documents, run)
    found = ", ".join(sorted(path.name for path in root.iterdir())[:8]) if root.is_dir() else ""
    raise UserError(
        f"dataset: no images with labels found (there is: {found or 'nothing'}). Bring KITTI's folders "
        "(training/image_2, training/label_2, perhaps calib and velodyne) or a COCO document "
        "(annotations.json and images/)"
    )


def require_boxes(classes: Mapping[str, int], boxes: Mapping[str, int], asked: bool) -> None:
    """Refuse a class nobody has labelled.

    Args:
        classes: {class to learn: boxes of it}.
        boxes: {type in the data: boxes}.
        asked: the issue names the classes.
    """
    there = ", ".join(f"{name} ({count:,})" for name, count in sorted(boxes.items(), key=lambda one: -one[1]))
    if lacking := [name for name, count in classes.items() if not count]:
        where = "dataset.classes" if asked else "dataset"
        raise UserError(f"{where}: {', '.join(lacking)} has no box in the data; there are {there or 'no boxes'}")
