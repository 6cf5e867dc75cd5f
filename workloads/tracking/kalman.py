"""Constant-velocity Kalman filters of boxes, one row of numbers per track.

The state is centre x, centre y, aspect (width / height), height and their velocities per frame. Every noise of this
model is diagonal, so the 8x8 covariance never leaves four 2x2 blocks, one per coordinate; only these are kept.
Source: ifzhang/ByteTrack, yolox/tracker/kalman_filter.py (model and noise); Kalman, 1960 (the filter).
"""

from __future__ import annotations

import numpy as np
from numba import njit

POSITION, VELOCITY, VAR_POSITION, COVARIANCE, VAR_VELOCITY, SCORE, WIDTH = 0, 4, 8, 12, 16, 20, 21
"""Where each group of four (x, y, aspect, height) begins in a row of WIDTH float64; the score is that of the last
detection."""
ASPECT, HEIGHT = 2, 3

POSITION_WEIGHT, VELOCITY_WEIGHT = 1.0 / 20, 1.0 / 160
"""Standard deviations of positions and velocities, in heights."""
ASPECT_STD, ASPECT_VELOCITY_STD, ASPECT_MEASURED_STD = 1e-2, 1e-5, 1e-1


@njit(cache=True)
def measured(box: np.ndarray) -> tuple[float, float, float, float]:
    """Centre x, centre y, aspect, height of [left, top, right, bottom]."""
    width, height = box[2] - box[0], box[3] - box[1]
    return box[0] + width / 2, box[1] + height / 2, width / height, height


@njit(cache=True)
def begin(state: np.ndarray, box: np.ndarray) -> None:
    """Fill a row from its first box: at rest, doubtful by 2 position and 10 velocity deviations."""
    state[:] = 0.0
    state[0], state[1], state[2], state[3] = measured(box)
    height = state[HEIGHT]
    for axis in range(4):
        position = ASPECT_STD if axis == ASPECT else 2 * POSITION_WEIGHT * height
        velocity = ASPECT_VELOCITY_STD if axis == ASPECT else 10 * VELOCITY_WEIGHT * height
        state[VAR_POSITION + axis] = position * position
        state[VAR_VELOCITY + axis] = velocity * velocity


@njit(cache=True)
def predict(state: np.ndarray) -> None:
    """One frame on."""
    height = state[HEIGHT]
    for axis in range(4):
        position = ASPECT_STD if axis == ASPECT else POSITION_WEIGHT * height
        velocity = ASPECT_VELOCITY_STD if axis == ASPECT else VELOCITY_WEIGHT * height
        state[POSITION + axis] += state[VELOCITY + axis]
        shared = state[COVARIANCE + axis] + state[VAR_VELOCITY + axis]
        state[VAR_POSITION + axis] = (
            state[VAR_POSITION + axis] + state[COVARIANCE + axis] + shared + position * position
        )
        state[COVARIANCE + axis] = shared
        state[VAR_VELOCITY + axis] += velocity * velocity


@njit(cache=True)
def update(state: np.ndarray, box: np.ndarray) -> None:
    """Correct a row by the box it was matched with."""
    seen = measured(box)
    height = state[HEIGHT]
    for axis in range(4):
        doubt = ASPECT_MEASURED_STD if axis == ASPECT else POSITION_WEIGHT * height
        total = state[VAR_POSITION + axis] + doubt * doubt
        gain, velocity_gain = state[VAR_POSITION + axis] / total, state[COVARIANCE + axis] / total
        surprise = seen[axis] - state[POSITION + axis]
        state[POSITION + axis] += gain * surprise
        state[VELOCITY + axis] += velocity_gain * surprise
        state[VAR_POSITION + axis] -= gain * total * gain
        state[COVARIANCE + axis] -= gain * total * velocity_gain
        state[VAR_VELOCITY + axis] -= velocity_gain * total * velocity_gain


@njit(cache=True)
def box_of(state: np.ndarray, box: np.ndarray) -> None:
    """Write [left, top, right, bottom] of a row into `box`."""
    width = state[ASPECT] * state[HEIGHT]
    box[0] = state[0] - width / 2
    box[1] = state[1] - state[HEIGHT] / 2
    box[2] = box[0] + width
    box[3] = box[1] + state[HEIGHT]
