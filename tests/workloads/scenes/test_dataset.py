"""The folder as a reader of KITTI sees it: every rule holds in every frame."""

from __future__ import annotations

import json
import math

import cv2
import numpy as np
import pytest

from workloads.kitti import geometry
from workloads.kitti.calibration import read_calibration
from workloads.kitti.objects import read_labels
from workloads.kitti.row import CODES, KINDS, Column
from workloads.kitti.velodyne import read_scan
from workloads.scenes.__main__ import main
from workloads.scenes.labels import image_box

FRAMES, HEIGHT, WIDTH = 10, 94, 311


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes") / "set"
    size = ["--height", str(HEIGHT), "--width", str(WIDTH), "--steps", "512"]
    assert main(["--out", str(folder), "--frames", str(FRAMES), "--seed", "3", *size]) == 0
    return folder


@pytest.fixture(scope="module")
def objects(folder):
    return read_labels(folder / "training" / "label_2")


def views(folder):
    """(frame's number, calibration, points in the camera frame) of every frame."""
    for number in range(FRAMES):
        calibration = read_calibration(folder / "training" / "calib" / f"{number:06d}.txt")
        points = read_scan(folder / "training" / "velodyne" / f"{number:06d}.bin")
        yield number, calibration, geometry.to_camera(points[:, :3], calibration.lidar_to_camera)


def solid(objects, frame=None):
    """Rows that are no ignore region (of one frame)."""
    rows = objects.kind != CODES["dontcare"]
    return np.flatnonzero(rows if frame is None else rows & (objects.frame_of_row == frame))


def test_every_frame_has_its_four_files(folder):
    names = [f"{number:06d}" for number in range(FRAMES)]
    for kind, suffix in (("image_2", "png"), ("label_2", "txt"), ("calib", "txt"), ("velodyne", "bin")):
        assert sorted(path.name for path in (folder / "training" / kind).iterdir()) == [f"{n}.{suffix}" for n in names]
    assert cv2.imread(str(folder / "training" / "image_2" / "000000.png")).shape == (HEIGHT, WIDTH, 3)


def test_every_fifth_frame_is_val(folder):
    lists = {name: (folder / "ImageSets" / f"{name}.txt").read_text().split() for name in ("train", "val")}
    assert lists["val"] == ["000004", "000009"]
    assert sorted(lists["train"] + lists["val"]) == [f"{number:06d}" for number in range(FRAMES)]


def test_metadata_and_readme_say_that_it_is_synthetic(folder):
    metadata = json.loads((folder / "metadata.json").read_text())
    assert metadata["synthetic"] is True
    assert "SYNTHETIC" in metadata["description"]
    assert (metadata["licence"], metadata["task"]) == ("CC0-1.0", "object_detection")
    assert metadata["classes"] == ["Car", "Pedestrian", "Cyclist"]
    assert (folder / "README.txt").read_text().startswith("SYNTHETIC")


def test_all_classes_occur(objects):
    kinds = {KINDS[kind] for kind in objects.kind}
    assert kinds >= {"Car", "Pedestrian", "Cyclist", "DontCare"}


def test_alpha_follows_from_rotation_and_place(objects):
    rows = solid(objects)
    alpha, x, z, turn = (objects.values[rows, c] for c in (Column.ALPHA, Column.X, Column.Z, Column.ROTATION_Y))
    off = (turn - np.arctan2(x, z) - alpha + np.pi) % (2 * np.pi) - np.pi
    assert np.abs(off).max() < 0.0051
    assert max(np.abs(alpha).max(), np.abs(turn).max()) <= math.pi


def test_2d_box_is_the_projected_3d_box_within_the_image(folder, objects):
    for number, calibration, _ in views(folder):
        for row in solid(objects, number):
            box = image_box(objects.boxes_camera[row], calibration.projection)
            np.testing.assert_allclose(objects.boxes[row], np.clip(box, 0, [WIDTH - 1, HEIGHT - 1] * 2), atol=0.0051)


def test_boxes_stand_on_the_ground_and_are_seen(objects):
    rows = solid(objects)
    np.testing.assert_array_equal(objects.values[rows, Column.Y], 1.65)
    assert set(objects.values[rows, Column.OCCLUDED]) <= {0, 1, 2}
    truncated = objects.values[rows, Column.TRUNCATED]
    assert 0 <= truncated.min() <= truncated.max() < 1
    inside = (objects.boxes[rows] > 0).all(axis=1) & (objects.boxes[rows][:, [2, 3]] < [WIDTH - 1, HEIGHT - 1]).all(
        axis=1
    )
    assert (truncated[inside] == 0).all()


