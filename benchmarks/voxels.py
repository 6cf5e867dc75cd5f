"""Voxels, pillars, range filter and means of cells on one core: ours against spconv, NumPy and torch.

Four scans of a ray-cast street take turns, so that no contender finds the last scan's answer in its caches. The floor
reads the scan once and writes the output that is used once. Results are checked first: ten runs to the same bytes, and
the voxels of spconv for points in the middle of their cells (at borders its float32 quotients differ from float64).

spconv is measured where it can be imported: PYTHONPATH=<folder with spconv 2.3.8> python -m benchmarks voxels
"""

from __future__ import annotations

import hashlib
import importlib.util
import tempfile
from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks import interleaved
from benchmarks.outcome import Outcome, Ratio, Row
from benchmarks.scan import STEPS, street_scan
from workloads.pointcloud.filtering import filter_range
from workloads.pointcloud.means import MeanVoxelizer
from workloads.pointcloud.scan_file import ScanReader
from workloads.pointcloud.settings import FR_034, PILLARS, POINT_PILLARS, VOXELS, VoxelSettings
from workloads.pointcloud.voxels import Voxelizer

SCANS = 4
CASES = {
    "pillars 0.16 m": VoxelSettings(POINT_PILLARS, PILLARS.grid, 32, 16_000),
    "voxels 0.05 m": VoxelSettings(FR_034, VOXELS.grid, 5, 40_000),
}
ABSENT = "spconv 2.3.8 cannot be imported here and was not measured."


def measure(tiny: bool = False) -> Outcome:
    scans = [street_scan(seed, 64 if tiny else STEPS) for seed in range(SCANS)]
    once = (1, 0.0) if tiny else (interleaved.ROUNDS, 0.2)
    peer = importlib.util.find_spec("spconv") is not None
    rows: list[Row] = []
    ratios: list[Ratio] = []
    notes = [f"{len(scans[0]):,} points a scan, one core; ten runs gave the same bytes."]
    for name, settings in CASES.items():
        _check_runs(scans, settings)
        ours = Voxelizer(settings)
        found = [ours(scan) for scan in scans]
        used = [len(one.counts) for one in found]
        share = sum(used) / sum(one.points_in_grid for one in found)
        notes.append(f"{name}: {share:.0%} of the points in the grid open a cell; what that costs no floor knows.")
        contenders = {"ours": _in_turn(scans, ours), "floor": _floor(scans, settings, used)}
        if peer:
            notes.append(f"{name}: {_check_spconv(scans[0], settings)}")
            contenders["spconv"] = _in_turn(_tensors(scans), _spconv(settings).point_to_voxel)
        seconds = interleaved.rounds(contenders, *once)
        rows += _rows(name, seconds)
        ratios.append(
            interleaved.ratio(f"{name}: cost, ours over the floor", seconds["ours"], seconds["floor"], "<= 2.5")
        )
        if peer:
            ratios.append(interleaved.ratio(f"{name}: ours against spconv", seconds["spconv"], seconds["ours"], ">= 3"))
    for part in (_filter, _file, _means):
        more, others = part(scans, once, peer)
        rows, ratios = rows + more, ratios + others
    if not peer:
        notes.append(ABSENT)
    packages = ["numpy", "numba", "torch"] + (["spconv"] if peer else [])
    return Outcome("voxels", rows, ratios, packages=packages, notes=notes)


def _filter(scans: list[np.ndarray], once: tuple[int, float], _: bool) -> tuple[list[Row], list[Ratio]]:
    buffer = np.empty((max(map(len, scans)) + 1, 4), np.float32)
    for scan in scans:
        np.testing.assert_array_equal(filter_range(scan, into=buffer), _masked(scan))
    seconds = interleaved.rounds({
        "ours": _in_turn(scans, lambda scan: filter_range(scan, into=buffer)), "NumPy mask": _in_turn(scans, _masked),
    }, *once)  # fmt: skip
    ratio = interleaved.ratio("range filter: ours against a NumPy mask", seconds["NumPy mask"], seconds["ours"], ">= 5")
    return _rows("range filter", seconds), [ratio]


def _file(scans: list[np.ndarray], once: tuple[int, float], peer: bool) -> tuple[list[Row], list[Ratio]]:
    """From the file in the page cache to pillars."""
    settings = CASES["pillars 0.16 m"]
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{place}.bin" for place in range(len(scans))]
        for path, scan in zip(paths, scans, strict=True):
            path.write_bytes(scan.tobytes())
        reader, voxelizer = ScanReader(), Voxelizer(settings)

        def ours(path: Path) -> object:
            most = path.stat().st_size // 16
            return voxelizer.of_parts((part for part, _ in reader.parts(path)), most)

        contenders = {"ours": _in_turn(paths, ours)}
        if peer:
            from cumm import tensorview

            theirs = _spconv(settings)
            contenders["fromfile, mask, spconv"] = _in_turn(paths, lambda path: theirs.point_to_voxel(
                tensorview.from_numpy(_masked(np.fromfile(path, np.float32).reshape(-1, 4)))))  # fmt: skip
        seconds = interleaved.rounds(contenders, *once)
    what = ".bin, filter, pillars"
    rows = _rows(what, seconds)
    size = scans[0].nbytes
    rows.append(Row(f"{what}: ours, of .bin in the page cache", size / median(seconds["ours"]) * 3600e-9, "GB/h"))
    if not peer:
        return rows, []
    theirs_s = seconds["fromfile, mask, spconv"]
    return rows, [interleaved.ratio(f"{what}: ours against NumPy and spconv", theirs_s, seconds["ours"], ">= 5")]


