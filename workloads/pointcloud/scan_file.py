"""Headerless scans: little-endian float32, so many a point. KITTI's .bin has four, nuScenes' .pcd.bin five."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from workloads.kitti.mistakes import BadFile
from workloads.pointcloud.cloud import PointCloud, from_fields

KITTI = ("x", "y", "z", "intensity")
NUSCENES = ("x", "y", "z", "intensity", "ring")
FARTHEST_M = 1e7
"""A quarter of the way round the earth: numbers beyond are no coordinates, the file is something else."""


_FARTHEST_BITS = int(np.float32(FARTHEST_M).view(np.int32))
PIECE = 1 << 18
"""Bytes read at a time: they are still in the second cache when they are checked."""


class ScanReader:
    """Scans of one folder, one after another, into one buffer: what `read` returns is valid until the next call.

    The buffer's pages are mapped once; for a fresh array at every scan that may cost more than the reading.
    """

    def __init__(self, names: Sequence[str] = KITTI) -> None:
        self.names = tuple(names)
        self._buffer = np.empty(0, np.float32)

    def read(self, path: Path) -> tuple[np.ndarray, int]:
        """(n, c) float32 with whatever values the file holds, and how many points are not finite (`_count`).

        Raises:
            BadFile: it cannot be read, holds no point, its size is no whole number of points, all points hold NaN or
                infinity, or the numbers cannot be coordinates.
        """
        row = 4 * len(self.names)
        try:
            file = os.open(path, os.O_RDONLY)
            try:
                done, largest = self._fill(file, os.fstat(file).st_size, row)
            finally:
                os.close(file)
        except OSError as wrong:
            raise BadFile(path, f"cannot be read: {wrong.strerror}") from wrong
        if done % row:
            raise BadFile(
                path, f"{done:,} bytes are no multiple of {row} ({len(self.names)} float32 a point); "
                "the file is cut, or has other columns")  # fmt: skip
        if not done:
            raise BadFile(path, "holds no point (0 bytes)")
        points = self._buffer[: done // 4].reshape(-1, len(self.names))
        return points, 0 if largest <= _FARTHEST_BITS else _count(points, path, self.names)

    def _fill(self, file: int, size: int, row: int) -> tuple[int, int]:
        """Bytes read, and the largest magnitude among the numbers, as bits: one pass answers for nearly all files."""
        from workloads.pointcloud.filter_kernel import largest_magnitude

        if self._buffer.nbytes < size:
            self._buffer = np.empty(-(-size // row) * row // 4 * 5 // 4, np.float32)
        room, bits = memoryview(self._buffer.data).cast("B"), self._buffer.view(np.int32)
        done, checked, largest = 0, 0, 0
        while done < size and (more := os.readv(file, [room[done : min(size, done + PIECE)]])):
            done += more
            largest = max(largest, int(largest_magnitude(bits[checked : done // 4])))
            checked = done // 4
        return done, largest


def _count(points: np.ndarray, path: Path, names: Sequence[str]) -> int:
    """Points with NaN or infinity in the first four columns."""
    finite = np.isfinite(points[:, :4]).all(axis=1)
    if not finite.any():
        raise BadFile(path, f"all {len(points):,} points hold NaN or infinity")
    reach = np.abs(np.where(finite[:, None], points[:, :3], 0)).max(axis=1)
    if tuple(names[:3]) == KITTI[:3] and reach.max() > FARTHEST_M:
        first = int(np.argmax(reach > FARTHEST_M))
        raise BadFile(
            path, f"point {first} lies {reach[first]:.3g} m away: these are no coordinates; "
            f"the file is no scan, or its columns are not {' '.join(names)}")  # fmt: skip
    return int(len(finite) - finite.sum())


def read_scan_file(path: Path, names: Sequence[str] = ()) -> PointCloud:
    """One headerless file; `names` are its columns, by default nuScenes' for .pcd.bin and KITTI's else.

    Raises:
        BadFile: see `ScanReader.read`; or the numbers cannot be coordinates.
    """
    names = tuple(names) or (NUSCENES if path.name.lower().endswith(".pcd.bin") else KITTI)
    if len(set(names)) < len(names) or not all(names):
        raise BadFile(path, f"its columns are given as {' '.join(names)!r}; each needs a name of its own")
    table, _ = ScanReader(names).read(path)
    fields = {name: table[:, column] for column, name in enumerate(names)}
    return from_fields(fields, path, format="bin", columns=dict.fromkeys(names, "float32"))
