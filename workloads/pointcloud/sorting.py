"""Voxels by sorting, for any array module: the reference of the fast kernels, and what a GPU without them runs.

Three steps, all of them independent of the order in which threads run: the cell of each point; a stable sort by cell,
which leaves the points of a cell in their order; and the cells numbered by their first point.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workloads.arrays import Array, array_namespace
from workloads.pointcloud.bounds import cell_bounds
from workloads.pointcloud.settings import Grid, Range


@dataclass(frozen=True)
class Places:
    """Where the points that have a cell belong. m points, v cells."""

    points: Array
    """(m,) int64 which points of the cloud, ascending."""
    slot: Array
    """(m,) int64 number of the point's cell, in the order of the cells' first points."""
    rank: Array
    """(m,) int64 how many points before it lie in the same cell."""
    counts: Array
    """(v,) int64 points of each cell."""
    coordinates_zyx: Array
    """(v, 3) int32."""


def cells_of(points: Array, box: Range, grid: Grid) -> Array:
    """(n,) int64 cell of each point, x fastest, then y, then z; -1 outside the range or the grid, and for NaN."""
    xp = array_namespace(points)
    bounds = cell_bounds(box, grid)
    inside = xp.ones(len(points), bool)
    cell = xp.zeros(len(points), np.int64)
    for axis in (2, 1, 0):
        values = points[:, axis]
        inside &= (values >= bounds[2 * axis]) & (values <= bounds[2 * axis + 1])
        lower = xp.where(inside, values, np.float32(grid.origin_m[axis])).astype(np.float64) - grid.origin_m[axis]
        cell = cell * grid.shape[axis] + xp.floor(lower / grid.cell_m[axis]).astype(np.int64)
    return xp.where(inside, cell, -1)


def sort_into_cells(points: Array, box: Range, grid: Grid) -> Places:
    """Sort the points of (n, c) float32 into the cells of the grid."""
    xp = array_namespace(points)
    cell = cells_of(points, box, grid)
    chosen = xp.flatnonzero(cell >= 0)
    cell = cell[chosen]
    order = xp.argsort(cell, kind="stable")
    sorted_cell = cell[order]
    opens = xp.ones(len(chosen), bool)
    opens[1:] = sorted_cell[1:] != sorted_cell[:-1]
    starts = xp.flatnonzero(opens)
    segment = xp.cumsum(opens) - 1
    by_first_point = xp.argsort(order[starts], kind="stable")
    slot_of_segment = xp.empty(len(starts), np.int64)
    slot_of_segment[by_first_point] = xp.arange(len(starts))
    slot, rank = xp.empty(len(chosen), np.int64), xp.empty(len(chosen), np.int64)
    slot[order] = slot_of_segment[segment]
    rank[order] = xp.arange(len(chosen)) - starts[segment]
    ends = xp.concatenate([starts[1:], xp.asarray([len(chosen)])]) if len(starts) else starts
    found = sorted_cell[starts][by_first_point]
    rows = found // grid.shape[0]
    zyx = xp.stack([rows // grid.shape[1], rows % grid.shape[1], found % grid.shape[0]], axis=1).astype(np.int32)
    return Places(chosen, slot, rank, (ends - starts)[by_first_point], zyx)
