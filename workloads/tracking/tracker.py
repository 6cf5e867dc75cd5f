"""ByteTrack: every detection box counts, those that score high first.

Source: Zhang et al., "ByteTrack: Multi-Object Tracking by Associating Every Detection Box", ECCV 2022;
ifzhang/ByteTrack, yolox/tracker/byte_tracker.py. `reference.py` is the same algorithm to be read.

Where that code leaves room: IoU is continuous (its `+ 1` pixel is a habit of integer boxes); a track unseen for more
than the buffer is dropped at once (there it stays matchable for one frame more).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from workloads.contract import UserError
from workloads.tracking import frame_kernel as kernel
from workloads.tracking import kalman
from workloads.tracking.settings import DEMO, Settings


@dataclass(frozen=True)
class Tracked:
    """The objects seen in one frame, in the order in which they joined."""

    ids: np.ndarray
    """(n,) int64, from 1; never given twice."""
    boxes_xyxy: np.ndarray
    """(n, 4) float64 pixels, smoothed by the filter."""
    scores: np.ndarray
    """(n,) float64, of the detection it was matched with."""
    classes: np.ndarray
    """(n,) int64."""
    detections: np.ndarray
    """(n,) int64: which detection of this frame it was matched with."""
    withheld: int = 0
    """Objects seen too, but too small or too wide to be given out."""

    def __len__(self) -> int:
        return len(self.ids)


class ByteTrack:
    """Tracks of one sequence. Call `update` once a frame, also for frames without a detection: lost tracks age."""

    def __init__(self, settings: Settings = DEMO) -> None:
        self.settings = settings
        self.frame = 0
        self._limits = settings.limits
        self._min_area = float(settings.min_box_area)
        self._max_aspect = math.inf if settings.max_aspect is None else float(settings.max_aspect)
        self._states = np.empty((0, kalman.WIDTH))
        self._marks = np.empty((0, kernel.MARKS), np.int64)
        self._tracked, self._next_id = 0, 1

    @property
    def alive(self) -> int:
        """Tracks that are seen, or lost and not yet dropped."""
        return len(self._marks)

    def update(self, boxes_xyxy: np.ndarray, scores: np.ndarray, classes: np.ndarray | None = None) -> Tracked:
        """The next frame.

        Args:
            boxes_xyxy: (n, 4) pixels; a box without an area is passed over.
            scores: (n,) 0 to 1.
            classes: (n,) integers; None: all the same.

        Raises:
            UserError: lengths differ, or a number is not finite.
        """
        boxes = np.ascontiguousarray(boxes_xyxy, np.float64).reshape(-1, 4)
        given = np.ascontiguousarray(scores, np.float64)
        kinds = np.zeros(len(boxes), np.int64) if classes is None else np.ascontiguousarray(classes, np.int64)
        if not len(boxes) == len(given) == len(kinds):
            raise UserError(f"{len(boxes)} boxes, {len(given)} scores and {len(kinds)} classes given; one each a box")
        trusted, finite = kernel.usable(boxes, given)
        if not finite:
            raise UserError("a box or a score is not a finite number")
        self.frame += 1
        self._states, self._marks, self._tracked, self._next_id = kernel.step(
            self._states, self._marks, self._tracked, boxes, trusted,
            kinds if self.settings.class_aware else np.zeros_like(kinds), self.frame, self._next_id, self._limits,
        )  # fmt: skip
        ids, out, scored, found, withheld = kernel.shown(
            self._states, self._marks, self._tracked, self._min_area, self._max_aspect
        )
        return Tracked(ids, out, scored, kinds[found], found, withheld)

    def skip(self, frames: int) -> None:
        """Pass over frames without a detection; in no time once every track has been dropped."""
        nothing = np.empty((0, 4)), np.empty(0)
        while frames > 0 and self.alive:
            self.update(*nothing)
            frames -= 1
        self.frame += frames
