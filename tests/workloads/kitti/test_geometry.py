"""Frames, boxes, scans and calibration of KITTI."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from workloads.kitti import geometry
from workloads.kitti.calibration import read_calibration
from workloads.kitti.mistakes import BadFile
from workloads.kitti.velodyne import read_scan

FIXTURE = Path(__file__).parents[4] / "shared" / "data" / "kitti_object"


@pytest.mark.parametrize("frame", ["000000", "000008"])
def test_real_scan_has_the_known_number_of_points_in_view(frame):
    if not FIXTURE.is_dir():
        pytest.skip("shared/data/kitti_object is not beside the project")
    expected = json.loads((FIXTURE / "expected.json").read_text())[frame]
    calibration = read_calibration(FIXTURE / "training" / "calib" / f"{frame}.txt")
    points = read_scan(FIXTURE / "training" / "velodyne" / f"{frame}.bin")
    camera = geometry.to_camera(points[:, :3], calibration.lidar_to_camera)
    seen = geometry.in_view(camera, calibration.projection, *expected["image_size"])
    assert (len(points), seen.sum()) == (expected["velodyne"]["points"], expected["velodyne"]["in_camera_fov"])
    np.testing.assert_allclose(geometry.to_lidar(camera, calibration.lidar_to_camera), points[:, :3], atol=1e-9)


def test_corners_of_a_box_turned_by_a_quarter():
    """Length 4 then lies along z: x spans the width 2, y rises 1 above the bottom at 5."""
    box = geometry.corners(np.array([1.0, 2.0, 4.0, 0.0, 5.0, 10.0, np.pi / 2]))
    np.testing.assert_allclose(box.min(axis=0), [-1, 4, 8], atol=1e-12)
    np.testing.assert_allclose(box.max(axis=0), [1, 5, 12], atol=1e-12)


@pytest.mark.parametrize(
    ("content", "words"),
    [(bytes(17), "no multiple of 16"), (b"", "no point"), (np.full(4, np.nan, "<f4").tobytes(), "NaN")],
)
def test_bad_scan_is_refused(tmp_path, content, words):
    (tmp_path / "a.bin").write_bytes(content)
    with pytest.raises(BadFile, match=words):
        read_scan(tmp_path / "a.bin")


def test_missing_calibration_key_is_named(tmp_path):
    (tmp_path / "a.txt").write_text("P2: " + "1 " * 12 + "\nTr_velo_to_cam: " + "1 " * 12)
    with pytest.raises(BadFile, match="lacks R0_rect"):
        read_calibration(tmp_path / "a.txt")
