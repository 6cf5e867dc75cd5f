"""Dynamic voxels: every point counts, and a cell is the mean of its points. No limits, nothing dropped.

Sums are float64 in the order of the points, so that they are the same bits in every run and on every device.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workloads.arrays import Array, array_namespace
from workloads.pointcloud.bounds import cell_bounds
from workloads.pointcloud.settings import Grid, Range
from workloads.pointcloud.sorting import sort_into_cells
from workloads.pointcloud.voxels import LARGEST_DENSE_GRID


@dataclass(frozen=True)
class Means:
    """v cells in the order of their first points, of n points with c columns."""

    means: Array
    """(v, c) float32."""
    counts: Array
    """(v,) int32 points of each."""
    coordinates_zyx: Array
    """(v, 3) int32."""
    voxel_of_point: Array
    """(n,) int32; -1 for points outside the range or the grid."""


class MeanVoxelizer:
    """Means of one scan after another; on the processor in buffers that are kept: valid until the next call."""

    def __init__(self, box: Range, grid: Grid) -> None:
        self.box, self.grid = box, grid
        self._bounds = cell_bounds(box, grid)
        self._origin, self._size = np.array(grid.origin_m), np.array(grid.cell_m)
        self._shape = np.array(grid.shape, np.int32)
        self._marks = np.empty(0, np.int32)
        self._buffers: tuple[np.ndarray, ...] = ()

    def __call__(self, points: Array) -> Means:
        """Means of (n, c >= 3) float32 points; NaN in x, y or z lies outside."""
        if points.ndim != 2 or points.shape[1] < 3 or points.dtype != np.float32:
            raise ValueError(f"points are {points.dtype} {points.shape}; float32 (n, 3 or more) is needed")
        dense = self.grid.cells <= LARGEST_DENSE_GRID
        if array_namespace(points) is not np or points.shape[1] != 4 or not dense:
            return means_by_sorting(points, self.box, self.grid)
        from workloads.pointcloud import mean_kernel

        points = np.ascontiguousarray(points)
        if not len(self._marks):
            self._marks = np.zeros(self.grid.cells, np.int32)
        if not self._buffers or len(self._buffers[0]) < len(points):
            room = len(points) * 5 // 4
            self._buffers = (
                np.empty(room, np.int32), np.empty(4 * room), np.empty(4 * room, np.float32),
                np.empty(room, np.int32), np.empty((room, 3), np.int32), np.empty(room, np.int32),
            )  # fmt: skip
        used = int(mean_kernel.average(
            points.reshape(-1), len(points), self._bounds, self._origin, self._size, self._shape, self._marks,
            *self._buffers,
        ))  # fmt: skip
        _, _, means, counts, coordinates, slots = self._buffers
        return Means(means[: 4 * used].reshape(used, 4), counts[:used], coordinates[:used], slots[: len(points)])


def mean_voxels(points: Array, box: Range, grid: Grid) -> Means:
    """Means of one cloud, in arrays of their own."""
    return MeanVoxelizer(box, grid)(points)


def means_by_sorting(points: Array, box: Range, grid: Grid) -> Means:
    """The same means from a stable sort, for any array module and any size of grid."""
    xp = array_namespace(points)
    places = sort_into_cells(points, box, grid)
    chosen = points[places.points]
    if xp is np:  # bincount adds one after another
        sums = [np.bincount(places.slot, chosen[:, c].astype(np.float64), len(places.counts)) for c in
                range(points.shape[1])]  # fmt: skip
        total = np.stack(sums, axis=1)
    else:
        from workloads.pointcloud.cuda import sums_in_order

        total = sums_in_order(chosen, places, xp)
    slots = xp.full(len(points), -1, np.int32)
    slots[places.points] = places.slot.astype(np.int32)
    means = (total / places.counts[:, None]).astype(np.float32)
    return Means(means, places.counts.astype(np.int32), places.coordinates_zyx, slots)
