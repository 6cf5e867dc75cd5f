"""Boxes in the image: formats and overlaps. `boxes_xyxy` are (n, 4) left, top, right, bottom in pixels."""

from __future__ import annotations

import numpy as np


def xywh_to_xyxy(boxes_xywh: np.ndarray) -> np.ndarray:
    """COCO's [left, top, width, height] to corners; (n, 4), the same kind of number."""
    boxes = np.array(boxes_xywh).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return boxes


def xyxy_to_xywh(boxes_xyxy: np.ndarray) -> np.ndarray:
    """Corners to COCO's [left, top, width, height]; (n, 4), the same kind of number."""
    boxes = np.array(boxes_xyxy).reshape(-1, 4)
    boxes[:, 2:] -= boxes[:, :2]
    return boxes


def cxcywh_to_xyxy(boxes_cxcywh: np.ndarray) -> np.ndarray:
    """Centre and size to corners; (n, 4)."""
    boxes = np.array(boxes_cxcywh).reshape(-1, 4)
    half = boxes[:, 2:] / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)


def areas(boxes_xyxy: np.ndarray) -> np.ndarray:
    """(n,) square pixels; 0 for boxes turned inside out."""
    sizes = np.maximum(boxes_xyxy[:, 2:] - boxes_xyxy[:, :2], 0)
    return sizes[:, 0] * sizes[:, 1]


def intersections(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(n, m) square pixels shared by each pair."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.maximum(high - low, 0)
    return shared[..., 0] * shared[..., 1]


def iou_matrix(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(n, m) intersection over union; 0 where both boxes are empty."""
    shared = intersections(first, second)
    union = areas(first)[:, None] + areas(second)[None, :] - shared
    return np.divide(
        shared, union, out=np.zeros_like(shared, dtype=np.result_type(shared, np.float32)), where=union > 0
    )
