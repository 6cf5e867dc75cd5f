"""Headerless scans: little-endian float32, so many a point. KITTI's .bin has four, nuScenes' .pcd.bin five."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from workloads.kitti.mistakes import BadFile
from workloads.pointcloud.cloud import PointCloud, from_fields

KITTI = ("x", "y", "z", "intensity")
NUSCENES = ("x", "y", "z", "intensity", "ring")
FARTHEST_M = 1e7
"""A quarter of the way round the earth: numbers beyond are no coordinates, the file is something else."""


_FARTHEST_BITS = int(np.float32(FARTHEST_M).view(np.int32))
PIECE = 1 << 19
"""Bytes read at a time: they are still in the second cache when they are checked, and used."""


class ScanReader:
    """Scans of one folder, one after another, into one buffer: what is returned is valid until the next call.

    The buffer's pages are mapped once; for a fresh array at every scan that may cost more than the reading.
    """

    def __init__(self, names: Sequence[str] = KITTI) -> None:
        self.names = tuple(names)
        self._row = 4 * len(self.names)
        self._buffer = np.empty(0, np.float32)

    def read(self, path: Path) -> tuple[np.ndarray, int]:
        """(n, c) float32 with whatever values the file holds, and how many points hold NaN or infinity.

        Raises:
            BadFile: it cannot be read, holds no point, its size is no whole number of points, all points hold NaN or
                infinity, or the numbers cannot be coordinates.
        """
        counts = [(len(points), wrong) for points, wrong in self._pieces(path, keep=True)]
        count = sum(points for points, _ in counts)
        return self._buffer[: count * len(self.names)].reshape(count, -1), sum(wrong for _, wrong in counts)

    def parts(self, path: Path) -> Iterator[tuple[np.ndarray, int]]:
        """The same scan in parts of (k, c) points, each valid until the next is asked for. Raises as `read`."""
        return self._pieces(path, keep=False)

    def _pieces(self, path: Path, *, keep: bool) -> Iterator[tuple[np.ndarray, int]]:
        try:
            file = os.open(path, os.O_RDONLY)
            try:
                size = os.fstat(file).st_size
                self._check_size(path, size)
                piece = PIECE // self._row * self._row
                needed = size if keep else piece
                if self._buffer.nbytes < needed:
                    self._buffer = np.empty(needed // 4 * 5 // 4, np.float32)
                room, done, bad = memoryview(self._buffer.data).cast("B"), 0, 0
                while done < size:
                    at, end = (done, min(done + piece, size)) if keep else (0, min(piece, size - done))
                    begun = at
                    while at < end:
                        if not (more := os.readv(file, [room[at:end]])):
                            raise BadFile(path, f"ends after {done:,} of {size:,} bytes; it is still being written")
                        at += more
                    points = self._buffer[begun // 4 : end // 4].reshape(-1, len(self.names))
                    wrong = _not_finite(points, path, self.names, done // self._row)
                    done, bad = done + end - begun, bad + wrong
                    if bad == size // self._row:
                        raise BadFile(path, f"all {bad:,} points hold NaN or infinity")
                    yield points, wrong
            finally:
                os.close(file)
        except OSError as wrong_file:
            raise BadFile(path, f"cannot be read: {wrong_file.strerror}") from wrong_file

    def _check_size(self, path: Path, size: int) -> None:
        if not size:
            raise BadFile(path, "holds no point (0 bytes)")
        if size % self._row:
            raise BadFile(
                path, f"{size:,} bytes are no multiple of {self._row} ({len(self.names)} float32 a point); "
                "the file is cut, or has other columns")  # fmt: skip


def _not_finite(points: np.ndarray, path: Path, names: Sequence[str], first: int) -> int:
    """Points with NaN or infinity in their first four columns. `first`: the number of the first one in the file."""
    from workloads.pointcloud.filter_kernel import largest_magnitude

    if largest_magnitude(points.reshape(-1).view(np.int32)) <= _FARTHEST_BITS:
        return 0  # one pass answers for nearly all files
    finite = np.isfinite(points[:, :4]).all(axis=1)
    reach = np.abs(np.where(finite[:, None], points[:, :3], 0)).max(axis=1)
    if tuple(names[:3]) == KITTI[:3] and reach.max() > FARTHEST_M:
        far = int(np.argmax(reach > FARTHEST_M))
        raise BadFile(
            path, f"point {first + far} lies {reach[far]:.3g} m away: these are no coordinates; "
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
