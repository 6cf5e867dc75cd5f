"""One frame of ByteTrack over a table of tracks, compiled. `reference.py` says the same in plain words.

A table has two arrays with a row per track: `states` (n, kalman.WIDTH) float64 and `marks` (n, MARKS) int64. The first
`tracked` rows were seen in the last frame, in the order in which they joined; the lost ones follow.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from workloads.tracking import kalman
from workloads.tracking.assignment import assign
from workloads.tracking.settings import Limits

ID, BEGUN, SEEN, CONFIRMED, CLASS, DETECTION, MARKS = 0, 1, 2, 3, 4, 5, 6
"""Columns of `marks`: the number, its first and last frame, whether it was seen twice, its class and its detection."""


@njit(cache=True)
def step(states: np.ndarray, marks: np.ndarray, tracked: int, boxes: np.ndarray, scores: np.ndarray,
         classes: np.ndarray, frame: int, next_id: int, limits: Limits
         ) -> tuple[np.ndarray, np.ndarray, int, int]:  # fmt: skip
    """The table after a frame with `boxes` (d, 4) float64 xyxy, `scores` (d,) float64, `classes` (d,) int64.

    Returns:
        states, marks, how many of them are tracked, the next free number.
    """
    high = np.flatnonzero(scores > limits.track_thresh)
    low = np.flatnonzero((scores > limits.low_thresh) & (scores < limits.track_thresh))
    taken = np.zeros(len(scores), np.bool_)
    known, fresh = _split(marks, tracked)
    for row in known:
        if row >= tracked:
            states[row, kalman.VELOCITY + kalman.HEIGHT] = 0.0
        kalman.predict(states[row])
    _associate(states, marks, known, boxes, scores, classes, high, taken, True, limits.match_thresh, frame)
    missed = known[(known < tracked) & (marks[known, SEEN] < frame)]
    _associate(states, marks, missed, boxes, scores, classes, low, taken, False, limits.low_match_thresh, frame)
    left = high[~taken[high]]
    _associate(states, marks, fresh, boxes, scores, classes, left, taken, True, limits.new_match_thresh, frame)

    left = high[~taken[high]]
    born = left[scores[left] >= limits.birth_thresh]
    order, seen = _order(marks, tracked, len(born), frame, limits.buffer_frames)
    new_states, new_marks = np.empty((len(order), kalman.WIDTH)), np.empty((len(order), MARKS), np.int64)
    for place, row in enumerate(order):
        if row < len(marks):
            new_states[place], new_marks[place] = states[row], marks[row]
            continue
        one = born[row - len(marks)]
        kalman.begin(new_states[place], boxes[one])
        new_states[place, kalman.SCORE] = scores[one]
        mark = new_marks[place]
        mark[ID], mark[BEGUN], mark[SEEN] = next_id, frame, frame
        mark[CONFIRMED], mark[CLASS], mark[DETECTION] = frame == 1, classes[one], one
        next_id += 1
    kept, seen = _without_duplicates(new_states, new_marks, seen, limits.duplicate_iou)
    if len(kept) < len(order):
        new_states, new_marks = new_states[kept], new_marks[kept]
    return new_states, new_marks, seen, next_id


@njit(cache=True)
def shown(states: np.ndarray, marks: np.ndarray, tracked: int, min_area: float, max_aspect: float
          ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int]:  # fmt: skip
    """What is given out of the tracked rows: numbers, boxes (n, 4) xyxy, scores, detections; how many are withheld."""
    ids, found = np.empty(tracked, np.int64), np.empty(tracked, np.int64)
    boxes, scores = np.empty((tracked, 4)), np.empty(tracked)
    size, withheld = 0, 0
    for row in range(tracked):
        if marks[row, CONFIRMED] == 0:
            continue
        height = states[row, kalman.HEIGHT]
        width = states[row, kalman.ASPECT] * height
        if width * height <= min_area or width > max_aspect * height:
            withheld += 1
        else:
            kalman.box_of(states[row], boxes[size])
            ids[size], found[size], scores[size] = marks[row, ID], marks[row, DETECTION], states[row, kalman.SCORE]
            size += 1
    return ids[:size], boxes[:size], scores[:size], found[:size], withheld


@njit(cache=True)
def usable(boxes: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, bool]:
    """Scores with 0 (below every threshold) for boxes without an area, and whether all numbers are finite."""
    scores = scores.copy()
    finite = True
    for one in range(len(scores)):
        box = boxes[one]
        for place in range(4):
            finite = finite and np.isfinite(box[place])
        finite = finite and np.isfinite(scores[one])
        if not (box[2] > box[0] and box[3] > box[1]):
            scores[one] = 0.0
    return scores, finite


@njit(cache=True)
def _split(marks: np.ndarray, tracked: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows that were confirmed (tracked, then lost), and rows seen only once."""
    confirmed = marks[:, CONFIRMED] == 1
    return np.flatnonzero(confirmed), np.flatnonzero(~confirmed[:tracked])


