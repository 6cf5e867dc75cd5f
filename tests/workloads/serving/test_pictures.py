"""Pictures in the network's input: exactly as training letterboxes them, scaled and mirrored on demand."""

from __future__ import annotations

import numpy as np
import pytest

from workloads.images.letterbox import Letterbox, as_tensor
from workloads.serving.pictures import Picture

RANDOM = np.random.default_rng(3)


def placed(pixels, size=(64, 96), image_size=None, **how):
    out = np.full((3, *size), np.nan, np.float32)
    letterbox = Picture(pixels, image_size or pixels.shape[:2], 0.0).place(out, **how)
    assert not np.isnan(out).any()
    return out, letterbox


@pytest.mark.parametrize("size", [(37, 124), (64, 96), (200, 50), (1, 1), (1000, 3)])
def test_picture_is_letterboxed_as_everywhere_else(size):
    image = RANDOM.integers(0, 256, (*size, 3), np.uint8)
    out, letterbox = placed(image)
    fitting = Letterbox.fit(size, (64, 96))
    np.testing.assert_array_equal(out, as_tensor(fitting.apply(image))[0])
    assert letterbox == fitting


def test_smaller_look_leaves_more_padding_and_knows_its_ratio():
    out, letterbox = placed(np.zeros((64, 96, 3), np.uint8), scale=0.5)
    assert (out[:, :32, :48] == 0).all()
    assert (out[:, 32:] == 114).all()
    assert (out[:, :, 48:] == 114).all()
    np.testing.assert_allclose(letterbox.to_original(np.float32([[0, 0, 48, 32]])), [[0, 0, 96, 64]])


def test_mirrored_look_changes_left_and_right_of_the_picture_alone():
    image = RANDOM.integers(0, 256, (64, 48, 3), np.uint8)
    out, _ = placed(image, mirrored=True)
    np.testing.assert_array_equal(out[:, :, :48], image[:, ::-1].transpose(2, 0, 1))
    assert (out[:, :, 48:] == 114).all()


def test_network_input_is_left_as_it_is():
    tensor = RANDOM.uniform(0, 255, (3, 64, 96)).astype(np.float32)
    out, letterbox = placed(tensor.transpose(1, 2, 0), image_size=(128, 100))
    np.testing.assert_array_equal(out, tensor)
    assert letterbox == Letterbox.fit((128, 100), (64, 96))


def test_mirrored_network_input_keeps_its_padding_at_the_right():
    """100 x 128 fits as 50 columns of 96."""
    tensor = RANDOM.uniform(0, 255, (3, 64, 96)).astype(np.float32)
    out, _ = placed(tensor.transpose(1, 2, 0), image_size=(128, 100), mirrored=True)
    np.testing.assert_array_equal(out[:, :, :50], tensor[:, :, 49::-1])
    assert (out[:, :, 50:] == 114).all()


@pytest.mark.parametrize("mirrored", [False, True])
def test_network_input_of_another_size_is_fitted_anew_without_its_padding(mirrored):
    """As for a member of an ensemble: 128 x 100 fills 64 x 50 of the one input and 32 x 25 of the other."""
    tensor = np.full((3, 64, 96), 7, np.float32)
    tensor[:, :, :50] = 200
    out, letterbox = placed(tensor.transpose(1, 2, 0), size=(32, 64), image_size=(128, 100), mirrored=mirrored)
    assert letterbox == Letterbox.fit((128, 100), (32, 64))
    assert (out[:, :, :25] == 200).all()
    assert (out[:, :, 25:] == 114).all()
