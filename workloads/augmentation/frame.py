"""A picture with its boxes, and how boxes leave it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

IGNORED = -1
"""The class of a region nobody labelled (`iscrowd` 1): it moves with the picture, and trains nothing."""
LEAST_SIDE = 1.0
"""Pixels; boxes whose smaller side is not longer go. Source: Megvii-BaseDetection/YOLOX, yolox/data/data_augment.py."""


class Frame(NamedTuple):
    """One training picture."""

    image: np.ndarray
    """(h, w, 3) uint8 BGR."""
    boxes_xyxy: np.ndarray
    """(n, 4) float32 left, top, right, bottom in pixels of `image`."""
    classes: np.ndarray
    """(n,) int64 from 0, or IGNORED."""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.image.shape[0], self.image.shape[1]

    @property
    def has_objects(self) -> bool:
        return bool((self.classes >= 0).any())


def clip(boxes_xyxy: np.ndarray, classes: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Boxes cut at the borders of a (height, width) picture; those left with LEAST_SIDE or less are dropped."""
    height, width = size
    boxes = np.minimum(np.maximum(boxes_xyxy, np.float32(0)), np.array([width, height, width, height], np.float32))
    sides = boxes[:, 2:] - boxes[:, :2]
    keep = (sides > LEAST_SIDE).all(axis=1)
    return boxes[keep], classes[keep]
