"""Non-maximum suppression, each class for itself, without torchvision."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

FARTHEST_PX = 1e9
"""Where a box is cut. A cell that has learnt nothing may tell a side of 1e30: beside it all others were one point."""


def batched_nms(boxes_xyxy: np.ndarray, scores: np.ndarray, classes: np.ndarray, iou_limit: float) -> np.ndarray:
    """Which boxes stay: a box goes where a better one of its class overlaps it by more than `iou_limit`.

    Args:
        boxes_xyxy: (n, 4) float, pixels. scores: (n,) float. classes: (n,) int.
        iou_limit: 0 to 1; equal to the limit stays.

    Returns:
        (k,) int64 indices, best first; of equal scores the earlier one is the better.
    """
    boxes_xywh: Any = np.clip(np.asarray(boxes_xyxy, np.float64).reshape(-1, 4), -FARTHEST_PX, FARTHEST_PX)
    # OpenCV sets classes apart by the largest coordinate: below zero they would reach into each other.
    boxes_xywh -= boxes_xywh.min(initial=0)
    boxes_xywh[:, 2:] -= boxes_xywh[:, :2]
    weights: Any = np.asarray(scores, np.float32)
    groups: Any = np.asarray(classes, np.int32)
    # OpenCV leaves out scores that are not above its threshold: whoever calls has chosen already.
    return np.asarray(cv2.dnn.NMSBoxesBatched(boxes_xywh, weights, groups, -1.0, iou_limit), np.int64).ravel()
