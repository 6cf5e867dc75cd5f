"""Which detection is which labelled box: COCO's greedy rule at one overlap, for every score at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workloads.detection.boxes import areas, intersections, iou_matrix
from workloads.detection.detections import Detections
from workloads.detection.truth import Frame

IOU = 0.5
RIGHT, WRONG, EXCUSED = 1, 0, -1


@dataclass(frozen=True)
class Matches:
    """Detections and labelled boxes of all frames, matched.

    A detection's state does not depend on weaker ones, so the figures at any score limit follow from one matching.
    """

    scores: np.ndarray
    """(detections,) float32."""
    classes: np.ndarray
    """(detections,) int64."""
    states: np.ndarray
    """(detections,) int8: RIGHT, WRONG, or EXCUSED inside a region that is not judged."""
    frames: np.ndarray
    """(detections,) int64: places in the sequence of frames."""
    truth_classes: np.ndarray
    """(boxes that count,) int64."""
    truth_scores: np.ndarray
    """(boxes that count,) float32: the score of the detection that found it, -inf where none did."""
    truth_frames: np.ndarray
    truth_rows: np.ndarray
    """(boxes that count,) int64: places in `Frame.rows`."""

    def counts(self, place: int, score: float) -> tuple[int, int, int]:
        """(right, wrong, missed) of one class at a score limit."""
        chosen = (self.classes == place) & (self.scores >= score)
        right = int(np.sum(self.states[chosen] == RIGHT))
        return right, int(np.sum(self.states[chosen] == WRONG)), int(np.sum(self.truth_classes == place)) - right

    def curve(self, place: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(scores descending, precision, recall) of one class, one point a judged detection; (0,) each where none."""
        chosen = (self.classes == place) & (self.states != EXCUSED)
        order = np.argsort(-self.scores[chosen], kind="stable")
        scores, right = self.scores[chosen][order], self.states[chosen][order] == RIGHT
        found = np.cumsum(right)
        truths = int(np.sum(self.truth_classes == place))
        return scores, found / np.arange(1, len(found) + 1), found / max(truths, 1)


def match_all(frames: Sequence[Frame], found: Sequence[Detections], iou: float = IOU) -> Matches:
    """Match each class for itself: best score first, each takes the free box it overlaps most, by `iou` at least.

    Source: cocodataset/cocoapi, cocoeval.py (evaluateImg): regions that are not judged come last, can be taken by any
    number, and count the shared area over the detection's own.
    """
    states, truth_scores, kept = [], [], []
    for frame, detections in zip(frames, found, strict=True):
        state, scores = _match(frame, detections, iou)
        states.append(state)
        kept.append(np.flatnonzero(~frame.ignored))
        truth_scores.append(scores[kept[-1]])
    return Matches(
        scores=_joined([d.scores for d in found], np.float32),
        classes=_joined([d.classes for d in found], np.int64),
        states=_joined(states, np.int8),
        frames=np.repeat(np.arange(len(found)), [len(d) for d in found]),
        truth_classes=_joined([frame.classes[k] for frame, k in zip(frames, kept, strict=True)], np.int64),
        truth_scores=_joined(truth_scores, np.float32),
        truth_frames=np.repeat(np.arange(len(kept)), [len(k) for k in kept]),
        truth_rows=_joined(kept, np.int64),
    )


def _match(frame: Frame, found: Detections, iou: float) -> tuple[np.ndarray, np.ndarray]:
    """(n,) states of the detections, (m,) scores by which the boxes were found."""
    same = found.classes[:, None] == frame.classes[None, :]
    boxes = found.boxes_xyxy.astype(np.float64)
    overlap = np.where(same & ~frame.ignored, iou_matrix(boxes, frame.boxes_xyxy), 0)
    excused = _inside(boxes, frame, same, iou)
    state = np.full(len(found), WRONG, np.int8)
    scores = np.full(len(frame.rows), -np.inf, np.float32)
    for one in np.argsort(-found.scores, kind="stable"):
        best = int(overlap[one].argmax()) if overlap.shape[1] else -1
        if best >= 0 and overlap[one, best] >= iou:
            state[one], scores[best] = RIGHT, found.scores[one]
            overlap[:, best] = 0  # taken
        elif excused[one]:
            state[one] = EXCUSED
    return state, scores


def _inside(boxes: np.ndarray, frame: Frame, same: np.ndarray, share: float) -> np.ndarray:
    """(n,) bool: at least `share` of the detection lies in one region of its class that is not judged."""
    own = areas(boxes)[:, None]
    inside = np.divide(intersections(boxes, frame.boxes_xyxy), own, out=np.zeros(same.shape), where=own > 0)
    return np.asarray(np.any(np.where(same & frame.ignored, inside, 0) >= share, axis=1))


def _joined(parts: Sequence[np.ndarray], kind: type) -> np.ndarray:
    return np.concatenate([np.zeros(0, kind), *parts]).astype(kind)
