"""What is masked is gone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workloads.contract import UserError
from workloads.privacy.masking import covered_share, mask, mask_frame

NOTHING = np.zeros((0, 4), np.float32)
side = st.floats(-20, 80, width=32)


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


@given(corners=st.lists(st.tuples(side, side, st.floats(0.5, 50), st.floats(0.5, 50)), min_size=1, max_size=4))
@settings(max_examples=40, deadline=None)
def test_nothing_inside_the_boxes_has_a_part_in_the_result(corners):
    """Two images that differ only inside the boxes give the same picture: so nobody can compute the content back."""
    boxes = np.array([(x, y, x + wide, y + high) for x, y, wide, high in corners])
    one, other = noise(48, 64, 3), noise(48, 64, 3)
    for left, top, right, bottom in boxes:
        rows = slice(max(int(np.floor(top)), 0), max(int(np.ceil(bottom)), 0))
        columns = slice(max(int(np.floor(left)), 0), max(int(np.ceil(right)), 0))
        other[rows, columns] = noise(*other[rows, columns].shape, seed=1)
    np.testing.assert_array_equal(mask(one, boxes), mask(other, boxes))


def test_outside_the_boxes_nothing_changes_and_the_image_stays():
    image = noise(40, 50, 3)
    before = image.copy()
    masked = mask(image, np.array([[10.5, 8, 20, 16.2]]))
    np.testing.assert_array_equal(image, before)
    changed = (masked != image).any(axis=2)
    assert changed[8:17, 10:20].mean() > 0.9  # a touched pixel is a covered one
    changed[8:17, 10:20] = False
    assert not changed.any()


def test_fill_takes_the_colours_around():
    """A red box in a plain blue image is blue afterwards."""
    image = np.full((40, 60, 3), (200, 30, 30), np.uint8)
    image[10:20, 20:40] = (0, 0, 255)
    np.testing.assert_array_equal(mask(image, np.array([[20, 10, 40, 20]])), np.full_like(image, (200, 30, 30)))


def test_image_covered_as_a_whole_becomes_plain_gray():
    np.testing.assert_array_equal(mask(noise(20, 20, 3), np.array([[-5, -5, 40, 40]])), np.full((20, 20, 3), 114))


@pytest.mark.parametrize("shape", [(30, 40), (30, 40, 1), (30, 40, 3)])
def test_shape_and_type_stay(shape):
    masked = mask(noise(*shape), np.array([[5, 5, 20, 20]]))
    assert masked.shape == shape
    assert masked.dtype == np.uint8


def test_without_boxes_the_image_is_the_same():
    image = noise(30, 40, 3)
    np.testing.assert_array_equal(mask(image, NOTHING), image)


def test_a_box_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="not finite"):
        mask(noise(30, 40, 3), np.array([[0, 0, np.nan, 10]]))


def test_overlaps_count_once():
    """Two of 10 x 10 that share a half cover 150 of 400 pixels."""
    assert covered_share(np.array([[0, 0, 10, 10], [5, 0, 15, 10]]), 20, 20) == pytest.approx(150 / 400)


@pytest.mark.parametrize("shape", [(1, 1, 3), (8, 200, 3), (11, 11), (40, 40, 3), (60, 80), (60, 80, 1)])
def test_images_that_are_tiny_gray_or_plain_pass_unchanged(shape):
    image = np.full(shape, 90, np.uint8)
    masked, boxes = mask_frame(image, ["faces", "plates"])
    np.testing.assert_array_equal(masked, image)
    assert {kind: found.shape for kind, found in boxes.items()} == {"faces": (0, 4), "plates": (0, 4)}


def test_only_the_asked_kinds_are_sought():
    assert list(mask_frame(np.full((40, 40, 3), 90, np.uint8), {"plates"})[1]) == ["plates"]
    assert mask_frame(np.full((40, 40, 3), 90, np.uint8), [])[1] == {}


def test_unknown_kind_is_the_requesters_mistake():
    with pytest.raises(UserError, match="masking: hands given; choose of faces, plates"):
        mask_frame(np.zeros((40, 40, 3), np.uint8), ["faces", "hands"])
