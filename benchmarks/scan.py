"""A LiDAR scan made by ray casting: 64 beams over a street with parked cars, walls and poles. Not a real one."""

from __future__ import annotations

import numpy as np

BEAMS = 64
STEPS = 1_957
"""Shots of one beam in a turn; with the misses into the sky dropped about 124,000 points are left."""

SENSOR_HEIGHT_M = 1.73
REACH_M = 120.0


def street_scan(seed: int = 0, steps: int = STEPS) -> np.ndarray:
    """(n, 4) float32 x, y, z, reflectance in the LiDAR frame, metres, beam after beam as KITTI stores them."""
    random = np.random.default_rng(seed)
    pitch = np.deg2rad(np.linspace(2.0, -24.8, BEAMS))[:, None]  # an HDL-64E's field of view
    yaw = np.linspace(np.pi, -np.pi, steps, endpoint=False)[None, :]
    rays = np.stack(np.broadcast_arrays(np.cos(pitch) * np.cos(yaw), np.cos(pitch) * np.sin(yaw), np.sin(pitch)))
    rays = rays.reshape(3, -1)
    with np.errstate(divide="ignore"):
        reach = np.where(rays[2] < 0, -SENSOR_HEIGHT_M / rays[2], np.inf)
        for low, high in _solids(random):
            near, far = low[:, None] / rays, high[:, None] / rays
            entry, leave = np.minimum(near, far).max(axis=0), np.maximum(near, far).min(axis=0)
            reach = np.where((entry <= leave) & (entry > 0), np.minimum(reach, entry), reach)
    seen = reach < REACH_M
    reach = reach[seen] + random.normal(0.0, 0.01, int(seen.sum()))
    reflectance = random.uniform(0.0, 1.0, len(reach))
    return np.column_stack([(rays[:, seen] * reach).T, reflectance]).astype(np.float32)


def _solids(random: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """Boxes as (lowest corner, highest corner): house fronts along the street, cars, poles."""
    floor, solids = -SENSOR_HEIGHT_M, []
    for side in (-1, 1):
        for start in np.arange(-120.0, 120.0, 15.0):
            front, roof = side * random.uniform(9, 22), floor + random.uniform(3, 12)
            across = sorted((front, side * 45.0))
            solids.append(((start, across[0], floor), (start + random.uniform(8, 14), across[1], roof)))
        for middle in random.uniform(-60.0, 60.0, 14):
            kerb = side * random.uniform(3.0, 7.0)
            solids.append(((middle, kerb - 0.9, floor), (middle + 4.2, kerb + 0.9, floor + 1.6)))
        for middle in random.uniform(-50.0, 50.0, 12):
            pole = side * random.uniform(7.0, 9.0)
            solids.append(((middle, pole, floor), (middle + 0.2, pole + 0.2, floor + 5.0)))
    return [(np.array(low), np.array(high)) for low, high in solids]
