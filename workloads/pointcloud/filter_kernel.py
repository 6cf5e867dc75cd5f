"""The points within a range on the processor, in one pass."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

BLOCK = 512
XYZ = np.uint32(0x00010101)
"""Ones of a point's first three comparisons, as the bytes lie in a little-endian word."""
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
    low, high = _each(bounds)
    within = np.empty(4 * BLOCK, np.uint8)
    of_point = within.view(np.uint32)
    found = 0
    for start in range(0, len(points), BLOCK):
        block = min(len(points) - start, BLOCK)
        _compare(flat[4 * start :], 4 * block, low, high, within)
        for place in range(block):
            kept[found] = points[start + place]
            found += (of_point[place] & XYZ) == XYZ
    return found


@njit(cache=True, nogil=True, error_model="numpy")
def _each(bounds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and highest of each of a block's 4 x BLOCK numbers; whatever the fourth of a point is."""
    low, high = np.zeros(4 * BLOCK, np.float32), np.zeros(4 * BLOCK, np.float32)
    for point in range(BLOCK):
        for axis in range(3):
            low[4 * point + axis], high[4 * point + axis] = bounds[2 * axis], bounds[2 * axis + 1]
    return low, high


@njit(cache=True, nogil=True, error_model="numpy")
def _compare(flat: np.ndarray, count: int, low: np.ndarray, high: np.ndarray, within: np.ndarray) -> None:
    """Number by number: picking x, y and z out of the points costs some processors more than the fourth comparison."""
    for place in range(count):
        within[place] = (flat[place] >= low[place]) & (flat[place] <= high[place])


@njit(cache=True, nogil=True, error_model="numpy")
def count_inside(flat: np.ndarray, count: int, bounds: np.ndarray) -> Any:
    """How many of the first `count` points lie within the bounds."""
    low, high = _each(bounds)
    within = np.empty(4 * BLOCK, np.uint8)
    of_point = within.view(np.uint32)
    found: Any = 0
    for start in range(0, count, BLOCK):
        block = min(count - start, BLOCK)
        _compare(flat[4 * start :], 4 * block, low, high, within)
        for place in range(block):
            found += np.int32((of_point[place] & XYZ) == XYZ)
    return found


@njit(cache=True, nogil=True)
def largest_magnitude(bits: np.ndarray) -> Any:
    """The largest of float32 magnitudes as the bits of an int32; above all numbers lie infinity and NaN."""
    largest: Any = np.int32(0)
    for value in range(len(bits)):
        largest = max(largest, bits[value] & np.int32(0x7FFFFFFF))
    return largest
