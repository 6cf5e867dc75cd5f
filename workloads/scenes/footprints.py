"""Which things would stand in each other, seen from above."""

from __future__ import annotations

import numpy as np

from workloads.kitti.geometry import corners

GAP_M = 0.25
FAR_M = 20.0
"""Corners of two things that far apart: they cannot touch (no thing is longer than 9 m)."""


def footprint(box_camera: np.ndarray) -> np.ndarray:
    """(4, 2) corners x, z of a (7,) box in the ground plane."""
    return corners(box_camera)[:4, [0, 2]]


def overlap(one: np.ndarray, other: np.ndarray, gap: float = GAP_M) -> bool:
    """Whether two convex (4, 2) outlines come nearer than `gap` metres (separating axes, so exact for rectangles)."""
    if np.abs(one[0] - other[0]).max() > FAR_M:
        return False
    for outline in (one, other):
        for edge in np.diff(outline, axis=0)[:2]:
            axis = np.array([-edge[1], edge[0]]) / np.linalg.norm(edge)
            a, b = one @ axis, other @ axis
            if a.min() > b.max() + gap or b.min() > a.max() + gap:
                return False
    return True
