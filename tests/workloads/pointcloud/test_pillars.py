"""Pillar features and rasters, by hand and against the array code that a GPU runs."""

from __future__ import annotations

import numpy as np
import pytest

from workloads.pointcloud.pillars import FEATURES, cell_middles, features_of, pillar_features
from workloads.pointcloud.raster import _by_sorting, raster_grid, rasterize
from workloads.pointcloud.settings import FR_034, Grid, Range, VoxelSettings
from workloads.pointcloud.voxels import voxelize

BOX = Range(0.0, 4.0, -2.0, 2.0, -1.0, 1.0)


def test_ten_features_of_two_points_in_one_pillar():
    """Cell [1, 2) x [0, 1) x [-1, 1): its middle is (1.5, 0.5, 0), the mean of the points (1.25, 0.5, 0.25)."""
    points = np.array([[1.0, 0.25, 0.0, 0.5], [1.5, 0.75, 0.5, 1.0]], np.float32)
    settings = VoxelSettings(BOX, Grid.over(BOX, (1, 1, 2)), 3, 5)
    found = voxelize(points, settings)
    features = pillar_features(found.points, found.counts, found.coordinates_zyx, settings.grid)
    assert features.shape == (1, 3, len(FEATURES))
    np.testing.assert_allclose(features[0], [
        [1.0, 0.25, 0.0, 0.5, -0.25, -0.25, -0.25, -0.5, -0.25, 0.0],
        [1.5, 0.75, 0.5, 1.0, 0.25, 0.25, 0.25, 0.0, 0.25, 0.5],
        [0] * 10,
    ])  # fmt: skip


def test_kernel_and_array_code_give_the_same_features():
    random = np.random.default_rng(0)
    settings = VoxelSettings(BOX, Grid.over(BOX, (0.3, 0.3, 2)), 6, 90)
    found = voxelize(random.uniform(-1, 3, (2000, 4)).astype(np.float32), settings)
    middles = cell_middles(found.coordinates_zyx, settings.grid)
    np.testing.assert_array_equal(
        pillar_features(found.points, found.counts, found.coordinates_zyx, settings.grid),
        features_of(found.points, found.counts, middles),
    )


def test_default_raster_holds_the_range_and_has_x_in_rows():
    """x = 10.2 is row 20 of 0.5 m; y = -4.9 is (-4.9 + 50) / 0.5: column 90. Two points: log 3 / log 64."""
    points = np.array([[10.2, -4.9, 0.5, 0.7], [10.4, -4.6, -1.0, 0.9], [70, 40, 1, 0.2], [71, 0, 0, 1]], np.float32)
    raster = rasterize(points)
    assert raster.image.shape == (3, 200, 200)
    assert raster.points == 3
    np.testing.assert_allclose(raster.image[:, 20, 90], [3.5, 0.7, np.log(3) / np.log(64)], rtol=1e-6)
    np.testing.assert_allclose(raster.image[:2, 140, 180], [4.0, 0.2], rtol=1e-6)
    assert np.count_nonzero(raster.image[0]) == 2


def test_of_equally_high_points_the_first_gives_the_intensity():
    points = np.array([[1, 1, 0, 0.25], [1, 1, 0, 0.75]], np.float32)
    assert rasterize(points).image[1].max() == np.float32(0.25)


def test_density_ends_at_one():
    assert rasterize(np.tile(np.array([[5, 5, 0, 0.5]], np.float32), (100, 1))).image[2].max() == 1.0


@pytest.mark.parametrize("seed", range(3))
def test_raster_kernel_and_array_code_give_the_same_image(seed):
    random = np.random.default_rng(seed)
    points = random.uniform((-5, -45, -4, 0), (75, 45, 2, 1), (20_000, 4)).astype(np.float32)
    points[::2] = np.round(points[::2])
    grid = raster_grid(FR_034, (50, 70), 0.7)
    one, other = rasterize(points, FR_034, grid), _by_sorting(points, FR_034, grid)
    np.testing.assert_array_equal(one.image, other.image)
    assert one.points == other.points
    assert rasterize(points[:0], FR_034, grid).points == 0