def test_near_visible_objects_hold_points_and_no_point_floats_at_their_faces(folder, objects):
    """A box holds points; hardly any lies in the 12 cm around it, save on the ground: box and points are one thing."""
    for number, _, points in views(folder):
        above = points[points[:, 1] < 1.65 - 0.15]
        for row in solid(objects, number):
            box, levels = objects.boxes_camera[row], objects.values[row]
            if levels[Column.OCCLUDED] > 0 or box[5] > 20:
                continue
            within = inside(above, box)
            assert within >= (30 if KINDS[objects.kind[row]] in ("Car", "Van") else 8), (number, row)
            around = inside(above, box + np.array([0, 0.24, 0.24, 0, 0, 0, 0])) - within
            assert around <= 0.05 * within + 2, (number, row)


def inside(points: np.ndarray, box: np.ndarray) -> int:
    high, wide, long, x, y, z, turn = box
    off = points - [x, y, z]
    along, aside = (
        np.cos(turn) * off[:, 0] - np.sin(turn) * off[:, 2],
        np.sin(turn) * off[:, 0] + np.cos(turn) * off[:, 2],
    )
    kept = (np.abs(along) <= long / 2) & (np.abs(aside) <= wide / 2) & (off[:, 1] <= 0) & (off[:, 1] >= -high)
    return int(kept.sum())


def test_scan_goes_all_around_and_some_of_it_is_in_view(folder):
    for _, calibration, points in views(folder):
        seen = geometry.in_view(points, calibration.projection, WIDTH, HEIGHT)
        assert 0.1 < seen.mean() < 0.4
        assert (points[:, 2] < 0).mean() > 0.3


def test_depth_of_the_picture_and_of_the_scan_agree(folder, objects):
    """The nearest point that projects into the upper half of a free car's box belongs to the car."""
    checked = 0
    for number, calibration, points in views(folder):
        scaled = points @ calibration.projection[:, :3].T + calibration.projection[:, 3]
        pixels = scaled[:, :2] / scaled[:, 2:]
        for row in solid(objects, number):
            left, top, right, bottom = objects.boxes[row]
            free = objects.values[row, Column.OCCLUDED] == 0 and objects.values[row, Column.TRUNCATED] == 0
            if KINDS[objects.kind[row]] != "Car" or not free:
                continue
            middle = (
                np.abs(pixels - [(left + right) / 2, (top + bottom) / 2]) < np.array([right - left, bottom - top]) / 6
            )
            hit = points[middle.all(axis=1) & (points[:, 2] > 0)]
            if len(hit):
                box = objects.boxes_camera[row]
                assert np.linalg.norm(hit[hit[:, 2].argmin()][[0, 2]] - box[[3, 5]]) < box[2] / 2 + 0.6
                checked += 1
    assert checked > 10


def test_equal_seeds_give_equal_bytes_and_frames_do_not_depend_on_their_number(folder, tmp_path):
    arguments = ["--frames", "2", "--seed", "3", "--height", str(HEIGHT), "--width", str(WIDTH), "--steps", "512"]
    assert main(["--out", str(tmp_path / "again"), *arguments]) == 0
    for path in sorted((tmp_path / "again" / "training").rglob("*.*")):
        assert path.read_bytes() == (folder / path.relative_to(tmp_path / "again")).read_bytes(), path.name


def test_another_seed_gives_another_picture(folder, tmp_path):
    size = ["--height", str(HEIGHT), "--width", str(WIDTH)]
    assert main(["--out", str(tmp_path / "other"), "--frames", "1", "--seed", "4", *size]) == 0
    name = "training/image_2/000000.png"
    assert (tmp_path / "other" / name).read_bytes() != (folder / name).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--frames", "0"], "frames: 0 given; choose 1 to"),
        (["--height", "10"], "height: 10 given"),
        (["--seed", "-1"], "seed: -1 given"),
        (["--light", "moon"], "light: 'moon' given; choose one of clear"),
    ],
)
def test_settings_outside_their_limits_are_refused(arguments, words, tmp_path, capsys):
    assert main(["--out", str(tmp_path / "set"), *arguments]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "set").exists()


def test_a_folder_that_holds_frames_is_left_alone(folder, capsys):
    before = (folder / "training" / "label_2" / "000000.txt").read_bytes()
    assert main(["--out", str(folder), "--frames", "1"]) == 2
    assert "must not mix" in capsys.readouterr().err
    assert (folder / "training" / "label_2" / "000000.txt").read_bytes() == before


def test_a_place_that_cannot_be_written_is_named(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["--out", str(tmp_path / "file"), "--frames", "1"]) == 2
    assert str(tmp_path / "file") in capsys.readouterr().err


def test_dusk_is_darker_than_a_clear_day(tmp_path):
    means = {}
    for light in ("clear", "dusk"):
        size = ["--height", str(HEIGHT), "--width", str(WIDTH), "--light", light]
        assert main(["--out", str(tmp_path / light), "--frames", "3", *size]) == 0
        paths = sorted((tmp_path / light / "training" / "image_2").iterdir())
        means[light] = np.mean([cv2.imread(str(path)).mean() for path in paths])
    assert means["dusk"] < 0.8 * means["clear"]
