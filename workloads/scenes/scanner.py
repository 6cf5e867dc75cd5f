"""A scanner with 64 beams on the roof, cast against the same triangles and the ground."""

from __future__ import annotations

import numpy as np
from numba import njit

from workloads.kitti.geometry import to_lidar
from workloads.scenes.ground import Road, ground_at
from workloads.scenes.rig import CAMERA_HEIGHT_M

ELEVATIONS = np.radians(np.concatenate([np.linspace(2.0, -8.33, 32), np.linspace(-8.83, -24.33, 32)]))
"""(64,) radians, top beam first: dense around the horizon, as in KITTI's scanner."""
STEPS = 768
"""Shots a beam and turn, 0.47 degrees apart. KITTI's scanner has almost three times as many."""
REACH_M, NEAR_M = 120.0, 1.2
RANGE_NOISE_M = 0.015
LOST_SHARE = 0.03


def scan(triangles_camera: np.ndarray, reflectance: np.ndarray, lidar_to_camera: np.ndarray, road: Road,
         rng: np.random.Generator, steps: int = STEPS) -> np.ndarray:  # fmt: skip
    """(n, 4) float32 x, y, z (metres, LiDAR frame), reflectance 0..1, beam by beam from the top.

    Args:
        triangles_camera: (m, 3, 3) metres, rectified camera frame.
        reflectance: (m,) 0..1.
        lidar_to_camera: (4, 4), `Calibration.lidar_to_camera`.
        road: for the reflectance of the ground.
        rng: for the noise.
    """
    triangles_lidar = to_lidar(triangles_camera.reshape(-1, 3), lidar_to_camera).reshape(-1, 3, 3)
    turns = np.pi - 2 * np.pi * (np.arange(steps) + 0.5) / steps  # clockwise from behind, as the scanner turns
    ranges, hits = np.full((len(ELEVATIONS), steps), np.inf), np.full((len(ELEVATIONS), steps), -1, np.int32)
    rays = np.stack([np.cos(ELEVATIONS)[:, None] * np.cos(turns), np.cos(ELEVATIONS)[:, None] * np.sin(turns),
                     np.repeat(np.sin(ELEVATIONS)[:, None], steps, 1)], axis=-1)  # fmt: skip
    _cast(triangles_lidar, np.tan(ELEVATIONS), rays, ranges, hits)
    sink = rays @ lidar_to_camera[1, :3]  # how fast a ray falls to the plane y = CAMERA_HEIGHT_M
    with np.errstate(divide="ignore"):
        to_ground = np.where(sink > 1e-6, (CAMERA_HEIGHT_M - lidar_to_camera[1, 3]) / sink, np.inf)
    on_ground = to_ground < ranges
    ranges, hits = np.where(on_ground, to_ground, ranges), np.where(on_ground, -1, hits)
    noise, luck = rng.normal(0.0, RANGE_NOISE_M, ranges.shape), rng.random(ranges.shape)
    shine = rng.normal(0.0, 0.03, ranges.shape)
    # What falls flat on a far road comes back too weak.
    strength = np.where(on_ground, np.clip(1.6 - ranges / 60.0, 0.0, 1.0), np.clip(1.6 - ranges / 90.0, 0.0, 1.0))
    kept = (ranges < REACH_M) & (ranges > NEAR_M) & (luck < strength * (1 - LOST_SHARE))
    points = rays[kept] * (ranges + noise)[kept][:, None]
    given = np.empty(len(points))
    solid = hits[kept] >= 0
    given[solid] = reflectance[hits[kept][solid]]
    flat = points[~solid] @ lidar_to_camera[:3, :3].T + lidar_to_camera[:3, 3]
    given[~solid] = _ground_reflectance(flat, road)
    # Two decimals, as in KITTI's files.
    return np.column_stack([points, np.round(np.clip(given + shine[kept], 0.0, 0.99), 2)]).astype(np.float32)


@njit(cache=True)
def _ground_reflectance(points_camera, road):  # type: ignore[no-untyped-def]
    given = np.empty(len(points_camera))
    for point in range(len(points_camera)):
        given[point] = ground_at(points_camera[point, 0], points_camera[point, 2], road)[3]
    return given


