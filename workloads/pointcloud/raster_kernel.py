"""Rasters on the processor, in one pass."""

from __future__ import annotations

import numpy as np
from numba import njit

from workloads.pointcloud.cell_kernel import BLOCK, CELLS, OUTSIDE, cells_of


@njit(cache=True, nogil=True, error_model="numpy")
def draw(flat: np.ndarray, count: int, bounds: np.ndarray, origin: np.ndarray, size: np.ndarray, shape: np.ndarray,
         counts: np.ndarray, image: np.ndarray) -> int:  # fmt: skip
    """Fill the first two channels of `image` (3, rows, columns) and `counts` (rows, columns), zero before.

    Returns:
        How many points fell into the raster. See `cell_kernel.cells_of` for the rest.
    """
    floor = np.float32(origin[2])
    rows = shape[0]
    axes, cell_of = np.empty((3, BLOCK), np.float32), np.empty(CELLS, np.int32)
    used = 0
    for start in range(0, count, BLOCK):
        block = min(count - start, BLOCK)
        cells_of(flat[4 * start :], block, bounds, origin, size, shape, axes, cell_of)
        for place in range(block):
            cell = cell_of[1 + place]
            if cell == OUTSIDE:
                continue
            point = start + place
            column, row = cell // rows, cell % rows
            above = flat[4 * point + 2] - floor
            if counts[row, column] == 0 or above > image[0, row, column]:
                image[0, row, column] = above
                image[1, row, column] = flat[4 * point + 3]
            counts[row, column] += 1
            used += 1
    return used
