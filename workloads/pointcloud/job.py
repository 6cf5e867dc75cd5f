"""`points`: all scans of a folder into filtered points, voxels, pillars and rasters, on a GPU where there is one.

Several threads take one scan after another from the file to the result. While one of them computes, others read or
write: files, kernels and CuPy work without Python's lock. A scan that cannot be used is skipped, counted and named.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np

from workloads import machine, progress
from workloads.arrays import Device, device
from workloads.contract import Paths, Run, UserError, log, write_json
from workloads.detection.bad_frames import MAX_BAD_SHARE, BadFrames
from workloads.kitti.mistakes import BadFile
from workloads.pointcloud.files import SUFFIXES, read_cloud
from workloads.pointcloud.outputs import OutputSettings, Producer
from workloads.pointcloud.scan_file import ScanReader

MOST_THREADS, GPU_THREADS = 8, 3
"""Each keeps buffers of its own; on a GPU three are enough to read, compute and write at the same time."""
AHEAD = 2
"""Scans a thread may be ahead of the one whose result is awaited: what memory is taken for."""
PLACES = ("", "velodyne", "training/velodyne", "velodyne_points/data", "data")
"""Where below a folder scans may lie: KITTI's object benchmark and its raw drives."""


def main() -> int:
    """Inputs `run` and `velodyne` (or `raw`, a whole data set); outputs `points` and `report`."""
    paths = Paths.here()
    run = Run.read(paths.input("run"))
    source = paths.input("velodyne") if paths.input("velodyne").is_dir() else paths.input("raw")
    settings = OutputSettings.read(run.preprocessing.get("points"))
    share = float(run.preprocessing.get("max_bad_share", MAX_BAD_SHARE))
    report = process(source, paths.output("points"), settings, max_bad_share=share)
    write_json(paths.output("report") / "points.json", report | {"run_key": run.run_key})
    return 0


def process(source: Path, target: Path, settings: OutputSettings, *, max_bad_share: float = MAX_BAD_SHARE,
            where: Device | None = None) -> dict[str, Any]:  # fmt: skip
    """Write `{frame}.npz` for every good scan below `source`; see `Producer` for what is in it.

    Args:
        where: the GPU or the processor; by default `arrays.device()`.

    Returns:
        The report: counts, the bad scans and why, bytes, and where it was computed.

    Raises:
        UserError: there is no scan, or more than `max_bad_share` of them are bad.
    """
    where = device() if where is None else where
    log("Computing on " + where.name, reason=where.reason)
    scans = find_scans(source)
    target.mkdir(parents=True, exist_ok=True)
    bad = BadFrames(source, len(scans), max_bad_share)
    totals: dict[str, int] = {}
    per_scan: dict[str, dict[str, int]] = {}
    threads = GPU_THREADS if where.is_gpu else min(MOST_THREADS, len(os.sched_getaffinity(0)) + 1)
    benches: SimpleQueue[_Bench] = SimpleQueue()
    for _ in range(threads):
        benches.put(_Bench(settings, where))
    with ThreadPoolExecutor(threads) as pool:
        names = progress.follow(scans, "Preparing scans", len(scans), unit="scan")
        results = _in_order(pool, scans, target, benches, threads * AHEAD)
        for frame, result in zip(names, results, strict=True):
            try:
                per_scan[frame] = result.result()
            except BadFile as mistake:
                bad.add(frame, mistake)
                continue
            for name, count in per_scan[frame].items():
                totals[name] = totals.get(name, 0) + count
    if totals.get("not_finite"):
        log("Points with NaN or infinity were dropped", points=totals["not_finite"])
    read = sum(scans[frame].stat().st_size for frame in per_scan)
    return {
        "scans": len(scans), "good": len(per_scan), "bad": bad.as_list(), "totals": totals, "per_scan": per_scan,
        "bytes_read": read, "bytes_written": totals.pop("bytes_written", 0), "threads": threads,
        "outputs": list(settings.outputs), "range_m": list(settings.points_m.numbers),
        "device": where.name, "device_reason": where.reason,
        "machine": machine.describe(),
    }  # fmt: skip


