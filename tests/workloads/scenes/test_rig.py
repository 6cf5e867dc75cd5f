"""The rig's calibration is one a KITTI reader takes."""

from __future__ import annotations

import numpy as np
import pytest

from workloads.kitti.calibration import read_calibration
from workloads.kitti.geometry import to_lidar
from workloads.scenes.rig import CAMERA_HEIGHT_M, rig_of


def test_file_gives_back_the_rig(tmp_path):
    rig = rig_of(188, 621)
    (tmp_path / "000000.txt").write_text(rig.text())
    read = read_calibration(tmp_path / "000000.txt")
    np.testing.assert_array_equal(read.projection, rig.calibration.projection)
    np.testing.assert_array_equal(read.lidar_to_camera, rig.calibration.lidar_to_camera)


@pytest.mark.parametrize("key", ["R0_rect", "Tr_velo_to_cam", "Tr_imu_to_velo"])
def test_rotations_are_rotations_and_not_the_identity(key):
    turn = rig_of(188, 621).matrices[key][:, :3]
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-11)
    assert np.linalg.det(turn) > 0
    assert not np.allclose(turn, np.eye(3), atol=1e-3)


def test_cameras_2_and_3_stand_half_a_metre_apart():
    """As KITTI's colour pair: (P2[0, 3] - P3[0, 3]) / fx is about 0.53 m."""
    matrices = rig_of(375, 1242).matrices
    assert (matrices["P2"][0, 3] - matrices["P3"][0, 3]) / matrices["P2"][0, 0] == pytest.approx(0.534)


def test_ground_below_the_scanner_is_as_deep_as_on_kittis_car():
    below = to_lidar(np.array([[0.0, CAMERA_HEIGHT_M, 0.0]]), rig_of(188, 621).calibration.lidar_to_camera)
    assert below[0, 2] == pytest.approx(-1.73, abs=0.03)
