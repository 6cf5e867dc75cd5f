"""What a scan is turned into, as the issue asks for it under `preprocessing.points`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from workloads.arrays import Array, to_host
from workloads.contract import UserError
from workloads.pointcloud.filtering import count_in_range, filter_range
from workloads.pointcloud.raster import DEFAULT_CELL_M, DEFAULT_SIZE, raster_grid, rasterize
from workloads.pointcloud.settings import FR_034, PILLARS, VOXELS, Grid, Range, VoxelSettings
from workloads.pointcloud.voxels import Voxelizer, Voxels

OUTPUTS = ("filtered", "voxels", "pillars", "bev")
KEYS = ("outputs", "range_m", "grid_m", "voxel_size_m", "max_points", "max_voxels", "bev_size", "bev_cell_m")


@dataclass(frozen=True)
class OutputSettings:
    """Settings of all products; those that are not asked for have none."""

    outputs: tuple[str, ...]
    points_m: Range
    voxels: VoxelSettings | None
    pillars: VoxelSettings | None
    bev: Grid | None

    @classmethod
    def read(cls, asked: Mapping[str, Any] | None) -> OutputSettings:
        """From `preprocessing.points`; what is left open takes the defaults below.

        outputs       filtered, voxels, pillars, bev (default: all)
        range_m       x0 x1 y0 y1 z0 z1, closed (FR-034: 0 70 -40 40 -3 1)
        grid_m        the box the cells are counted in (default: the range; with no range or size given, PointPillars'
                      69.12 m x 79.36 m for pillars and SECOND's 70.4 m x 80 m for voxels)
        voxel_size_m  x y z (0.05 0.05 0.1; pillars 0.16 0.16 and always one cell high)
        max_points    in a voxel (5) or pillar (32); max_voxels: 40,000

        Raises:
            UserError: an unknown name, or a number that cannot be.
        """
        if not isinstance(asked, Mapping | None):
            raise UserError(f"preprocessing.points: {asked!r} given; settings are needed, such as outputs: [pillars]")
        given = {name: value for name, value in (asked or {}).items() if value is not None}
        if unknown := sorted(given.keys() - set(KEYS)):
            raise UserError(f"preprocessing.points.{unknown[0]}: unknown; known are {', '.join(KEYS)}")
        outputs = given.get("outputs", OUTPUTS)
        outputs = tuple(outputs) if isinstance(outputs, list | tuple) else (outputs,)
        if not outputs or (strange := [name for name in outputs if name not in OUTPUTS]):
            raise UserError(f"preprocessing.points.outputs: {strange[0] if outputs else 'none'}; "
                            f"choose from {', '.join(OUTPUTS)}")  # fmt: skip
        try:
            return cls._checked(given, outputs)
        except UserError as mistake:
            raise UserError(f"preprocessing.points.{mistake}") from mistake

    @classmethod
    def _checked(cls, given: Mapping[str, Any], outputs: tuple[str, ...]) -> OutputSettings:
        box = Range.of(given["range_m"]) if "range_m" in given else FR_034
        bev = None
        if "bev" in outputs:
            bev = raster_grid(box, given.get("bev_size", DEFAULT_SIZE), given.get("bev_cell_m", DEFAULT_CELL_M))
        return cls(
            outputs, box, _voxels(given, box, VOXELS, flat=False) if "voxels" in outputs else None,
            _voxels(given, box, PILLARS, flat=True) if "pillars" in outputs else None, bev,
        )  # fmt: skip


def _voxels(given: Mapping[str, Any], box: Range, usual: VoxelSettings, *, flat: bool) -> VoxelSettings:
    size = given.get("voxel_size_m", usual.grid.cell_m)
    if "grid_m" in given or box != FR_034 or "voxel_size_m" in given:
        area = Range.of(given["grid_m"], "grid_m") if "grid_m" in given else box
        if flat and isinstance(size, list | tuple) and len(size) == 3:
            size = [size[0], size[1], area.z1 - area.z0]
        grid = Grid.over(area, size)
    else:
        grid = usual.grid
    return VoxelSettings(
        box, grid, whole(given, "max_points", usual.max_points), whole(given, "max_voxels", usual.max_voxels)
    )


def whole(given: Mapping[str, Any], name: str, usual: int) -> int:
    value = given.get(name, usual)
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise UserError(f"{name}: {value!r}; a whole number is needed")
    return int(value)


class Producer:
    """Turns one scan after another into arrays for `numpy.savez`; not for two threads at a time."""

    def __init__(self, settings: OutputSettings) -> None:
        self.settings = settings
        self._voxels = Voxelizer(settings.voxels) if settings.voxels else None
        self._pillars = Voxelizer(settings.pillars) if settings.pillars else None

    def __call__(self, points: Array) -> tuple[dict[str, np.ndarray], dict[str, int]]:
        """Arrays and counts of (n, 4) float32 points, which lie where they are to be computed.

        Returns:
            Arrays on the host that nobody else writes to:
                filtered (k, 4) float32;
                voxels (v, max_points, 4) float32, voxel_counts (v,) int32, voxel_coordinates_zyx (v, 3) int32;
                the same with pillar in the name; bev (3, rows, columns) float32 (see `raster`).
            Counts: points in the range, voxels, points kept, and so on.
        """
        arrays: dict[str, np.ndarray] = {}
        settings = self.settings
        facts = {"points": len(points), "points_in_range": count_in_range(points, settings.points_m)}
        if "filtered" in settings.outputs:
            arrays["filtered"] = np.array(to_host(filter_range(points, settings.points_m)))
        for name, voxelizer in (("voxel", self._voxels), ("pillar", self._pillars)):
            if voxelizer is None:
                continue
            found = voxelizer(points)
            arrays |= _arrays(name, found)
            facts |= _counts(name, found)
        if settings.bev is not None:
            raster = rasterize(points, settings.points_m, settings.bev)
            arrays["bev"] = np.array(to_host(raster.image))
            facts["bev_points"] = raster.points
        return arrays, facts

    def streams(self, points: int) -> bool:
        """Whether hard voxels or pillars are all that is asked for: then a scan need not be at hand as a whole."""
        only = self._only
        return only is not None and only[1].fits_kernel(points)

    @property
    def _only(self) -> tuple[str, Voxelizer] | None:
        asked = [("voxel", self._voxels), ("pillar", self._pillars)]
        found = [(name, voxelizer) for name, voxelizer in asked if voxelizer is not None]
        return found[0] if len(found) == len(self.settings.outputs) == 1 else None

    def of_parts(self, parts: Iterable[np.ndarray], most: int) -> tuple[dict[str, np.ndarray], dict[str, int]]:
        """The same of a scan that comes in parts of (k, 4) float32 points, at most `most`; where it `streams`."""
        assert self._only is not None
        name, voxelizer = self._only
        facts = {"points": 0, "points_in_range": 0}

        def counted() -> Iterator[np.ndarray]:
            for part in parts:
                facts["points"] += len(part)
                facts["points_in_range"] += count_in_range(part, self.settings.points_m)
                yield part

        found = voxelizer.of_parts(counted(), most)
        return _arrays(name, found), facts | _counts(name, found)


def _arrays(name: str, found: Voxels) -> dict[str, np.ndarray]:
    return {
        f"{name}s": np.array(to_host(found.points)), f"{name}_counts": np.array(to_host(found.counts)),
        f"{name}_coordinates_zyx": np.array(to_host(found.coordinates_zyx)),
    }  # fmt: skip


def _counts(name: str, found: Voxels) -> dict[str, int]:
    return {
        f"{name}s": len(found.counts), f"{name}_points_kept": found.points_kept,
        f"{name}_points_dropped": found.dropped_full + found.dropped_no_voxel,
    }  # fmt: skip
