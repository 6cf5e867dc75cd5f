"""Ranges, grids and what the issue may ask for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workloads.contract import UserError
from workloads.pointcloud.bounds import cell_bounds, closed_bounds
from workloads.pointcloud.outputs import OutputSettings
from workloads.pointcloud.settings import FR_034, PILLARS, POINT_PILLARS, VOXELS, Grid, Range


def test_whole_cells_stay_whole_and_a_part_of_a_cell_counts_as_one():
    """69.12 / 0.16 is 432.00000000000006 in float64 and means 432; 70 / 0.16 is 437.5 and needs 438."""
    assert Grid.over(POINT_PILLARS, (0.16, 0.16, 4.0)).shape == (432, 496, 1)
    assert Grid.over(FR_034, (0.16, 0.16, 4.0)).shape == (438, 500, 1)
    assert VOXELS.grid.shape == (1408, 1600, 40)


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((0, 70, -40, 40, -3), "6 finite numbers"),
        ((0, 70, 40, -40, -3, 1), "y runs from 40 to -40"),
        ((0, 70, -40, 40, 1, 1), "z runs from 1 to 1"),
        ((0, float("inf"), -40, 40, -3, 1), "finite"),
        (("a", 70, -40, 40, -3, 1), "6 numbers"),
    ],
)
def test_range_that_cannot_be_is_refused(numbers, words):
    with pytest.raises(UserError, match=words):
        Range.of(numbers)


@pytest.mark.parametrize(
    ("size", "words"),
    [((0, 0.1, 0.1), "above 0"), ((0.1, -1, 0.1), "above 0"), ((1e-9, 0.1, 0.1), "at most 1,048,576"),
     ((1e300, 1, 4), "1e.300 m along x; a cell's edge is at most 10,000,000 m"), ((0.1, 0.1), "3 finite numbers")],
)  # fmt: skip
def test_cell_that_cannot_be_is_refused(size, words):
    with pytest.raises(UserError, match=words):
        Grid.over(FR_034, size)


@given(
    low=st.floats(-1e4, 1e4), length=st.floats(0.01, 200), size=st.floats(0.01, 10),
    nudges=st.lists(st.integers(-3, 3), min_size=1, max_size=20), share=st.floats(0, 1),
)  # fmt: skip
def test_float32_bounds_ask_the_same_as_float64(low, length, size, nudges, share):
    """Around every face, to the last bit: closed range, half-open grid."""
    box = Range(low, low + length, 0, 1, 0, 1)
    grid = Grid.over(Range(low + share * length / 2, low + length, 0, 1, 0, 1), (size, 1, 1))
    bounds, inside = cell_bounds(box, grid), closed_bounds(box)
    for face in (low, low + length, grid.origin_m[0], grid.origin_m[0] + grid.shape[0] * size):
        x = np.float32(face)
        for nudge in nudges:
            for _ in range(abs(nudge)):
                x = np.nextafter(x, np.float32(np.sign(nudge) * np.inf))
            in_range = box.x0 <= float(x) <= box.x1
            cell = np.floor((float(x) - grid.origin_m[0]) / size)
            assert (inside[0] <= x <= inside[1]) == in_range
            assert (bounds[0] <= x <= bounds[1]) == (in_range and 0 <= cell < grid.shape[0])


@pytest.mark.parametrize(("low", "size"), [(-3.0, 3.0), (-40.0, 0.16), (-0.3, 0.1), (-1e5, 0.5)])
def test_grid_that_ends_at_zero_is_bounded_at_once(low, size):
    """Its last float32 is as small as float64 is coarse: 10^9 steps below 0, not a few."""
    grid = Grid.over(Range(*[low, 0.0] * 3), [size] * 3)
    last = cell_bounds(Range(*[low, 1.0] * 3), grid)[1]
    after = np.nextafter(last, np.float32(np.inf))
    cells = [np.floor((float(x) - low) / size) for x in (last, after)]
    assert cells == [grid.shape[0] - 1, grid.shape[0]]


@pytest.mark.filterwarnings("error")
def test_bounds_beyond_float32_hold_every_point():
    largest = np.finfo(np.float32).max
    bounds = closed_bounds(Range(-1e300, 1e300, -1e300, 0, 0, 1e300))
    np.testing.assert_array_equal(bounds, np.array([-largest, largest, -largest, 0, 0, largest], np.float32))


def test_range_alone_moves_the_grid_with_it():
    settings = OutputSettings.read({"outputs": ["pillars"], "range_m": [0, 50, -20, 20, -3, 1]})
    assert settings.pillars.grid == Grid((0, -20, -3), (0.16, 0.16, 4), (313, 250, 1))
    assert settings.voxels is None


def test_nothing_said_means_fr_034_and_the_grids_of_the_papers():
    settings = OutputSettings.read(None)
    assert (settings.points_m, settings.pillars, settings.voxels) == (FR_034, PILLARS, VOXELS)


def test_pillar_is_one_cell_high_whatever_the_voxel():
    settings = OutputSettings.read({"outputs": ["pillars"], "voxel_size_m": [0.2, 0.2, 0.1]})
    assert settings.pillars.grid.shape == (350, 400, 1)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"outputs": ["cubes"]}, r"points\.outputs: cubes"),
        ({"outputs": []}, r"points\.outputs: none"),
        ({"range": [1]}, r"points\.range: unknown"),
        ({"range_m": [0, 1]}, r"points\.range_m"),
        ({"max_points": 0}, r"points\.max_points: 0; choose 1 to"),
        ({"max_voxels": 1.5}, r"points\.max_voxels: 1\.5; a whole number"),
        ({"voxel_size_m": [0.1, 0.1, 0]}, r"points\.voxel_size_m: 0 m along z"),
        ({"bev_size": [200]}, r"points\.bev_size"),
        ({"bev_size": 200}, r"points\.bev_size: 200; give rows and columns"),
        ({"bev_size": [20.5, 20]}, r"points\.bev_size: \[20.5, 20\]; give rows and columns"),
        ({"bev_cell_m": "half"}, r"points\.bev_cell_m: 'half'"),
        ({"voxel_size_m": 0.2}, r"points\.voxel_size_m: 0.2 given; 3 numbers"),
        ({"outputs": 5}, r"points\.outputs: 5; choose"),
        ([1], r"points: \[1\] given; settings are needed"),
        ({"bev_cell_m": 0}, r"points\.bev_cell_m"),
    ],
)
def test_setting_that_cannot_be_is_named(asked, words):
    with pytest.raises(UserError, match=words):
        OutputSettings.read(asked)
