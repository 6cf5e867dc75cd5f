"""Rays against triangles and the ground."""

from __future__ import annotations

import numpy as np
import pytest

from workloads.kitti.geometry import to_camera, to_lidar
from workloads.scenes import scanner
from workloads.scenes.ground import Road
from workloads.scenes.rig import CAMERA_HEIGHT_M, rig_of

ROAD = Road(-1.7, 0.0, 0.0, 3.4, 0.0, 1, 2.0, 0.0, 4.0, 0.0)
LIDAR_TO_CAMERA = rig_of(188, 621).calibration.lidar_to_camera


def rays(steps: int) -> np.ndarray:
    turns = np.pi - 2 * np.pi * (np.arange(steps) + 0.5) / steps
    e = scanner.ELEVATIONS[:, None]
    return np.stack([np.cos(e) * np.cos(turns), np.cos(e) * np.sin(turns), np.repeat(np.sin(e), steps, 1)], axis=-1)


@pytest.mark.parametrize("seed", range(4))
def test_no_ray_that_hits_is_left_out(seed):
    """The search by sectors and climbs finds what testing every ray of random triangles finds."""
    rng = np.random.default_rng(seed)
    triangles = rng.uniform(-15, 15, (40, 1, 3)) * [1, 1, 0.2] + rng.normal(0, [4, 4, 2], (40, 3, 3))
    lines = rays(96)
    ranges, hits = np.full((64, 96), np.inf), np.full((64, 96), -1, np.int32)
    scanner._cast(triangles, np.tan(scanner.ELEVATIONS), lines, ranges, hits)
    wanted = np.full((64, 96), np.inf)
    for beam, step in np.ndindex(64, 96):
        met = [scanner._meet(*lines[beam, step], *triangle) for triangle in triangles]
        wanted[beam, step] = min((far for far in met if far > 0), default=np.inf)
    assert np.isfinite(wanted).sum() > 50
    np.testing.assert_array_equal(ranges, wanted)


def test_flat_ground_gives_points_on_its_plane_and_none_above():
    points = scanner.scan(np.zeros((0, 3, 3)), np.zeros(0), LIDAR_TO_CAMERA, ROAD, np.random.default_rng(1), 256)
    height = to_camera(points[:, :3], LIDAR_TO_CAMERA)[:, 1]
    assert len(points) > 5000
    # The noise runs along the ray; at most 25 degrees down, four sigma are 25 mm.
    np.testing.assert_allclose(height, CAMERA_HEIGHT_M, atol=0.035)
    assert np.abs(height - CAMERA_HEIGHT_M).std() > 1e-4


def test_wall_stops_the_beams_and_gives_its_reflectance():
    """A wall across x = 20 m of the scanner: nothing ahead lies beyond it."""
    wall_lidar = np.array([[[20.0, -60, -3], [20, 60, -3], [20, 0, 90]]])
    wall = to_camera(wall_lidar.reshape(-1, 3), LIDAR_TO_CAMERA).reshape(-1, 3, 3)
    points = scanner.scan(wall, np.array([0.9]), LIDAR_TO_CAMERA, ROAD, np.random.default_rng(1), 512)
    ahead = points[np.abs(np.arctan2(points[:, 1], points[:, 0])) < 0.5]
    on_wall = ahead[ahead[:, 2] > -1.0]
    assert len(on_wall) > 1000
    np.testing.assert_allclose(on_wall[:, 0], 20, atol=0.1)
    np.testing.assert_allclose(np.median(on_wall[:, 3]), 0.9, atol=0.02)
    assert ahead[:, 0].max() < 20.1


def test_reflectance_is_a_share_with_two_decimals():
    points = scanner.scan(np.zeros((0, 3, 3)), np.zeros(0), LIDAR_TO_CAMERA, ROAD, np.random.default_rng(1), 256)
    assert points.dtype == np.float32
    assert 0 <= points[:, 3].min() <= points[:, 3].max() < 1
    np.testing.assert_array_equal(points[:, 3], np.round(points[:, 3].astype(float), 2).astype(np.float32))


def test_paint_on_the_road_shines():
    """The dashed centre line lies 1.7 m left of the camera, 4 m of every 9 m."""
    points = scanner.scan(np.zeros((0, 3, 3)), np.zeros(0), LIDAR_TO_CAMERA, ROAD, np.random.default_rng(1), 2048)
    camera = to_camera(points[:, :3], LIDAR_TO_CAMERA)
    near = (np.abs(camera[:, 2] - 11) < 1.5) & (np.abs(camera[:, 0] + 1.7) < 0.05)
    beside = (np.abs(camera[:, 2] - 11) < 1.5) & (np.abs(camera[:, 0]) < 0.5)
    assert near.sum() > 3
    assert points[near, 3].mean() > 0.5 > 0.3 > points[beside, 3].mean()


def test_scanner_sees_from_where_the_calibration_puts_it():
    assert np.abs(to_lidar(LIDAR_TO_CAMERA[None, :3, 3], LIDAR_TO_CAMERA)).max() < 1e-12
