"""Who is in front, counted on grids one can draw on paper."""

from __future__ import annotations

import numpy as np
import pytest

from workloads.scenes.raster import buffers, rasterise, sampled

PINHOLE = np.array([[10.0, 0, 5, 0], [0, 10, 5, 0], [0, 0, 1, 0]])


def square(x: float, y: float, z: float, half: float) -> np.ndarray:
    a, b, c, d = (np.array([x + i * half, y + j * half, z]) for i, j in ((-1, -1), (1, -1), (1, 1), (-1, 1)))
    return np.array([[a, b, c], [a, c, d]])


def drawn(triangles: np.ndarray, projection: np.ndarray = PINHOLE, size: int = 11) -> tuple[np.ndarray, np.ndarray]:
    inverse_depth, front = buffers(size, size)
    rasterise(triangles, projection, inverse_depth, front)
    return inverse_depth, front


def test_square_covers_its_pixels():
    """Half 1 at depth 4 around the axis: 5 +- 2.5, so columns and rows 3 to 7."""
    inverse_depth, front = drawn(square(0, 0, 4, 1))
    wanted = np.zeros((11, 11), bool)
    wanted[3:8, 3:8] = True
    np.testing.assert_array_equal(front >= 0, wanted)
    np.testing.assert_allclose(inverse_depth[wanted], 0.25)


@pytest.mark.parametrize("order", [1, -1])
def test_the_nearer_one_wins_whatever_the_order(order):
    pair = [square(0, 0, 4, 1), square(0, 0, 8, 4)][::order]
    _, front = drawn(np.concatenate(pair))
    near = 0 if order == 1 else 2
    assert set(np.unique(front[3:8, 3:8])) <= {near, near + 1}
    assert set(np.unique(front[0])) <= {2 - near, 3 - near}


def test_what_lies_behind_the_camera_is_cut_off():
    """A floor that runs from behind to far ahead fills the lower half only: the horizon is row 5."""
    floor = np.array([[[-50.0, 1, -5], [50, 1, -5], [50, 1, 900]], [[-50.0, 1, -5], [50, 1, 900], [-50, 1, 900]]])
    _, front = drawn(floor)
    assert (front[6:] >= 0).all()
    assert (front[:5] == -1).all()
    assert (drawn(floor - [0, 0, 1000])[1] == -1).all()


def test_two_samples_a_pixel_lie_a_quarter_from_its_centre():
    """The point of pixel (5, 5) lies between the samples 10 and 11 of both axes."""
    point = sampled(PINHOLE, 2) @ [0, 0, 1, 1]
    np.testing.assert_allclose(point[:2] / point[2], 10.5)


def test_a_window_shifts_whole_samples():
    point = sampled(PINHOLE, 2, 3, 4) @ [0, 0, 1, 1]
    np.testing.assert_allclose(point[:2] / point[2], [4.5, 2.5])
