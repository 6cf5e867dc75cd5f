"""Overlaps of boxes within a frame, and of these only the ones above the limit: in the image, from above, in 3D."""

from __future__ import annotations

import numpy as np
from numba import njit

IMAGE, BEV, SPACE = 0, 1, 2


@njit(cache=True, nogil=True)
def edges(metric: int, limit: np.ndarray, truth_starts: np.ndarray, truth_boxes: np.ndarray, found_starts: np.ndarray,
          found_boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Pairs (ground truth, detection) of one frame that overlap by more than the ground truth's limit.

    Args:
        metric: IMAGE (boxes (n, 4): left, top, right, bottom in pixels), BEV or SPACE (boxes (n, 7): height, width,
            length, x, y, z, rotation_y in the camera frame, bottom centre).
        limit: (truths,) the overlap to exceed; infinite where a ground truth takes no part.

    Returns:
        edge_starts (truths + 1,), detection (edges,) ascending within a ground truth, overlap (edges,).
    """
    starts = np.zeros(len(limit) + 1, np.int64)
    found = np.empty(1024, np.int64)
    overlap = np.empty(1024, np.float64)
    count = 0
    for frame in range(len(truth_starts) - 1):
        for truth in range(truth_starts[frame], truth_starts[frame + 1]):
            if limit[truth] < np.inf:
                for one in range(found_starts[frame], found_starts[frame + 1]):
                    if metric == IMAGE:
                        share = image_overlap(truth_boxes[truth], found_boxes[one])
                    else:
                        share = space_overlap(truth_boxes[truth], found_boxes[one], metric == SPACE)
                    if share > limit[truth]:
                        if count == len(found):
                            found = np.concatenate((found, np.empty(count, np.int64)))
                            overlap = np.concatenate((overlap, np.empty(count, np.float64)))
                        found[count], overlap[count] = one, share
                        count += 1
            starts[truth + 1] = count
    return starts, found[:count], overlap[:count]


@njit(cache=True, nogil=True)
def image_overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two (4,) boxes, pixels as plain numbers (no + 1)."""
    shared = _shared(a, b)
    if shared == 0.0:
        return 0.0
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


@njit(cache=True, nogil=True)
def largest_share_inside(region_starts: np.ndarray, regions: np.ndarray, found_starts: np.ndarray, boxes: np.ndarray
                         ) -> np.ndarray:  # fmt: skip
    """(detections,): the largest part of each detection's own area that lies in one region of its frame."""
    share = np.zeros(len(boxes))
    for frame in range(len(region_starts) - 1):
        for region in range(region_starts[frame], region_starts[frame + 1]):
            for one in range(found_starts[frame], found_starts[frame + 1]):
                shared = _shared(regions[region], boxes[one])
                if shared > 0.0:
                    own = (boxes[one, 2] - boxes[one, 0]) * (boxes[one, 3] - boxes[one, 1])
                    share[one] = max(share[one], shared / own)
    return share


@njit(cache=True, nogil=True)
def _shared(a: np.ndarray, b: np.ndarray) -> float:
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    return wide * high if wide > 0 and high > 0 else 0.0


@njit(cache=True, nogil=True)
def space_overlap(a: np.ndarray, b: np.ndarray, with_height: bool) -> float:
    """Overlap of two (7,) camera boxes: rotated rectangles from above, or with `with_height` their volumes."""
    if min(a[1], a[2], b[1], b[2]) <= 0:
        return 0.0
    right, ahead = b[3] - a[3], b[5] - a[5]
    reach = 0.5 * (np.hypot(a[1], a[2]) + np.hypot(b[1], b[2]))
    if right * right + ahead * ahead >= reach * reach:
        return 0.0
    shared = _rectangles(right, ahead, a[2], a[1], a[6], b[2], b[1], b[6])
    one, other = a[2] * a[1], b[2] * b[1]
    if with_height:
        tall = min(a[4], b[4]) - max(a[4] - a[0], b[4] - b[0])  # y points down and is the bottom
        if tall <= 0:
            return 0.0
        shared, one, other = shared * tall, one * a[0], other * b[0]
    return shared / (one + other - shared) if shared > 0 else 0.0


@njit(cache=True, nogil=True)
def _rectangles(right: float, ahead: float, length: float, width: float, turn: float, other_length: float,
                other_width: float, other_turn: float) -> float:  # fmt: skip
    """Area shared by two rectangles: the second is moved into the frame of the first and clipped at its four sides.

    rotation_y turns x towards -z: (lx, lz) -> (lx cos + lz sin, -lx sin + lz cos). A rotation the other way gives
    plausible and wrong results.
    """
    cos, sin = np.cos(turn), np.sin(turn)
    x, z = cos * right - sin * ahead, sin * right + cos * ahead
    cos, sin = np.cos(other_turn - turn), np.sin(other_turn - turn)
    polygon = np.empty((8, 2))
    clipped = np.empty((8, 2))
    for corner in range(4):
        lx = 0.5 * other_length if corner in (0, 1) else -0.5 * other_length
        lz = 0.5 * other_width if corner in (0, 3) else -0.5 * other_width
        polygon[corner, 0] = cos * lx + sin * lz + x
        polygon[corner, 1] = -sin * lx + cos * lz + z
    count = 4
    for side in range(4):
        axis, sign = side % 2, 1.0 if side < 2 else -1.0
        bound = 0.5 * (length if axis == 0 else width)
        kept = 0
        for place in range(count):
            after = place + 1 if place + 1 < count else 0
            here, there = bound - sign * polygon[place, axis], bound - sign * polygon[after, axis]
            if here >= 0:
                clipped[kept] = polygon[place]
                kept += 1
            if (here > 0 > there) or (here < 0 < there):
                part = here / (here - there)
                clipped[kept] = polygon[place] + part * (polygon[after] - polygon[place])
                kept += 1
        count = kept
        polygon, clipped = clipped, polygon
        if count < 3:
            return 0.0
    area = 0.0
    for place in range(count):
        after = place + 1 if place + 1 < count else 0
        area += polygon[place, 0] * polygon[after, 1] - polygon[after, 0] * polygon[place, 1]
    return 0.5 * abs(area)