@njit(cache=True)
def _cast(triangles, climbs, rays, ranges, hits) -> None:  # type: ignore[no-untyped-def]
    """Shorten `ranges` (beams, steps) and name the triangle hit; only rays that can meet a triangle are tried."""
    steps = rays.shape[1]
    width = 2 * np.pi / steps
    for triangle in range(len(triangles)):
        a, b, c = triangles[triangle, 0], triangles[triangle, 1], triangles[triangle, 2]
        nearest = _flat_distance(a, b, c)
        if nearest > REACH_M:
            continue
        low, high = _climb(a, b, c, nearest)
        start, span = _sector(a, b, c)
        first = int(np.floor((np.pi - (start + span)) / width - 0.5))
        count = min(int(np.ceil(span / width)) + 2, steps)
        for beam in range(len(climbs)):
            if climbs[beam] < low or climbs[beam] > high:
                continue
            for offset in range(count):
                step = (first + offset) % steps
                far = _meet(rays[beam, step, 0], rays[beam, step, 1], rays[beam, step, 2], a, b, c)
                if 0.0 < far < ranges[beam, step]:
                    ranges[beam, step] = far
                    hits[beam, step] = triangle


@njit(cache=True)
def _flat_distance(a, b, c):  # type: ignore[no-untyped-def]
    """From the scanner's axis to the triangle, seen from above."""
    nearest, turns_left, turns_right = np.inf, 0, 0
    for p, q in ((a, b), (b, c), (c, a)):
        x, y = q[0] - p[0], q[1] - p[1]
        size = x * x + y * y
        along = 0.0 if size == 0.0 else min(1.0, max(0.0, -(p[0] * x + p[1] * y) / size))
        nearest = min(nearest, np.hypot(p[0] + along * x, p[1] + along * y))
        side = x * -p[1] - y * -p[0]
        turns_left += side > 0
        turns_right += side < 0
    return 0.0 if turns_left == 3 or turns_right == 3 else nearest


@njit(cache=True)
def _climb(a, b, c, nearest):  # type: ignore[no-untyped-def]
    """Bounds of height over flat distance on the triangle; wider than need be, never narrower."""
    low, high = min(a[2], b[2], c[2]), max(a[2], b[2], c[2])
    farthest = max(np.hypot(a[0], a[1]), np.hypot(b[0], b[1]), np.hypot(c[0], c[1]))
    near = max(nearest, 1e-6)
    return (low / near if low < 0 else low / farthest), (high / near if high > 0 else high / farthest)


@njit(cache=True)
def _sector(a, b, c):  # type: ignore[no-untyped-def]
    """(start, span) of the directions a triangle lies in, radians; a full turn where it lies around the axis."""
    base = np.arctan2(a[1], a[0])
    low = high = 0.0
    for corner in (b, c):
        off = np.arctan2(corner[1], corner[0]) - base
        off -= 2 * np.pi * np.round(off / (2 * np.pi))
        low, high = min(low, off), max(high, off)
    if high - low >= np.pi:
        return -np.pi, 2 * np.pi
    return base + low, high - low


@njit(cache=True)
def _meet(x, y, z, a, b, c):  # type: ignore[no-untyped-def]
    """Distance along the unit ray (x, y, z) from the origin to the triangle, or -1. Source: Moller, Trumbore 1997."""
    e1x, e1y, e1z = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    e2x, e2y, e2z = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    px, py, pz = y * e2z - z * e2y, z * e2x - x * e2z, x * e2y - y * e2x
    volume = e1x * px + e1y * py + e1z * pz
    if abs(volume) < 1e-12:
        return -1.0
    u = -(a[0] * px + a[1] * py + a[2] * pz) / volume
    if u < 0.0 or u > 1.0:
        return -1.0
    qx, qy, qz = -a[1] * e1z + a[2] * e1y, -a[2] * e1x + a[0] * e1z, -a[0] * e1y + a[1] * e1x
    v = (x * qx + y * qy + z * qz) / volume
    if v < 0.0 or u + v > 1.0:
        return -1.0
    return (e2x * qx + e2y * qy + e2z * qz) / volume
