"""KITTI's evaluation, files to numbers: ours against OpenPCDet's evaluator and against the official C++.

Neither peer is a dependency. `OPENPCDET` names a checkout of open-mmlab/OpenPCDet, `KITTI_DEVKIT` the compiled
`evaluate_object` of the devkit (e.g. `g++ -O3 evaluate_object_3d_offline.cpp` of kujason/avod, with Boost's headers).
What is not named is not measured, and the outcome says so.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks import interleaved, kitti_scenes
from benchmarks.kitti_peers import Table, devkit, openpcdet
from benchmarks.outcome import Outcome, Ratio, Row

SLOW_ROUNDS = 3
"""Peers take many seconds a run; ours is measured beside each run again."""
WARM_S, FRESH_S = 0.3, 2.5
TOLERANCE_AP = 0.01
OPENPCDET, STRICT, DEVKIT = "OpenPCDet", "OpenPCDet, official overlaps alone", "official C++"
AIMS = {OPENPCDET: ">= 30", DEVKIT: ">= 100"}
VARIABLES = {OPENPCDET: "OPENPCDET", DEVKIT: "KITTI_DEVKIT"}


def measure(tiny: bool = False) -> Outcome:
    from workloads.kitti.evaluation import as_document, evaluate_folders

    few = 1 if tiny else SLOW_ROUNDS
    with tempfile.TemporaryDirectory() as folder:
        labels, results, truths, found = kitti_scenes.write(Path(folder), 12 if tiny else kitti_scenes.FRAMES)

        def ours() -> Table:
            return as_document(evaluate_folders(labels, results / "data")[0])  # the devkit leaves files in `results`

        peers = _peers(labels, results)
        for name, peer in peers.items():
            _check_parity(name, ours(), peer())
        ours()
        warm = [_spent(ours) for _ in range(1 if tiny else interleaved.ROUNDS)]
        words = ["evaluate", "--json", "--labels", str(labels), "--results", str(results / "data")]
        fresh = [_spent(lambda: _run_fresh(words)) for _ in range(few)]
        floor = interleaved.cpu_seconds(lambda: _read(labels, results), 0.0)
        rows = [
            Row("ours, warm, wall", median(wall for wall, _ in warm) * 1e3, "ms"),
            Row("ours, warm, CPU", median(cpu for _, cpu in warm) * 1e3, "ms"),
            Row("ours, fresh process with compiled kernels, wall", median(wall for wall, _ in fresh) * 1e3, "ms"),
            Row("reading the files alone, CPU", floor * 1e3, "ms"),
        ]
        ratios = [
            _bound(f"warm, wall over {WARM_S} s", [wall for wall, _ in warm], WARM_S),
            _bound(f"fresh process, wall over {FRESH_S} s", [wall for wall, _ in fresh], FRESH_S),
        ]
        for name, peer in peers.items():
            theirs, mine = [], []
            for _ in range(few):
                theirs.append(_spent(peer)[1])
                mine.append(_spent(ours)[1])
            rows.append(Row(f"{name}, CPU", median(theirs) * 1e3, "ms"))
            ratios.append(interleaved.ratio(f"ours against {name}, CPU", theirs, mine, AIMS.get(name, "")))
    notes = [f"{truths:,} truths and {found:,} detections in made-up scenes; 2D, AOS, BEV, 3D, R11 and R40."]
    notes += [f"every cell is within {TOLERANCE_AP} AP of {name}'s." for name in peers]
    notes += ["OpenPCDet judges a second, looser set of overlaps each time, and is given our rotated overlap for its "
              "CUDA one."] * (OPENPCDET in peers)  # fmt: skip
    notes += [f"{name} is not here ({variable} names none): no ratio against it."
              for name, variable in VARIABLES.items() if name not in peers]  # fmt: skip
    return Outcome("kitti_eval", rows, ratios, packages=("numpy", "numba"), notes=notes)


def _peers(labels: Path, results: Path) -> dict[str, Callable[[], Table]]:
    """Those that are named in the environment."""
    peers: dict[str, Callable[[], Table]] = {}
    if checkout := os.environ.get(VARIABLES[OPENPCDET]):
        run = openpcdet(Path(checkout))
        peers |= {OPENPCDET: lambda: run(labels, results, True), STRICT: lambda: run(labels, results, False)}
    if binary := os.environ.get(VARIABLES[DEVKIT]):
        peers[DEVKIT] = lambda: devkit(binary, labels, results)
    return peers


def _check_parity(name: str, ours: Table, theirs: Table) -> None:
    """Every cell the peer gives, before any speed."""
    for kind, metrics in theirs.items():
        for metric, levels in metrics.items():
            for level, cell in levels.items():
                for recall, value in cell.items():
                    mine = ours[kind][metric][level][recall]
                    if abs(mine - value) > TOLERANCE_AP:
                        raise AssertionError(f"{name}: {kind} {metric} {level} {recall} is {value}, ours {mine}")


def _spent(action: Callable[[], object]) -> tuple[float, float]:
    """(wall, CPU) seconds of one call, those of child processes included."""
    begun, begun_cpu = time.perf_counter(), _cpu()
    action()
    return time.perf_counter() - begun, _cpu() - begun_cpu


def _cpu() -> float:
    uses = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(use.ru_utime + use.ru_stime for use in uses)


def _bound(what: str, seconds: list[float], bound: float) -> Ratio:
    return interleaved.ratio(what, seconds, [bound] * len(seconds), "<= 1")


def _run_fresh(words: list[str]) -> None:
    command = [sys.executable, "-m", "workloads.kitti", *words]
    subprocess.run(command, cwd=Path(__file__).parents[1], check=True, capture_output=True)


def _read(labels: Path, results: Path) -> None:
    for folder in (labels, results / "data"):
        for path in folder.iterdir():
            path.read_bytes()