def _means(scans: list[np.ndarray], once: tuple[int, float], _: bool) -> tuple[list[Row], list[Ratio]]:
    import torch

    torch.set_num_threads(1)
    rows: list[Row] = []
    ratios: list[Ratio] = []
    for name, settings in CASES.items():
        grid = settings.grid
        voxelizer = MeanVoxelizer(settings.points_m, grid)
        origin, size = torch.tensor(grid.origin_m), torch.tensor(grid.cell_m)
        shape = torch.tensor(grid.shape)

        def theirs(points: Any, origin: Any = origin, size: Any = size, shape: Any = shape) -> Any:
            index = torch.floor((points[:, :3] - origin) / size).long()
            inside = ((index >= 0) & (index < shape)).all(dim=1)
            index, points = index[inside], points[inside]
            cell = (index[:, 2] * shape[1] + index[:, 1]) * shape[0] + index[:, 0]
            _, slot, counts = torch.unique(cell, return_inverse=True, return_counts=True)
            return torch.zeros(len(counts), 4).index_add_(0, slot, points) / counts[:, None]

        seconds = interleaved.rounds({
            "ours": _in_turn(scans, voxelizer), "torch unique": _in_turn([torch.from_numpy(s) for s in scans], theirs),
        }, *once)  # fmt: skip
        rows += _rows(f"means, {name}", seconds)
        what = f"means, {name}: ours against torch unique and index_add"
        ratios.append(interleaved.ratio(what, seconds["torch unique"], seconds["ours"], ">= 10"))
    return rows, ratios


def _masked(points: np.ndarray) -> np.ndarray:
    x, y, z = points[:, 0], points[:, 1], points[:, 2]
    return points[(x >= 0) & (x <= 70) & (y >= -40) & (y <= 40) & (z >= -3) & (z <= 1)]


def _floor(scans: list[np.ndarray], settings: VoxelSettings, used: list[int]) -> Callable[[], object]:
    output = np.zeros((max(used), settings.max_points, 4), np.float32)

    def read_and_write(both: tuple[np.ndarray, int]) -> None:
        scan, count = both
        scan.view(np.uint64).sum()
        output[:count].fill(1.0)

    return _in_turn(list(zip(scans, used, strict=True)), read_and_write)


def _in_turn(inputs: Sequence[Any], action: Callable[[Any], object]) -> Callable[[], object]:
    turn = cycle(inputs)
    return lambda: action(next(turn))


def _rows(what: str, seconds: dict[str, list[float]]) -> list[Row]:
    return [Row(f"{what}: {name}, CPU", median(times) * 1e3, "ms") for name, times in seconds.items()]


def _check_runs(scans: list[np.ndarray], settings: VoxelSettings) -> None:
    voxelizer = Voxelizer(settings)
    digests = set()
    for run in range(10):
        voxelizer(scans[run % len(scans)])  # another scan in between leaves other things in the buffers
        found = voxelizer(scans[0])
        content = found.points.tobytes() + found.counts.tobytes() + found.coordinates_zyx.tobytes()
        digests.add(hashlib.sha256(content).hexdigest())
    assert len(digests) == 1, "ten runs over one scan gave different voxels"


def _spconv(settings: VoxelSettings) -> Any:
    from spconv.utils import Point2VoxelCPU3d

    grid = settings.grid
    ends = [start + count * size for start, count, size in zip(grid.origin_m, grid.shape, grid.cell_m, strict=True)]
    return Point2VoxelCPU3d(list(grid.cell_m), [*grid.origin_m, *ends], 4, settings.max_voxels, settings.max_points)


def _tensors(scans: list[np.ndarray]) -> list[Any]:
    from cumm import tensorview

    return [tensorview.from_numpy(scan) for scan in scans]


def _check_spconv(scan: np.ndarray, settings: VoxelSettings) -> str:
    """Points moved to the middle of their cells give the same voxels; how many cells differ for the scan as it is."""
    grid = settings.grid
    origin, size = np.array(grid.origin_m), np.array(grid.cell_m)
    middle = scan.copy()
    middle[:, :3] = (np.floor((scan[:, :3].astype(np.float64) - origin) / size) + 0.5) * size + origin
    theirs, ours = _spconv(settings), Voxelizer(settings)
    inside = filter_range(middle, settings.points_m)
    voxels, coordinates, counts = (part.numpy() for part in theirs.point_to_voxel(_tensors([inside])[0]))
    found = ours(inside)
    np.testing.assert_array_equal(found.coordinates_zyx, coordinates)
    np.testing.assert_array_equal(found.counts, counts)
    np.testing.assert_array_equal(found.points, voxels)
    _, coordinates, _ = (
        part.numpy() for part in theirs.point_to_voxel(_tensors([filter_range(scan, settings.points_m)])[0])
    )
    differ = {tuple(cell) for cell in coordinates.tolist()} ^ {
        tuple(cell) for cell in ours(scan).coordinates_zyx.tolist()
    }
    return f"equal to spconv in the middle of cells; {len(differ)} of {len(coordinates):,} cells differ at borders."
