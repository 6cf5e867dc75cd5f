"""Hard voxels on a GPU without a sort: our kernels in voxels.cu, started through CuPy.

Not measured and not run on a GPU by us; the tests run the same kernels thread by thread, in random order, on the
processor. `CudaVoxelizer.tried` therefore compares them once with the sort and leaves the work to that if they differ.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from workloads.arrays import Array
from workloads.contract import log
from workloads.pointcloud.bounds import cell_bounds
from workloads.pointcloud.settings import VoxelSettings
from workloads.pointcloud.sorting import Places

if TYPE_CHECKING:
    from workloads.pointcloud.voxels import Voxels

SOURCE = Path(__file__).with_name("voxels.cu")
THREADS = 256
NEVER = np.iinfo(np.int32).max
MOST_KEYS = 1 << 28
"""Cells of all scans of a batch; four tables of that many int32 are kept."""
MOST_SLOTS = 1 << 27
"""Points that all voxels of a scan may hold together (2 GiB of four columns)."""

Launch = Callable[[str, tuple[int, int], Sequence[Any]], None]
"""Start a kernel by its name on a grid of blocks of THREADS threads, with arrays and numbers as its arguments."""


@dataclass(frozen=True)
class Batch:
    """Voxels of b scans, each with room for `max_voxels`; only the first `used` of a scan are written."""

    points: Array
    """(b, max_voxels, max_points, c) float32."""
    counts: Array
    """(b, max_voxels) int32."""
    coordinates_zyx: Array
    """(b, max_voxels, 3) int32."""
    used: Array
    """(b,) int32 voxels of each scan."""
    homeless: Array
    """(b,) int32 points that found no voxel."""
    cell_of_point: Array
    """(n,) int32; -1 outside."""


class CudaVoxelizer:
    """See `voxels.Voxelizer`. Tables and outputs are kept: what a call returns is valid until the next one."""

    def __init__(self, settings: VoxelSettings, xp: ModuleType, launch: Launch) -> None:
        self.settings, self.xp, self._launch = settings, xp, launch
        grid = settings.grid
        self._bounds = xp.asarray(cell_bounds(settings.points_m, grid))
        self._origin, self._size = xp.asarray(np.array(grid.origin_m)), xp.asarray(np.array(grid.cell_m))
        self._shape = xp.asarray(np.array(grid.shape, np.int32))
        self._tables: tuple[Array, ...] = ()
        self._voxels = xp.empty((0, 0, 0, 0), np.float32)

    @classmethod
    def tried(cls, settings: VoxelSettings) -> CudaVoxelizer | None:
        """A voxelizer for this machine's GPU, or None where its kernels do not do what the sort does."""
        import cupy

        if settings.grid.cells > MOST_KEYS or settings.max_voxels * settings.max_points > MOST_SLOTS:
            return None
        try:
            if not _agrees(cupy):
                log("The voxel kernels disagree with the sort on this GPU; cells are sorted", level="WARNING")
                return None
            return cls(settings, cupy, _launch_cuda)
        except Exception as wrong:  # a compiler that is missing, a driver that is too old: the sort needs neither
            log("The voxel kernels do not run on this GPU; cells are sorted", level="WARNING", reason=str(wrong)[:300])
            return None

    def __call__(self, points: Array) -> Voxels:
        """Voxels of (n, c) float32 points on the GPU."""
        from workloads.pointcloud.voxels import Voxels

        batch = self.batch(points, np.array([0, len(points)]))
        used, homeless = int(batch.used[0]), int(batch.homeless[0])
        in_grid = int((batch.cell_of_point >= 0).sum())
        kept = int(batch.counts[0, :used].sum())
        return Voxels(
            batch.points[0, :used], batch.counts[0, :used], batch.coordinates_zyx[0, :used], in_grid, kept,
            in_grid - kept - homeless, homeless,
        )  # fmt: skip

    def batch(self, points: Array, starts: np.ndarray) -> Batch:
        """Voxels of many scans, one after another in `points` (n, c) float32; scan s is starts[s] to starts[s + 1].

        Nothing waits for the GPU here.
        """
        xp, settings = self.xp, self.settings
        points = xp.ascontiguousarray(points)
        count, columns, scans = len(points), points.shape[1], len(starts) - 1
        slots, most, cells = settings.max_points, settings.max_voxels, settings.grid.cells
        if scans * cells > MOST_KEYS:
            raise ValueError(f"{scans} scans of {cells:,} cells; at most {MOST_KEYS:,} cells in a batch")
        self._make_room(scans, columns)
        first, cells_count, lists, cursor = self._tables
        counts, coordinates = xp.zeros((scans, most), np.int32), xp.zeros((scans, most, 3), np.int32)
        homeless = xp.zeros(scans, np.int32)
        if not count:
            used = xp.zeros(scans, np.int32)
            return Batch(self._voxels[:scans], counts, coordinates, used, homeless, xp.zeros(0, np.int32))
        begins = xp.asarray(starts.astype(np.int32))
        grid = (-(-int(np.diff(starts).max()) // THREADS), scans)
        cell_of, members = xp.empty(count, np.int32), xp.empty(count, np.int32)
        weight = xp.empty(count, np.int64)
        size, places = np.int32(cells), (np.int32(slots), np.int32(most))
        self._launch("claim", grid, (points, np.int32(columns), begins, self._bounds, self._origin, self._size,
                                     self._shape, size, cell_of, first, cells_count))  # fmt: skip
        self._launch("weigh", grid, (begins, size, cell_of, first, cells_count, weight))
        sums = xp.cumsum(weight)
        self._launch("number", grid, (begins, size, *places, self._shape, cell_of, weight, sums, first, cells_count,
                                    lists, counts, coordinates, homeless))  # fmt: skip
        self._launch("gather", grid, (begins, size, cell_of, lists, cursor, members))
        self._launch("place", grid, (points, np.int32(columns), begins, size, places[0], cell_of, first, cells_count,
                                     lists, members, self._voxels))  # fmt: skip
        ends = xp.concatenate([xp.zeros(1, np.int64), sums >> 32])[begins]
        used = xp.minimum(ends[1:] - ends[:-1], most).astype(np.int32)
        self._launch("pad", (-(-slots * most // THREADS), scans),
                     (np.int32(columns), *places, used, counts, self._voxels))  # fmt: skip
        self._launch("wipe", grid, (begins, size, cell_of, weight, first, cells_count, cursor))
        return Batch(self._voxels[:scans], counts, coordinates, used, homeless, cell_of)

    def _make_room(self, scans: int, columns: int) -> None:
        xp, settings = self.xp, self.settings
        keys = scans * settings.grid.cells
        if not self._tables or len(self._tables[0]) < keys:
            self._tables = (xp.full(keys, NEVER, np.int32), *(xp.zeros(keys, np.int32) for _ in range(3)))
        if len(self._voxels) < scans or self._voxels.shape[3] != columns:
            self._voxels = xp.empty((scans, settings.max_voxels, settings.max_points, columns), np.float32)


def sums_in_order(points: Array, places: Places, xp: ModuleType, launch: Launch | None = None) -> Array:
    """(v, c) float64 sums over the points of each cell, one point after another as on the processor.

    Args:
        points: (m, c) float32, those of `places`.
    """
    points = xp.ascontiguousarray(points)
    order = xp.argsort(places.slot, kind="stable").astype(np.int32)
    starts = xp.concatenate([xp.zeros(1, np.int32), xp.cumsum(places.counts).astype(np.int32)])
    sums = xp.empty((len(places.counts), points.shape[1]), np.float64)
    if sums.size:
        arguments = (points, np.int32(points.shape[1]), order, starts, np.int32(len(sums)), sums)
        (launch or _launch_cuda)("add_in_order", (-(-sums.size // THREADS), 1), arguments)
    return sums


@cache
def _module() -> Any:
    import cupy

    return cupy.RawModule(code=SOURCE.read_text(encoding="utf-8"), options=("--std=c++14",))


def _launch_cuda(name: str, grid: tuple[int, int], arguments: Sequence[Any]) -> None:
    _module().get_function(name)(grid, (THREADS,), tuple(arguments))


@cache
def _agrees(cupy: ModuleType) -> bool:
    """Whether kernels and sort give the same bits for a cloud with crowded cells, too many cells and borders."""
    from workloads.pointcloud.settings import Grid, Range
    from workloads.pointcloud.voxels import by_sorting

    box = Range(0.0, 4.0, -2.0, 2.0, -1.0, 1.0)
    settings = VoxelSettings(box, Grid.over(box, (0.25, 0.3, 0.5)), 5, 300)
    random = np.random.default_rng(0)
    cloud = random.uniform((-0.5, -2.5, -1.5, 0), (4.5, 2.5, 1.5, 1), (5000, 4)).astype(np.float32)
    cloud[::3] = np.round(cloud[::3] * 4) / 4
    points = cupy.asarray(cloud)
    ours, theirs = CudaVoxelizer(settings, cupy, _launch_cuda)(points), by_sorting(points, settings)
    same = all(bool((getattr(ours, name) == getattr(theirs, name)).all()) if len(ours.counts) == len(theirs.counts)
               else False for name in ("points", "counts", "coordinates_zyx"))  # fmt: skip
    return same and ours.points_kept == theirs.points_kept and ours.dropped_full == theirs.dropped_full
