"""A tracker carried through a whole sequence of detections."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workloads import progress
from workloads.tracking.rows import Rows
from workloads.tracking.settings import DEMO, Settings


@dataclass(frozen=True)
class Followed:
    """The tracks of a sequence, and what became of its detections."""

    tracks: Rows
    """Boxes as the filter smoothed them."""
    detections: np.ndarray
    """(n,) int64: the row of the detection behind each row of `tracks`."""
    frames: int
    """Frames of the sequence, with and without detections."""
    without_area: int
    """Detections passed over because they have no area."""
    withheld: int
    """Boxes followed but not given out: too small, or too wide."""

    def with_detected_boxes(self, found: Rows) -> Rows:
        """The tracks with the boxes of their detections in place of the smoothed ones."""
        columns = self.tracks
        return Rows(columns.frames, found.boxes_xyxy[self.detections], columns.scores, columns.ids, columns.classes,
                    columns.names, path=columns.path, first_frame=columns.first_frame)  # fmt: skip


def follow(found: Rows, settings: Settings = DEMO) -> Followed:
    """Track `found` (in frame order) from its first frame to the last with a detection."""
    from workloads.tracking.tracker import ByteTrack

    tracker = ByteTrack(settings)
    frames = np.unique(found.frames)
    starts = found.starts(frames)
    begin = min(found.first_frame, int(frames[0])) if len(frames) else found.first_frame
    parts, frame_of_part, rows = [], [], []
    for place, frame in enumerate(progress.follow(frames.tolist(), "Tracking", len(frames))):
        tracker.skip(frame - begin - tracker.frame)
        here = slice(starts[place], starts[place + 1])
        part = tracker.update(found.boxes_xyxy[here], found.scores[here], found.classes[here])
        parts.append(part)
        frame_of_part.append(np.full(len(part), frame))
        rows.append(part.detections + starts[place])

    def joined(name: str, shape: tuple[int, ...] = (0,), kind: type = np.int64) -> np.ndarray:
        return np.concatenate([np.empty(shape, kind), *(getattr(part, name) for part in parts)])

    whole = np.concatenate([np.empty(0, np.int64), *frame_of_part])
    behind = np.concatenate([np.empty(0, np.int64), *rows])
    sizes = found.boxes_xyxy[:, 2:] - found.boxes_xyxy[:, :2]
    tracks = Rows(whole, joined("boxes_xyxy", (0, 4), np.float64), joined("scores", kind=np.float64), joined("ids"),
                  joined("classes"), found.names, path=found.path, first_frame=begin)  # fmt: skip
    return Followed(
        tracks, behind, tracker.frame, int(np.sum((sizes <= 0).any(axis=1))), sum(part.withheld for part in parts)
    )
