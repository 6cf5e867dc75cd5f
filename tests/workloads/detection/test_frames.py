"""What is measured of a frame."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from workloads.detection.frames import describe_boxes, describe_frame, fingerprint


def test_even_grey_has_its_brightness_and_nothing_else():
    facts = describe_frame(np.full((30, 40, 3), 80, np.uint8))
    assert facts == pytest.approx({"brightness": 80, "contrast": 0, "sharpness": 0, "saturation": 0,
                                   "colour_blue": 1 / 3, "colour_red": 1 / 3})  # fmt: skip


def test_halves_of_black_and_white_have_their_contrast():
    """Mean of 0 and 200 is 100, and each lies 100 from it."""
    image = np.zeros((20, 20, 3), np.uint8)
    image[:, 10:] = 200
    facts = describe_frame(image)
    assert (facts["brightness"], facts["contrast"]) == (100, 100)


def test_red_light_shows_in_the_colours():
    facts = describe_frame(np.full((8, 8, 3), (50, 50, 100), np.uint8))
    assert (facts["colour_red"], facts["colour_blue"], facts["saturation"]) == (0.5, 0.25, 50)


def test_blur_lowers_sharpness_and_a_larger_camera_does_not_change_it_much():
    sharp = cv2.resize(np.random.default_rng(0).integers(0, 255, (90, 160, 3), np.uint8), (640, 360))
    blurred = cv2.GaussianBlur(sharp, (9, 9), 3)
    twice = cv2.resize(sharp, (1280, 720))
    assert describe_frame(blurred)["sharpness"] < 0.2 * describe_frame(sharp)["sharpness"]
    assert describe_frame(twice)["sharpness"] == pytest.approx(describe_frame(sharp)["sharpness"], rel=0.35)


def test_black_picture_has_balanced_colours():
    assert describe_frame(np.zeros((4, 4, 3), np.uint8))["colour_red"] == pytest.approx(1 / 3)


def test_boxes_are_measured_by_the_side_of_their_share():
    """10 x 10 and 20 x 20 of 100 x 100 pixels: 0.1 and 0.2; the median lies between."""
    facts = describe_boxes(np.array([[0, 0, 10, 10], [5, 5, 25, 25]]), (100, 100))
    assert facts == pytest.approx({"objects": 2, "object_side_median": 0.15, "object_side_largest": 0.2})
    assert np.isnan(describe_boxes(np.zeros((0, 4)), (100, 100))["object_side_median"])


def test_fingerprint_hardly_changes_with_light_and_does_with_content():
    scene = cv2.resize(np.random.default_rng(1).integers(0, 200, (8, 9, 3), np.uint8), (160, 90))
    brighter = cv2.convertScaleAbs(scene, alpha=1.1, beta=10)
    assert (fingerprint(scene) ^ fingerprint(brighter)).bit_count() <= 2
    assert (fingerprint(scene) ^ fingerprint(scene[:, ::-1])).bit_count() > 16
