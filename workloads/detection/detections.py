"""What a detector found in one picture, and how the network's raw predictions become that."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workloads.detection.boxes import cxcywh_to_xyxy
from workloads.detection.nms import batched_nms
from workloads.images.letterbox import Letterbox

SCORE_LIMIT, IOU_LIMIT, MOST = 0.01, 0.65, 100
"""YOLOX's own test settings, for measuring. Source: Megvii-BaseDetection/YOLOX, yolox/exp/yolox_base.py."""


@dataclass(frozen=True)
class Detections:
    """Boxes of one picture, best first."""

    boxes_xyxy: np.ndarray
    """(n, 4) float32, pixels of the original picture."""
    scores: np.ndarray
    """(n,) float32, objectness times class score."""
    classes: np.ndarray
    """(n,) int64, from 0 in the model's class order."""

    def __len__(self) -> int:
        return len(self.scores)

    def above(self, score: float) -> Detections:
        """Those with at least `score`."""
        keep = self.scores >= score
        return Detections(self.boxes_xyxy[keep], self.scores[keep], self.classes[keep])

    @classmethod
    def none(cls) -> Detections:
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))


def from_predictions(predictions: np.ndarray, letterbox: Letterbox, *, score_limit: float = SCORE_LIMIT,
                     iou_limit: float = IOU_LIMIT, most: int = MOST) -> Detections:  # fmt: skip
    """The detections of one picture, cut at its edges; what lies outside is left out.

    Args:
        predictions: (cells, 5 + C) float32 [cx, cy, w, h, objectness, class scores], input pixels, after sigmoid.
        letterbox: how the picture was brought into the input.
        score_limit: least objectness times best class score.
        iou_limit: overlap within a class above which the weaker box goes.
        most: how many are kept at most.

    Source: Megvii-BaseDetection/YOLOX, yolox/utils/boxes.py (postprocess): one class a cell, the best.
    """
    # The objectness alone rules out nearly every cell: a class score is at most 1.
    cells = np.flatnonzero(predictions[:, 4] >= score_limit)
    chosen = predictions[cells]
    classes = chosen[:, 5:].argmax(axis=1)
    scores = chosen[:, 4] * chosen[np.arange(len(chosen)), 5 + classes]
    keep = (scores >= score_limit) & np.isfinite(chosen[:, :4]).all(axis=1)
    boxes, scores, classes = cxcywh_to_xyxy(chosen[keep, :4]), scores[keep], classes[keep]
    best = batched_nms(boxes, scores, classes, iou_limit)
    original = letterbox.to_original(boxes[best])
    # Most of the input may be padding; what was seen there alone is cut to a line at the picture's edge.
    inside = np.flatnonzero((original[:, 2:] > original[:, :2]).all(axis=1))[:most]
    best = best[inside]
    return Detections(original[inside], scores[best].astype(np.float32), classes[best])
