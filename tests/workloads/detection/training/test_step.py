import numpy as np
import pytest
import torch

from workloads.detection.training.batches import Batch
from workloads.detection.training.precision import choose
from workloads.detection.training.step import Agreement, size_at, to_device
from workloads.detection.training.world import World


def test_sizes_vary_by_five_steps_of_32_and_hold_for_ten_steps():
    sizes = [size_at(step, (416, 416), 5, seed=0) for step in range(4000)]
    assert {height // 32 for height, _ in sizes} == set(range(8, 19))
    assert all(height == width for height, width in sizes)
    assert all(len(set(sizes[at : at + 10])) == 1 for at in range(0, 4000, 10))


def test_small_and_wide_inputs_vary_less_and_keep_their_shape():
    """128 rows are four times 32: one more or less."""
    sizes = {size_at(step, (128, 416), 5, seed=1) for step in range(0, 4000, 10)}
    assert sizes == {(96, 320), (128, 416), (160, 512)}
    assert size_at(5000, (32, 32), 5, seed=0) == (32, 32)
    assert size_at(5000, (416, 416), 0, seed=0) == (416, 416)


def test_pictures_and_targets_are_scaled_together():
    batch = Batch(np.full((1, 32, 64, 3), 9, np.uint8), np.float32([[[1, 10, 20, 4, 6], [0, 0, 0, 0, 0]]]))
    images, targets = to_device(batch, (64, 64), torch.device("cpu"))
    assert images.shape == (1, 3, 64, 64)
    assert images.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(targets, torch.tensor([[[1.0, 10, 40, 4, 12], [0, 0, 0, 0, 0]]]))


def test_divisor_is_the_answering_cells_and_at_least_one():
    agreement = Agreement(World())
    assert (agreement.divisor(0), agreement.divisor(7), agreement.stop) == (1.0, 7.0, False)
    agreement.asked = True
    agreement.divisor(1)
    assert agreement.stop


def test_precision_is_full_unless_wanted():
    assert choose(torch.device("cpu"), wanted=False).name == "fp32"
    assert choose(torch.device("cpu"), wanted=True).name in {"fp32", "bf16"}


@pytest.mark.parametrize("name", ["fp32", "bf16"])
def test_loss_scaling_is_for_16_bit_floats_alone(name):
    from workloads.detection.training.precision import Precision

    assert not Precision(name).scaler(torch.device("cpu")).is_enabled()
