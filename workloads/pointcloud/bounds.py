"""The range and the grid as six float32 numbers: comparing with them is the same as asking both, in float64."""

from __future__ import annotations

import numpy as np

from workloads.pointcloud.settings import Grid, Range


def closed_bounds(box: Range) -> np.ndarray:
    """(6,) float32 x0 x1 y0 y1 z0 z1: a float32 p lies in the box exactly when low <= p <= high in float32."""
    ends = [(_at_least(low), _at_most(high)) for low, high in zip(box.low, box.high, strict=True)]
    return np.array(ends, np.float32).reshape(6)


def cell_bounds(box: Range, grid: Grid) -> np.ndarray:
    """(6,) float32: as `closed_bounds`, for the points that lie in the box and have a cell in the grid."""
    bounds = closed_bounds(box)
    for axis in range(3):
        origin, size, count = grid.origin_m[axis], grid.cell_m[axis], grid.shape[axis]
        last = np.nextafter(_at_least(origin + count * size), np.float32(np.inf))
        while np.floor((np.float64(last) - origin) / size) >= count:
            last = np.nextafter(last, np.float32(-np.inf))
        bounds[2 * axis] = max(bounds[2 * axis], _at_least(origin))
        bounds[2 * axis + 1] = min(bounds[2 * axis + 1], last)
    return bounds


def _at_least(number: float) -> np.float32:
    """The smallest float32 that is not below."""
    near = _nearest(number)
    return near if float(near) >= number else np.nextafter(near, np.float32(np.inf))


def _at_most(number: float) -> np.float32:
    near = _nearest(number)
    return near if float(near) <= number else np.nextafter(near, np.float32(-np.inf))


def _nearest(number: float) -> np.float32:
    with np.errstate(over="ignore"):  # infinity is the right neighbour of a bound beyond float32
        return np.float32(number)
