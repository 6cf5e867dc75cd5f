"""Random rotation, shear, scale and translation of a picture and its boxes.

Matrices are (2, 3) float64 and map continuous pixel coordinates, in which the first pixel covers 0 to 1: boxes use them
as they are. OpenCV counts from the middle of the first pixel; `warp_into` converts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from workloads.augmentation.frame import Frame, clip
from workloads.images.letterbox import PAD


@dataclass(frozen=True)
class AffineRanges:
    """What is drawn, uniformly. The defaults change nothing."""

    rotation_deg: float = 0.0
    """Plus and minus."""
    shear_deg: float = 0.0
    """Plus and minus, in each direction."""
    translate: float = 0.0
    """Plus and minus, a share of the output's width and height."""
    scale: tuple[float, float] = (1.0, 1.0)

    @property
    def changes_nothing(self) -> bool:
        return self == UNCHANGED


UNCHANGED = AffineRanges()


def draw_matrix(
    ranges: AffineRanges, source_size: tuple[int, int], size: tuple[int, int], rng: np.random.Generator
) -> np.ndarray:
    """(2, 3): turned, scaled and sheared about the middle of the source, which goes to the middle of the output.

    Args:
        source_size, size: (height, width) in pixels, of the source and of the output.
    """
    angle = math.radians(rng.uniform(-ranges.rotation_deg, ranges.rotation_deg))
    scale = rng.uniform(*ranges.scale)
    shear_x, shear_y = (math.tan(math.radians(rng.uniform(-ranges.shear_deg, ranges.shear_deg))) for _ in "xy")
    shift = [rng.uniform(0.5 - ranges.translate, 0.5 + ranges.translate) * side for side in (size[1], size[0])]
    cosine, sine = scale * math.cos(angle), scale * math.sin(angle)
    # Shear after rotation and scale: [[1, shear_x], [shear_y, 1]] @ [[cos, sin], [-sin, cos]].
    a, b = cosine - shear_x * sine, sine + shear_x * cosine
    c, d = shear_y * cosine - sine, shear_y * sine + cosine
    middle_x, middle_y = source_size[1] / 2, source_size[0] / 2
    return np.array([
        [a, b, shift[0] - a * middle_x - b * middle_y],
        [c, d, shift[1] - c * middle_x - d * middle_y],
    ])  # fmt: skip


def placed(matrix: np.ndarray, scale: tuple[float, float], offset: tuple[float, float]) -> np.ndarray:
    """(2, 3): first `scale` (x, y) and then `offset` (x, y) in pixels, then `matrix`."""
    linear, shift = matrix[:, :2], matrix[:, 2]
    return np.column_stack([linear * np.array(scale), linear @ np.array(offset) + shift])


def warp_boxes(boxes_xyxy: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """(n, 4) float32: the upright boxes around the moved corners."""
    boxes = np.asarray(boxes_xyxy, np.float32).reshape(-1, 4)
    if not len(boxes):
        return boxes
    linear = matrix[:, :2]
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2 @ linear.T + matrix[:, 2]
    half = (boxes[:, 2:] - boxes[:, :2]) / 2 @ np.abs(linear).T
    return np.concatenate([middle - half, middle + half], axis=1).astype(np.float32)


def warp_into(out: np.ndarray, image: np.ndarray, matrix: np.ndarray) -> None:
    """Draw the moved picture into `out`, bilinearly; pixels it does not cover stay as they are.

    Args:
        out: (H, W, 3) uint8, written in place. image: (h, w, 3) uint8.
        matrix: from pixels of `image` to pixels of `out`.
    """
    height, width = image.shape[:2]
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]]) @ matrix.T
    low = np.maximum(np.floor(corners.min(axis=0)), 0).astype(int)
    high = np.minimum(np.ceil(corners.max(axis=0)), [out.shape[1], out.shape[0]]).astype(int)
    if (high <= low).any():
        return
    centred = matrix.copy()
    centred[:, 2] += matrix[:, :2].sum(axis=1) * 0.5 - 0.5 - low
    cv2.warpAffine(image, centred, (int(high[0] - low[0]), int(high[1] - low[1])),
                   dst=out[low[1] : high[1], low[0] : high[0]], flags=cv2.INTER_LINEAR,
                   borderMode=cv2.BORDER_TRANSPARENT)  # fmt: skip


def random_affine(frame: Frame, ranges: AffineRanges, size: tuple[int, int], rng: np.random.Generator) -> Frame:
    """The picture moved at random into a grey one of (height, width) `size`; boxes clipped, slivers dropped."""
    matrix = draw_matrix(ranges, frame.size, size, rng)
    out = np.full((*size, 3), PAD, np.uint8)
    warp_into(out, frame.image, matrix)
    return Frame(out, *clip(warp_boxes(frame.boxes_xyxy, matrix), frame.classes, size))