@njit(cache=True)
def _associate(states: np.ndarray, marks: np.ndarray, rows: np.ndarray, boxes: np.ndarray, scores: np.ndarray,
               classes: np.ndarray, chosen: np.ndarray, taken: np.ndarray, fused: bool, limit: float, frame: int
               ) -> None:  # fmt: skip
    """Match `rows` with the `chosen` detections and correct those that found one."""
    if len(rows) == 0 or len(chosen) == 0:
        return
    ours = np.empty((len(rows), 4))
    for place, row in enumerate(rows):
        kalman.box_of(states[row], ours[place])
    cost = overlaps(ours, marks[rows, CLASS], boxes[chosen], classes[chosen])
    for place in range(len(rows)):
        for column in range(len(chosen)):
            cost[place, column] = 1.0 - cost[place, column] * (scores[chosen[column]] if fused else 1.0)
    partner = assign(cost, limit)
    for place, row in enumerate(rows):
        if partner[place] < 0:
            continue
        one = chosen[partner[place]]
        taken[one] = True
        kalman.update(states[row], boxes[one])
        states[row, kalman.SCORE] = scores[one]
        marks[row, SEEN], marks[row, CONFIRMED], marks[row, DETECTION] = frame, 1, one


@njit(cache=True)
def _order(marks: np.ndarray, tracked: int, born: int, frame: int, buffer_frames: int) -> tuple[np.ndarray, int]:
    """Rows of the next table and how many of them are tracked; born tracks are rows after the last."""
    count = len(marks)
    order = np.empty(count + born, np.int64)
    size = 0
    for row in range(tracked):
        if marks[row, SEEN] == frame:
            order[size] = row
            size += 1
    for row in range(count, count + born):
        order[size] = row
        size += 1
    for row in range(tracked, count):
        if marks[row, SEEN] == frame:
            order[size] = row
            size += 1
    seen = size
    for turn in range(2):  # those lost before, then those lost now
        for row in range(tracked, count) if turn == 0 else range(0, tracked):
            lost = frame - marks[row, SEEN]
            if marks[row, CONFIRMED] == 1 and 0 < lost <= buffer_frames:
                order[size] = row
                size += 1
    return order[:size], seen


@njit(cache=True)
def _without_duplicates(states: np.ndarray, marks: np.ndarray, tracked: int, limit: float) -> tuple[np.ndarray, int]:
    """Rows that stay: of a tracked and a lost one on the same place, the one that lived longer."""
    count = len(marks)
    stays = np.ones(count, np.bool_)
    boxes = np.empty((count, 4))
    for row in range(count):
        kalman.box_of(states[row], boxes[row])
    kinds = marks[:, CLASS]
    shared = overlaps(boxes[:tracked], kinds[:tracked], boxes[tracked:], kinds[tracked:])
    for row in range(tracked):
        for lost in range(tracked, count):
            if shared[row, lost - tracked] > limit:
                longer = marks[row, SEEN] - marks[row, BEGUN] > marks[lost, SEEN] - marks[lost, BEGUN]
                stays[lost if longer else row] = False
    return np.flatnonzero(stays), int(np.sum(stays[:tracked]))


@njit(cache=True)
def overlaps(a: np.ndarray, kinds_a: np.ndarray, b: np.ndarray, kinds_b: np.ndarray) -> np.ndarray:
    """(n, m) IoU of boxes (n, 4) and (m, 4) xyxy, in continuous pixels (no `+ 1`); 0 between classes."""
    out = np.zeros((len(a), len(b)))
    for row in range(len(a)):
        left, top, right, bottom = a[row, 0], a[row, 1], a[row, 2], a[row, 3]
        area = (right - left) * (bottom - top)
        for column in range(len(b)):
            width = min(right, b[column, 2]) - max(left, b[column, 0])
            height = min(bottom, b[column, 3]) - max(top, b[column, 1])
            if width > 0 and height > 0 and kinds_a[row] == kinds_b[column]:
                shared = width * height
                other = (b[column, 2] - b[column, 0]) * (b[column, 3] - b[column, 1])
                out[row, column] = shared / (area + other - shared)
    return out
