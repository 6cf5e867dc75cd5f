"""Films can be read back, and show objects where they are."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from workloads.contract import UserError
from workloads.images.drawing import colour_of
from workloads.tracking.rows import Rows
from workloads.tracking.video import TRAIL_FRAMES, Painter, image_files, write_film, write_film_of_files

FIXTURE = Path(__file__).parents[4] / "shared" / "data" / "kitti_raw_seq" / "image_02" / "data"


def moving(frames: int, number: int = 3) -> Rows:
    """One object that goes right by 10 px a frame."""
    left = 10.0 * np.arange(frames)
    boxes = np.stack((left, np.full(frames, 40.0), left + 30, np.full(frames, 80.0)), axis=1)
    return Rows(
        np.arange(frames), boxes, np.ones(frames), np.full(frames, number), np.zeros(frames, np.int64), ("Car",)
    )


def frames_of(path: Path) -> list[np.ndarray]:
    film = cv2.VideoCapture(str(path))
    frames = []
    while True:
        more, frame = film.read()
        if not more:
            return frames
        frames.append(frame)


def test_film_has_every_frame_and_the_box_in_the_colour_of_its_number(tmp_path):
    """99 x 201 pixels become 100 x 202: the codec wants even sides."""
    images = [(frame, np.full((99, 201, 3), 128, np.uint8)) for frame in range(5)]
    assert write_film(images, moving(5), tmp_path / "deep" / "film.mp4", 10.0) == 5
    frames = frames_of(tmp_path / "deep" / "film.mp4")
    assert [frame.shape for frame in frames] == [(100, 202, 3)] * 5
    assert np.abs(frames[4][60, 40].astype(int) - colour_of(3)).max() < 60  # the left side of the box of frame 4
    assert np.abs(frames[4][60, 150].astype(int) - 128).max() < 20
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["film.mp4"]


def test_trail_follows_the_centre_and_fades_out_of_memory():
    painter, image = Painter(moving(3)), np.zeros((100, 300, 3), np.uint8)
    for frame in range(3):
        painted = painter.paint(frame, image)
    assert painted[60, 30].tolist() == list(colour_of(3))  # between the centres x = 25 and 35
    assert not image.any()
    assert painter.paint(4, image)[60, 30].any()
    assert not painter.paint(3 + TRAIL_FRAMES, image).any()


def test_files_named_by_numbers_are_those_frames_and_others_count_from_the_first(tmp_path):
    for name in ("000010.png", "9.jpg", "note.txt"):
        (tmp_path / name).touch()
    assert [(frame, path.name) for frame, path in image_files(tmp_path, 1)] == [(9, "9.jpg"), (10, "000010.png")]
    (tmp_path / "a.png").touch()
    assert [frame for frame, _ in image_files(tmp_path, 1)] == [1, 2, 3]


def test_images_come_in_the_order_people_count_in(tmp_path):
    for name in ("frame_10.png", "frame_9.png", "frame_1.jpg", "a.png"):
        (tmp_path / name).touch()
    assert [path.stem for _, path in image_files(tmp_path, 0)] == ["a", "frame_1", "frame_9", "frame_10"]


def test_an_image_that_cannot_be_read_is_skipped_and_named(tmp_path):
    for frame in range(3):
        cv2.imwrite(str(tmp_path / f"{frame}.png"), np.zeros((40, 60, 3), np.uint8))
    (tmp_path / "1.png").write_bytes(b"no image")
    film = write_film_of_files(image_files(tmp_path, 0), moving(3), tmp_path / "film.mp4")
    assert film.frames == len(frames_of(film.path)) == 2
    assert len(film.skipped) == 1
    assert "1.png" in film.skipped[0]


def test_real_frames_become_a_film(tmp_path):
    if not FIXTURE.is_dir():
        pytest.skip("shared/data/kitti_raw_seq is not beside the project")
    film = write_film_of_files(image_files(FIXTURE, 0)[:3], moving(3), tmp_path / "film.mp4")
    assert [frame.shape for frame in frames_of(film.path)] == [(376, 1242, 3)] * 3


def test_what_cannot_be_filmed_is_said(tmp_path):
    with pytest.raises(UserError, match="there is no such folder of images"):
        image_files(tmp_path / "nowhere", 0)
    with pytest.raises(UserError, match="holds no image"):
        image_files(tmp_path, 0)
    with pytest.raises(UserError, match="nothing to film"):
        write_film([], moving(1), tmp_path / "film.mp4")
    (tmp_path / "100.png").touch()
    with pytest.raises(UserError, match="the images are frames 100 to 100, the tracks 0 to 2"):
        write_film_of_files(image_files(tmp_path, 0), moving(3), tmp_path / "film.mp4")
    with pytest.raises(UserError, match=r"100\.png: no JPEG or PNG"):
        write_film_of_files(image_files(tmp_path, 0), moving(101), tmp_path / "film.mp4")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        write_film([(0, np.zeros((8, 8, 3), np.uint8))], moving(1), tmp_path / "file" / "film.mp4")
