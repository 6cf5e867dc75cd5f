"""Hard voxels on the processor: one pass in the order of the points, into buffers that are kept."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from workloads.pointcloud.cell_kernel import BLOCK, CELLS, OUTSIDE, cells_of, decode, runs_of
from workloads.pointcloud.vectors import POINTS, clear, put

FEW_POINTS = 8
"""Voxels of so few points are cleared when they are opened; of larger ones only what the last scan left.

A fixed number of places is cleared, whatever the voxel's size, because that is a few wide stores and no call: it may
reach into the voxels that follow, which are not open yet, so the buffer has as many places more at its end.
"""


@njit(cache=True, nogil=True, error_model="numpy")
def fill(flat: np.ndarray, points: np.ndarray, bounds: np.ndarray, origin: np.ndarray, size: np.ndarray,
         shape: np.ndarray, max_points: int, max_voxels: int, bits: int, marks: np.ndarray, cells: np.ndarray,
         voxels: np.ndarray, state: np.ndarray) -> None:  # fmt: skip
    """Add points to the voxels: in the order of their first points, each with its first `max_points` in their order.

    `marks` is the memory of the grid: 0, or (voxel + 1) << bits | points so far. It is all zero before the first points
    of a scan and after `finish`, which wipes only the cells that were touched.

    Args:
        flat, points: the same n points as (4 n,) float32 and as (n,) complex128: 16 bytes that move at once.
        bounds, origin, size, shape: see `cell_kernel.cells_of`.
        marks: (cells of the grid,) int32.
        cells: (max_voxels,) int32, room to work.
        voxels: (max_voxels * max_points + FEW_POINTS,) complex128, points padded with zeros.
        state: (3,) int64, zero before the first points of a scan: voxels used, points dropped at a full voxel, points
            dropped for want of a voxel.
    """
    one, bit = np.uint32(1), np.uint32(bits)
    mask, slots = (one << bit) - one, np.uint32(max_points)
    used, full, homeless = np.uint32(state[0]), state[1], state[2]
    few = max_points <= FEW_POINTS
    axes, cell_of, starts = np.empty((3, BLOCK), np.float32), np.empty(CELLS, np.int32), np.empty(BLOCK + 1, np.int32)
    # Unsigned numbers throughout: a signed index costs NumPy's question whether it counts from the end.
    for start in range(0, len(points), BLOCK):
        block = min(len(points) - start, BLOCK)
        cells_of(flat[4 * start :], block, bounds, origin, size, shape, axes, cell_of)
        of_block = points[start:]
        for run in range(runs_of(cell_of, block, marks, starts)):
            first, end = np.uint64(starts[np.uint64(run)]), np.uint64(starts[np.uint64(run) + np.uint64(1)])
            found = cell_of[first + np.uint64(1)]
            if found == OUTSIDE:
                continue
            length, cell = np.uint32(end - first), np.uint32(found)
            mark = np.uint32(marks[cell])
            if mark == 0:
                if used >= np.uint32(max_voxels):
                    homeless += np.int64(length)
                    continue
                cells[used] = found
                if few:
                    opened = _slot(used, slots)
                    for done in range(0, FEW_POINTS, POINTS):
                        clear(voxels, opened + np.uint64(done), POINTS)
                used += one
                mark = used << bit
            rank = mark & mask
            taken = min(length, slots - rank)
            full += np.int64(length - taken)
            marks[cell] = np.int32(mark + taken)
            slot = _slot((mark >> bit) - one, slots) + np.uint64(rank)
            put(of_block, first, voxels, slot, np.int64(taken))
            for done in range(POINTS, taken, POINTS):
                ahead = np.uint64(done)
                put(of_block, first + ahead, voxels, slot + ahead, np.int64(taken) - done)
    state[0], state[1], state[2] = used, full, homeless


@njit(cache=True, nogil=True, error_model="numpy")
def finish(shape: np.ndarray, max_points: int, bits: int, marks: np.ndarray, cells: np.ndarray, voxels: np.ndarray,
           state: np.ndarray, counts: np.ndarray, coordinates_zyx: np.ndarray) -> Any:  # fmt: skip
    """Count the points of each voxel, clear the places behind them, wipe the marks. See `fill`.

    Args:
        counts: (max_voxels,) int32 as the last scan left them: what it wrote and this one does not is cleared.

    Returns:
        Points kept.
    """
    one, bit = np.uint32(1), np.uint32(bits)
    mask, slots = (one << bit) - one, np.uint32(max_points)
    kept: Any = 0
    for number in range(state[0]):
        voxel = np.uint64(number)
        cell = np.uint32(cells[voxel])
        count = np.uint32(marks[cell]) & mask
        marks[cell] = 0
        if max_points > FEW_POINTS:
            row = _slot(voxel, slots)
            old, new = np.int64(counts[voxel]), np.int64(count)
            clear(voxels, row + np.uint64(count), old - new)
            for rest in range(new + POINTS, old, POINTS):
                clear(voxels, row + np.uint64(rest), old - rest)
        counts[voxel] = count
        kept += np.int64(count)
    decode(cells, state[0], shape, coordinates_zyx)
    return kept


@njit(cache=True, nogil=True, inline="always")
def _slot(voxel: Any, slots: Any) -> Any:
    return np.uint64(voxel) * np.uint64(slots)
