"""Boxes drawn for people."""

import numpy as np

from workloads.images.drawing import draw_boxes


def test_edges_are_drawn_and_the_picture_itself_stays_as_it_was():
    picture = np.zeros((100, 100, 3), np.uint8)
    drawn = draw_boxes(picture, np.array([[20, 30, 60, 70]]), [""], [(0, 0, 255)])
    assert not picture.any()
    assert drawn[50, 20, 2] > 200
    assert not drawn[50, 40].any()


def test_boxes_outside_the_picture_and_no_boxes_are_fine():
    picture = np.zeros((50, 50, 3), np.uint8)
    assert draw_boxes(picture, np.array([[-900, -900, -10, -10], [40, 40, 900, 900]]), ["Car 0.9", "Van"]).any()
    assert not draw_boxes(picture, np.zeros((0, 4)), []).any()
