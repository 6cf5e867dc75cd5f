"""Cells of points on the processor: as fast as memory, and exactly floor((x - origin) / size) of float64."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

BLOCK = 1024
"""Points whose cells are found before they are used: with the points 20 KiB, which stay in the first cache."""
OUTSIDE = -1
DOUBTFUL = -2
_NEAR = 2.0**-30
"""A quotient taken with the reciprocal is off by less (see `settings.MOST_CELLS_OF_AN_AXIS`)."""


@njit(cache=True, nogil=True, error_model="numpy")
def cells_of(flat: np.ndarray, count: int, bounds: np.ndarray, origin: np.ndarray, size: np.ndarray,
             shape: np.ndarray, cell: np.ndarray) -> None:  # fmt: skip
    """Write into `cell` (int32) the cell of each of the first `count` points, or OUTSIDE, or DOUBTFUL.

    One loop without branches, so that the compiler makes vector code of it: a division costs more than all the rest,
    therefore the quotient comes from the reciprocal, and one that lies next to a whole number is left to `exact_cell`.

    Args:
        flat: (4 n,) float32 x, y, z and a fourth value of each point.
        bounds: (6,) float32 of `bounds.cell_bounds`; NaN lies outside.
        origin, size: (3,) float64. shape: (3,) int32. Cells are numbered x fastest, then y, then z.
    """
    x0, x1, y0, y1, z0, z1 = bounds[0], bounds[1], bounds[2], bounds[3], bounds[4], bounds[5]
    per_x, per_y, per_z = 1.0 / size[0], 1.0 / size[1], 1.0 / size[2]
    left, right, under = origin[0], origin[1], origin[2]
    along, across, high = shape[0], shape[1], shape[2]
    if high == 1:  # pillars: the bounds alone say that the only layer holds the point
        for point in range(count):
            x, y, z = flat[4 * point], flat[4 * point + 1], flat[4 * point + 2]
            inside = (x >= x0) & (x <= x1) & (y >= y0) & (y <= y1) & (z >= z0) & (z <= z1)
            i, j = (np.float64(x) - left) * per_x, (np.float64(y) - right) * per_y
            near = (abs(i - np.rint(i)) < _NEAR) | (abs(j - np.rint(j)) < _NEAR)
            found = np.int32(j) * along + np.int32(i)
            found = np.int32(DOUBTFUL) if near else found
            cell[point] = found if inside else np.int32(OUTSIDE)
        return
    for point in range(count):
        x, y, z = flat[4 * point], flat[4 * point + 1], flat[4 * point + 2]
        inside = (x >= x0) & (x <= x1) & (y >= y0) & (y <= y1) & (z >= z0) & (z <= z1)
        i, j = (np.float64(x) - left) * per_x, (np.float64(y) - right) * per_y
        k = (np.float64(z) - under) * per_z
        near = (abs(i - np.rint(i)) < _NEAR) | (abs(j - np.rint(j)) < _NEAR) | (abs(k - np.rint(k)) < _NEAR)
        found = (np.int32(k) * across + np.int32(j)) * along + np.int32(i)
        found = np.int32(DOUBTFUL) if near else found
        cell[point] = found if inside else np.int32(OUTSIDE)


@njit(cache=True, nogil=True, error_model="numpy")
def exact_cell(flat: np.ndarray, point: int, origin: np.ndarray, size: np.ndarray, shape: np.ndarray) -> int:
    """The cell of a point that lies within the bounds, by division."""
    i = np.int32(np.floor((np.float64(flat[4 * point]) - origin[0]) / size[0]))
    j = np.int32(np.floor((np.float64(flat[4 * point + 1]) - origin[1]) / size[1]))
    k = np.int32(np.floor((np.float64(flat[4 * point + 2]) - origin[2]) / size[2]))
    return (k * shape[1] + j) * shape[0] + i


@njit(cache=True, nogil=True, error_model="numpy")
def decode(cells: np.ndarray, count: Any, shape: np.ndarray, coordinates_zyx: np.ndarray) -> None:
    """(count, 3) int32 z, y, x of cell numbers. Half a cell keeps the product with the reciprocal off whole numbers."""
    along, across = shape[0], shape[1]
    per_row, per_layer = 1.0 / along, 1.0 / across
    flat = coordinates_zyx.reshape(-1)
    for place in range(count):  # int32 throughout and no division, for vector code
        cell = cells[place]
        row = np.int32((np.float64(cell) + 0.5) * per_row)
        layer = np.int32((np.float64(row) + 0.5) * per_layer)
        flat[3 * place] = layer
        flat[3 * place + 1] = np.int32(row - np.int32(layer * across))
        flat[3 * place + 2] = np.int32(cell - np.int32(row * along))
