"""YOLOX's letterbox: scaled to fit, at the top left, grey elsewhere."""

import numpy as np
import pytest

from workloads.images.letterbox import PAD, Letterbox, as_tensor


def test_wide_picture_is_padded_below():
    """By hand: 100 x 200 into 416 x 416 gives r = 2.08, so 208 x 416 pixels."""
    box = Letterbox.fit((100, 200), (416, 416))
    picture = box.apply(np.full((100, 200, 3), 7, np.uint8))
    assert box.ratio == pytest.approx(2.08)
    assert (picture[:208] == 7).all()
    assert (picture[208:] == PAD).all()


def test_boxes_come_back_where_they_were():
    box = Letterbox.fit((375, 1242), (416, 416))
    there = np.array([[10.0, 20.0, 300.5, 200.25]], np.float32)
    np.testing.assert_allclose(box.to_original(box.to_input(there)), there, atol=1e-3)


def test_boxes_in_the_padding_are_clipped_to_the_picture():
    box = Letterbox.fit((100, 200), (416, 416))
    np.testing.assert_array_equal(box.to_original(np.array([[-5.0, 0.0, 999.0, 410.0]])), [[0, 0, 200, 100]])


def test_a_given_buffer_is_filled_and_its_old_content_gone():
    buffer = np.full((64, 64, 3), 200, np.uint8)
    Letterbox.fit((10, 20), (64, 64)).apply(np.zeros((10, 20, 3), np.uint8), buffer)
    assert set(np.unique(buffer)) == {0, PAD}


def test_a_picture_of_one_row_keeps_one_row():
    assert Letterbox.fit((1, 5000), (64, 64)).scaled_size == (1, 64)


def test_tensor_is_channels_first_and_unscaled():
    tensor = as_tensor(np.arange(12, dtype=np.uint8).reshape(2, 2, 3))
    assert tensor.shape == (1, 3, 2, 2)
    np.testing.assert_array_equal(tensor[0, 1], [[1, 4], [7, 10]])
