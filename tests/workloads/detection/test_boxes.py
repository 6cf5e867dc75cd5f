"""Box formats and overlaps."""

import numpy as np

from workloads.detection.boxes import cxcywh_to_xyxy, iou_matrix, xywh_to_xyxy, xyxy_to_xywh


def test_overlap_of_half_shifted_squares_is_a_third():
    """By hand: 2 of 4 + 4 - 2 square pixels."""
    np.testing.assert_allclose(iou_matrix(np.array([[0, 0, 2, 2.0]]), np.array([[1, 0, 3, 2.0], [5, 5, 6, 6]])),
                               [[1 / 3, 0]])  # fmt: skip


def test_empty_boxes_overlap_nothing_not_even_themselves():
    assert iou_matrix(np.zeros((1, 4)), np.zeros((1, 4)))[0, 0] == 0
    assert iou_matrix(np.zeros((0, 4)), np.ones((3, 4))).shape == (0, 3)


def test_formats_go_there_and_back_and_leave_their_input_alone():
    boxes = np.array([[1.0, 2, 4, 8]])
    np.testing.assert_array_equal(xywh_to_xyxy(xyxy_to_xywh(boxes)), boxes)
    np.testing.assert_array_equal(cxcywh_to_xyxy(np.array([[2.5, 5, 3, 6]])), boxes)
    np.testing.assert_array_equal(boxes, [[1, 2, 4, 8]])
