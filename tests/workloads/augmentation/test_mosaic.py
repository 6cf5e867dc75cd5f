import cv2
import numpy as np
import pytest

from benchmarks import augmentation_peer as peer
from workloads.augmentation.affine import AffineRanges
from workloads.augmentation.frame import IGNORED, Frame
from workloads.augmentation.mixup import mixup
from workloads.augmentation.mosaic import mosaic

OFFICIAL = AffineRanges(10, 2, 0.1, (0.5, 1.5))


def smooth(seed, size, count=4):
    """A picture without sharp edges, so that interpolation hardly matters."""
    rng = np.random.default_rng(seed)
    image = cv2.resize(
        rng.integers(0, 256, (5, 7, 3), dtype=np.uint8), (size[1], size[0]), interpolation=cv2.INTER_CUBIC
    )
    corners = rng.uniform([0, 0], [size[1] - 40, size[0] - 40], (count, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(5, 40, (count, 2))], axis=1).astype(np.float32)
    return Frame(image, boxes, rng.integers(0, 3, count))


SIZES = [(90, 320), (200, 150), (128, 128), (60, 61)]


@pytest.mark.parametrize("seed", range(6))
def test_mosaic_is_the_canvas_pasted_and_warped(seed):
    """The same picture and boxes as the plain chain with its canvas of twice the size, up to interpolation."""
    frames = [smooth(seed * 10 + place, size) for place, size in enumerate(SIZES)]
    ours = mosaic(frames, OFFICIAL, (128, 160), np.random.default_rng(seed))
    theirs = peer.mosaic(frames, OFFICIAL, (128, 160), np.random.default_rng(seed))
    np.testing.assert_array_equal(ours.classes, theirs.classes)
    np.testing.assert_allclose(ours.boxes_xyxy, theirs.boxes_xyxy, atol=1.2)  # int(w * r) pixels against w * r
    difference = np.abs(ours.image.astype(int) - theirs.image)
    assert np.median(difference) <= 1
    assert (difference > 12).mean() < 0.03  # the seams


def test_mosaic_of_fitted_frames_has_exactly_the_boxes_of_the_canvas():
    frames = [smooth(place, size) for place, size in enumerate([(60, 160), (128, 90), (128, 160), (100, 160)])]
    ours = mosaic(frames, OFFICIAL, (128, 160), np.random.default_rng(5))
    theirs = peer.mosaic(frames, OFFICIAL, (128, 160), np.random.default_rng(5))
    np.testing.assert_allclose(ours.boxes_xyxy, theirs.boxes_xyxy, atol=1e-3)


def test_mosaic_works_with_one_frame_four_times_and_with_no_boxes():
    frame = smooth(0, (64, 64), count=0)
    made = mosaic([frame] * 4, OFFICIAL, (64, 64), np.random.default_rng(0))
    assert made.image.shape == (64, 64, 3)
    assert made.boxes_xyxy.shape == (0, 4)


def test_regions_nobody_labelled_move_with_the_picture():
    frame = smooth(0, (64, 64), count=1)._replace(classes=np.int64([IGNORED]))
    made = mosaic([frame] * 4, AffineRanges(scale=(0.5, 0.5)), (64, 64), np.random.default_rng(0))
    assert set(made.classes) == {IGNORED}
    assert not made.has_objects


@pytest.mark.parametrize("seed", range(6))
def test_mixup_is_the_plain_chain(seed):
    """Letterboxed, scaled, flipped, cropped, blended half and half; the chain does each step for itself."""
    first, other = smooth(seed, (96, 128)), smooth(seed + 50, (90, 320))
    theirs = peer.mixup(first, other, (0.5, 1.5), np.random.default_rng(seed))
    ours = mixup(first._replace(image=first.image.copy()), other, (0.5, 1.5), np.random.default_rng(seed))
    np.testing.assert_array_equal(ours.classes, theirs.classes)
    np.testing.assert_allclose(ours.boxes_xyxy, theirs.boxes_xyxy, atol=1.5)
    difference = np.abs(ours.image.astype(int) - theirs.image)
    assert np.median(difference) <= 1
    assert (difference > 12).mean() < 0.04


def test_mixup_keeps_the_boxes_of_both():
    first, other = smooth(0, (64, 64), count=2), smooth(1, (64, 64), count=3)
    blended = mixup(first._replace(image=first.image.copy()), other, (0.9, 0.9), np.random.default_rng(0))
    assert len(blended.boxes_xyxy) == 5
    np.testing.assert_array_equal(blended.boxes_xyxy[:2], first.boxes_xyxy)
