"""Which points, which cells: a closed range and a half-open grid, two settings.

Lengths are metres in the LiDAR frame (x forward, y left, z up). Six numbers of a box are `x0 x1 y0 y1 z0 z1`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workloads.contract import UserError

MOST_CELLS_OF_AN_AXIS = 1 << 20
"""Up to here a quotient by the cell's size is known to 2^-30 of a cell, which the fast kernels rely on."""
LONGEST_CELL_M = 1e7
"""A longer edge is a slip; and no sum of an origin and of cells leaves float32."""
_WHOLE = 1e-6
"""A range is a whole number of cells when it misses one by less: 69.12 / 0.16 is 432.00000000000006."""
AXES = "xyz"


@dataclass(frozen=True)
class Range:
    """A closed box: a point on a face is inside. A bound is compared in float64, as it is written."""

    x0: float
    x1: float
    y0: float
    y1: float
    z0: float
    z1: float

    @classmethod
    def of(cls, numbers: Sequence[float], what: str = "range_m") -> Range:
        """Raises UserError: not six finite numbers, or an end that does not lie above its start."""
        values = _finite(numbers, 6, what, "x0 x1 y0 y1 z0 z1")
        for axis, (low, high) in zip(AXES, zip(values[::2], values[1::2], strict=True), strict=True):
            if not low < high:
                raise UserError(
                    f"{what}: {axis} runs from {low:g} to {high:g}; give x0 x1 y0 y1 z0 z1, each end above its start"
                )
        return cls(*values)

    @property
    def numbers(self) -> tuple[float, float, float, float, float, float]:
        return (self.x0, self.x1, self.y0, self.y1, self.z0, self.z1)

    @property
    def low(self) -> tuple[float, float, float]:
        return (self.x0, self.y0, self.z0)

    @property
    def high(self) -> tuple[float, float, float]:
        return (self.x1, self.y1, self.z1)


@dataclass(frozen=True)
class Grid:
    """Cells in space: the one of a coordinate is floor((x - origin) / size), computed in float64.

    A cell holds its lower face and not its upper one, so the grid is half-open: [origin, origin + shape * size).
    """

    origin_m: tuple[float, float, float]
    cell_m: tuple[float, float, float]
    shape: tuple[int, int, int]
    """Cells along x, y, z."""

    @classmethod
    def over(cls, box: Range, cell_m: Sequence[float], what: str = "voxel_size_m") -> Grid:
        """The cells that cover a box: from its lower corner, as many as are needed (rounded up).

        Where the box is no whole number of cells the last ones reach beyond it: 70 m of 0.16 m are 438 cells, and no
        point of the range is lost. A point exactly on the upper face of a box of whole cells has no cell.
        """
        sizes = _finite(cell_m, 3, what, "x y z")
        shape = []
        for axis, low, high, size in zip(AXES, box.low, box.high, sizes, strict=True):
            if size <= 0:
                raise UserError(f"{what}: {size:g} m along {axis}; a cell's edge is above 0")
            if size > LONGEST_CELL_M:
                raise UserError(f"{what}: {size:g} m along {axis}; a cell's edge is at most {LONGEST_CELL_M:,.0f} m")
            cells = (high - low) / size
            if not cells <= MOST_CELLS_OF_AN_AXIS:
                raise UserError(
                    f"{what}: {size:g} m along {axis} give {cells:,.0f} cells; at most {MOST_CELLS_OF_AN_AXIS:,}"
                )
            whole = round(cells)
            shape.append(max(1, whole if abs(cells - whole) <= _WHOLE else math.ceil(cells)))
        return cls(box.low, (sizes[0], sizes[1], sizes[2]), (shape[0], shape[1], shape[2]))

    @property
    def cells(self) -> int:
        return self.shape[0] * self.shape[1] * self.shape[2]


@dataclass(frozen=True)
class VoxelSettings:
    """How a cloud becomes voxels. `points_m` filters (closed); `grid` numbers the cells (half-open)."""

    points_m: Range
    grid: Grid
    max_points: int
    max_voxels: int

    def __post_init__(self) -> None:
        for name, value, most in (("max_points", self.max_points, 4096), ("max_voxels", self.max_voxels, 10_000_000)):
            if not 1 <= value <= most:
                raise UserError(f"{name}: {value:,}; choose 1 to {most:,}")


def _finite(numbers: Sequence[float], count: int, what: str, names: str) -> list[float]:
    try:
        values = [float(number) for number in numbers]
    except (TypeError, ValueError) as wrong:
        raise UserError(f"{what}: {_shown(numbers)} given; {count} numbers are needed: {names}") from wrong
    if len(values) != count or not all(map(math.isfinite, values)):
        raise UserError(f"{what}: {_shown(numbers)} given; {count} finite numbers are needed: {names}")
    return values


def _shown(value: Any) -> str:
    text = str(list(value)) if isinstance(value, (list, tuple)) else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


FR_034 = Range(0.0, 70.0, -40.0, 40.0, -3.0, 1.0)
"""The specification's range. Source: FR-034."""
POINT_PILLARS = Range(0.0, 69.12, -39.68, 39.68, -3.0, 1.0)
"""Whole cells of 0.16 m, unlike FR-034's 70 m. Source: OpenPCDet, tools/cfgs/kitti_models/pointpillar.yaml."""
PILLARS = VoxelSettings(FR_034, Grid.over(POINT_PILLARS, (0.16, 0.16, 4.0)), 32, 40_000)
"""PointPillars on KITTI (16,000 pillars when it trains, 40,000 when it is tested)."""
VOXELS = VoxelSettings(FR_034, Grid.over(Range(0.0, 70.4, -40.0, 40.0, -3.0, 1.0), (0.05, 0.05, 0.1)), 5, 40_000)
"""SECOND on KITTI. Source: OpenPCDet, tools/cfgs/kitti_models/second.yaml."""
