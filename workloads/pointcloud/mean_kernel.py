"""Means of cells on the processor, in one pass."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from workloads.pointcloud.cell_kernel import BLOCK, CELLS, OUTSIDE, cells_of, decode, runs_of


@njit(cache=True, nogil=True, error_model="numpy")
def average(flat: np.ndarray, count: int, bounds: np.ndarray, origin: np.ndarray, size: np.ndarray,
            shape: np.ndarray, marks: np.ndarray, cells: np.ndarray, sums: np.ndarray, means: np.ndarray,
            counts: np.ndarray, coordinates_zyx: np.ndarray, slots: np.ndarray) -> Any:  # fmt: skip
    """Fill the first rows of means, counts and coordinates, and the first `count` of slots; how many cells there are.

    `marks` is the memory of the grid, voxel + 1 or 0; all zero before and after. All other outputs and `cells` and
    `sums` (float64) have room for `count` rows; sums and means are flat, four a row. See `cell_kernel.cells_of` for the
    rest.
    """
    used, one = np.uint64(0), np.uint64(1)
    two, three, four = np.uint64(2), np.uint64(3), np.uint64(4)
    axes, cell_of, starts = np.empty((3, BLOCK), np.float32), np.empty(CELLS, np.int32), np.empty(BLOCK + 1, np.int32)
    for start in range(0, count, BLOCK):
        block = min(count - start, BLOCK)
        of_block, slot_of = flat[4 * start :], slots[start:]
        cells_of(of_block, block, bounds, origin, size, shape, axes, cell_of)
        for run in range(runs_of(cell_of, block, marks, starts)):
            first, end = np.uint64(starts[np.uint64(run)]), np.uint64(starts[np.uint64(run) + one])  # see hard_kernel
            found = cell_of[first + one]
            if found == OUTSIDE:
                slot_of[first:end] = -1
                continue
            cell = np.uint32(found)
            mark = np.uint64(np.uint32(marks[cell]))
            at = four * first
            x, y = np.float64(of_block[at]), np.float64(of_block[at + one])
            z, more = np.float64(of_block[at + two]), np.float64(of_block[at + three])
            if mark == 0:
                cells[used], counts[used] = found, 0
                used += one
                mark = used
                marks[cell] = np.int32(used)
                row = four * (mark - one)
            else:
                row = four * (mark - one)
                x, y, z, more = sums[row] + x, sums[row + one] + y, sums[row + two] + z, sums[row + three] + more
            slot = mark - one
            counts[slot] += np.int32(end - first)
            slot_of[first] = np.int32(slot)
            for point in range(first + one, end):
                at = four * np.uint64(point)
                x += np.float64(of_block[at])
                y += np.float64(of_block[at + one])
                z += np.float64(of_block[at + two])
                more += np.float64(of_block[at + three])
                slot_of[np.uint64(point)] = np.int32(slot)
            sums[row], sums[row + one], sums[row + two], sums[row + three] = x, y, z, more
    for number in range(used):
        marks[np.uint32(cells[np.uint64(number)])] = 0
    for number in range(used):
        row, share = four * np.uint64(number), np.float64(counts[np.uint64(number)])
        means[row], means[row + one] = sums[row] / share, sums[row + one] / share
        means[row + two], means[row + three] = sums[row + two] / share, sums[row + three] / share
    decode(cells, used, shape, coordinates_zyx)
    return used
