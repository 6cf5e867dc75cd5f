"""A cloud seen from above: height, intensity and density on a square grid.

Rows are x, columns are y: cell [0, 0] is the rear right corner of the area, x grows with the row and y with the
column. (`raster[:, ::-1, ::-1]` is the picture with the way ahead up and the left side left.)

The area begins at the range's lower x and lies across the middle of its y: with FR-034's range and 200 x 200 cells of
0.5 m that is x in [0, 100) and y in [-50, 50), which holds the whole range.

Source of the channels: Chen et al., "Multi-View 3D Object Detection Network for Autonomous Driving", CVPR 2017.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workloads.arrays import Array, array_namespace
from workloads.contract import UserError
from workloads.pointcloud.bounds import cell_bounds
from workloads.pointcloud.settings import FR_034, Grid, Range
from workloads.pointcloud.sorting import sort_into_cells

CHANNELS = ("height", "intensity", "density")
DEFAULT_SIZE = (200, 200)
DEFAULT_CELL_M = 0.5
MOST_CELLS = 4096
FULL_DENSITY = 64
"""Points at which the density is 1: log(n + 1) / log(64), not above 1."""


@dataclass(frozen=True)
class Raster:
    image: Array
    """(3, rows, columns) float32: height of the highest point above the range's floor in metres, its intensity (of
    equally high ones the first), density 0 to 1. 0 where there is no point."""
    points: int
    """Points that fell into it."""


def raster_grid(box: Range = FR_034, size: Sequence[int] = DEFAULT_SIZE, cell_m: float = DEFAULT_CELL_M) -> Grid:
    """The cells of a raster of `size` (rows, columns); one layer as high as the range, whose top is included."""
    if not isinstance(size, list | tuple) or len(size) != 2 or not all(map(_is_count, size)):
        raise UserError(f"bev_size: {size!r}; give rows and columns, 1 to {MOST_CELLS} each")
    if not isinstance(cell_m, int | float) or not 0 < cell_m < 1e6:
        raise UserError(f"bev_cell_m: {cell_m!r}; the edge of a cell is above 0")
    rows, columns = (int(cells) for cells in size)
    across = (box.y0 + box.y1) / 2 - columns * cell_m / 2
    high = 2 * (box.z1 - box.z0)  # twice, so that a point on the closed top of the range lies in the layer
    return Grid((box.x0, across, box.z0), (float(cell_m), float(cell_m), high), (rows, columns, 1))


def _is_count(cells: object) -> bool:
    return isinstance(cells, int | np.integer) and 1 <= int(cells) <= MOST_CELLS


def rasterize(points: Array, box: Range = FR_034, grid: Grid | None = None) -> Raster:
    """Raster of (n, 4) float32 x, y, z, intensity; points outside the range, NaN among them, are left out."""
    grid = raster_grid(box) if grid is None else grid
    rows, columns, _ = grid.shape
    if array_namespace(points) is not np or points.shape[1] != 4:
        return _by_sorting(points, box, grid)
    from workloads.pointcloud import raster_kernel

    image = np.zeros((3, rows, columns), np.float32)
    counts, density = np.zeros((rows, columns), np.int32), density_table()
    used = raster_kernel.draw(
        np.ascontiguousarray(points).reshape(-1), len(points), cell_bounds(box, grid), np.array(grid.origin_m),
        np.array(grid.cell_m), np.array(grid.shape, np.int32), counts, image,
    )  # fmt: skip
    image[2] = density[np.minimum(counts, FULL_DENSITY)]
    return Raster(image, int(used))


def _by_sorting(points: Array, box: Range, grid: Grid) -> Raster:
    """The same for any array module: the highest point of a cell is found by sorting."""
    xp = array_namespace(points)
    rows, columns, _ = grid.shape
    places = sort_into_cells(points, box, grid)
    image = xp.zeros((3, rows, columns), np.float32)
    if not len(places.points):
        return Raster(image, 0)
    chosen = points[places.points]
    order = xp.argsort(-chosen[:, 2], kind="stable")  # the highest first; of equal ones the first of the cloud
    order = order[xp.argsort(places.slot[order], kind="stable")]
    starts = xp.cumsum(places.counts) - places.counts
    top = order[starts]
    row, column = places.coordinates_zyx[:, 2], places.coordinates_zyx[:, 1]
    image[0, row, column] = chosen[top, 2] - np.float32(box.z0)
    image[1, row, column] = chosen[top, 3]
    image[2, row, column] = xp.asarray(density_table())[xp.minimum(places.counts, FULL_DENSITY)]
    return Raster(image, len(places.points))


def density_table() -> np.ndarray:
    """(FULL_DENSITY + 1,) float32 density by number of points."""
    return np.minimum(1.0, np.log1p(np.arange(FULL_DENSITY + 1)) / np.log(FULL_DENSITY)).astype(np.float32)
