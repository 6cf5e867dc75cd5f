"""`python -m benchmarks.voxels_gpu [--json]`: hard pillars of 64 scans on a GPU.

Not one of `benchmarks.registry`: without a GPU it has no figure, and says so. Checked first: the bits of the sort for
every scan, and ten runs to the same bytes. Then the batch against the time of copying as many bytes, a version with
`cupy.unique`, and conch-triton-kernels (which keeps the points that come first in its threads, another in every run).
One scan is measured twice: launched kernel by kernel, and as a CUDA graph.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np

from benchmarks import interleaved
from benchmarks.outcome import Outcome, Row
from benchmarks.scan import street_scan
from workloads.arrays import device
from workloads.pointcloud.cuda import CudaVoxelizer
from workloads.pointcloud.settings import PILLARS, POINT_PILLARS, VoxelSettings
from workloads.pointcloud.sorting import cells_of
from workloads.pointcloud.voxels import by_sorting

SCANS, ROUNDS, MEASURED_MS, MOST_REPLAYS = 64, 7, 20.0, 100
SETTINGS = VoxelSettings(POINT_PILLARS, PILLARS.grid, 32, 16_000)
PEER = "conch-triton-kernels"


def main(arguments: Sequence[str] | None = None) -> int:
    """0 measured, or not run because there is no GPU."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.voxels_gpu", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    chosen = parser.parse_args(arguments)
    where = device()
    if not where.is_gpu:
        print(json.dumps({"benchmark": "voxels_gpu", "not_run": where.reason}) if chosen.json else
              f"voxels_gpu: not run: {where.reason}")  # fmt: skip
        return 0
    outcome = run(where.xp, where.name)
    print(json.dumps(outcome.as_dict(), indent=2) if chosen.json else outcome.text())
    return 0


