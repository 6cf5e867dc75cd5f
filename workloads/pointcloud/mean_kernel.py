"""Means of cells on the processor, in one pass."""

from __future__ import annotations

import numpy as np
from numba import njit

from workloads.pointcloud.cell_kernel import BLOCK, DOUBTFUL, OUTSIDE, cells_of, decode, exact_cell


@njit(cache=True, nogil=True, error_model="numpy")
def average(flat: np.ndarray, count: int, bounds: np.ndarray, origin: np.ndarray, size: np.ndarray,
            shape: np.ndarray, marks: np.ndarray, cells: np.ndarray, sums: np.ndarray, means: np.ndarray,
            counts: np.ndarray, coordinates_zyx: np.ndarray, slots: np.ndarray) -> int:  # fmt: skip
    """Fill the first rows of means, counts and coordinates, and the first `count` of slots; how many cells there are.

    `marks` is the memory of the grid, voxel + 1 or 0; all zero before and after. All other outputs and `cells` and
    `sums` (float64) have room for `count` rows. See `cell_kernel.cells_of` for the rest.
    """
    used = 0
    cell_of = np.empty(BLOCK, np.int32)
    for start in range(0, count, BLOCK):
        block = min(count - start, BLOCK)
        cells_of(flat[4 * start :], block, bounds, origin, size, shape, cell_of)
        for place in range(block):
            point = start + place
            found = cell_of[place]
            if found == OUTSIDE:
                slots[point] = -1
                continue
            if found == DOUBTFUL:
                found = np.int32(exact_cell(flat, point, origin, size, shape))
            cell = np.uint32(found)
            slot = np.uint32(marks[cell])
            if slot == 0:
                cells[used] = found
                counts[used] = 0
                for column in range(4):
                    sums[used, column] = 0.0
                used += 1
                slot = np.uint32(used)
                marks[cell] = used
            slot -= np.uint32(1)
            slots[point] = slot
            counts[slot] += 1
            for column in range(4):
                sums[slot, column] += np.float64(flat[4 * point + column])
    for voxel in range(used):
        marks[cells[voxel]] = 0
        for column in range(4):
            means[voxel, column] = sums[voxel, column] / counts[voxel]
    decode(cells, used, shape, coordinates_zyx)
    return used
