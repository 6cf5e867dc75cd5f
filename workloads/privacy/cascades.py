"""OpenCV's Haar cascades: one pass over one scale of one image, and the joining of what passes found."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from workloads.detection.boxes import iou_matrix

LEAST_SIDE_PX = 12
"""In a smaller image nobody can be recognised, and the cascades refuse to work."""
BORDER_PX = 24
"""The border is continued that far: a cascade needs something around what it finds."""
_own = threading.local()


@dataclass(frozen=True)
class Pass:
    """One cascade over one enlargement of the image.

    `widths_px` bounds what is sought, in pixels of the original; `neighbours` is OpenCV's: 0 gives every raw hit.
    """

    cascade: str
    enlarge: float
    step: float
    neighbours: int
    widths_px: tuple[float, float]
    evened: bool = False
    """Contrast evened out by place (CLAHE): finds what lies in shadow."""
    mirrored: bool = False


def to_gray(image: np.ndarray) -> np.ndarray:
    """(h, w) uint8 of (h, w), (h, w, 1) or (h, w, 3) BGR uint8.

    Raises:
        ValueError: another shape or type.
    """
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] not in (1, 3)):
        raise ValueError(f"image of shape {image.shape} and type {image.dtype}: (h, w), (h, w, 1) or (h, w, 3) uint8")
    if image.ndim == 2:
        return image
    return image[..., 0] if image.shape[2] == 1 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)


def hits(gray: np.ndarray, passes: Sequence[Pass]) -> np.ndarray:
    """(n, 4) float32 x1, y1, x2, y2 in pixels of (h, w) `gray`: everything all passes found, joined in no way."""
    if min(gray.shape) < LEAST_SIDE_PX:
        return np.zeros((0, 4), np.float32)
    wide = cv2.copyMakeBorder(gray, BORDER_PX, BORDER_PX, BORDER_PX, BORDER_PX, cv2.BORDER_REPLICATE)
    evened = cv2.createCLAHE(3.0, (8, 8)).apply(wide) if any(one.evened for one in passes) else wide
    found = [_found(evened if one.evened else wide, one) for one in passes]
    boxes = np.concatenate(found).astype(np.float32) - BORDER_PX
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    height, width = gray.shape
    return boxes[((centres >= 0) & (centres < [width, height])).all(axis=1)]  # the rest lies in the border we added


def _found(gray: np.ndarray, one: Pass) -> np.ndarray:
    """(n, 4) boxes in pixels of `gray`."""
    scaled = cv2.resize(gray, None, fx=one.enlarge, fy=one.enlarge, interpolation=cv2.INTER_CUBIC)
    if one.mirrored:
        scaled = np.ascontiguousarray(scaled[:, ::-1])
    cascade = _cascade(one.cascade)
    # OpenCV bounds both sides of the window; its shape comes from the cascade.
    shape = cascade.getOriginalWindowSize()[1] / cascade.getOriginalWindowSize()[0]
    least, most = (width * one.enlarge for width in one.widths_px)
    most = min(most, max(scaled.shape) / min(shape, 1.0))
    rectangles = cascade.detectMultiScale(
        scaled, scaleFactor=one.step, minNeighbors=one.neighbours,
        minSize=(int(least), int(least * shape)), maxSize=(int(most), int(most * shape) + 1),
    )  # fmt: skip
    boxes = np.array(rectangles, np.float64).reshape(-1, 4)
    if one.mirrored:
        boxes[:, 0] = scaled.shape[1] - boxes[:, 0] - boxes[:, 2]
    boxes[:, 2:] += boxes[:, :2]
    return boxes / one.enlarge


def _cascade(name: str) -> cv2.CascadeClassifier:
    """Loaded once a thread: a classifier keeps state while it works."""
    loaded: dict[str, cv2.CascadeClassifier] = _own.__dict__.setdefault("loaded", {})
    if name not in loaded:
        path = Path(cv2.__file__).parent / "data" / f"haarcascade_{name}.xml"
        if not path.is_file():
            raise RuntimeError(
                f"this OpenCV ({cv2.__version__}) lacks {path.name}; opencv-python-headless 4.x ships it"
            )
        loaded[name] = cv2.CascadeClassifier(str(path))
    return loaded[name]


def support(boxes: np.ndarray, overlap: float = 0.4) -> np.ndarray:
    """(n,) int: how many of the boxes, itself included, lie about where each one lies."""
    return (iou_matrix(boxes, boxes) > overlap).sum(axis=1)


def joined(boxes: np.ndarray, overlap: float = 0.4) -> np.ndarray:
    """(m, 4) float32: boxes about the same place become their median; the best supported come first."""
    left = boxes[np.argsort(-support(boxes), kind="stable")] if len(boxes) else boxes
    groups = []
    while len(left):
        near = iou_matrix(left[:1], left)[0] > overlap
        near[0] = True
        groups.append(np.median(left[near], axis=0))
        left = left[~near]
    return np.array(groups, np.float32).reshape(-1, 4)


def grown(boxes: np.ndarray, share: tuple[float, float], height: int, width: int) -> np.ndarray:
    """(n, 4) float32: wider and higher by that share of its size on each side, clipped to the image."""
    size = boxes[:, 2:] - boxes[:, :2]
    margin = size * np.array(share, np.float32)
    wide = np.concatenate([boxes[:, :2] - margin, boxes[:, 2:] + margin], axis=1)
    return np.clip(wide, 0, np.array([width, height, width, height], np.float32)).astype(np.float32)
