"""Non-maximum suppression against a plain loop."""

import numpy as np
import pytest

from workloads.detection.boxes import iou_matrix
from workloads.detection.nms import batched_nms


def by_hand(boxes, scores, classes, limit):
    kept = []
    for i in np.argsort(-scores, kind="stable"):
        if all(classes[k] != classes[i] or iou_matrix(boxes[[k]], boxes[[i]])[0, 0] <= limit for k in kept):
            kept.append(i)
    return kept


@pytest.mark.parametrize("seed", range(5))
def test_the_same_boxes_stay_as_by_a_plain_loop(seed):
    random = np.random.default_rng(seed)
    corner, size = random.random((60, 2)) * 50, random.random((60, 2)) * 40 + 1
    boxes = np.concatenate([corner, corner + size], axis=1).astype(np.float32)
    scores, classes = random.random(60).astype(np.float32), random.integers(0, 3, 60)
    assert batched_nms(boxes, scores, classes, 0.4).tolist() == by_hand(boxes, scores, classes, 0.4)


def test_classes_stay_apart_left_of_and_above_the_picture():
    """OpenCV moves the second class by the largest coordinate and one: there its box would lie on the first one's."""
    boxes = np.array([[600, 600, 640, 640.0], [-41, -41, -1, -1]])
    assert batched_nms(boxes, np.array([0.9, 0.8]), np.array([0, 1]), 0.5).tolist() == [0, 1]


def test_a_box_without_end_leaves_the_others_apart():
    boxes = np.array([[0, 0, 1e30, 1e30], [0, 0, 9, 9], [20, 20, 29, 29], [50, 5, 59, 14]])
    assert batched_nms(boxes, np.array([0.9, 0.8, 0.7, 0.6]), np.array([0, 1, 1, 1]), 0.5).tolist() == [0, 1, 2, 3]


def test_equal_boxes_of_two_classes_both_stay():
    boxes = np.array([[0, 0, 9, 9.0], [0, 0, 9, 9], [0, 0, 9, 9]])
    assert batched_nms(boxes, np.array([0.5, 0.9, 0.5]), np.array([0, 1, 0]), 0.5).tolist() == [1, 0]


def test_no_boxes_give_none():
    assert batched_nms(np.zeros((0, 4)), np.zeros(0), np.zeros(0, int), 0.5).shape == (0,)
