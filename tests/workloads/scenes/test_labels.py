"""Occlusion, truncation and ignore regions of things whose answer can be drawn."""

from __future__ import annotations

import numpy as np
import pytest

from workloads.scenes import meshes
from workloads.scenes.labels import image_box, rows
from workloads.scenes.layout import Thing
from workloads.scenes.picture import see

HEIGHT, WIDTH = 100, 300
PINHOLE = np.array([[200.0, 0, 150, 0], [0, 200, 40, 0], [0, 0, 1, 0]])
CUBE = meshes.fit(meshes.block((0, 1), (0, 1), (0, 1), meshes.Surface(meshes.colour("#808080"))), (2, 2, 2))


def cube(x: float, z: float, kind: str = "Car") -> Thing:
    """2 m a side, its front 1 m before z."""
    return Thing(kind, np.array([2, 2, 2, x, 1.65, z, 0.0]), CUBE)


def label(*things: Thing, hide: np.ndarray | None = None) -> list[list[str]]:
    """Label rows, split; `hide` holds triangles of scenery."""
    faces = [meshes.stand(thing.mesh, thing.box_camera) for thing in things]
    triangles = np.concatenate(faces + ([] if hide is None else [hide]))
    owner = np.concatenate([np.repeat(np.arange(len(faces)), list(map(len, faces))), np.full(1000, -1)])
    owner[-1] = -1
    _, front = see(triangles, PINHOLE, HEIGHT, WIDTH)
    return [line.split() for line in rows(things, faces, np.where(front < 0, -1, owner[front]), PINHOLE, HEIGHT, WIDTH)]


def test_free_cube_is_whole_and_visible():
    """Front at z = 11: 200 * 1 / 11 = 18.18 px each way; top at y = -0.35, bottom at 1.65."""
    (row,) = label(cube(0, 12))
    assert row[:4] == ["Car", "0.00", "0", "0.00"]
    np.testing.assert_allclose(np.array(row[4:8], float), [131.82, 33.64, 168.18, 70.0], atol=0.01)
    assert row[8:] == ["2.00", "2.00", "2.00", "0.00", "1.65", "12.00", "0.00"]


@pytest.mark.parametrize(("cover", "occluded"), [(0.1, "0"), (0.3, "1"), (0.6, "2")])
def test_covered_share_decides_the_occlusion(cover, occluded):
    """A board before the front, as wide as that share of it (z = 6, seen 11 / 6 times as large)."""
    left, right = -1 * 6 / 11 - 1e-6, (-1 + 2 * cover) * 6 / 11
    board = np.array([[[left, -9, 6], [right, -9, 6], [right, 9, 6]], [[left, -9, 6], [right, 9, 6], [left, 9, 6]]])
    (row,) = label(cube(0, 12), hide=board)
    assert (row[0], row[2]) == ("Car", occluded)


def test_hidden_rest_becomes_an_ignore_region_around_what_is_seen():
    board = np.array([[[-9, -9, 6], [0.4, -9, 6], [0.4, 9, 6]], [[-9, -9, 6], [0.4, 9, 6], [-9, 9, 6]]])
    (row,) = label(cube(0, 12), hide=board)
    assert row[:4] == ["DontCare", "-1", "-1", "-10"]
    assert row[8:] == ["-1", "-1", "-1", "-1000", "-1000", "-1000", "-10"]
    # The board ends at 150 + 200 * 0.4 / 6 = 163.3; the cube at 168.2.
    np.testing.assert_allclose(np.array(row[4:8], float), [163.3, 33.6, 168.2, 70], atol=0.6)


def test_fully_hidden_thing_is_not_in_the_file():
    assert [row[0] for row in label(cube(0, 8), cube(0, 20))] == ["Car"]


def test_thing_half_out_of_the_image_is_truncated_by_half():
    """Its front's middle lies at u = 299.5, the edge of the last pixel; its side is hidden by the front."""
    x = 149.5 * 11 / 200
    (row,) = label(Thing("Car", np.array([2, 2, 0.02, x, 1.65, 11, np.pi / 2]), meshes.fit(CUBE, (0.02, 2, 2))))
    assert float(row[1]) == pytest.approx(0.5, abs=0.02)
    assert row[6] == "299.00"  # clipped to the last pixel


def test_far_low_thing_is_an_ignore_region():
    """2 m at z = 39 are 10 px."""
    assert [row[0] for row in label(cube(0, 40))] == ["DontCare"]


def test_near_things_come_first_and_ignore_regions_last():
    found = label(cube(4, 40), cube(-4, 20, "Cyclist"), cube(3, 10, "Van"))
    assert [row[0] for row in found] == ["Van", "Cyclist", "DontCare"]


def test_alpha_is_the_angle_the_camera_sees():
    """rotation_y 0 at x = z: the ray turns by 45 degrees."""
    (row,) = label(cube(8, 8 + 6))
    assert float(row[3]) == pytest.approx(-np.arctan2(8, 14), abs=0.005)


def test_image_box_holds_the_projected_corners():
    np.testing.assert_allclose(image_box(cube(0, 12).box_camera, PINHOLE), [131.818, 33.636, 168.182, 70], atol=1e-3)
