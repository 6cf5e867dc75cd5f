"""One frame, measured: against the known answers of real frames and by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from workloads.kitti.inspection import as_text, inspect
from workloads.kitti.mistakes import BadFile

FIXTURE = Path(__file__).parents[4] / "shared" / "data" / "kitti_object"


def test_real_frames_have_the_known_answers():
    if not FIXTURE.is_dir():
        pytest.skip("shared/data/kitti_object is not beside the project")
    for frame, expected in json.loads((FIXTURE / "expected.json").read_text()).items():
        facts = inspect(FIXTURE, frame)
        assert [facts["image"]["width"], facts["image"]["height"]] == expected["image_size"]
        scan = expected.get("velodyne") or expected["velodyne_reduced"]
        assert (facts["points"], facts["points_in_view"]) == (scan["points"], scan["in_camera_fov"])
        for found, known in zip(facts["objects"], expected["objects"], strict=True):
            assert (found["type"], found["level"], found["line"]) == (known["type"], known["level"], known["line"] + 1)
            if known["level"] is not None:
                assert found["points_in_box"] == known["points_in_box"]
                np.testing.assert_allclose(found["projected_bbox"], known["projected_bbox"], atol=0.006)
                np.testing.assert_allclose(found["lidar_bottom_center"], known["lidar_bottom_center"], atol=1e-4)
                assert found["lidar_yaw"] == pytest.approx(known["lidar_yaw"], abs=1e-4)
                assert found["alpha_from_rotation_y"] == pytest.approx(known["alpha_from_ry"], abs=1e-3)


def test_frame_is_measured_by_hand(kitti_tree):
    """A box 2 m high, wide and long at (0, 1, 10): corners at z 9 and 11 m; focal length 100, centre (20, 10), and P2
    moves u by 5 / z. One point in its middle, one behind the camera, one far to the side."""
    points = np.array([[10, 0, 0, 0.5], [-10, 0, 0, 0.5], [10, 30, 0, 0.5]])
    row = "Car 0.00 0 0.00 8.00 0.00 33.00 19.00 2.00 2.00 2.00 0.00 1.00 10.00 0.00"
    tree = kitti_tree().frame("000001", [row], points=points)
    facts = inspect(tree.root, "000001")
    assert (facts["points"], facts["points_in_view"]) == (3, 1)
    (car,) = facts["objects"]
    assert car["points_in_box"] == 1
    assert car["corners_camera"][0] == [1, 1, 11]
    assert car["corners_image"][1] == pytest.approx([20 + 105 / 9, 10 + 100 / 9], abs=1e-3)
    assert car["projected_bbox"] == pytest.approx([20 - 95 / 9, 0, 20 + 105 / 9, 19], abs=1e-3)
    assert car["lidar_bottom_center"] == [10, 0, -1]
    assert car["lidar_yaw"] == pytest.approx(-np.pi / 2, abs=1e-4)
    calibration = facts["calibration"]
    assert (calibration["stereo_baseline_m"], calibration["camera_2_from_camera_0_m"]) == (0.5, 0.05)
    assert "1 points in it" in as_text(facts)


def test_box_that_reaches_behind_the_camera_has_no_corners_in_the_image(kitti_tree):
    row = "Car 0.90 0 0.00 0.00 0.00 39.00 19.00 2.00 2.00 4.00 0.00 1.00 0.50 1.57"
    (car,) = inspect(kitti_tree().frame("000001", [row]).root, "000001")["objects"]
    assert (car["corners_image"], car["projected_bbox"], car["points_in_box"]) == (None, None, None)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rows": [b"Car 0 0"[:7].decode()]}, r"label_2/000001\.txt, line 1: 3 fields"),
        ({"points": bytes(17)}, r"velodyne/000001\.bin: 17 bytes are no multiple of 16"),
        ({"points": b""}, "holds no point"),
        ({"points": np.full((1, 4), np.nan)}, "1 points hold NaN"),
        ({"calibration": "P2: 1 2 3\n"}, r"calib/000001\.txt, line 1, field P2: 3 numbers given; 12"),
        ({"calibration": ""}, "lacks P2, R0_rect, Tr_velo_to_cam"),
    ],
)
def test_broken_part_is_named(kitti_tree, change, words):
    tree = kitti_tree().frame("000001", **change)
    with pytest.raises(BadFile, match=words):
        inspect(tree.root, "000001")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("P2: 100", "P2: nan", r"line 2, field P2: 'nan' is not a finite number"),
        ("P3:", "P2:", r"line 3, field P2: is given in line 2 already"),
        ("P2: 100", "P2: 0", r"line 2, field P2: .*without inverse"),
        ("P2: 100 0 20 5 0 100", "P2: 0 7 20 5 7 100", r"line 2, field P2: a focal length of 0"),
        ("1 0 0 0 1 0 0 0 1", "0 0 0 0 0 0 0 0 0", r"calib/000001\.txt, line 4, field R0_rect: .*without inverse"),
        ("0 -1 0 0 0 0 -1 0", "0 -1 0 0 0 -1 0 0", r"line 5, field Tr_velo_to_cam: .*without inverse"),
    ],
)
def test_matrix_that_cannot_be_used_is_named(kitti_tree, old, new, words):
    tree = kitti_tree().frame("000001")
    path = tree.training / "calib" / "000001.txt"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(BadFile, match=words):
        inspect(tree.root, "000001")


def test_calibration_may_begin_with_a_byte_order_mark(kitti_tree):
    """P2 stands in the first line."""
    tree = kitti_tree().frame("000001")
    path = tree.training / "calib" / "000001.txt"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().split(b"\n", 1)[1])
    assert inspect(tree.root, "000001")["calibration"]["focal_px"] == [100, 100]


def test_unknown_frame_is_told_which_there_are(kitti_tree):
    with pytest.raises(BadFile, match=r"no frame 000099 \(3 frames: 000000 to 000002\)"):
        inspect(kitti_tree().frames(3).root, "000099")
