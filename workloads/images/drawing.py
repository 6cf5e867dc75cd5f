"""Boxes drawn into a picture, for people."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

_PALETTE = (
    (75, 190, 60), (235, 150, 50), (60, 80, 235), (50, 200, 235), (200, 90, 200),
    (190, 190, 60), (120, 160, 250), (160, 110, 60),
)  # fmt: skip
"""Blue, green, red; told apart on road scenes, by day and by night."""


def colour_of(number: int) -> tuple[int, int, int]:
    """The same colour for the same class or identity, everywhere."""
    return _PALETTE[number % len(_PALETTE)]


def draw_boxes(
    image: np.ndarray, boxes_xyxy: np.ndarray, labels: Sequence[str],
    colours: Sequence[tuple[int, int, int]] | None = None, *, dashed: bool = False,
) -> np.ndarray:  # fmt: skip
    """A copy of the picture with boxes and their labels.

    Args:
        image: (h, w, 3) uint8 BGR.
        boxes_xyxy: (n, 4) pixels; parts outside the picture are not seen.
        labels: one a box; empty text draws none.
        colours: one a box; left out: `colour_of` the place of its label among all labels.
        dashed: for ground truth beside detections.
    """
    canvas = np.ascontiguousarray(image).copy()
    order = {label: place for place, label in enumerate(dict.fromkeys(label.split(" ")[0] for label in labels))}
    scale = max(0.35, min(canvas.shape[:2]) / 900)
    thickness = max(1, round(min(canvas.shape[:2]) / 300))
    for place, (box, label) in enumerate(zip(np.asarray(boxes_xyxy).reshape(-1, 4), labels, strict=True)):
        colour = colours[place] if colours is not None else colour_of(order[label.split(" ")[0]])
        left, top, right, bottom = (round(float(value)) for value in box)
        if dashed:
            _dashed_box(canvas, (left, top, right, bottom), colour, thickness)
        else:
            cv2.rectangle(canvas, (left, top), (right, bottom), colour, thickness, cv2.LINE_AA)
        if label:
            _write(canvas, label, (left, top), colour, scale)
    return canvas


def _write(canvas: np.ndarray, label: str, corner: tuple[int, int], colour: tuple[int, int, int], scale: float) -> None:
    """Above the box, or inside where the picture ends; black or white, whichever can be read."""
    (width, height), base = cv2.getTextSize(label, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    left = min(max(corner[0], 0), max(canvas.shape[1] - width, 0))
    top = corner[1] - height - base - 1 if corner[1] - height - base - 1 >= 0 else corner[1]
    cv2.rectangle(canvas, (left, top), (left + width, top + height + base), colour, cv2.FILLED)
    ink = (0, 0, 0) if sum(colour) > 380 else (255, 255, 255)
    cv2.putText(canvas, label, (left, top + height + 1), cv2.FONT_HERSHEY_SIMPLEX, scale, ink, 1, cv2.LINE_AA)


def _dashed_box(
    canvas: np.ndarray, box: tuple[int, int, int, int], colour: tuple[int, int, int], thickness: int
) -> None:
    left, top, right, bottom = box
    step = 8
    for x in range(left, right, 2 * step):
        for y in (top, bottom):
            cv2.line(canvas, (x, y), (min(x + step, right), y), colour, thickness)
    for y in range(top, bottom, 2 * step):
        for x in (left, right):
            cv2.line(canvas, (x, y), (x, min(y + step, bottom)), colour, thickness)
