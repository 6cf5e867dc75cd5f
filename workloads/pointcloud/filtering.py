"""The points within a range: FR-034's by default, its faces included."""

from __future__ import annotations

import numpy as np

from workloads.arrays import Array, array_namespace
from workloads.pointcloud.bounds import closed_bounds
from workloads.pointcloud.settings import FR_034, Range


def inside_range(points: Array, box: Range = FR_034) -> Array:
    """(n,) bool of (n, c >= 3) float32 points; NaN lies outside."""
    bounds = closed_bounds(box)
    inside = array_namespace(points).ones(len(points), bool)
    for axis in range(3):
        inside &= (points[:, axis] >= bounds[2 * axis]) & (points[:, axis] <= bounds[2 * axis + 1])
    return inside


def count_in_range(points: Array, box: Range = FR_034) -> int:
    """How many of (n, c >= 3) float32 points lie inside."""
    if array_namespace(points) is not np or points.shape[1] != 4 or points.dtype != np.float32:
        return int(inside_range(points, box).sum())
    from workloads.pointcloud.filter_kernel import count_inside

    points = np.ascontiguousarray(points)
    return int(count_inside(points.reshape(-1), len(points), closed_bounds(box)))


def filter_range(points: Array, box: Range = FR_034, *, into: np.ndarray | None = None) -> Array:
    """The points inside, in their order: (k, c) float32.

    On the processor four columns go through one fused kernel. `into`, (n + 1, 4) float32 or more rows, is a buffer to
    be reused; the result is then a view of it.
    """
    if array_namespace(points) is not np or points.shape[1] != 4 or points.dtype != np.float32:
        return points[inside_range(points, box)]
    from workloads.pointcloud.filter_kernel import keep_inside

    points = np.ascontiguousarray(points)
    kept = np.empty((len(points) + 1, 4), np.float32) if into is None else into
    if len(kept) <= len(points):
        raise ValueError(f"the buffer holds {len(kept)} points; {len(points) + 1} are needed")
    pairs = points.view(np.complex128).reshape(-1)
    return kept[: keep_inside(points.reshape(-1), pairs, closed_bounds(box), kept.view(np.complex128).reshape(-1))]
