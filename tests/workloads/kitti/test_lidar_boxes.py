"""Boxes between the camera's and the scanner's frame."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from workloads.kitti import geometry
from workloads.kitti.calibration import read_calibration
from workloads.kitti.objects import read_labels

FIXTURE = Path(__file__).parents[4] / "shared" / "data" / "kitti_object"
AXES_SWAPPED = np.array([[0.0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
"""The two frames at one place: camera x = -lidar y, y = -z, z = x."""


def test_box_ahead_stands_on_its_bottom_and_looks_along_its_length():
    """Height 2 from the floor at camera y = 1 up: the middle is at LiDAR z = 0. ry = -pi/2 looks ahead: heading 0."""
    boxes = geometry.boxes_to_lidar(np.array([[2.0, 1.5, 4.0, 3.0, 1.0, 10.0, -np.pi / 2]]), AXES_SWAPPED)
    np.testing.assert_allclose(boxes, [[10, -3, 0, 4, 1.5, 2, 0]], atol=1e-12)


def test_way_back_gives_the_same_boxes():
    random = np.random.default_rng(0)
    boxes = np.column_stack([random.uniform(0.5, 5, (20, 3)), random.uniform(-20, 20, (20, 3)),
                             random.uniform(-np.pi, np.pi, 20)])  # fmt: skip
    there = geometry.boxes_to_lidar(boxes, AXES_SWAPPED)
    np.testing.assert_allclose(geometry.boxes_to_camera(there, AXES_SWAPPED), boxes, atol=1e-9)


@pytest.mark.parametrize("frame", ["000000", "000007", "000008"])
def test_real_boxes_lie_where_the_reference_says(frame):
    if not FIXTURE.is_dir():
        pytest.skip("shared/data/kitti_object is not beside the project")
    expected = json.loads((FIXTURE / "expected.json").read_text())[frame]["objects"]
    calibration = read_calibration(FIXTURE / "training" / "calib" / f"{frame}.txt")
    objects = read_labels(FIXTURE / "training" / "label_2", [frame])
    boxes = geometry.boxes_to_lidar(objects.boxes_camera, calibration.lidar_to_camera)
    for box, facts in zip(boxes, expected, strict=True):
        if facts["level"] is None:
            continue
        np.testing.assert_allclose(box[:3] - [0, 0, box[5] / 2], facts["lidar_bottom_center"], atol=1e-3)
        assert abs((box[6] - facts["lidar_yaw"] + np.pi) % (2 * np.pi) - np.pi) < 1e-3
