from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

from workloads.augmentation.affine import AffineRanges
from workloads.augmentation.flip import flip
from workloads.augmentation.frame import Frame
from workloads.augmentation.pipeline import Pipeline
from workloads.augmentation.recipe import Recipe

FULL = Recipe(0.5, AffineRanges(10, 2, 0.1, (0.5, 1.5)), 0.5, (0.5, 1.5), AffineRanges(5), True, 0.5)


def load(index):
    rng = np.random.default_rng(index)
    return Frame(rng.integers(0, 256, (30, 60, 3), dtype=np.uint8), np.float32([[5, 5, 25, 28]]), np.int64([index % 3]))


def sampled(arguments):
    frame = Pipeline(FULL, load, 5, (64, 96)).sample(*arguments)
    return frame.image.tobytes(), frame.boxes_xyxy.tobytes(), frame.classes.tobytes()


def test_same_seed_epoch_and_index_give_the_same_picture_in_other_processes_and_orders():
    wanted = [(index, epoch, 3) for index in range(5) for epoch in range(3)]
    here = {arguments: sampled(arguments) for arguments in wanted}
    with ProcessPoolExecutor(2) as pool:
        there = dict(zip(wanted[::-1], pool.map(sampled, wanted[::-1]), strict=True))
    assert here == there
    assert len({content[0] for content in here.values()}) == len(wanted)


def test_frame_is_not_written_to():
    frame = load(0)
    Pipeline(FULL, lambda _: frame, 1, (64, 64)).sample(0, 0, 0)
    np.testing.assert_array_equal(frame.image, load(0).image)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_fewer_frames_than_a_mosaic_has_are_enough(count):
    recipe = Recipe(mosaic_prob=1.0, mosaic=AffineRanges(scale=(0.5, 0.5)))
    made = Pipeline(recipe, load, count, (64, 64)).sample(count - 1, 0, 0)
    assert made.image.shape == (64, 64, 3)
    assert len(made.boxes_xyxy) >= 1


def test_recipe_of_nothing_is_the_letterbox():
    made = Pipeline(Recipe(), load, 5, (64, 96)).sample(2, 0, 0)
    assert made.image.shape == (64, 96, 3)
    assert (made.image[48:] == 114).all()  # 30 x 60 fits at 1.6: 48 x 96
    np.testing.assert_allclose(made.boxes_xyxy, [[8, 8, 40, 44.8]], rtol=1e-6)


def test_flip_by_hand_and_twice_is_nothing():
    """Width 60: left 5, right 25 become 35 and 55. The padding of a flipped picture stays on the right."""
    frame = load(0)
    np.testing.assert_array_equal(flip(frame).boxes_xyxy, [[35, 5, 55, 28]])
    np.testing.assert_array_equal(flip(flip(frame)).image, frame.image)
    made = Pipeline(Recipe(flip_prob=1.0), load, 5, (30, 90)).sample(0, 0, 0)
    assert (made.image[:, 60:] == 114).all()
    np.testing.assert_array_equal(made.boxes_xyxy, [[35, 5, 55, 28]])


def test_last_epochs_see_single_pictures_with_colour_and_flip():
    bare = FULL.without_composition()
    assert (bare.mosaic_prob, bare.mixup_prob, bare.single.changes_nothing) == (0, 0, True)
    assert (bare.colour, bare.flip_prob) == (True, 0.5)