def run(cupy: Any, name: str) -> Outcome:
    """All figures; raises AssertionError where a result is not what it should be."""
    few = [street_scan(seed) for seed in range(8)]
    scans = [few[place % len(few)] for place in range(SCANS)]
    points = cupy.asarray(np.concatenate(scans))
    starts = np.cumsum([0] + [len(scan) for scan in scans])
    ours = CudaVoxelizer.tried(SETTINGS)
    assert ours is not None, "the kernels do not run here or disagree with the sort; see the log above"
    used = _check(ours, points, starts, cupy)
    written = sum(used) * (SETTINGS.max_points * 16 + 4 + 12)
    bytes_ = points.nbytes + written
    source, target = cupy.zeros(bytes_ // 8, np.uint32), cupy.empty(bytes_ // 8, np.uint32)
    contenders: dict[str, Callable[[], object]] = {
        "64 scans, ours": lambda: ours.batch(points, starts),
        "64 scans, copy of as many bytes": lambda: cupy.copyto(target, source),
        "64 scans, our sort": lambda: [by_sorting(points[a:b], SETTINGS) for a, b in pairwise(starts)],
        "64 scans, cupy.unique": lambda: [_unique(points[a:b], cupy) for a, b in pairwise(starts)],
    }
    single = points[: starts[1]]
    alone = np.array([0, len(single)])
    of_one = CudaVoxelizer.tried(SETTINGS)  # a graph holds its buffers, which no other call may replace
    assert of_one is not None
    contenders["one scan, ours"] = lambda: of_one.batch(single, alone)
    graph = _graph(contenders["one scan, ours"], cupy)
    contenders["one scan, ours, in a graph"] = lambda: graph.launch(cupy.cuda.Stream.null)
    notes = [
        f"{name}; {len(points):,} points, {sum(used):,} pillars; {bytes_ / 1e6:.0f} MB must be read or written.",
        "Bits of the sort for every scan; ten runs to the same bytes. 64 scans are launched kernel by kernel.",
    ]
    if importlib.util.find_spec("conch") is not None:
        contenders |= _conch(few[0])
    else:
        notes.append(f"{PEER} cannot be imported here and was not measured.")
    times: dict[str, list[float]] = {what: [] for what in contenders}
    for _ in range(ROUNDS):
        for what, action in contenders.items():
            times[what].append(_milliseconds(action, cupy))
    rows = [Row(what, median(values), "ms") for what, values in times.items()]
    mine = times["64 scans, ours"]
    rows.append(Row("64 scans, ours, of the compulsory bytes", bytes_ / median(mine) / 1e6, "GB/s"))
    ratios = [
        interleaved.ratio("share of copy bandwidth", times["64 scans, copy of as many bytes"], mine, ">= 0.6"),
        interleaved.ratio("ours against our sort", times["64 scans, our sort"], mine),
        interleaved.ratio("ours against cupy.unique", times["64 scans, cupy.unique"], mine),
    ]
    if "one scan, conch" in times:
        ratios += [interleaved.ratio(f"{which}, against conch", times["one scan, conch"], times[which])
                   for which in ("one scan, ours", "one scan, ours, in a graph")]  # fmt: skip
    return Outcome("voxels_gpu", rows, ratios, packages=("numpy", _cupy_package()), notes=notes)


def _graph(action: Callable[[], object], cupy: Any) -> Any:
    """What a call launches, to be launched again at once."""
    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        action()  # what it asks for once is there before
        stream.begin_capture()
        action()
        return stream.end_capture()


def _check(ours: CudaVoxelizer, points: Any, starts: np.ndarray, cupy: Any) -> list[int]:
    digests = set()
    used: list[int] = []
    for _ in range(10):
        batch = ours.batch(points, starts)
        used = [int(count) for count in batch.used.get()]
        digest = hashlib.sha256()
        for scan, count in enumerate(used):
            for part in (batch.points, batch.counts, batch.coordinates_zyx):
                digest.update(part[scan, :count].get().tobytes())
        digests.add(digest.hexdigest())
    assert len(digests) == 1, "ten runs gave different bytes"
    for scan, count in enumerate(used):
        expected = by_sorting(points[starts[scan] : starts[scan + 1]], SETTINGS)
        for name in ("points", "counts", "coordinates_zyx"):
            assert bool((getattr(batch, name)[scan, :count] == getattr(expected, name)).all()), f"scan {scan}: {name}"
    return used


def _unique(points: Any, cupy: Any) -> Any:
    """What one writes without kernels: cells by `unique`, ranks by a sort; voxels come in the order of their cells."""
    cell = cells_of(points, SETTINGS.points_m, SETTINGS.grid)
    points, cell = points[cell >= 0], cell[cell >= 0]
    found, slot, counts = cupy.unique(cell, return_inverse=True, return_counts=True)
    order = cupy.argsort(slot, kind="stable")
    rank = cupy.arange(len(cell)) - (cupy.cumsum(counts) - counts)[slot[order]]
    kept = order[rank < SETTINGS.max_points]
    voxels = cupy.zeros((len(found), SETTINGS.max_points, points.shape[1]), np.float32)
    voxels[slot[kept], rank[rank < SETTINGS.max_points]] = points[kept]
    return voxels, found, counts


def _conch(scan: np.ndarray) -> dict[str, Callable[[], object]]:
    import torch
    from conch.ops.vision.voxelization import VoxelizationParameter, generate_voxels

    box = SETTINGS.points_m
    settings = VoxelizationParameter(box.low, box.high, SETTINGS.grid.cell_m, SETTINGS.max_points)
    points = torch.from_numpy(scan).cuda()
    stream = torch.cuda.ExternalStream(0)  # CuPy's default stream, so that its events see the work

    def generate() -> object:
        with torch.cuda.stream(stream):
            return generate_voxels(points, settings)

    return {"one scan, conch": generate}


def _milliseconds(action: Callable[[], object], cupy: Any) -> float:
    """Of one call, by events of the GPU around as many calls as take MEASURED_MS."""

    def timed(calls: int) -> float:
        begun, ended = cupy.cuda.Event(), cupy.cuda.Event()
        begun.record()
        for _ in range(calls):
            action()
        ended.record()
        ended.synchronize()
        return float(cupy.cuda.get_elapsed_time(begun, ended)) / calls

    return timed(max(1, min(MOST_REPLAYS, int(MEASURED_MS / timed(1)))))


def _cupy_package() -> str:
    from importlib import metadata

    installed = {distribution.metadata["Name"] for distribution in metadata.distributions()}
    return next((name for name in sorted(installed) if name.startswith("cupy")), "numpy")


if __name__ == "__main__":
    sys.exit(main())
