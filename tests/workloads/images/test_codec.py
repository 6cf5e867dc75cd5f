"""JPEG and PNG: what is a picture, and what is refused."""

import numpy as np
import pytest

from workloads.images.codec import BadImage, decode, encode_jpeg, encode_png, size_of

PICTURE = np.random.default_rng(0).integers(0, 255, (21, 34, 3), dtype=np.uint8)


@pytest.mark.parametrize("encode", [encode_jpeg, encode_png])
def test_size_is_read_from_the_header_alone(encode):
    assert size_of(encode(PICTURE)) == (21, 34)


def test_png_keeps_every_pixel():
    np.testing.assert_array_equal(decode(encode_png(PICTURE)), PICTURE)


def test_grey_picture_becomes_three_equal_channels():
    grey = decode(encode_png(PICTURE[..., 0]))
    np.testing.assert_array_equal(grey, np.repeat(PICTURE[..., :1], 3, axis=2))


def test_jpeg_stays_close_to_a_smooth_picture():
    ramp = np.repeat(np.linspace(0, 255, 64, dtype=np.uint8)[:, None, None], 64, 1).repeat(3, 2)
    assert np.abs(decode(encode_jpeg(ramp)).astype(int) - ramp).max() <= 3


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "no JPEG or PNG"),
        (b"GIF89a" + bytes(40), "no JPEG or PNG"),
        (encode_png(PICTURE)[:-20], "cut short"),
        (encode_jpeg(PICTURE)[:-200], "cut short"),
        (encode_jpeg(PICTURE)[:12], "frame header"),
        (encode_png(PICTURE)[:16] + (2**31 - 1).to_bytes(4, "big") * 2 + encode_png(PICTURE)[24:], "pixels"),
    ],
    ids=["empty", "gif", "png cut", "jpeg cut", "jpeg head only", "a gigantic claim"],
)
def test_what_is_no_whole_picture_is_refused_by_name(content, word):
    with pytest.raises(BadImage, match=word) as refused:
        decode(content, "000007.png")
    assert str(refused.value).startswith("000007.png: ")
