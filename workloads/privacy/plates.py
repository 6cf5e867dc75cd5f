"""Number plates: European ones, wide and low, seen about from the front."""

from __future__ import annotations

import cv2
import numpy as np

from workloads.privacy.cascades import Pass, grown, hits, joined, support, to_gray

ANY = float("inf")
PASSES = (
    Pass("russian_plate_number", enlarge=2.0, step=1.1, neighbours=0, widths_px=(28, 160)),
    Pass("russian_plate_number", enlarge=1.5, step=1.1, neighbours=0, widths_px=(38, 160), evened=True),
    Pass("license_plate_rus_16stages", enlarge=2.0, step=1.1, neighbours=0, widths_px=(30, 160), evened=True),
    Pass("russian_plate_number", enlarge=1.0, step=1.1, neighbours=0, widths_px=(120, ANY)),
)
SURE_HITS = 4
"""So many raw hits about one place are a plate whatever it looks like."""
UPRIGHT_SHARE = 0.9
"""Fewer are one if upright edges (letters) weigh about as much as level ones (bumpers, shadows)."""
WIDE_PX, WIDE_HITS = 90, 6
"""A wide plate is met many times; a wide box with few hits is a bumper or a hedge."""
MARGIN = (0.10, 0.15)


def find_plates(image: np.ndarray) -> np.ndarray:
    """(n, 4) float32 x1, y1, x2, y2 in pixels, margins included, of an (h, w[, 3]) uint8 BGR or gray image.

    Built to miss few: most boxes of a busy frame hold no plate (`recall` tells which share of the frame they take).
    """
    gray = to_gray(image)
    found = hits(gray, PASSES)
    if not len(found):
        return found
    count = support(found)
    likely = (count >= SURE_HITS) | (_upright(gray, found) >= UPRIGHT_SHARE)
    narrow = found[:, 2] - found[:, 0] < WIDE_PX
    return grown(joined(found[likely & (narrow | (count >= WIDE_HITS))]), MARGIN, *gray.shape)


def _upright(gray: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """(n,) upright edges over level ones in the middle half of each box."""
    height, width = gray.shape
    shares = np.empty(len(boxes))
    for place, (left, top, right, bottom) in enumerate(np.rint(boxes).astype(int)):
        part = gray[max(top, 0) : min(bottom, height), max(left, 0) : min(right, width)]
        small = cv2.resize(part, (60, 20), interpolation=cv2.INTER_AREA)
        upright = np.abs(cv2.Sobel(small, cv2.CV_32F, 1, 0))[5:15].sum()
        level = np.abs(cv2.Sobel(small, cv2.CV_32F, 0, 1))[5:15].sum()
        shares[place] = upright / max(level, 1.0)
    return shares
