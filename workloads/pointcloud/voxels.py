"""Hard voxels: the first points of the first cells, the same bits in every run and on every device.

First-come order: voxels are numbered by their first point, a voxel keeps its first `max_points` points in the order
of the cloud, and after `max_voxels` voxels a point without one is dropped while the others still collect theirs.
Source of the rule: spconv's Point2VoxelCPU, whose float32 quotients ours are exact for (float64).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from workloads.arrays import Array, array_namespace
from workloads.pointcloud.bounds import cell_bounds
from workloads.pointcloud.settings import VoxelSettings
from workloads.pointcloud.sorting import sort_into_cells

LARGEST_DENSE_GRID = 1 << 28
"""Cells whose marks the kernel keeps in memory (4 bytes each, of which only touched pages are used)."""
MOST_SLOTS = 1 << 28
"""Points that all voxels of a kernel's buffer may hold together (16 bytes each, likewise)."""


@dataclass(frozen=True)
class Voxels:
    """v voxels of up to m points of c columns."""

    points: Array
    """(v, m, c) float32, padded with zeros."""
    counts: Array
    """(v,) int32 points kept in each."""
    coordinates_zyx: Array
    """(v, 3) int32 cell of each."""
    points_in_grid: int
    """Points in the closed range that have a cell."""
    points_kept: int
    dropped_full: int
    """Their voxel held `max_points` already."""
    dropped_no_voxel: int
    """There were `max_voxels` voxels already."""


class Voxelizer:
    """Voxels of one scan after another, in buffers that are kept: what a call returns is valid until the next one.

    The arrays are read-only, because what a buffer still holds is known and need not be cleared. Not for two threads.
    """

    def __init__(self, settings: VoxelSettings) -> None:
        self.settings = settings
        self.bits = settings.max_points.bit_length()
        self._bounds = cell_bounds(settings.points_m, settings.grid)
        grid = settings.grid
        self._origin, self._size = np.array(grid.origin_m), np.array(grid.cell_m)
        self._shape = np.array(grid.shape, np.int32)
        self._marks = np.empty(0, np.int32)
        self._buffers: tuple[np.ndarray, ...] = ()
        self._gpu = None

    def fits_kernel(self, points: int) -> bool:
        """Else the cells are sorted: slower, and the same result."""
        settings = self.settings
        slots = min(settings.max_voxels, points) * settings.max_points
        return (settings.grid.cells <= LARGEST_DENSE_GRID and slots <= MOST_SLOTS
                and (settings.max_voxels + 1) << self.bits < 1 << 31)  # fmt: skip

    def __call__(self, points: Array) -> Voxels:
        """Voxels of (n, c >= 3) float32 x, y, z and more; NaN lies outside. The arrays stay on the points' side."""
        if points.ndim != 2 or points.shape[1] < 3 or points.dtype != np.float32:
            raise ValueError(f"points are {points.dtype} {points.shape}; float32 (n, 3 or more) is needed")
        if array_namespace(points) is not np:
            return self._on_gpu(points)
        if not self.fits_kernel(len(points)):
            return by_sorting(points, self.settings)
        if points.shape[1] == 4:
            return self.of_parts([points], len(points))
        if points.shape[1] == 3:
            found = self.of_parts([np.column_stack([points, np.zeros(len(points), np.float32)])], len(points))
            return replace(found, points=found.points[:, :, :3])
        return self._by_index(points)

    def of_parts(self, parts: Iterable[np.ndarray], most: int) -> Voxels:
        """Voxels of a scan that comes in parts of (k, 4) float32, at most `most` points; each is used at once.

        On the processor and where `fits_kernel(most)`.
        """
        from workloads.pointcloud import hard_kernel

        settings = self.settings
        if not len(self._marks):
            self._marks = np.zeros(settings.grid.cells, np.int32)
        room = min(settings.max_voxels, most)  # a cloud has no more voxels than points
        if not self._buffers or len(self._buffers[0]) < room:
            room = min(settings.max_voxels, room * 5 // 4)
            slots = room * settings.max_points + hard_kernel.FEW_POINTS
            self._buffers = (
                np.empty(room, np.int32), np.zeros(slots, np.complex128), np.zeros(room, np.int32),
                np.empty((room, 3), np.int32),
            )  # fmt: skip
        cells, voxels, counts, coordinates = self._buffers
        state = np.zeros(3, np.int64)
        limits = (self._shape, settings.max_points)
        try:
            for part in parts:
                points = np.ascontiguousarray(part)
                hard_kernel.fill(
                    points.reshape(-1), points.view(np.complex128).reshape(-1), self._bounds, self._origin, self._size,
                    *limits, settings.max_voxels, self.bits, self._marks, cells, voxels, state,
                )  # fmt: skip
        finally:  # a part that cannot be read must not leave its scan in the marks
            kept = int(hard_kernel.finish(*limits, self.bits, self._marks, cells, voxels, state, counts, coordinates))
        used, full, homeless = state.tolist()
        return Voxels(
            _frozen(voxels[: used * settings.max_points].view(np.float32).reshape(used, settings.max_points, 4)),
            _frozen(counts[:used]), _frozen(coordinates[:used]), kept + full + homeless, kept, full, homeless,
        )  # fmt: skip

    def _by_index(self, points: np.ndarray) -> Voxels:
        """More columns than four: the kernel carries each point's number, and the columns are fetched by it."""
        numbers = np.arange(len(points), dtype=np.int32).view(np.float32)
        found = self.of_parts([np.column_stack([points[:, :3], numbers])], len(points))
        held = np.arange(self.settings.max_points) < found.counts[:, None]
        rows = np.ascontiguousarray(found.points[:, :, 3]).view(np.int32)
        return replace(found, points=np.where(held[:, :, None], points[np.where(held, rows, 0)], np.float32(0)))

    def _on_gpu(self, points: Array) -> Voxels:
        from workloads.pointcloud.cuda import CudaVoxelizer

        if self._gpu is None:
            self._gpu = CudaVoxelizer.tried(self.settings)  # type: ignore[assignment]
        return by_sorting(points, self.settings) if self._gpu is None else self._gpu(points)


def voxelize(points: Array, settings: VoxelSettings) -> Voxels:
    """Voxels of one cloud, in arrays of their own."""
    found = Voxelizer(settings)(points)
    return replace(
        found, points=found.points.copy(), counts=found.counts.copy(), coordinates_zyx=found.coordinates_zyx.copy()
    )


def by_sorting(points: Array, settings: VoxelSettings) -> Voxels:
    """The same voxels from a stable sort; NumPy or CuPy, any size of grid."""
    xp = array_namespace(points)
    places = sort_into_cells(points, settings.points_m, settings.grid)
    used = min(len(places.counts), settings.max_voxels)
    homed = places.slot < settings.max_voxels
    kept = homed & (places.rank < settings.max_points)
    voxels = xp.zeros((used, settings.max_points, points.shape[1]), np.float32)
    voxels[places.slot[kept], places.rank[kept]] = points[places.points[kept]]
    return Voxels(
        voxels, xp.minimum(places.counts[:used], settings.max_points).astype(np.int32), places.coordinates_zyx[:used],
        len(places.points), int(kept.sum()), int((homed & ~kept).sum()), int((~homed).sum()),
    )  # fmt: skip


def _frozen(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array
