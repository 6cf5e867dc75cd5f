"""Solids, windows and paint."""

from __future__ import annotations

import numpy as np
import pytest

from workloads.kitti.geometry import corners
from workloads.scenes import meshes
from workloads.scenes.people import POSES, cyclist, pedestrian
from workloads.scenes.vehicles import BODIES, vehicle

GREY = meshes.Surface(meshes.colour("#808080"))


def test_colour_is_bgr():
    np.testing.assert_allclose(meshes.colour("#ff8000"), [0, 128 / 255, 1], atol=1e-6)


def test_block_has_the_area_of_its_six_sides():
    """2 x 3 x 4: 2 * (6 + 8 + 12) = 52."""
    triangles = meshes.block((0, 2), (0, 3), (0, 4), GREY).triangles
    area = np.linalg.norm(np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]), axis=1) / 2
    assert area.sum() == pytest.approx(52)


def test_panel_lies_on_its_side_of_the_face():
    face = [(0, 0, 0), (4, 0, 0), (4, 2, 0), (0, 2, 0)]
    points = meshes.panel(face, (0.25, 0.5), (0.5, 1.0), GREY, 0.1).triangles.reshape(-1, 3)
    np.testing.assert_allclose(points.min(axis=0), [1, 1, 0.1])
    np.testing.assert_allclose(points.max(axis=0), [2, 2, 0.1])


def test_paint_reaches_its_slot_only():
    slotted = meshes.Surface(meshes.colour("#000000"), slot=meshes.SECOND)
    cube = meshes.block((0, 1), (0, 1), (0, 1), slotted)
    both = meshes.join([cube, meshes.block((0, 1), (0, 1), (0, 1), GREY)])
    red = meshes.colour("#ff0000")
    painted = both.painted(meshes.colour("#00ff00"), red)
    np.testing.assert_array_equal(painted.colours[: len(cube)], np.tile(red, (len(cube), 1)))
    np.testing.assert_array_equal(painted.colours[len(cube) :], both.colours[len(cube) :])


THINGS = {**{body: vehicle(body) for body in [*BODIES, "van"]}, "cyclist": cyclist(1),
          **{f"pedestrian {pose}": pedestrian(pose) for pose in range(POSES)}}  # fmt: skip


@pytest.mark.parametrize("mesh", THINGS.values(), ids=list(THINGS))
def test_a_thing_stands_inside_its_box_and_fills_it(mesh):
    """Turned by 0 its box is axis-parallel: 0.1 m free on each side, the bottom at y = 1.65."""
    box = np.array([1.6, 1.8, 4.0, 2.0, 1.65, 9.0, 0.0])
    points = meshes.stand(meshes.fit(mesh, (4.0, 1.6, 1.8), 0.1), box).reshape(-1, 3)
    limits = corners(box)
    np.testing.assert_allclose(points.min(axis=0), limits.min(axis=0) + 0.1, atol=1e-9)
    np.testing.assert_allclose(points.max(axis=0), limits.max(axis=0) - 0.1, atol=1e-9)


def test_a_car_has_its_head_lights_ahead():
    """rotation_y = -pi/2 drives away from the camera: the nearest lamp is red, the farthest white."""
    mesh = vehicle("sedan")
    depth = meshes.stand(mesh, np.array([1.5, 1.8, 4.5, 0, 1.65, 10, -np.pi / 2]))[..., 2].mean(axis=1)
    blue, _, red = mesh.colours.T
    assert depth[(red > 0.6) & (blue < 0.3)].max() < 10 < depth[(mesh.reflectance == np.float32(0.8))].min()
