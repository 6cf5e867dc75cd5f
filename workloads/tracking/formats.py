"""The file formats there are, and which of them a file has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from workloads.kitti.mistakes import BadFile
from workloads.tracking import json_files, kitti_files, mot_files
from workloads.tracking.rows import Rows
from workloads.tracking.text_row import lines_of, text_of


class Format(StrEnum):
    """How rows are written."""

    MOT = "mot"
    KITTI = "kitti"
    COCO = "coco"


class _Read(Protocol):
    def __call__(self, path: Path, content: str, *, detections: bool) -> Rows: ...


@dataclass(frozen=True)
class _Files:
    read: _Read
    text: Callable[[Rows], str]
    suffixes: tuple[str, ...]


_FILES = {
    Format.MOT: _Files(mot_files.read, mot_files.text, (".txt", ".csv")),
    Format.KITTI: _Files(kitti_files.read, kitti_files.text, (".txt",)),
    Format.COCO: _Files(json_files.read, json_files.text, (".json",)),
}


def read(path: Path, form: Format | None = None, *, detections: bool) -> tuple[Rows, Format]:
    """The rows of a file and its format, told or seen; an empty file has the format of its ending.

    Raises:
        BadFile: the file is not readable in that format.
    """
    content = text_of(path)
    form = form or recognise(content, path) or (Format.COCO if path.suffix == ".json" else Format.MOT)
    return rows_of(content, path, form, detections=detections), form


def rows_of(content: str, path: Path, form: Format, *, detections: bool) -> Rows:
    """The same of a file whose text is at hand."""
    return _FILES[form].read(path, content, detections=detections)


def text(tracks: Rows, form: Format) -> str:
    """Tracks as a file holds them."""
    return _FILES[form].text(tracks)


def suffixes(form: Format) -> tuple[str, ...]:
    """What names of such files end in."""
    return _FILES[form].suffixes


def recognise(content: str, path: Path) -> Format | None:
    """By the first line that is not blank; None where there is none."""
    first = next((line for _, line in lines_of(content)), None)
    if first is None:
        return None
    if first.lstrip()[0] in "[{":
        return Format.COCO
    before, comma, _ = first.partition(",")
    if comma and len(before.split()) < 2:  # a class of KITTI's may hold a comma too
        return Format.MOT
    if len(first.split()) in (7, 17, 18):
        return Format.KITTI
    raise BadFile(path, "is neither MOTChallenge (commas), KITTI (7, 17 or 18 columns) nor a JSON list", line=1)
