"""Frames to learn from: as the letterbox scales them, with regions nobody labelled, in bounded memory."""

import json

import numpy as np
import pytest

from workloads.augmentation.frame import IGNORED
from workloads.detection.dataset import Frames
from workloads.detection.truth import read
from workloads.images.codec import BadImage, encode_png
from workloads.images.letterbox import Letterbox


@pytest.fixture
def folder(tmp_path):
    """Two pictures of 40 x 80: a car and a region nobody labelled in the first, a car in the second."""
    (tmp_path / "images").mkdir()
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.png"):
        (tmp_path / "images" / name).write_bytes(encode_png(rng.integers(0, 256, (40, 80, 3), dtype=np.uint8)))
    images = [{"id": 7, "file_name": "a.png", "height": 40, "width": 80},
              {"id": 9, "file_name": "b.png", "height": 40, "width": 80}]  # fmt: skip
    rows = [(7, [8, 4, 16, 20], 0), (7, [40, 10, 20, 10], 1), (9, [0, 0, 10, 10], 0)]
    annotations = [{"id": n, "image_id": i, "category_id": 1, "bbox": b, "area": b[2] * b[3], "iscrowd": crowd}
                   for n, (i, b, crowd) in enumerate(rows, 1)]  # fmt: skip
    categories = [{"id": 1, "name": "Car"}]
    document = {"images": images, "annotations": annotations, "categories": categories}
    (tmp_path / "annotations.json").write_text(json.dumps(document))
    return tmp_path


def test_frame_is_scaled_to_fit_with_its_boxes_and_regions(folder):
    """40 x 80 into 32 x 32: a ratio of 0.4."""
    frame = Frames(read(folder, ["Car"]), (32, 32)).load(0)
    assert frame.size == (16, 32)
    np.testing.assert_allclose(frame.boxes_xyxy, [[3.2, 1.6, 9.6, 9.6], [16, 4, 24, 8]], rtol=1e-6)
    np.testing.assert_array_equal(frame.classes, [0, IGNORED])


def test_padded_frame_is_the_letterbox_that_serving_makes(folder):
    truth = read(folder, ["Car"])
    frames = Frames(truth, (64, 64))
    expected = Letterbox.fit((40, 80), (64, 64)).apply(truth.frames[1].picture())
    np.testing.assert_array_equal(frames.padded(1).image, expected)
    assert frames.original_size(1) == (40, 80)


def test_memory_is_bounded_and_kept_frames_are_read_once(folder):
    frames = Frames(read(folder, ["Car"]), (32, 32), cache_bytes=16 * 32 * 3)
    first = frames.load(0)
    assert frames.load(0) is first
    assert frames.load(1) is not frames.load(1)
    assert frames.cached == 1


def test_damaged_picture_is_named(folder):
    (folder / "images" / "b.png").write_bytes(b"no picture")
    with pytest.raises(BadImage, match=r"b\.png: no JPEG or PNG image"):
        Frames(read(folder, ["Car"]), (32, 32)).load(1)
