"""Left and right swapped."""

from __future__ import annotations

import cv2
import numpy as np

from workloads.augmentation.frame import Frame


def flip(frame: Frame) -> Frame:
    """The mirror image: left becomes width - right."""
    boxes = frame.boxes_xyxy.copy()
    boxes[:, 0::2] = np.float32(frame.size[1]) - frame.boxes_xyxy[:, 2::-2]
    return Frame(cv2.flip(frame.image, 1), boxes, frame.classes)
