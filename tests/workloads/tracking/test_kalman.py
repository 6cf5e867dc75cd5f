"""Four 2x2 filters are the 8x8 one of the papers."""

from __future__ import annotations

import numpy as np

from workloads.tracking import kalman

MOTION = np.eye(8) + np.eye(8, k=4)
SEEN = np.eye(4, 8)


def textbook(mean: np.ndarray, covariance: np.ndarray, measured: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """One prediction and, with a measurement, one correction in full matrices."""
    height = mean[3]
    position, velocity = np.full(4, height / 20), np.full(4, height / 160)
    position[2], velocity[2] = 1e-2, 1e-5
    mean, covariance = MOTION @ mean, MOTION @ covariance @ MOTION.T + np.diag(np.append(position, velocity) ** 2)
    if measured is None:
        return mean, covariance
    noise = np.full(4, mean[3] / 20)
    noise[2] = 1e-1
    total = SEEN @ covariance @ SEEN.T + np.diag(noise**2)
    gain = covariance @ SEEN.T @ np.linalg.inv(total)
    return mean + gain @ (measured - SEEN @ mean), covariance - gain @ total @ gain.T


def test_filter_equals_the_textbook_in_full_matrices():
    random = np.random.default_rng(0)
    state = np.empty(kalman.WIDTH)
    kalman.begin(state, np.array([10.0, 20.0, 50.0, 120.0]))
    mean = np.array([30, 70, 0.4, 100, 0, 0, 0, 0.0])
    deviations = np.array([10, 10, 1e-2, 10, 6.25, 6.25, 1e-5, 6.25])
    covariance = np.diag(deviations**2)
    for step in range(30):
        corner = np.array([10.0 + 3 * step, 20.0 + step]) + random.normal(size=2)
        box = np.concatenate((corner, corner + np.array([40.0, 100.0]) + random.normal(size=2)))
        found = step % 4 != 3
        kalman.predict(state)
        if found:
            kalman.update(state, box)
        mean, covariance = textbook(mean, covariance, np.array(kalman.measured(box)) if found else None)
        np.testing.assert_allclose(state[:8], mean, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(state[8:12], covariance.diagonal()[:4], rtol=1e-9)
        np.testing.assert_allclose(state[12:16], covariance.diagonal(4), rtol=1e-9, atol=1e-15)
        np.testing.assert_allclose(state[16:20], covariance.diagonal()[4:], rtol=1e-9)


def test_box_and_state_are_one():
    state, box = np.empty(kalman.WIDTH), np.empty(4)
    kalman.begin(state, np.array([1.0, 2.0, 31.0, 62.0]))
    kalman.box_of(state, box)
    np.testing.assert_allclose(box, [1, 2, 31, 62])
