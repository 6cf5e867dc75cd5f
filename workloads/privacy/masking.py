"""Masked for good: the fill is made of what surrounds a box, so nothing of what it covered can come back."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import cv2
import numpy as np

from workloads.contract import UserError
from workloads.images.orientation import UPRIGHT, boxes_as_stored, upright
from workloads.privacy.faces import find_faces
from workloads.privacy.plates import find_plates

FINDERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"faces": find_faces, "plates": find_plates}
"""What can be masked, and who finds it."""
PLAIN = 114
"""The gray of a fill with nothing around it, as in letterboxes."""
LEAST_REACH_PX = 8
LEAST_WEIGHT = 1e-3


def find(kind: str, image: np.ndarray, orientation: int = UPRIGHT) -> np.ndarray:
    """(n, 4) float32 boxes in stored pixels; sought in the picture as it is to be seen, for nobody else is upright."""
    return boxes_as_stored(FINDERS[kind](upright(image, orientation)), orientation, *image.shape[:2])


def mask_frame(image: np.ndarray, kinds: Iterable[str], orientation: int = UPRIGHT
               ) -> tuple[np.ndarray, dict[str, np.ndarray]]:  # fmt: skip
    """Find and mask in one step.

    Args:
        image: (h, w, 3) uint8 BGR, or (h, w) gray; it is not changed.
        kinds: of "faces" and "plates".
        orientation: the file's tag (`orientation_of`): a face that lies on its side is not found.

    Returns:
        The masked copy (equal to the image where nothing was found), and for each kind the (n, 4) float32 boxes
        x1, y1, x2, y2 in stored pixels that were masked.

    Raises:
        UserError: a kind nobody knows.
    """
    asked = set(kinds)
    if unknown := sorted(asked - set(FINDERS)):
        raise UserError(f"masking: {', '.join(unknown)} given; choose of {', '.join(FINDERS)}")
    boxes = {kind: find(kind, image, orientation) for kind in FINDERS if kind in asked}
    return mask(image, np.concatenate([np.zeros((0, 4), np.float32), *boxes.values()])), boxes


def mask(image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """A copy whose boxes hold a smooth fill of the colours around them.

    No pixel inside any box has a part in any fill: images that differ only inside the boxes give the same result.
    Pixelation or blur would not do that; both can be searched backwards for short texts such as plates.

    Args:
        image: (h, w), (h, w, 1) or (h, w, 3) uint8.
        boxes: (n, 4) x1, y1, x2, y2 in pixels; a pixel touched by a box is covered. Boxes may leave the image.
    """
    masked = image.copy()
    covered = _covered(boxes, *image.shape[:2])
    _, pieces, places, _ = cv2.connectedComponentsWithStats(covered.astype(np.uint8), connectivity=4)
    for piece, (left, top, wide, high, _) in enumerate(places[1:], 1):
        reach = max(LEAST_REACH_PX, min(wide, high) // 2)
        window = np.s_[max(top - reach, 0) : top + high + reach, max(left - reach, 0) : left + wide + reach]
        inside = pieces[window] == piece
        masked[window][inside] = _fill(image[window], covered[window], reach)[inside]
    return masked


def covered_share(boxes: np.ndarray, height: int, width: int) -> float:
    """The share of an image that boxes cover, overlaps counted once."""
    return float(_covered(boxes, height, width).mean())


def _covered(boxes: np.ndarray, height: int, width: int) -> np.ndarray:
    """(h, w) bool: the pixels a box touches.

    Raises:
        ValueError: a box is not finite; masking nothing instead would be worse.
    """
    covered = np.zeros((height, width), bool)
    for box in np.asarray(boxes, np.float64).reshape(-1, 4):
        if not np.isfinite(box).all():
            raise ValueError(f"box {box.tolist()} is not finite")
        left, top = np.clip(np.floor(box[:2]), 0, [width, height]).astype(int)
        right, bottom = np.clip(np.ceil(box[2:]), 0, [width, height]).astype(int)
        covered[top:bottom, left:right] = True
    return covered


def _fill(image: np.ndarray, covered: np.ndarray, reach: int) -> np.ndarray:
    """An image of this shape: the blurred mean of the free pixels near, fading to the mean of all where none is."""
    free = (~covered).astype(np.float32)
    known = image.reshape(*free.shape, -1).astype(np.float32) * free[..., None]
    plain = known.sum(axis=(0, 1)) / free.sum() if free.any() else np.full(known.shape[2], PLAIN, np.float32)
    colours = cv2.GaussianBlur(known, (0, 0), reach / 2).reshape(known.shape)
    weight = cv2.GaussianBlur(free, (0, 0), reach / 2)[..., None]
    filled = (colours + LEAST_WEIGHT * plain) / (weight + LEAST_WEIGHT)
    return np.clip(np.rint(filled), 0, 255).astype(np.uint8).reshape(image.shape)
