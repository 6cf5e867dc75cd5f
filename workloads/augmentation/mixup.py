"""Two pictures blended, half and half, with the boxes of both."""

from __future__ import annotations

import cv2
import numpy as np

from workloads.augmentation.affine import warp_boxes, warp_into
from workloads.augmentation.frame import Frame, clip
from workloads.images.letterbox import PAD, Letterbox


def mixup(frame: Frame, other: Frame, scale: tuple[float, float], rng: np.random.Generator) -> Frame:
    """`frame` blended with `other`, which is letterboxed, scaled, flipped half the time and cropped at random.

    Args:
        frame: its picture is overwritten.
        scale: range of the other's scale, e.g. (0.5, 1.5).

    Source: Megvii-BaseDetection/YOLOX, yolox/data/datasets/mosaicdetection.py (mixup). Beyond the scaled letterbox the
    other picture is black there too.
    """
    height, width = frame.size
    factor, mirrored = rng.uniform(*scale), rng.random() < 0.5
    box_height, box_width = int(height * factor), int(width * factor)
    crop_x = rng.integers(0, max(box_width - width, 0) + 1)
    crop_y = rng.integers(0, max(box_height - height, 0) + 1)

    tile = Letterbox.fit(other.size, (height, width))
    along_x = tile.scaled_size[1] / other.size[1] * box_width / width
    along_y = tile.scaled_size[0] / other.size[0] * box_height / height
    if mirrored:
        matrix = np.array([[-along_x, 0.0, box_width - crop_x], [0.0, along_y, -crop_y]])
    else:
        matrix = np.array([[along_x, 0.0, -crop_x], [0.0, along_y, -crop_y]])
    second = np.zeros_like(frame.image)
    second[: box_height - crop_y, : box_width - crop_x] = PAD
    warp_into(second, other.image, matrix)
    cv2.addWeighted(frame.image, 0.5, second, 0.5, 0.0, dst=frame.image)
    boxes, classes = clip(warp_boxes(other.boxes_xyxy, matrix), other.classes, (height, width))
    return Frame(frame.image, np.concatenate([frame.boxes_xyxy, boxes]), np.concatenate([frame.classes, classes]))
