import cv2
import numpy as np
import pytest

from workloads.augmentation.colour import jitter, shift_hsv


def picture(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (16, 24, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    "shift", [(5, 0, 0), (-5, 0, 0), (0, 30, 0), (0, -30, 0), (0, 0, 30), (0, 0, -30), (3, -9, 14)]
)
def test_shift_is_opencvs_hsv_up_to_its_rounding(shift):
    """OpenCV rounds hue to 2 degrees and saturation to 1/255 on the way; the result moves by a few steps of 255."""
    image = picture()
    hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV).astype(int)
    hsv[..., 0] = (hsv[..., 0] + shift[0]) % 180
    hsv[..., 1:] = (hsv[..., 1:] + shift[1:]).clip(0, 255)
    expected = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2BGR).astype(int)
    shift_hsv(image, *shift)
    difference = np.abs(image - expected)
    assert difference.max() <= 6
    assert difference.mean() < 1.2


def test_no_shift_changes_no_pixel():
    image = picture()
    shift_hsv(image, 0, 0, 0)
    np.testing.assert_array_equal(image, picture())


def test_known_colours_by_hand():
    """Pure blue turned by 120 degrees (60 steps) is red; grey with saturation added is red, as its hue is 0."""
    image = np.uint8([[[255, 0, 0], [100, 100, 100]]])
    shift_hsv(image, 60, 0, 0)
    np.testing.assert_array_equal(image, [[[0, 0, 255], [100, 100, 100]]])
    shift_hsv(image, 0, 51, -55)  # saturation 51/255 = 0.2: 45 - 9 = 36 in the other channels
    np.testing.assert_array_equal(image, [[[0, 0, 200], [36, 36, 45]]])


def test_jitter_is_the_same_for_the_same_seed_and_leaves_one_in_eight_alone():
    made = [jitter(picture(), np.random.default_rng(seed)) for seed in range(80)]
    again = jitter(picture(), np.random.default_rng(7))
    np.testing.assert_array_equal(made[7], again)
    untouched = sum((one == picture()).all() for one in made)
    assert 3 <= untouched <= 25  # 1/8 of 80, and some hue shifts below one step
