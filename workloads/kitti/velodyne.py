"""A scan: little-endian float32 x, y, z, reflectance, LiDAR frame (x forward, y left, z up), metres."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from workloads.kitti.mistakes import BadFile


def read_scan(path: Path) -> np.ndarray:
    """(n, 4) float32.

    Raises:
        BadFile: the size is no multiple of 16 bytes, there is no point, or a value is not finite.
    """
    try:
        content = path.read_bytes()
    except OSError as wrong:
        raise BadFile(path, f"cannot be read: {wrong.strerror}") from wrong
    if len(content) % 16:
        raise BadFile(path, f"{len(content)} bytes are no multiple of 16; the file is cut or of another kind")
    points = np.frombuffer(content, "<f4").reshape(-1, 4)
    if not len(points):
        raise BadFile(path, "holds no point")
    wrong_points = np.flatnonzero(~np.isfinite(points).all(axis=1))
    if len(wrong_points):
        raise BadFile(path, f"{len(wrong_points)} points hold NaN or infinity (first: point {wrong_points[0]})")
    return points
