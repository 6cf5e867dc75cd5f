"""Cells of points on the processor: as fast as memory, and exactly floor((x - origin) / size) of float64."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from workloads.pointcloud.vectors import BITS, LANES, call_up, changes, lowest, matches, take_apart

BLOCK = 1024
"""Points whose cells are found before they are used: with the points 32 KiB, which stay in the first cache."""
CELLS = 1 + BLOCK + BITS
"""Room for the cells of a block: one before the first, so that it has a neighbour, and as many as are seen at once."""
OUTSIDE = -1
_DOUBTFUL = -2
_BEFORE_ALL = -3
_NEAR = 2.0**-30
"""A quotient taken with the reciprocal is off by less (see `settings.MOST_CELLS_OF_AN_AXIS`)."""


@njit(cache=True, nogil=True, error_model="numpy")
def cells_of(flat: np.ndarray, count: int, bounds: np.ndarray, origin: np.ndarray, size: np.ndarray, shape: np.ndarray,
             axes: np.ndarray, cell: np.ndarray) -> None:  # fmt: skip
    """Write the cells of the first `count` points, or OUTSIDE, into `cell` from its second place on.

    Loops without branches, so that the compiler makes vector code of them: a division costs more than all the rest,
    therefore the quotient comes from the reciprocal, and one that lies next to a whole number is divided afterwards.
    Whether one of two or three does is asked of the product of their distances, each of which is at most a half.

    Args:
        flat: (4 n,) float32 x, y, z and a fourth value of each point.
        count: at most BLOCK.
        bounds: (6,) float32 of `bounds.cell_bounds`; NaN lies outside.
        origin, size: (3,) float64. shape: (3,) int32. Cells are numbered x fastest, then y, then z.
        axes: (3, BLOCK) float32, room to work. cell: (CELLS,) int32.
    """
    x, y, z = axes[0], axes[1], axes[2]
    whole = count // LANES * LANES
    for first in range(0, whole, LANES):
        take_apart(flat, 4 * first, x, y, z, first)
    for point in range(whole, count):
        x[point], y[point], z[point] = flat[4 * point], flat[4 * point + 1], flat[4 * point + 2]
    if _quotients(count, bounds, origin, size, shape, x, y, z, cell):
        _settle(flat, count, origin, size, shape, cell)


@njit(cache=True, nogil=True, error_model="numpy")
def _quotients(count: int, bounds: np.ndarray, origin: np.ndarray, size: np.ndarray, shape: np.ndarray, x: np.ndarray,
               y: np.ndarray, z: np.ndarray, cell: np.ndarray) -> bool:  # fmt: skip
    """As `cells_of`, with _DOUBTFUL for points next to a border; whether there are any."""
    x0, x1, y0, y1, z0, z1 = bounds[0], bounds[1], bounds[2], bounds[3], bounds[4], bounds[5]
    per_x, per_y, per_z = 1.0 / size[0], 1.0 / size[1], 1.0 / size[2]
    left, right, under = origin[0], origin[1], origin[2]
    along, across, high = shape[0], shape[1], shape[2]
    doubts = np.int32(0)
    if high == 1:  # pillars: the bounds alone say that the only layer holds the point
        for point in range(count):
            inside = (x[point] >= x0) & (x[point] <= x1) & (y[point] >= y0) & (y[point] <= y1)
            inside &= (z[point] >= z0) & (z[point] <= z1)
            i, j = (np.float64(x[point]) - left) * per_x, (np.float64(y[point]) - right) * per_y
            near = abs((i - np.rint(i)) * (j - np.rint(j))) < _NEAR / 2
            found = np.int32(j) * along + np.int32(i)
            found = np.int32(_DOUBTFUL) if near else found
            doubts |= np.int32(near & inside)
            cell[1 + point] = found if inside else np.int32(OUTSIDE)
        return doubts != 0
    for point in range(count):
        inside = (x[point] >= x0) & (x[point] <= x1) & (y[point] >= y0) & (y[point] <= y1)
        inside &= (z[point] >= z0) & (z[point] <= z1)
        i, j = (np.float64(x[point]) - left) * per_x, (np.float64(y[point]) - right) * per_y
        k = (np.float64(z[point]) - under) * per_z
        near = abs((i - np.rint(i)) * (j - np.rint(j)) * (k - np.rint(k))) < _NEAR / 4
        found = (np.int32(k) * across + np.int32(j)) * along + np.int32(i)
        found = np.int32(_DOUBTFUL) if near else found
        doubts |= np.int32(near & inside)
        cell[1 + point] = found if inside else np.int32(OUTSIDE)
    return doubts != 0


@njit(cache=True, nogil=True, error_model="numpy")
def _settle(flat: np.ndarray, count: int, origin: np.ndarray, size: np.ndarray, shape: np.ndarray,
            cell: np.ndarray) -> None:  # fmt: skip
    """Cells by division in the place of _DOUBTFUL."""
    for start in range(0, count, BITS):
        bits = _first_bits(matches(cell, 1 + start, _DOUBTFUL), count - start)
        while bits:
            point = start + np.int64(lowest(bits))
            bits &= bits - np.uint64(1)
            i = np.int32(np.floor((np.float64(flat[4 * point]) - origin[0]) / size[0]))
            j = np.int32(np.floor((np.float64(flat[4 * point + 1]) - origin[1]) / size[1]))
            k = np.int32(np.floor((np.float64(flat[4 * point + 2]) - origin[2]) / size[2]))
            cell[1 + point] = (k * shape[1] + j) * shape[0] + i


@njit(cache=True, nogil=True, error_model="numpy")
def runs_of(cell: np.ndarray, count: int, marks: np.ndarray, starts: np.ndarray) -> int:
    """Where each run of neighbours in one cell, or OUTSIDE, begins; how many runs there are.

    A beam sweeps over a cell, so that points of one cell follow each other: what is done once a run need not be done
    for each of them. The marks of the runs' cells are called up, all at once: one after another each would be waited
    for, because the grid is far larger than the caches and most cells are met for the first time in a scan.

    Args:
        cell: as `cells_of` leaves it.
        marks: (cells of the grid,) of any type.
        starts: (BLOCK + 1,) int32; behind the last run stands `count`.
    """
    found = np.uint64(0)
    cell[0] = _BEFORE_ALL
    for start in range(0, count, BITS):
        bits = _first_bits(changes(cell, 1 + start), count - start)
        while bits:
            point = np.uint64(start) + lowest(bits)
            bits &= bits - np.uint64(1)
            starts[found] = point
            found += np.uint64(1)
            here = cell[point + np.uint64(1)]
            if here != OUTSIDE:
                call_up(marks, np.int64(here))
    starts[found] = count
    return int(found)


@njit(cache=True, nogil=True, inline="always")
def _first_bits(bits: Any, count: int) -> Any:
    return bits if count >= BITS else bits & ((np.uint64(1) << np.uint64(count)) - np.uint64(1))


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
