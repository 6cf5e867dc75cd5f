"""The usual chain of a YOLOX training picture: canvas, paste, warp, float blend, HSV in int16.

A plain peer written from the description of the recipe, nobody's package. It draws the same numbers in the same order
as ours, so that both make the same picture, up to interpolation.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from workloads.augmentation.affine import AffineRanges, draw_matrix
from workloads.augmentation.colour import MOST
from workloads.augmentation.frame import Frame
from workloads.images.letterbox import PAD


def fitted(frame: Frame, size: tuple[int, int]) -> tuple[np.ndarray, float]:
    """The picture scaled to fit (height, width), and the ratio."""
    ratio = min(size[0] / frame.size[0], size[1] / frame.size[1])
    return cv2.resize(frame.image, (int(frame.size[1] * ratio), int(frame.size[0] * ratio))), ratio


def mosaic(frames: Sequence[Frame], ranges: AffineRanges, size: tuple[int, int], rng: np.random.Generator) -> Frame:
    height, width = size
    middle_y, middle_x = (int(rng.uniform(0.5 * side, 1.5 * side)) for side in size)
    canvas = np.full((2 * height, 2 * width, 3), PAD, np.uint8)
    boxes, classes = [], []
    for place, frame in enumerate(frames):
        image, ratio = fitted(frame, size)
        left = middle_x - image.shape[1] if place in (0, 2) else middle_x
        top = middle_y - image.shape[0] if place in (0, 1) else middle_y
        x0, y0 = max(left, 0), max(top, 0)
        x1, y1 = min(left + image.shape[1], 2 * width), min(top + image.shape[0], 2 * height)
        canvas[y0:y1, x0:x1] = image[y0 - top : y1 - top, x0 - left : x1 - left]
        boxes.append(frame.boxes_xyxy * ratio + [left, top, left, top])
        classes.append(frame.classes)
    on_canvas = np.concatenate(boxes)
    on_canvas[:, 0::2] = on_canvas[:, 0::2].clip(0, 2 * width)
    on_canvas[:, 1::2] = on_canvas[:, 1::2].clip(0, 2 * height)
    matrix = draw_matrix(ranges, (2 * height, 2 * width), size, rng)
    half_pixel = matrix.copy()  # OpenCV counts from the middle of the first pixel
    half_pixel[:, 2] += matrix[:, :2].sum(axis=1) * 0.5 - 0.5
    image = cv2.warpAffine(canvas, half_pixel, (width, height), borderValue=(PAD, PAD, PAD))
    corners = np.ones((4 * len(on_canvas), 3))
    corners[:, :2] = on_canvas[:, [0, 1, 2, 3, 0, 3, 2, 1]].reshape(-1, 2)
    moved = (corners @ matrix.T).reshape(-1, 4, 2)
    found = np.concatenate([moved.min(axis=1), moved.max(axis=1)], axis=1)
    return _clipped(image, found, np.concatenate(classes))


def mixup(frame: Frame, other: Frame, scale: tuple[float, float], rng: np.random.Generator) -> Frame:
    height, width = frame.size
    factor, mirrored = rng.uniform(*scale), rng.random() < 0.5
    second = np.full((height, width, 3), PAD, np.uint8)
    image, ratio = fitted(other, (height, width))
    second[: image.shape[0], : image.shape[1]] = image
    second = cv2.resize(second, (int(width * factor), int(height * factor)))
    if mirrored:
        second = second[:, ::-1]
    padded = np.zeros((max(second.shape[0], height), max(second.shape[1], width), 3), np.uint8)
    padded[: second.shape[0], : second.shape[1]] = second
    x = rng.integers(0, max(second.shape[1] - width, 0) + 1)
    y = rng.integers(0, max(second.shape[0] - height, 0) + 1)
    crop = padded[y : y + height, x : x + width]
    boxes = other.boxes_xyxy * ratio * factor
    if mirrored:
        boxes[:, 0::2] = second.shape[1] - boxes[:, 2::-2]
    kept = _clipped(crop, boxes - [x, y, x, y], other.classes)
    blended = frame.image.astype(np.float32) * 0.5 + crop.astype(np.float32) * 0.5
    return Frame(blended.astype(np.uint8), np.concatenate([frame.boxes_xyxy, kept.boxes_xyxy]),
                 np.concatenate([frame.classes, kept.classes]))  # fmt: skip


def colour(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    shifts = (rng.uniform(-1.0, 1.0, 3) * MOST * rng.integers(0, 2, 3)).astype(np.int16)
    hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV).astype(np.int16)
    hsv[..., 0] = (hsv[..., 0] + shifts[0]) % 180
    hsv[..., 1] = np.clip(hsv[..., 1] + shifts[1], 0, 255)
    hsv[..., 2] = np.clip(hsv[..., 2] + shifts[2], 0, 255)
    return cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2BGR)


def flip(frame: Frame) -> Frame:
    boxes = frame.boxes_xyxy.copy()
    boxes[:, 0::2] = frame.size[1] - frame.boxes_xyxy[:, 2::-2]
    return Frame(np.ascontiguousarray(frame.image[:, ::-1]), boxes, frame.classes)


def _clipped(image: np.ndarray, boxes: np.ndarray, classes: np.ndarray) -> Frame:
    boxes[:, 0::2] = boxes[:, 0::2].clip(0, image.shape[1])
    boxes[:, 1::2] = boxes[:, 1::2].clip(0, image.shape[0])
    keep = np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]) > 1
    return Frame(image, boxes[keep].astype(np.float32), classes[keep])
