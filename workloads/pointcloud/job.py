"""`points`: all scans of a folder into filtered points, voxels, pillars and rasters, on a GPU where there is one.

Three things happen at once: threads read the next scans, this one computes, threads write the last results. A scan
that cannot be used is skipped, counted and named.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
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

AHEAD = 4
"""Scans read before they are needed, and results that may wait to be written: what memory is taken for."""
READERS = WRITERS = 2
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
    produce = Producer(settings)
    totals: dict[str, int] = {}
    per_scan: dict[str, dict[str, int]] = {}
    pending: deque[Future[int]] = deque()
    written = 0
    with ThreadPoolExecutor(READERS) as readers, ThreadPoolExecutor(WRITERS) as writers:
        names = iter(progress.follow(scans, "Preparing scans", len(scans), unit="scan"))
        for frame, result in zip(names, _read_ahead(scans, readers), strict=True):
            try:
                points, dropped = result.result()
            except BadFile as mistake:
                bad.add(frame, mistake)
                continue
            arrays, facts = produce(where.xp.asarray(points))
            facts["not_finite"] = dropped
            per_scan[frame] = facts
            for name, count in facts.items():
                totals[name] = totals.get(name, 0) + count
            pending.append(writers.submit(_write, target / f"{frame}.npz", arrays))
            if len(pending) >= AHEAD:
                written += pending.popleft().result()
        written += sum(one.result() for one in pending)
    if totals.get("not_finite"):
        log("Points with NaN or infinity were dropped", points=totals["not_finite"])
    read = sum(scans[frame].stat().st_size for frame in per_scan)
    return {
        "scans": len(scans), "good": len(per_scan), "bad": bad.as_list(), "totals": totals, "per_scan": per_scan,
        "bytes_read": read, "bytes_written": written, "outputs": list(settings.outputs),
        "range_m": list(settings.points_m.numbers), "device": where.name, "device_reason": where.reason,
        "machine": machine.describe(),
    }  # fmt: skip


def find_scans(folder: Path) -> dict[str, Path]:
    """{frame: file} by name, from the first of PLACES below the folder that holds scans.

    Raises:
        UserError: there is none, or two files of one frame.
    """
    for place in PLACES:
        below = folder / place
        files = (
            sorted(path for path in below.iterdir() if path.name.lower().endswith(SUFFIXES)) if below.is_dir() else []
        )
        if not files:
            continue
        scans: dict[str, Path] = {}
        for path in files:
            frame = path.name.split(".", 1)[0]
            if frame in scans:
                raise UserError(f"dataset: {scans[frame].name} and {path.name} are two scans of one frame; keep one")
            scans[frame] = path
        return scans
    where = ", ".join(place or "the folder itself" for place in PLACES)
    raise UserError(f"dataset: there is no scan ({', '.join(SUFFIXES)}) in {where}")


def _read_ahead(scans: dict[str, Path], pool: ThreadPoolExecutor) -> Iterator[Future[tuple[np.ndarray, int]]]:
    """Scans in their order, read up to AHEAD before they are asked for.

    A reader's buffer is used again for the scan AHEAD places on, which is submitted when the caller is done with this.
    """
    readers = [ScanReader() for _ in range(AHEAD)]
    paths = list(scans.values())
    waiting = deque(pool.submit(_load, path, readers[place]) for place, path in enumerate(paths[:AHEAD]))
    for place in range(len(paths)):
        yield waiting.popleft()
        if place + AHEAD < len(paths):
            waiting.append(pool.submit(_load, paths[place + AHEAD], readers[place % AHEAD]))


def _load(path: Path, reader: ScanReader) -> tuple[np.ndarray, int]:
    """(n, 4) float32 points, and how many of them hold NaN or infinity; the range drops these."""
    if path.name.lower().endswith(".bin") and not path.name.lower().endswith(".pcd.bin"):
        return reader.read(path)
    cloud = read_cloud(path)
    return cloud.points, cloud.dropped


def _write(path: Path, arrays: dict[str, np.ndarray]) -> int:
    """One file, whole or not at all; its bytes."""
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    os.replace(part, path)
    return path.stat().st_size
