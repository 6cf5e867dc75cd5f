"""A depth buffer for triangles: who is in front at every sample."""

from __future__ import annotations

import numpy as np
from numba import njit

NEAR_M = 0.2
"""Nothing nearer is drawn; triangles are cut there."""


@njit(cache=True)
def rasterise(triangles_camera, projection, inverse_depth, front) -> None:  # type: ignore[no-untyped-def]
    """Draw into the buffers.

    Args:
        triangles_camera: (n, 3, 3) float64, metres, rectified camera frame.
        projection: (3, 4) float64 whose pixel (u, v) is the sample in column u, row v of the buffers.
        inverse_depth: (h, w) float32, 1 / depth of what is in front, 0 for nothing; changed.
        front: (h, w) int32, the triangle in front; changed where a new one is nearer.
    """
    scaled = np.empty((3, 3))
    cut = np.empty((4, 3))
    for triangle in range(len(triangles_camera)):
        for corner in range(3):
            for row in range(3):
                scaled[corner, row] = projection[row, 3] + (
                    projection[row, 0] * triangles_camera[triangle, corner, 0]
                    + projection[row, 1] * triangles_camera[triangle, corner, 1]
                    + projection[row, 2] * triangles_camera[triangle, corner, 2]
                )
        corners = 0
        for corner in range(3):  # keep what lies beyond the near plane: nothing, a triangle, or four corners
            after = (corner + 1) % 3
            here, there = scaled[corner, 2] - NEAR_M, scaled[after, 2] - NEAR_M
            if here >= 0:
                cut[corners] = scaled[corner]
                corners += 1
            if (here >= 0) != (there >= 0):
                cut[corners] = scaled[corner] + (scaled[after] - scaled[corner]) * (here / (here - there))
                corners += 1
        for last in range(2, corners):
            _fill(cut[0], cut[last - 1], cut[last], triangle, inverse_depth, front)


@njit(cache=True)
def _fill(a, b, c, triangle, inverse_depth, front) -> None:  # type: ignore[no-untyped-def]
    """One triangle of homogeneous corners (u * s, v * s, s)."""
    height, width = front.shape
    wa, wb, wc = 1.0 / a[2], 1.0 / b[2], 1.0 / c[2]
    ua, va, ub, vb, uc, vc = a[0] * wa, a[1] * wa, b[0] * wb, b[1] * wb, c[0] * wc, c[1] * wc
    area = (ub - ua) * (vc - va) - (uc - ua) * (vb - va)
    if area == 0.0:
        return
    left = int(np.ceil(max(min(ua, ub, uc), 0.0)))
    right = int(np.floor(min(max(ua, ub, uc), width - 1.0)))
    top = int(np.ceil(max(min(va, vb, vc), 0.0)))
    bottom = int(np.floor(min(max(va, vb, vc), height - 1.0)))
    b_by_u, b_by_v = (vc - va) / area, (ua - uc) / area
    c_by_u, c_by_v = (va - vb) / area, (ub - ua) / area
    for v in range(top, bottom + 1):
        for u in range(left, right + 1):
            share_b = (u - ua) * b_by_u + (v - va) * b_by_v
            share_c = (u - ua) * c_by_u + (v - va) * c_by_v
            if share_b < 0.0 or share_c < 0.0 or share_b + share_c > 1.0:
                continue
            near = wa + share_b * (wb - wa) + share_c * (wc - wa)
            if near > inverse_depth[v, u]:
                inverse_depth[v, u] = near
                front[v, u] = triangle


def sampled(projection: np.ndarray, samples: float, left: float = 0.0, top: float = 0.0) -> np.ndarray:
    """(3, 4) projection to a window's samples: `samples` a pixel and side, the first at the corner (left, top) pixels.

    A pixel's centre has integer coordinates, so pixel 0 reaches from -0.5 to 0.5.
    """
    shift = np.array([[samples, 0, samples * (0.5 - left) - 0.5], [0, samples, samples * (0.5 - top) - 0.5], [0, 0, 1]])
    return shift @ projection


def buffers(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """(inverse_depth, front) of nothing."""
    return np.zeros((height, width), np.float32), np.full((height, width), -1, np.int32)
