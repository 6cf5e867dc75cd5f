"""Features of pillars on the processor: each pillar is read once and its features are written once."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, error_model="numpy")
def features_of(points: np.ndarray, counts: np.ndarray, middles: np.ndarray, features: np.ndarray) -> None:
    """Fill `features` (v, m, 10) float32; see `pillars.pillar_features`."""
    pillars, slots = points.shape[0], points.shape[1]
    for pillar in range(pillars):
        count = counts[pillar]
        x, y, z = 0.0, 0.0, 0.0
        for slot in range(count):
            x += np.float64(points[pillar, slot, 0])
            y += np.float64(points[pillar, slot, 1])
            z += np.float64(points[pillar, slot, 2])
        share = np.float64(max(count, 1))
        mean_x, mean_y, mean_z = np.float32(x / share), np.float32(y / share), np.float32(z / share)
        for slot in range(count):
            for column in range(4):
                features[pillar, slot, column] = points[pillar, slot, column]
            features[pillar, slot, 4] = points[pillar, slot, 0] - mean_x
            features[pillar, slot, 5] = points[pillar, slot, 1] - mean_y
            features[pillar, slot, 6] = points[pillar, slot, 2] - mean_z
            for axis in range(3):
                features[pillar, slot, 7 + axis] = points[pillar, slot, axis] - middles[pillar, axis]
        for slot in range(count, slots):
            for column in range(10):
                features[pillar, slot, column] = 0.0
