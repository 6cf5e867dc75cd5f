"""Raw predictions to boxes in the original picture."""

import numpy as np
import pytest

from workloads.detection.detections import Detections, from_predictions
from workloads.images.letterbox import Letterbox

HALVED = Letterbox.fit((200, 200), (100, 100))


def test_box_comes_out_in_original_pixels_with_the_product_of_scores():
    found = from_predictions(np.array([[50, 50, 20, 10, 0.5, 0.2, 0.8]], np.float32), HALVED)
    np.testing.assert_allclose(found.boxes_xyxy, [[80, 90, 120, 110]])
    assert found.scores[0] == pytest.approx(0.4)
    assert found.classes.tolist() == [1]


def test_weak_cells_numbers_that_are_none_and_overlapping_boxes_go():
    rows = np.array([
        [50, 50, 20, 10, 0.9, 0.9, 0.0],
        [51, 50, 20, 10, 0.9, 0.8, 0.0],
        [50, 50, 20, 10, 0.09, 0.1, 0.1],
        [np.inf, 50, 20, 10, 0.9, 0.9, 0.0],
    ], np.float32)  # fmt: skip
    assert from_predictions(rows, HALVED).scores == pytest.approx([0.81])


def test_nothing_found_is_an_empty_answer_of_the_right_shapes():
    found = from_predictions(np.zeros((5, 8), np.float32), HALVED)
    assert (found.boxes_xyxy.shape, len(found), len(Detections.none())) == ((0, 4), 0, 0)


def test_only_the_best_are_kept():
    rows = np.array([[10 * i, 10, 4, 4, 0.1 * i, 1.0] for i in range(1, 8)], np.float32)
    assert from_predictions(rows, HALVED, most=2).scores == pytest.approx([0.7, 0.6])


def test_what_was_seen_in_the_padding_alone_is_left_out():
    """A picture twice as wide as high: the lower half of the input is grey."""
    wide = Letterbox.fit((100, 200), (100, 100))
    rows = np.array([[50, 75, 20, 10, 0.9, 1.0], [50, 48, 20, 10, 0.8, 1.0]], np.float32)
    found = from_predictions(rows, wide, most=1)
    np.testing.assert_allclose(found.boxes_xyxy, [[80, 86, 120, 100]])
