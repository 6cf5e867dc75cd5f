"""A frame's calibration file, strict about its keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from workloads.kitti.mistakes import BadFile

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
        BadFile: a key is missing, or holds another count of finite numbers.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as wrong:
        raise BadFile(path, f"cannot be read: {wrong.strerror}") from wrong
    found: dict[str, np.ndarray] = {}
    for place, line in enumerate(lines, 1):
        key, _, rest = line.partition(":")
        if key.strip() in SHAPES or key.strip() in OTHERS:
            found[key.strip()] = _matrix(rest, key.strip(), path, place)
    if lacking := [key for key in SHAPES if key not in found]:
        raise BadFile(path, f"lacks {', '.join(lacking)}; a scan cannot be brought into the image without")
    rectify, rigid = np.eye(4), np.eye(4)
    rectify[:3, :3], rigid[:3] = found["R0_rect"], found["Tr_velo_to_cam"]
    return Calibration(found["P2"], rectify @ rigid, found)


def _matrix(text: str, key: str, path: Path, line: int) -> np.ndarray:
    rows, columns = (SHAPES | OTHERS)[key]
    try:
        numbers = np.array([float(word) for word in text.split()])
    except ValueError as wrong:
        raise BadFile(path, str(wrong), line=line, field=key) from wrong
    if numbers.size != rows * columns or not np.isfinite(numbers).all():
        raise BadFile(path, f"{numbers.size} numbers given; {rows * columns} finite ones needed", line=line, field=key)
    return numbers.reshape(rows, columns)
