"""The reused input tensor equals the plain letterbox, whatever lay there before."""

from __future__ import annotations

import numpy as np
import pytest

from workloads.images.letterbox import Letterbox, as_tensor
from workloads.images.tensors import TensorBuffer

SIZE = (32, 48)


def plain(image):
    return as_tensor(Letterbox.fit(image.shape[:2], SIZE).apply(image))[0]


@pytest.mark.parametrize("sizes", [[(32, 48)], [(20, 90), (90, 20)], [(64, 96), (1, 7), (33, 48)]])
def test_every_picture_equals_its_plain_letterbox(sizes):
    random = np.random.default_rng(3)
    images = [random.integers(0, 256, (*size, 3), np.uint8) for size in sizes]
    tensor, letterboxes = TensorBuffer(SIZE).fill(images)
    for image, planes, letterbox in zip(images, tensor, letterboxes, strict=True):
        np.testing.assert_array_equal(planes, plain(image))
        assert letterbox == Letterbox.fit(image.shape[:2], SIZE)


def test_nothing_of_an_earlier_picture_stays():
    random = np.random.default_rng(4)
    buffer = TensorBuffer(SIZE)
    for size in ((32, 48), (20, 90), (20, 90), (90, 20), (8, 8)):
        image = random.integers(0, 256, (*size, 3), np.uint8)
        np.testing.assert_array_equal(buffer.fill([image])[0][0], plain(image))


def test_pictures_that_are_views_are_read_as_they_look():
    image = np.random.default_rng(5).integers(0, 256, (60, 80, 3), np.uint8)[::-1, ::2]
    np.testing.assert_array_equal(TensorBuffer(SIZE).fill([image])[0][0], plain(np.ascontiguousarray(image)))
