"""ByteTrack, one frame after the other: ours against roboflow's `trackers`, on the same detections.

The peer is not a dependency: install it apart (`pip install --no-deps --target DIR trackers supervision pydeprecate`)
and name it with PYTHONPATH=DIR. Without it ours is still measured, beside one assignment by scipy of the same size.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from benchmarks import interleaved
from benchmarks.outcome import Outcome, Row
from workloads.tracking.reference import ReferenceByteTrack
from workloads.tracking.settings import ROAD
from workloads.tracking.tracker import ByteTrack

PEER = "trackers"
FRAMES = 400
AIM = ">= 8"

Scene = list[tuple[np.ndarray, np.ndarray]]


def measure(tiny: bool = False) -> Outcome:
    frames = 8 if tiny else FRAMES
    peer_is_here = importlib.util.find_spec(PEER) is not None
    rows, ratios = [], []
    for objects in (3, 5) if tiny else (15, 100):
        found = scene(objects, frames)
        _check_identities(found[: 8 if tiny else 120])
        contenders: dict[str, Callable[[], object]] = {"ours": lambda found=found: follow(found)}  # type: ignore[misc]
        if peer_is_here:
            contenders[PEER] = _peer(found)
        seconds = interleaved.rounds(contenders, *((1, 0.0) if tiny else (interleaved.ROUNDS, 0.2)))
        rows += [Row(f"{name}, {objects} objects, CPU a frame", median(times) / frames * 1e6, "µs")
                 for name, times in seconds.items()]  # fmt: skip
        if peer_is_here:
            what = f"ours against {PEER}, {objects} objects"
            ratios.append(interleaved.ratio(what, seconds[PEER], seconds["ours"], AIM))
        few = found[:8]
        short = {"ours": lambda few=few: follow(few), "reference": lambda few=few: _follow_plainly(few)}
        seconds = interleaved.rounds(short, 1 if tiny else 3, 0.0 if tiny else 0.05)
        what = f"ours against our readable reference, {objects} objects, {len(few)} frames"
        ratios.append(interleaved.ratio(what, seconds["reference"], seconds["ours"]))
        cost = np.random.default_rng(0).random((objects, objects))
        floor = interleaved.cpu_seconds(lambda cost=cost: linear_sum_assignment(cost), 0.0 if tiny else 0.05)  # type: ignore[misc]
        rows.append(Row(f"one {objects} x {objects} assignment by scipy, CPU", floor * 1e6, "µs"))
    notes = [f"{frames} frames; 15 % of boxes missing, a fifth scored low; identities equal the reference's (checked).",
             f"{PEER} is its own variant of ByteTrack: its identities are not compared."]  # fmt: skip
    if not peer_is_here:
        notes.append(f"{PEER} is not installed here: no ratio against it (see the head of benchmarks/tracking.py).")
    packages = ("numpy", "numba", "scipy", *([PEER] if peer_is_here else []))
    return Outcome("tracking", rows, ratios, packages=packages, notes=notes)


def scene(objects: int, frames: int, seed: int = 0) -> Scene:
    """Boxes (n, 4) float64 xyxy and scores (n,) of `frames` frames: objects that move steadily on a wide canvas."""
    random = np.random.default_rng(seed)
    centre, speed = random.uniform((0, 100), (1240, 320), (objects, 2)), random.normal(0, 3, (objects, 2))
    size = random.uniform((40, 30), (120, 90), (objects, 2))
    found = []
    for _ in range(frames):
        centre = centre + speed
        speed = np.where((centre < 0) | (centre > (1240, 370)), -speed, speed)
        seen = random.random(objects) > 0.15
        middle = centre[seen] + random.normal(0, 1, (seen.sum(), 2))
        boxes = np.concatenate((middle - size[seen] / 2, middle + size[seen] / 2), axis=1)
        scores = np.where(random.random(len(boxes)) < 0.2, 0.3, random.uniform(0.6, 1, len(boxes)))
        found.append((boxes, scores))
    return found


def follow(found: Scene) -> list[list[int]]:
    """The identities of every frame, by ours."""
    tracker = ByteTrack(ROAD)
    return [tracker.update(boxes, scores).ids.tolist() for boxes, scores in found]


def _follow_plainly(found: Scene) -> list[list[int]]:
    tracker = ReferenceByteTrack(ROAD)
    return [list(tracker.update(boxes, scores)) for boxes, scores in found]


def _check_identities(found: Scene) -> None:
    """The same work before speed."""
    np.testing.assert_equal(follow(found), _follow_plainly(found))


def _peer(found: Scene) -> Callable[[], object]:
    """Their detections are made outside the measured time."""
    import supervision
    import trackers

    frames: list[Any] = [
        supervision.Detections(xyxy=boxes.astype(np.float32), confidence=scores.astype(np.float32),
                               class_id=np.zeros(len(boxes), int))
        for boxes, scores in found
    ]  # fmt: skip

    def run() -> None:
        tracker = trackers.ByteTrackTracker()
        for frame in frames:
            tracker.update(frame)

    return run
