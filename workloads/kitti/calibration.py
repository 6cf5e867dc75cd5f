"""A frame's calibration file, strict about its keys."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from workloads.kitti.mistakes import BadFile
from workloads.kitti.row import number_of

SHAPES = {"P2": (3, 4), "R0_rect": (3, 3), "Tr_velo_to_cam": (3, 4)}
"""What projecting a scan into the left colour image needs."""
OTHERS = {"P0": (3, 4), "P1": (3, 4), "P3": (3, 4), "Tr_imu_to_velo": (3, 4)}


@dataclass(frozen=True)
class Calibration:
    """`projection` (3, 4) is P2; `lidar_to_camera` (4, 4) is R0_rect * Tr_velo_to_cam, to the rectified camera."""

    projection: np.ndarray
    lidar_to_camera: np.ndarray
    matrices: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Every matrix of the file by its key, as it stands there."""


def read_calibration(path: Path) -> Calibration:
    """Read `calib/NNNNNN.txt`; the final newline may be missing.

    Raises:
        BadFile: a key is missing, stands twice, holds another count of finite numbers, or a matrix has no inverse.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError as wrong:
        raise BadFile(path, f"cannot be read: {wrong.strerror}") from wrong
    found: dict[str, np.ndarray] = {}
    place_of: dict[str, int] = {}
    for place, line in enumerate(lines, 1):
        key, _, rest = line.partition(":")
        key = key.strip()
        if key in place_of:
            raise BadFile(path, f"is given in line {place_of[key]} already; keep one", line=place, field=key)
        if key in SHAPES or key in OTHERS:
            found[key], place_of[key] = _matrix(rest, key, path, place), place
    if lacking := [key for key in SHAPES if key not in found]:
        raise BadFile(path, f"lacks {', '.join(lacking)}; a scan cannot be brought into the image without")
    _require_inverses(found, place_of, path)
    rectify, rigid = np.eye(4), np.eye(4)
    rectify[:3, :3], rigid[:3] = found["R0_rect"], found["Tr_velo_to_cam"]
    return Calibration(found["P2"], rectify @ rigid, found)


def _matrix(text: str, key: str, path: Path, line: int) -> np.ndarray:
    rows, columns = (SHAPES | OTHERS)[key]
    words = text.split()
    if len(words) != rows * columns:
        raise BadFile(path, f"{len(words)} numbers given; {rows * columns} needed", line=line, field=key)
    return np.array([_number(word, key, path, line) for word in words]).reshape(rows, columns)


def _number(word: str, key: str, path: Path, line: int) -> float:
    value = number_of(word)
    if not math.isfinite(value):
        raise BadFile(path, f"{word!r} is not a finite number", line=line, field=key)
    return value


def _require_inverses(found: Mapping[str, np.ndarray], place_of: Mapping[str, int], path: Path) -> None:
    """Boxes go back into the LiDAR frame, and pixels are divided by the focal lengths."""
    ranks = np.linalg.matrix_rank(np.stack([found[key][:, :3] for key in SHAPES]))  # at once: it is read per frame
    for key, rank in zip(SHAPES, ranks.tolist(), strict=True):
        if rank < 3:
            raise BadFile(path, "its first three columns make a matrix without inverse (all zeros, or one row follows "
                                "from the others)", line=place_of[key], field=key)  # fmt: skip
    if not found["P2"][0, 0] or not found["P2"][1, 1]:
        raise BadFile(path, "a focal length of 0 given; the 1st and the 6th number are pixels",
                      line=place_of["P2"], field="P2")  # fmt: skip
