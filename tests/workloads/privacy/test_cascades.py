"""Joining, growing and searching."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from workloads.privacy.cascades import grown, joined, support, to_gray
from workloads.privacy.faces import find_faces
from workloads.privacy.plates import find_plates


def test_boxes_about_one_place_become_their_median():
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [2, 0, 12, 10], [50, 50, 60, 60]], np.float32)
    np.testing.assert_array_equal(support(boxes), [3, 3, 3, 1])
    np.testing.assert_allclose(joined(boxes), [[1, 0, 11, 10], [50, 50, 60, 60]])


def test_nothing_joins_to_nothing():
    assert joined(np.zeros((0, 4), np.float32)).shape == (0, 4)


def test_margins_are_shares_of_the_size_and_end_at_the_image():
    """Width 20 and height 10: 2 px and 2 px more on each side; the right border lies at 31."""
    np.testing.assert_allclose(
        grown(np.array([[10.0, 20, 30, 30]], np.float32), (0.1, 0.2), 100, 31), [[8, 18, 31, 32]]
    )


@pytest.mark.parametrize("image", [np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros(4, np.uint8)])
def test_what_is_no_image_is_refused(image):
    with pytest.raises(ValueError, match="uint8"):
        to_gray(image)


def drawn_plate(left: int, top: int, wide: int, *, gray: bool = False) -> np.ndarray:
    """A dark car's rear with a plate of invented letters."""
    image = np.full((200, 420, 3), 120, np.uint8)
    cv2.rectangle(image, (60, 40), (360, 180), (60, 55, 50), -1)
    high = wide * 11 // 52
    large = np.full((110, 520, 3), 245, np.uint8)
    cv2.rectangle(large, (2, 2), (517, 107), (20, 20, 20), 5)
    cv2.putText(large, "XX QZ 123", (18, 82), cv2.FONT_HERSHEY_DUPLEX, 2.45, (15, 15, 15), 7, cv2.LINE_AA)
    image[top : top + high, left : left + wide] = cv2.resize(large, (wide, high), interpolation=cv2.INTER_AREA)
    image = cv2.GaussianBlur(image, (0, 0), 0.6)
    return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if gray else image


@pytest.mark.parametrize("gray", [False, True])
@pytest.mark.parametrize("wide", [48, 80])
def test_drawn_plate_is_found(wide, gray):
    left, top, high = 180, 120, wide * 11 // 52
    boxes = find_plates(drawn_plate(left, top, wide, gray=gray))
    covered = np.zeros((200, 420), bool)
    for x1, y1, x2, y2 in boxes.astype(int):
        covered[y1:y2, x1:x2] = True
    assert covered[top : top + high, left : left + wide].mean() > 0.8
    assert covered.mean() < 0.15


def test_boxes_lie_in_the_image_and_repeat_exactly():
    image = drawn_plate(300, 175, 80)
    boxes = find_plates(image)
    assert boxes.dtype == np.float32
    assert (boxes >= 0).all()
    assert (boxes[:, [2, 3]] <= [420, 200]).all()
    np.testing.assert_array_equal(boxes, find_plates(image))
    assert find_faces(np.zeros((11, 300, 3), np.uint8)).shape == (0, 4)
