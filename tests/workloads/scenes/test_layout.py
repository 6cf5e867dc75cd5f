"""Streets at random."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from workloads.scenes.footprints import footprint, overlap
from workloads.scenes.ground import Road, ground_at
from workloads.scenes.layout import scene_of
from workloads.scenes.light import DAYS, light_of

ROAD = Road(-1.7, 0.0, 0.0, 3.4, 0.0, 1, 2.0, 0.0, 4.0, 0.0)


def box(x: float, z: float, turn: float = 0.0) -> np.ndarray:
    return footprint(np.array([1.5, 2.0, 4.0, x, 1.65, z, turn]))


@pytest.mark.parametrize(
    ("other", "touch"),
    [
        (box(4.1, 0), True),  # 0.1 m apart
        (box(4.5, 0), False),
        (box(3.1, 0, np.pi / 2), True),
        (box(3.4, 0, np.pi / 2), False),
        (box(3.4, 2.4, np.pi / 4), False),  # their frames overlap, they do not
    ],
)
def test_overlap_of_two_cars(other, touch):
    assert overlap(box(0, 0), other) is touch
    assert overlap(other, box(0, 0)) is touch


@pytest.mark.parametrize("seed", range(8))
def test_nobody_stands_in_another_and_values_have_two_decimals(seed):
    scene = scene_of(np.random.default_rng(seed))
    outlines = [footprint(thing.box_camera) for thing in scene.things]
    assert len(outlines) > 3
    assert not any(overlap(one, other, 0.2) for one, other in itertools.combinations(outlines, 2))
    boxes = np.array([thing.box_camera for thing in scene.things])
    np.testing.assert_array_equal(boxes, np.round(boxes, 2))
    assert np.abs(boxes[:, 6]).max() <= np.pi


def test_equal_seeds_give_equal_streets():
    one, other = (scene_of(np.random.default_rng(5)) for _ in range(2))
    assert one.road == other.road
    assert one.light == other.light
    for a, b in zip(one.things, other.things, strict=True):
        np.testing.assert_array_equal(a.box_camera, b.box_camera)


def test_cars_ahead_in_the_own_lane_drive_away():
    """Right-hand traffic: right of the centre rotation_y is near -pi/2, left of it near pi/2."""
    right, left = [], []
    for seed in range(12):
        scene = scene_of(np.random.default_rng(seed))
        road = scene.road
        for thing in scene.things:
            x, z, turn = thing.box_camera[[3, 5, 6]]
            aside = x - road.centre(z)
            crossing = road.crossing and abs(z - road.crossing) < road.crossing_half + 1
            if thing.kind == "Car" and not crossing and abs(aside) < road.half - road.parking:
                (right if aside > 0 else left).append(turn)
    assert len(right) > 10
    assert len(left) > 10
    np.testing.assert_allclose(right, -np.pi / 2, atol=0.4)
    np.testing.assert_allclose(left, np.pi / 2, atol=0.4)


@pytest.mark.parametrize(
    ("x", "kind"),
    [(-1.7, "paint"), (0.0, "asphalt"), (1.8, "kerb"), (3.0, "pavement"), (8.0, "grass")],
)
def test_ground_across_a_street(x, kind):
    """Centre line at -1.7, kerb from 1.7 to 1.9, pavement to 3.9."""
    blue, green, red, reflectance = ground_at(x, 10.0, ROAD)
    looks = {
        "paint": min(blue, green, red) > 0.75,
        "asphalt": max(blue, green, red) < 0.48 and reflectance == 0.15,
        "kerb": 0.5 < red < 0.7 and reflectance == 0.35,
        "pavement": 0.4 < red < 0.65 and reflectance == 0.30,
        "grass": green > red > blue,
    }
    assert looks[kind]


@pytest.mark.parametrize("name", list(DAYS))
def test_named_light_is_the_one_given(name):
    light = light_of(np.random.default_rng(0), name)
    assert light.name == name
    assert np.linalg.norm(light.sky.sun) == pytest.approx(1)
    assert light.sky.sun[1] < 0  # above the horizon: y points down
