"""Hard voxels on a GPU without a sort: our kernels in voxels.cu, started through CuPy.

Where there is no GPU the tests run the same kernels on the processor, warps and lanes in random order. On a GPU
`CudaVoxelizer.tried` compares them once with the sort and leaves the work to that if they differ.
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
from workloads.pointcloud.settings import Grid, VoxelSettings
from workloads.pointcloud.sorting import Places

if TYPE_CHECKING:
    from workloads.pointcloud.voxels import Voxels

SOURCE = Path(__file__).with_name("voxels.cu")
THREADS = 256
WORD, EACH, LANES, MOST_THREADS = 32, 4, 32, 1024
"""As in voxels.cu."""
FILLING, FILLING_ONE = 64, 1024
"""Blocks that fill the voxels of a scan, one after another, in a batch of many scans and for a scan alone: a block that
finds nothing to do costs time as well."""
NEVER = np.iinfo(np.int32).max
MOST_KEYS = 1 << 28
"""Cells of all scans of a batch; a table of four int32 for each is kept."""
MOST_POINTS = 1 << 29
"""Of a batch; their lists of members are found by int32."""
MOST_SLOTS = 1 << 27
"""Points that all voxels of a scan may hold together (2 GiB of four columns)."""

Launch = Callable[[str, tuple[int, int], int, Sequence[Any]], None]
"""Start a kernel by its name on a grid of blocks of so many threads, with arrays and numbers as its arguments."""


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
    """See `voxels.Voxelizer`. Table and outputs are kept: what a call returns is valid until the next one."""

    def __init__(self, settings: VoxelSettings, xp: ModuleType, launch: Launch) -> None:
        self.settings, self.xp, self._launch = settings, xp, launch
        grid = settings.grid
        self._axes = xp.asarray(np.hstack([cell_bounds(settings.points_m, grid).reshape(3, 2), near_axes(grid)]))
        self._origin, self._size = xp.asarray(np.array(grid.origin_m)), xp.asarray(np.array(grid.cell_m))
        self._shape = xp.asarray(np.array(grid.shape, np.int32))
        self._table = xp.empty(0, np.int32)
        self._of_points = xp.empty((2, 0), np.int32)
        self._members = xp.empty(0, np.int32)
        self._of_words = xp.empty((2, 0), np.int32)
        self._of_voxels = _VoxelArrays.empty(xp, settings, 0, 0)
        self._starts, self._begins = np.empty(0, np.int64), xp.empty(0, np.int32)

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

        Nothing waits for the GPU here; and a call like the one before asks for no memory and sends nothing, so that a
        CUDA graph can hold it.
        """
        xp, settings = self.xp, self.settings
        points = xp.ascontiguousarray(points)
        count, columns, scans = len(points), np.int32(points.shape[1]), len(starts) - 1
        if scans * settings.grid.cells > MOST_KEYS:
            raise ValueError(f"{scans} scans of {settings.grid.cells:,} cells; at most {MOST_KEYS:,} cells in a batch")
        if count > MOST_POINTS:
            raise ValueError(f"{count:,} points; at most {MOST_POINTS:,} in a batch")
        words = -(-int(np.diff(starts).max(initial=0)) // WORD)
        self._make_room(scans, count, scans * words, points.shape[1])
        (cell_of, seat), members, made, table = self._of_points, self._members, self._of_voxels, self._table
        bits, before = self._of_words
        used, homeless, listed = made.used[:scans], made.homeless[:scans], made.listed
        if words:
            if not np.array_equal(starts, self._starts):
                self._starts, self._begins = starts.copy(), xp.asarray(starts.astype(np.int32))
            begins = self._begins
            by_word = (-(-words * WORD // EACH // THREADS), scans)
            by_voxel = (min(max(FILLING, FILLING_ONE // scans), -(-settings.max_voxels * LANES // THREADS)), scans)
            cells, per_scan = np.int32(settings.grid.cells), np.int32(words)
            most_points, most_voxels = np.int32(settings.max_points), np.int32(settings.max_voxels)
            self._launch("claim", by_word, THREADS, (points, columns, begins, self._axes, self._origin, self._size,
                                                     self._shape, cells, cell_of, seat, table))  # fmt: skip
            self._launch("note", by_word, THREADS, (begins, cells, per_scan, cell_of, table, bits, listed))
            self._launch("add_up", (1, scans), MOST_THREADS, (per_scan, most_voxels, bits, before, used, homeless,
                                                              listed))  # fmt: skip
            self._launch("enlist", by_word, THREADS, (begins, cells, per_scan, most_points, most_voxels, self._shape,
                                                      cell_of, seat, bits, before, table, members, made.lists,
                                                      made.counts, made.coordinates_zyx, homeless))  # fmt: skip
            self._launch("fill", by_voxel, THREADS, (points, columns, most_points, most_voxels, used, made.lists,
                                                     members, made.points))  # fmt: skip
        else:
            used[:], homeless[:] = 0, 0
        return Batch(made.points[:scans], made.counts[:scans], made.coordinates_zyx[:scans], used, homeless,
                     cell_of[:count])  # fmt: skip

    def _make_room(self, scans: int, points: int, words: int, columns: int) -> None:
        xp, settings = self.xp, self.settings
        keys = scans * settings.grid.cells
        if len(self._table) < 4 * keys:
            self._table = xp.zeros(4 * keys, np.int32)
            self._table[::4] = NEVER
        if self._of_points.shape[1] < points:
            self._of_points = xp.empty((2, points), np.int32)
            self._members = xp.empty(4 * points, np.int32)  # lists of one member take the room of four
        if self._of_words.shape[1] < words:
            self._of_words = xp.empty((2, words), np.int32)
        held = self._of_voxels.points.shape
        if held[0] < scans or held[3] != columns:
            self._of_voxels = _VoxelArrays.empty(xp, settings, scans, columns)


@dataclass(frozen=True)
class _VoxelArrays:
    """Room for the voxels of every scan of a batch."""

    points: Array
    counts: Array
    coordinates_zyx: Array
    lists: Array
    """(b, max_voxels, 2) int32: where the members of a voxel begin, and how many it has, kept or not."""
    used: Array
    homeless: Array
    listed: Array
    """(b,) int32 room that the lists of a scan take: 0 before a batch and after it."""

    @classmethod
    def empty(cls, xp: ModuleType, settings: VoxelSettings, scans: int, columns: int) -> _VoxelArrays:
        most = (scans, settings.max_voxels)
        return cls(
            xp.empty((*most, settings.max_points, columns), np.float32), xp.empty(most, np.int32),
            xp.empty((*most, 3), np.int32), xp.empty((*most, 2), np.int32), xp.empty(scans, np.int32),
            xp.empty(scans, np.int32), xp.zeros(scans, np.int32),
        )  # fmt: skip


def near_axes(grid: Grid) -> np.ndarray:
    """(3, 3) float32 for x, y and z: origin, 1 / size, and the error in cells of a quotient computed with these two.

    Four roundings to 24 bits make it: of the origin, of the difference, of 1 / size and of the product. The last three
    are each within 2^-24 of the quotient, which is at most the axis' number of cells.
    """
    axes = zip(grid.origin_m, grid.cell_m, grid.shape, strict=True)
    return np.array([(origin, 1 / size, 2.0**-24 * (abs(origin) / size + 4 * (count + 1)))
                     for origin, size, count in axes], np.float32)  # fmt: skip


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
        (launch or _launch_cuda)("add_in_order", (-(-sums.size // THREADS), 1), THREADS, arguments)
    return sums


@cache
def _kernel(name: str) -> Any:
    return _module().get_function(name)


@cache
def _module() -> Any:
    import cupy

    return cupy.RawModule(code=SOURCE.read_text(encoding="utf-8"), options=("--std=c++14",))


def _launch_cuda(name: str, grid: tuple[int, int], threads: int, arguments: Sequence[Any]) -> None:
    _kernel(name)(grid, (threads,), tuple(arguments))


@cache
def _agrees(cupy: ModuleType) -> bool:
    """Whether kernels and sort give the same bits for a cloud with crowded cells, too many cells and borders."""
    from workloads.pointcloud.settings import Range
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
