"""The range and the grid as six float32 numbers: comparing with them is the same as asking both, in float64."""

from __future__ import annotations

from functools import lru_cache

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
        bounds[2 * axis] = max(bounds[2 * axis], _at_least(origin))
        bounds[2 * axis + 1] = min(bounds[2 * axis + 1], _last(origin, size, count))
    return bounds


@lru_cache(maxsize=64)
def _last(origin: float, size: float, count: int) -> np.float32:
    """The largest float32 with a cell below `count`, found by halving.

    Where a grid ends at 0 there are a thousand million float32 between what float64 says of its end and this number.
    """
    low = _rank(np.nextafter(_at_least(origin), np.float32(-np.inf)))
    high = _rank(_at_least(origin + (count + 1) * size))
    while high - low > 1:
        middle = (low + high) // 2
        if (float(_of_rank(middle)) - origin) / size < count:  # as its floor is
            low = middle
        else:
            high = middle
    return _of_rank(low)


def _rank(number: np.float32) -> int:
    """Whole numbers in the order of float32: neighbours differ by 1."""
    bits = int(np.float32(number).view(np.int32))
    return bits if bits >= 0 else -(bits & 0x7FFFFFFF)


def _of_rank(rank: int) -> np.float32:
    return np.float32(np.int32(abs(rank)).view(np.float32) * (1 if rank >= 0 else -1))


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
