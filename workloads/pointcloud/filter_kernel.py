"""The points within a range on the processor, in one pass."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

BLOCK = 1024
INFINITE = 0x7F800000
"""The bits of float32 infinity; above them lie only NaN."""


@njit(cache=True, nogil=True, error_model="numpy")
def keep_inside(flat: np.ndarray, points: np.ndarray, bounds: np.ndarray, kept: np.ndarray) -> int:
    """Copy the points within the bounds to the front of `kept`, in their order; how many.

    Each point is written to the next free place whether it stays or not: without a branch there is nothing to guess.

    Args:
        flat, points: the same n points as (4 n,) float32 and as (n,) complex128. `kept`: (n + 1,) complex128.
        bounds: (6,) float32 of `bounds.closed_bounds`; NaN lies outside.
    """
    inside = np.empty(BLOCK, np.uint8)
    found = 0
    for start in range(0, len(points), BLOCK):
        block = min(len(points) - start, BLOCK)
        _inside(flat[4 * start :], block, bounds, inside)
        for place in range(block):
            kept[found] = points[start + place]
            found += inside[place]
    return found


@njit(cache=True, nogil=True, error_model="numpy")
def _inside(flat: np.ndarray, count: int, bounds: np.ndarray, inside: np.ndarray) -> None:
    x0, x1, y0, y1, z0, z1 = bounds[0], bounds[1], bounds[2], bounds[3], bounds[4], bounds[5]
    for point in range(count):
        x, y, z = flat[4 * point], flat[4 * point + 1], flat[4 * point + 2]
        inside[point] = (x >= x0) & (x <= x1) & (y >= y0) & (y <= y1) & (z >= z0) & (z <= z1)


@njit(cache=True, nogil=True, error_model="numpy")
def count_inside(flat: np.ndarray, count: int, bounds: np.ndarray) -> Any:
    """How many of the first `count` points lie within the bounds."""
    x0, x1, y0, y1, z0, z1 = bounds[0], bounds[1], bounds[2], bounds[3], bounds[4], bounds[5]
    found: Any = 0
    for point in range(count):
        x, y, z = flat[4 * point], flat[4 * point + 1], flat[4 * point + 2]
        found += np.int32((x >= x0) & (x <= x1) & (y >= y0) & (y <= y1) & (z >= z0) & (z <= z1))
    return found


@njit(cache=True, nogil=True)
def largest_magnitude(bits: np.ndarray) -> Any:
    """The largest of float32 magnitudes as the bits of an int32; above all numbers lie infinity and NaN."""
    largest: Any = np.int32(0)
    for value in range(len(bits)):
        largest = max(largest, bits[value] & np.int32(0x7FFFFFFF))
    return largest
