"""Scenes for trackers: seeded, small, and nasty on purpose."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

Frame = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Boxes xyxy, scores, classes."""


def _scene(seed: int, *, objects: int = 9, frames: int = 45, grid: float = 0.0) -> list[Frame]:
    """Objects that cross, vanish for a while, score low, and strangers; on a coarse `grid` many costs are equal."""
    random = np.random.default_rng(seed)
    place, speed = random.uniform(0, 400, (objects, 2)), random.normal(0, 5, (objects, 2))
    size, kind = random.uniform(20, 70, (objects, 2)), random.integers(0, 2, objects)
    scene = []
    for frame in range(frames):
        place = place + speed
        seen = (random.random(objects) > 0.15) & (frame not in (15, 16, 17))
        boxes = np.concatenate((place - size / 2, place + size / 2), axis=1)[seen]
        boxes = boxes + random.normal(0, 1.5, boxes.shape)
        scores = random.choice([0.05, 0.1, 0.3, 0.5, 0.55, 0.6, 0.8, 0.95], len(boxes))
        corner = random.uniform(0, 400, (random.integers(0, 3), 2))
        strangers = np.concatenate((corner, corner + random.uniform(5, 60, corner.shape)), axis=1)
        boxes = np.concatenate((boxes, strangers))
        scene.append((
            np.round(boxes / grid) * grid if grid else boxes,
            np.concatenate((scores, random.random(len(corner)))),
            np.concatenate((kind[seen], random.integers(0, 2, len(corner)))),
        ))  # fmt: skip
    return scene


@pytest.fixture
def scene() -> Callable[..., list[Frame]]:
    return _scene
