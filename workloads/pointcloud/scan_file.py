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


class ScanReader:
    """Scans of one folder, one after another, into one buffer: what `read` returns is valid until the next call.

    The buffer's pages are mapped once; for a fresh array at every scan that costs ten times the reading.
    """

    def __init__(self, columns: int = len(KITTI)) -> None:
        self.columns = columns
        self._buffer = np.empty(0, np.float32)

    def read(self, path: Path) -> np.ndarray:
        """(n, columns) float32 with whatever values the file holds.

        Raises:
            BadFile: it cannot be read, holds no point, or its size is no whole number of points.
        """
        row = 4 * self.columns
        try:
            file = os.open(path, os.O_RDONLY)
            try:
                size = os.fstat(file).st_size
                if self._buffer.nbytes < size:
                    self._buffer = np.empty(-(-size // row) * self.columns * 5 // 4, np.float32)
                room = memoryview(self._buffer.data).cast("B")
                done = 0
                while done < size and (more := os.readv(file, [room[done:size]])):
                    done += more
            finally:
                os.close(file)
        except OSError as wrong:
            raise BadFile(path, f"cannot be read: {wrong.strerror}") from wrong
        if done % row:
            raise BadFile(
                path, f"{done:,} bytes are no multiple of {row} ({self.columns} float32 a point); "
                "the file is cut, or has other columns")  # fmt: skip
        if not done:
            raise BadFile(path, "holds no point (0 bytes)")
        return self._buffer[: done // 4].reshape(-1, self.columns)


def check_scan(points: np.ndarray, path: Path, names: Sequence[str] = KITTI) -> int:
    """How many of (n, c) contiguous float32 points hold NaN or infinity in x, y, z or intensity.

    Raises:
        BadFile: all of them do, or the numbers cannot be coordinates.
    """
    from workloads.pointcloud.filter_kernel import largest_magnitude

    if largest_magnitude(points.reshape(-1).view(np.int32)) <= np.float32(FARTHEST_M).view(np.int32):
        return 0  # one pass at the speed of memory answers for nearly all files
    finite = np.isfinite(points[:, :4]).all(axis=1)
    if not finite.any():
        raise BadFile(path, f"all {len(points):,} points hold NaN or infinity")
    reach = np.abs(np.where(finite[:, None], points[:, :3], 0)).max(axis=1)
    if reach.max() > FARTHEST_M:
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
    table = ScanReader(len(names)).read(path)
    _check_names(names, path)
    if names[:3] == ("x", "y", "z"):
        check_scan(table, path, names)
    fields = {name: table[:, column] for column, name in enumerate(names)}
    return from_fields(fields, path, format="bin", columns=dict.fromkeys(names, "float32"))


def _check_names(names: tuple[str, ...], path: Path) -> None:
    if len(set(names)) < len(names) or not all(names):
        raise BadFile(path, f"its columns are given as {' '.join(names)!r}; each needs a name of its own")
