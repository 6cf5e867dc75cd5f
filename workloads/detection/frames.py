"""What can be measured of a frame without knowing what it shows: for statistics, and for drift."""

from __future__ import annotations

import cv2
import numpy as np

from workloads.detection.boxes import areas

MEASURED_WIDTH = 640
"""Frames are measured at this width at most, so that sharpness does not depend on the camera's resolution."""
IMAGE_NAMES = ("brightness", "contrast", "sharpness", "saturation", "colour_blue", "colour_red")
BOX_NAMES = ("objects", "object_side_median", "object_side_largest")


def describe_frame(image: np.ndarray) -> dict[str, float]:
    """Six numbers of one picture.

    Args:
        image: (h, w, 3) uint8 BGR.

    Returns:
        brightness: mean luma, 0 (black) to 255; contrast: its standard deviation; sharpness: variance of its
        Laplacian (low: blurred); saturation: mean of largest less smallest channel, 0 (grey) to 255;
        colour_blue, colour_red: that channel's part of all light, 1/3 where white is balanced.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    height, width = grey.shape
    if width > MEASURED_WIDTH:
        size = (MEASURED_WIDTH, max(1, round(height * MEASURED_WIDTH / width)))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    mean, deviation = cv2.meanStdDev(grey)
    _, edges = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S, ksize=1))
    blue, green, red = cv2.split(_thinned(image))
    spread = cv2.subtract(cv2.max(cv2.max(blue, green), red), cv2.min(cv2.min(blue, green), red))
    light = np.array([cv2.mean(channel)[0] for channel in (blue, green, red)])
    parts = light / light.sum() if light.sum() > 0 else np.full(3, 1 / 3)
    return {
        "brightness": float(mean[0, 0]),
        "contrast": float(deviation[0, 0]),
        "sharpness": float(edges[0, 0] ** 2),
        "saturation": float(cv2.mean(spread)[0]),
        "colour_blue": float(parts[0]),
        "colour_red": float(parts[2]),
    }


def _thinned(image: np.ndarray) -> np.ndarray:
    """Every few pixels of a large picture: enough for the mean of its colours."""
    step = max(1, image.shape[1] * 2 // MEASURED_WIDTH)
    return np.ascontiguousarray(image[::step, ::step])


def describe_boxes(boxes_xyxy: np.ndarray, image_size: tuple[int, int]) -> dict[str, float]:
    """Three numbers of the objects of one picture.

    Args:
        boxes_xyxy: (n, 4) pixels.
        image_size: (height, width) in pixels.

    Returns:
        objects: how many; object_side_median, object_side_largest: square root of the part of the picture that a box
        covers, 0 to 1; NaN where there is none.
    """
    if not len(boxes_xyxy):
        return {"objects": 0.0, "object_side_median": float("nan"), "object_side_largest": float("nan")}
    sides = np.sqrt(areas(np.asarray(boxes_xyxy, np.float64)) / (image_size[0] * image_size[1]))
    return {"objects": float(len(sides)), "object_side_median": float(np.median(sides)),
            "object_side_largest": float(sides.max())}  # fmt: skip


def fingerprint(image: np.ndarray) -> int:
    """64 bits of where a small grey copy brightens to the right: alike pictures differ in few of them."""
    small = cv2.resize(cv2.cvtColor(_thinned(image), cv2.COLOR_BGR2GRAY), (9, 8), interpolation=cv2.INTER_AREA)
    return int.from_bytes(np.packbits(small[:, 1:] > small[:, :-1]).tobytes(), "big")
