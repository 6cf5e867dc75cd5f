"""Which boxes count: the rules of KITTI tracking and of MOTChallenge.

Source: JonathonLuiten/TrackEval, trackeval/datasets/kitti_2d_box.py and mot_challenge_2d_box.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from scipy.optimize import linear_sum_assignment

from workloads.tracking.pairs import EPSILON, FramePairs, Pairs, iou, renumbered, share_inside
from workloads.tracking.rows import Rows, only_once

SIMILARITY = 0.5
MIN_HEIGHT_PX, MAX_OCCLUDED, MAX_TRUNCATED = 25, 2, 0
KITTI_NEIGHBOURS = {"car": "van", "pedestrian": "person"}
"""The classes KITTI judges, and whom a track may follow instead without blame."""
MOT_DISTRACTORS = {"2": "person on vehicle", "7": "static person", "8": "distractor", "12": "reflection"}
MOT20_DISTRACTORS = MOT_DISTRACTORS | {"6": "non-motorised vehicle"}
PEDESTRIAN = "1"


def kitti(truth: Rows, tracks: Rows, name: str) -> Pairs:
    """Pairs of one class.

    Tracks matched to a neighbouring class, or to truth that is occluded (> 2) or truncated (> 0), are taken out, as is
    that truth; so are unmatched tracks of at most 25 px height, or with more than half of their area in a DontCare.

    Raises:
        BadFile: a number stands twice in a frame.
    """
    assert truth.occluded is not None  # KITTI's reader fills both
    assert truth.truncated is not None
    regions = truth.of(truth.named("dontcare"))
    truth = truth.of(truth.named(name, KITTI_NEIGHBOURS[name]))
    tracks = tracks.of(tracks.named(name))
    only_once(tracks, "a track")
    hard = (truth.occluded > MAX_OCCLUDED) | (truth.truncated > MAX_TRUNCATED)  # type: ignore[operator]
    excused = hard | truth.named(KITTI_NEIGHBOURS[name])
    only_once(truth.of(~excused), "an object")
    frames = []
    for t, k, region in _frames(truth, tracks, regions):
        similarity = iou(truth.boxes_xyxy[t], tracks.boxes_xyxy[k])
        rows, columns = _matched(similarity)
        boxes = tracks.boxes_xyxy[k]
        gone = boxes[:, 3] - boxes[:, 1] <= MIN_HEIGHT_PX + EPSILON
        gone |= (share_inside(boxes, regions.boxes_xyxy[region]) > 0.5 + EPSILON).any(axis=1)
        gone[columns] = excused[t][rows]
        kept = ~excused[t]
        frames.append(FramePairs(truth.ids[t][kept], tracks.ids[k][~gone], similarity[kept][:, ~gone]))
    return renumbered(frames)


def mot(truth: Rows, tracks: Rows, distractors: dict[str, str] | None = None) -> Pairs:
    """Pairs of pedestrians.

    Truth marked 0 does not count. Where truth has classes (MOT16 on), only pedestrians are judged and tracks matched
    to a distractor are taken out; without (MOT15), everything is a pedestrian.

    Raises:
        BadFile: a number stands twice in a frame.
    """
    only_once(truth, "an object")
    only_once(tracks, "a track")
    counted = truth.scores != 0
    excused = np.zeros(len(truth), bool)
    if has_classes(truth):
        counted &= truth.named(PEDESTRIAN)
        excused = truth.named(*(MOT_DISTRACTORS if distractors is None else distractors))
    frames = []
    for t, k, _ in _frames(truth, tracks, truth.of(np.zeros(len(truth), bool))):
        similarity = iou(truth.boxes_xyxy[t], tracks.boxes_xyxy[k])
        gone = np.zeros(similarity.shape[1], bool)
        if excused.any():
            rows, columns = _matched(similarity)
            gone[columns] = excused[t][rows]
        kept = counted[t]
        frames.append(FramePairs(truth.ids[t][kept], tracks.ids[k][~gone], similarity[kept][:, ~gone]))
    return renumbered(frames)


def plain(truth: Rows, tracks: Rows, name: str) -> Pairs:
    """Pairs of one class by the boxes alone: nothing is excused."""
    truth, tracks = truth.of(truth.named(name)), tracks.of(tracks.named(name))
    only_once(truth, "an object")
    only_once(tracks, "a track")
    frames = [FramePairs(truth.ids[t], tracks.ids[k], iou(truth.boxes_xyxy[t], tracks.boxes_xyxy[k]))
              for t, k, _ in _frames(truth, tracks, truth.of(np.zeros(len(truth), bool)))]  # fmt: skip
    return renumbered(frames)


def has_classes(truth: Rows) -> bool:
    """Whether MOTChallenge truth names classes, as it does from MOT16 on."""
    return any(truth.names)


Judge = Callable[[Rows, Rows], Pairs]


def _frames(*sides: Rows) -> Iterator[tuple[slice, ...]]:
    """Row ranges of every frame any side has a row in."""
    frames = np.unique(np.concatenate([side.frames for side in sides]))
    starts = [side.starts(frames).tolist() for side in sides]
    for place in range(len(frames)):
        yield tuple(slice(one[place], one[place + 1]) for one in starts)


def _matched(similarity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns that belong together: the largest sum of similarities, each at least 0.5."""
    scores = np.where(similarity < SIMILARITY - EPSILON, 0.0, similarity)
    rows, columns = linear_sum_assignment(scores, maximize=True)
    real = scores[rows, columns] > EPSILON
    return rows[real], columns[real]
