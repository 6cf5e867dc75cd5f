"""Which way up: the tag there and back, and boxes that come along."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from workloads.images.codec import decode, encode, encode_jpeg
from workloads.images.orientation import UPRIGHT, boxes_as_stored, exif_of, orientation_of, upright

PICTURE = np.random.default_rng(0).integers(0, 255, (21, 34, 3), dtype=np.uint8)


def tagged(exif: bytes) -> bytes:
    plain, block = encode_jpeg(PICTURE), b"Exif\0\0" + exif
    return plain[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + plain[2:]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_tag_is_read_back_and_turns_as_opencv_turns(suffix, orientation):
    content = encode(suffix, PICTURE, [], orientation)
    assert orientation_of(content) == orientation
    shown = cv2.imdecode(np.frombuffer(tagged(exif_of(orientation)), np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(upright(decode(encode_jpeg(PICTURE)), orientation), shown)


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (200, 4)])
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_tag_of_a_picture_of_few_pixels_is_read_too(suffix, size):
    assert orientation_of(encode(suffix, np.zeros((*size, 3), np.uint8), [], 6)) == 6


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_box_found_upright_lies_about_the_same_pixels_as_stored(orientation):
    stored = np.zeros((21, 34), np.uint8)
    stored[3:8, 10:29] = 1
    rows, columns = np.nonzero(upright(stored, orientation))
    seen = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], np.float32)
    np.testing.assert_array_equal(boxes_as_stored(seen, orientation, 21, 34), [[10, 3, 29, 8]])
    assert boxes_as_stored(np.zeros((0, 4), np.float32), orientation, 21, 34).shape == (0, 4)


@pytest.mark.parametrize(
    ("exif", "orientation"),
    [
        (b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0", 6),
        (exif_of(9), UPRIGHT),
        (exif_of(6)[:19], UPRIGHT),
        (b"MM\0*\xff\xff\xff\xff", UPRIGHT),
        (b"MM\0*\0\0\0\x08\xff\xff", UPRIGHT),
        (b"XX", UPRIGHT),
        (b"", UPRIGHT),
    ],
    ids=["little-endian", "no such turn", "cut short", "directory elsewhere", "too many entries", "no TIFF", "empty"],
)
def test_tag_that_makes_no_sense_is_none(exif, orientation):
    assert orientation_of(tagged(exif)) == orientation


def test_upright_picture_has_no_tag():
    assert encode(".png", PICTURE, []) == cv2.imencode(".png", PICTURE)[1].tobytes()
    assert orientation_of(encode(".png", PICTURE, [])) == UPRIGHT
