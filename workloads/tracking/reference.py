"""ByteTrack in plain loops, to be read and to judge the fast one by: the same identities, frame for frame.

The steps are those of `frame_kernel`; nothing here is made to be fast.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from workloads.tracking.settings import DEMO, Settings

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


@dataclass
class Axis:
    """A Kalman filter of one coordinate: where it is, how fast it moves, and how sure that is."""

    position: float
    var_position: float
    var_velocity: float
    velocity: float = 0.0
    covariance: float = 0.0

    def predict(self, position_std: float, velocity_std: float) -> None:
        self.position += self.velocity
        shared = self.covariance + self.var_velocity
        self.var_position = self.var_position + self.covariance + shared + position_std * position_std
        self.covariance = shared
        self.var_velocity += velocity_std * velocity_std

    def update(self, seen: float, seen_std: float) -> None:
        total = self.var_position + seen_std * seen_std
        gain, velocity_gain = self.var_position / total, self.covariance / total
        surprise = seen - self.position
        self.position += gain * surprise
        self.velocity += velocity_gain * surprise
        self.var_position -= gain * total * gain
        self.covariance -= gain * total * velocity_gain
        self.var_velocity -= velocity_gain * total * velocity_gain


@dataclass
class Detection:
    """One detection of the frame at hand."""

    place: int
    box: Box
    score: float
    kind: int

    @property
    def measured(self) -> tuple[float, float, float, float]:
        left, top, right, bottom = self.box
        width, height = right - left, bottom - top
        return left + width / 2, top + height / 2, width / height, height


@dataclass
class Track:
    """One object: four axes (centre x, centre y, aspect, height) and its history."""

    number: int
    axes: list[Axis]
    begun: int
    seen: int
    confirmed: bool
    last: Detection
    lost: bool = False

    @classmethod
    def begin(cls, number: int, detection: Detection, frame: int) -> Track:
        height = detection.measured[3]
        stds = [
            (1e-2, 1e-5) if axis == 2 else (2 * (1.0 / 20) * height, 10 * (1.0 / 160) * height) for axis in range(4)
        ]
        axes = [Axis(at, p * p, v * v) for at, (p, v) in zip(detection.measured, stds, strict=True)]
        return cls(number, axes, frame, frame, frame == 1, detection)

    def predict(self) -> None:
        if self.lost:
            self.axes[3].velocity = 0.0
        height = self.axes[3].position
        for place, axis in enumerate(self.axes):
            axis.predict(*((1e-2, 1e-5) if place == 2 else ((1.0 / 20) * height, (1.0 / 160) * height)))

    def update(self, detection: Detection, frame: int) -> None:
        height = self.axes[3].position
        for place, axis in enumerate(self.axes):
            axis.update(detection.measured[place], 1e-1 if place == 2 else (1.0 / 20) * height)
        self.last, self.seen, self.confirmed, self.lost = detection, frame, True, False

    @property
    def box(self) -> Box:
        x, y, aspect, height = (axis.position for axis in self.axes)
        left, top = x - aspect * height / 2, y - height / 2
        return left, top, left + aspect * height, top + height


@dataclass
class ReferenceByteTrack:
    """`update` gives {number: (box, place of its detection)} of the confirmed tracks seen in this frame."""

    settings: Settings = DEMO
    frame: int = 0
    tracked: list[Track] = field(default_factory=list)
    lost: list[Track] = field(default_factory=list)
    next_number: int = 1

    def update(self, boxes: np.ndarray, scores: np.ndarray, classes: np.ndarray | None = None
               ) -> dict[int, tuple[Box, int]]:  # fmt: skip
        rules = self.settings
        self.frame += 1
        found = []
        for place, (box, score) in enumerate(zip(np.asarray(boxes, float).tolist(), scores, strict=True)):
            kind = 0 if classes is None or not rules.class_aware else int(classes[place])
            if box[2] > box[0] and box[3] > box[1]:
                found.append(Detection(place, tuple(box), float(score), kind))
        high = [one for one in found if one.score > rules.track_thresh]
        low = [one for one in found if rules.low_thresh < one.score < rules.track_thresh]

        # 1. Everything known, moved on by its filter, against what scores high.
        confirmed = [track for track in self.tracked if track.confirmed]
        fresh = [track for track in self.tracked if not track.confirmed]
        for track in confirmed + self.lost:
            track.predict()
        self._match(confirmed + self.lost, high, rules.match_thresh, fused=True)
        # 2. Tracked objects that found nothing, against what scores low.
        missed = [track for track in confirmed if track.seen < self.frame]
        self._match(missed, low, rules.low_match_thresh, fused=False)
        # 3. Tracks that were seen once, against what is left of the high scores; without a second hit they go.
        high = [one for one in high if not self._taken(one)]
        self._match(fresh, high, rules.new_match_thresh, fused=True)
        # 4. What is left and scores well begins a track; it is believed at once in frame 1 alone.
        born = []
        for one in high:
            if not self._taken(one) and one.score >= rules.track_thresh + rules.birth_margin:
                born.append(Track.begin(self.next_number, one, self.frame))
                self.next_number += 1
        # 5. Lost tracks wait, but not for ever.
        refound = [track for track in self.lost if track.seen == self.frame]
        waiting = [track for track in self.lost + confirmed if track.seen < self.frame]
        self.tracked = [track for track in self.tracked if track.seen == self.frame] + born + refound
        self.lost = [track for track in waiting if self.frame - track.seen <= rules.buffer_frames]
        for track in self.lost:
            track.lost = True
        # 6. Of a tracked and a lost object on one place, the one that lived longer stays.
        self._drop_duplicates()
        return {track.number: (track.box, track.last.place) for track in self.tracked
                if track.confirmed and self._shown(track)}  # fmt: skip

    def _match(self, tracks: list[Track], found: list[Detection], limit: float, *, fused: bool) -> None:
        if not tracks or not found:
            return
        cost = np.empty((len(tracks), len(found)))
        for row, track in enumerate(tracks):
            for column, one in enumerate(found):
                overlap = iou(track.box, one.box) if track.last.kind == one.kind else 0.0
                cost[row, column] = 1 - overlap * one.score if fused else 1 - overlap
        for row, column in zip(*linear_sum_assignment(np.minimum(cost, limit)), strict=True):
            if cost[row, column] <= limit:
                tracks[row].update(found[column], self.frame)

    def _taken(self, one: Detection) -> bool:
        return any(track.seen == self.frame and track.last is one for track in self.tracked + self.lost)

    def _drop_duplicates(self) -> None:
        dropped: set[int] = set()
        for ours in self.tracked:
            for theirs in self.lost:
                if ours.last.kind == theirs.last.kind and iou(ours.box, theirs.box) > self.settings.duplicate_iou:
                    longer = ours.seen - ours.begun > theirs.seen - theirs.begun
                    dropped.add(theirs.number if longer else ours.number)
        self.tracked = [track for track in self.tracked if track.number not in dropped]
        self.lost = [track for track in self.lost if track.number not in dropped]

    def _shown(self, track: Track) -> bool:
        width, height = track.axes[2].position * track.axes[3].position, track.axes[3].position
        wide = self.settings.max_aspect is not None and width > self.settings.max_aspect * height
        return width * height > self.settings.min_box_area and not wide


def iou(a: Box, b: Box) -> float:
    """Of two boxes, in continuous pixels."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)