def find_scans(folder: Path) -> dict[str, Path]:
    """{frame: file} by name, from the first of PLACES below the folder that holds scans.

    Raises:
        UserError: there is none, or two files of one frame.
    """
    for place in PLACES:
        below = folder / place
        scans: dict[str, Path] = {}
        for path in sorted(below.iterdir()) if below.is_dir() else []:
            suffix = next((one for one in (".pcd.bin", *SUFFIXES) if path.name.lower().endswith(one)), None)
            if suffix is None or path.name.startswith("."):
                continue
            frame = path.name[: -len(suffix)]
            if frame in scans:
                raise UserError(f"dataset: {scans[frame].name} and {path.name} are two scans of one frame; keep one")
            scans[frame] = path
        if scans:
            return scans
    where = ", ".join(place or "the folder itself" for place in PLACES)
    raise UserError(f"dataset: there is no scan ({', '.join(SUFFIXES)}) in {where}")


class _Bench:
    """The buffers of one thread, and the work on one scan."""

    def __init__(self, settings: OutputSettings, where: Device) -> None:
        self.reader, self.produce, self.where = ScanReader(), Producer(settings), where

    def work(self, path: Path, target: Path) -> dict[str, int]:
        """Read a scan, write its results; the counts. Points with NaN or infinity are counted and left out."""
        lower = path.name.lower()
        most = path.stat().st_size // (4 * len(self.reader.names))
        if lower.endswith(".bin") and not lower.endswith(".pcd.bin"):
            if not self.where.is_gpu and self.produce.streams(most):
                return self._stream(path, most, target)
            points, not_finite = self.reader.read(path)
            points = _finite(points, not_finite)
        else:
            cloud = read_cloud(path)
            points, not_finite = cloud.points, cloud.dropped
        arrays, facts = self.produce(self.where.xp.asarray(points))
        facts["points"] += not_finite
        return facts | {"not_finite": not_finite, "bytes_written": _write(target, arrays)}

    def _stream(self, path: Path, most: int, target: Path) -> dict[str, int]:
        """The same, with each part of the scan used while it is in the cache."""
        wrong: list[int] = []

        def parts() -> Iterator[np.ndarray]:
            for points, not_finite in self.reader.parts(path):
                wrong.append(not_finite)
                yield _finite(points, not_finite)

        arrays, facts = self.produce.of_parts(parts(), most)
        facts["points"] += sum(wrong)
        return facts | {"not_finite": sum(wrong), "bytes_written": _write(target, arrays)}


def _finite(points: np.ndarray, not_finite: int) -> np.ndarray:
    """No range holds a place of NaN, but one of an intensity of NaN."""
    return points[np.isfinite(points).all(axis=1)] if not_finite else points


def _in_order(pool: ThreadPoolExecutor, scans: dict[str, Path], target: Path, benches: SimpleQueue[_Bench], ahead: int
              ) -> Iterator[Future[dict[str, int]]]:  # fmt: skip
    """The results of all scans by their names, each begun when the one `ahead` places before it is asked for."""

    def work(frame: str) -> dict[str, int]:
        bench = benches.get()
        try:
            return bench.work(scans[frame], target / f"{frame}.npz")
        finally:
            benches.put(bench)

    frames = iter(scans)
    waiting = deque(pool.submit(work, frame) for frame in islice(frames, ahead))
    while waiting:
        yield waiting.popleft()
        waiting.extend(pool.submit(work, frame) for frame in islice(frames, 1))


def _write(path: Path, arrays: dict[str, np.ndarray]) -> int:
    """One file, whole or not at all; its bytes."""
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    os.replace(part, path)
    return path.stat().st_size
