"""What a tracker may be told, with ByteTrack's own defaults.

Source: ifzhang/ByteTrack, tools/demo_track.py (defaults), tools/track.py (MOT17), yolox/tracker/byte_tracker.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

from workloads.contract import UserError


class Limits(NamedTuple):
    """The numbers the kernel needs, in its own types."""

    track_thresh: float
    low_thresh: float
    birth_thresh: float
    match_thresh: float
    low_match_thresh: float
    new_match_thresh: float
    duplicate_iou: float
    buffer_frames: int


@dataclass(frozen=True)
class Settings:
    """ByteTrack's rules. A match threshold is the highest cost of a match; cost = 1 - IoU, or 1 - IoU * score.

    Raises:
        UserError: a value outside its limits.
    """

    track_thresh: float = 0.5
    """Detections scoring above are matched first; those between `low_thresh` and this, both excluded, second."""
    low_thresh: float = 0.1
    match_thresh: float = 0.8
    """First match, cost fused with the score."""
    low_match_thresh: float = 0.5
    """Second match, tracked objects against low scores."""
    new_match_thresh: float = 0.7
    """Tracks seen once, against what is left of the high scores; cost fused with the score."""
    birth_margin: float = 0.1
    """A track begins at a score of at least track_thresh + birth_margin."""
    track_buffer: int = 30
    """A track unseen for more than frame_rate / 30 * track_buffer frames is dropped."""
    frame_rate: float = 30.0
    """Frames per second; KITTI has 10."""
    duplicate_iou: float = 0.85
    """Of a tracked and a lost object that overlap more, the one that lived longer stays."""
    min_box_area: float = 10.0
    """Square pixels; smaller boxes (or equal ones) are tracked but not given out."""
    max_aspect: float | None = 1.6
    """Boxes wider than this times their height are tracked but not given out: right for people, None for cars."""
    class_aware: bool = True
    """Only objects of the same class are ever matched."""

    def __post_init__(self) -> None:
        for name in ("match_thresh", "low_match_thresh", "new_match_thresh"):
            self._within(name, 0, 1, "above 0 and below 1", open_ends=True)
        for name in ("track_thresh", "low_thresh", "duplicate_iou"):
            self._within(name, 0, 1, "from 0 to 1")
        self._within("birth_margin", -1, 1, "from -1 to 1")
        if self.low_thresh > self.track_thresh:
            raise UserError(f"low_thresh: {self.low_thresh:g} given; it may not exceed track_thresh "
                            f"= {self.track_thresh:g}")  # fmt: skip
        self._within("track_buffer", 0, 1e6, "from 0 to 1,000,000 frames")
        self._within("frame_rate", 0, 1e4, "above 0 and below 10,000 frames per second", open_ends=True)
        self._within("min_box_area", 0, 1e9, "from 0 square pixels")
        if self.max_aspect is not None:
            self._within("max_aspect", 0, 1e6, "above 0 (or none)", open_ends=True)

    def _within(self, name: str, low: float, high: float, words: str, *, open_ends: bool = False) -> None:
        value = getattr(self, name)
        inside = low < value < high if open_ends else low <= value <= high
        if not (math.isfinite(value) and inside):
            raise UserError(f"{name}: {value:g} given; choose {words}")

    @property
    def buffer_frames(self) -> int:
        """Frames a lost track is kept."""
        return int(self.frame_rate / 30.0 * self.track_buffer)

    @property
    def limits(self) -> Limits:
        return Limits(
            float(self.track_thresh), float(self.low_thresh), float(self.track_thresh + self.birth_margin),
            float(self.match_thresh), float(self.low_match_thresh), float(self.new_match_thresh),
            float(self.duplicate_iou), self.buffer_frames,
        )  # fmt: skip

    def with_given(self, **given: object) -> Settings:
        """A copy with what is not None replaced."""
        names = {field.name for field in fields(self)}
        return replace(self, **{name: value for name, value in given.items() if name in names and value is not None})  # type: ignore[arg-type]

    def without_aspect(self) -> Settings:
        """A copy that gives out boxes of any shape."""
        return replace(self, max_aspect=None)


DEMO = Settings()
MOT17 = Settings(track_thresh=0.6, match_thresh=0.9, min_box_area=100.0)
"""What ByteTrack's authors use on MOT17."""
ROAD = Settings(max_aspect=None)
"""Cars are wide."""
PRESETS = {"demo": DEMO, "mot17": MOT17, "road": ROAD}
