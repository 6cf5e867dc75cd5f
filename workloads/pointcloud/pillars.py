"""The ten features of a pillar's points, as PointPillars' first layer takes them."""

from __future__ import annotations

import numpy as np

from workloads.arrays import Array, array_namespace
from workloads.pointcloud.settings import Grid

FEATURES = ("x", "y", "z", "intensity", "x_to_mean", "y_to_mean", "z_to_mean", "x_to_centre", "y_to_centre",
            "z_to_centre")  # fmt: skip


def pillar_features(points: Array, counts: Array, coordinates_zyx: Array, grid: Grid) -> Array:
    """(v, m, 10) float32 of v pillars of up to m points: see FEATURES; 0 where there is no point.

    The offsets are to the mean of the points that were kept, and to the middle of the pillar's cell. The paper has
    nine features: no offset in z to the centre.

    Args:
        points: (v, m, 4) float32, padded with zeros. counts: (v,) int. coordinates_zyx: (v, 3) int.

    Source: OpenPCDet, pcdet/models/backbones_3d/vfe/pillar_vfe.py.
    """
    xp = array_namespace(points)
    middles = cell_middles(coordinates_zyx, grid)
    if xp is np:
        from workloads.pointcloud import pillar_kernel

        features = np.empty((*points.shape[:2], 10), np.float32)
        pillar_kernel.features_of(np.ascontiguousarray(points), counts, middles, features)
        return features
    return features_of(points, counts, middles)


def features_of(points: Array, counts: Array, middles: Array) -> Array:
    """The same for any array module. middles: (v, 3) float32 x, y, z."""
    xp = array_namespace(points)
    held = (xp.arange(points.shape[1]) < counts[:, None])[:, :, None]
    total = xp.zeros((len(points), 3))
    for place in range(points.shape[1]):  # one point after another, as the kernel adds: the same bits
        total += points[:, place, :3]  # a place without a point is zero
    mean = (total / xp.maximum(counts, 1)[:, None]).astype(np.float32)
    parts = [points[:, :, :4], points[:, :, :3] - mean[:, None, :], points[:, :, :3] - middles[:, None, :]]
    return xp.where(held, xp.concatenate(parts, axis=2), np.float32(0))


def cell_middles(coordinates_zyx: Array, grid: Grid) -> Array:
    """(v, 3) float32 x, y, z of the middles of cells, metres."""
    xp = array_namespace(coordinates_zyx)
    middles = [(coordinates_zyx[:, 2 - axis] + 0.5) * grid.cell_m[axis] + grid.origin_m[axis] for axis in range(3)]
    return xp.stack(middles, axis=1).astype(np.float32)
