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
    shares = np.empty(max(1, int(np.max(np.diff(found_starts)))) if len(found_starts) > 1 else 1)
    count = 0
    for frame in range(len(truth_starts) - 1):
        begin, end = found_starts[frame], found_starts[frame + 1]
        for truth in range(truth_starts[frame], truth_starts[frame + 1]):
            if limit[truth] < np.inf:
                if count + end - begin > len(found):
                    more = max(count, end - begin)
                    found = np.concatenate((found, np.empty(more, np.int64)))
                    overlap = np.concatenate((overlap, np.empty(more, np.float64)))
                if metric == IMAGE:
                    image_overlaps(truth_boxes, truth, found_boxes, begin, end, shares)
                else:
                    space_overlaps(truth_boxes, truth, found_boxes, begin, end, metric == SPACE, shares)
                count = _append(shares, limit[truth], begin, end, found, overlap, count)
            starts[truth + 1] = count
    return starts, found[:count], overlap[:count]


@njit(cache=True, nogil=True)
def _append(shares: np.ndarray, limit: float, begin: int, end: int, found: np.ndarray, overlap: np.ndarray, count: int
            ) -> int:  # fmt: skip
    """The new count. Apart from `edges`, where these arrays may grow: the compiler counts references there."""
    for place in range(end - begin):
        if shares[place] > limit:
            found[count], overlap[count] = begin + place, shares[place]
            count += 1
    return count


# One row against a run of rows at a time: a slice, or a call with tables, for every pair costs twenty overlaps.


@njit(cache=True, nogil=True)
def image_overlaps(a: np.ndarray, i: int, b: np.ndarray, begin: int, end: int, out: np.ndarray) -> None:
    """Intersection over union of row i of a with rows begin:end of b into `out`; pixels are plain numbers (no + 1)."""
    left, top, right, bottom = a[i, 0], a[i, 1], a[i, 2], a[i, 3]
    own = (right - left) * (bottom - top)
    for j in range(begin, end):
        wide, high = min(right, b[j, 2]) - max(left, b[j, 0]), min(bottom, b[j, 3]) - max(top, b[j, 1])
        share = 0.0
        if wide > 0 and high > 0:
            shared = wide * high
            share = shared / (own + (b[j, 2] - b[j, 0]) * (b[j, 3] - b[j, 1]) - shared)
        out[j - begin] = share


@njit(cache=True, nogil=True)
def largest_share_inside(region_starts: np.ndarray, regions: np.ndarray, found_starts: np.ndarray, boxes: np.ndarray
                         ) -> np.ndarray:  # fmt: skip
    """(detections,): the largest part of each detection's own area that lies in one region of its frame."""
    share = np.zeros(len(boxes))
    for frame in range(len(region_starts) - 1):
        for region in range(region_starts[frame], region_starts[frame + 1]):
            left, top, right, bottom = regions[region, 0], regions[region, 1], regions[region, 2], regions[region, 3]
            for j in range(found_starts[frame], found_starts[frame + 1]):
                wide = min(right, boxes[j, 2]) - max(left, boxes[j, 0])
                high = min(bottom, boxes[j, 3]) - max(top, boxes[j, 1])
                if wide > 0 and high > 0:
                    own = (boxes[j, 2] - boxes[j, 0]) * (boxes[j, 3] - boxes[j, 1])
                    share[j] = max(share[j], wide * high / own)
    return share


@njit(cache=True, nogil=True)
def space_overlaps(a: np.ndarray, i: int, b: np.ndarray, begin: int, end: int, with_height: bool, out: np.ndarray
                   ) -> None:  # fmt: skip
    """Overlap of row i of a with rows begin:end of b into `out`: rotated rectangles from above, or with `with_height`
    volumes. Rows are camera boxes (7,)."""
    high, width, length, x, y, z, turn = a[i, 0], a[i, 1], a[i, 2], a[i, 3], a[i, 4], a[i, 5], a[i, 6]
    diagonal = np.hypot(width, length)
    for j in range(begin, end):
        out[j - begin] = 0.0
        right, ahead = b[j, 3] - x, b[j, 5] - z
        far = right * right + ahead * ahead
        longest = diagonal + abs(b[j, 1]) + abs(b[j, 2])
        if 4 * far >= longest * longest or min(width, length, b[j, 1], b[j, 2]) <= 0:
            continue  # most pairs: too far apart to touch
        shared, one, other = 1.0, width * length, b[j, 2] * b[j, 1]
        if with_height:
            shared = min(y, b[j, 4]) - max(y - high, b[j, 4] - b[j, 0])  # y points down and is the bottom
            if shared <= 0:
                continue
            one, other = one * high, other * b[j, 0]
        shared *= _rectangles(right, ahead, length, width, turn, b[j, 2], b[j, 1], b[j, 6])
        if shared > 0:
            out[j - begin] = shared / (one + other - shared)


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
    points = np.empty((2, 8, 2))  # the polygon before and after a cut, in turn
    for corner in range(4):
        lx = 0.5 * other_length if corner in (0, 1) else -0.5 * other_length
        lz = 0.5 * other_width if corner in (0, 3) else -0.5 * other_width
        points[0, corner, 0] = cos * lx + sin * lz + x
        points[0, corner, 1] = -sin * lx + cos * lz + z
    count = 4
    for side in range(4):
        axis, sign = side % 2, 1.0 if side < 2 else -1.0
        bound = 0.5 * (length if axis == 0 else width)
        old, new = side % 2, 1 - side % 2
        kept = 0
        for place in range(count):
            after = place + 1 if place + 1 < count else 0
            here, there = bound - sign * points[old, place, axis], bound - sign * points[old, after, axis]
            if here >= 0:
                points[new, kept, 0], points[new, kept, 1] = points[old, place, 0], points[old, place, 1]
                kept += 1
            if (here > 0 > there) or (here < 0 < there):
                part = here / (here - there)
                for one in range(2):
                    begin = points[old, place, one]
                    points[new, kept, one] = begin + part * (points[old, after, one] - begin)
                kept += 1
        count = kept
        if count < 3:
            return 0.0
    area = 0.0
    for place in range(count):  # after four cuts it is the first again
        after = place + 1 if place + 1 < count else 0
        area += points[0, place, 0] * points[0, after, 1] - points[0, after, 0] * points[0, place, 1]
    return 0.5 * abs(area)
