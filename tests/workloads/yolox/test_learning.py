"""Schedule, average and optimiser as the official recipe has them."""

from __future__ import annotations

import math

import pytest
import torch

from workloads.yolox.ema import ModelEma
from workloads.yolox.network import build
from workloads.yolox.optimiser import build_optimiser, set_rate
from workloads.yolox.schedule import WarmCosine, fit_epochs, scaled_rate


@pytest.mark.parametrize(
    ("iteration", "rate"),
    [(0, 0), (250, 0.00125), (500, 0.005), (15_000, 0.00249183), (28_500, 0.00025), (29_999, 0.00025)],
)
def test_rate_follows_the_official_schedule(iteration, rate):
    """Batch 32, 100 iterations per epoch, 300 epochs; numbers of the public package."""
    assert scaled_rate(0.01, 32) == 0.005
    assert WarmCosine(0.005, 100, 300).rate_at(iteration) == pytest.approx(rate, abs=5e-9)


def test_rate_starts_at_once_without_a_warm_up():
    assert WarmCosine(0.01, 10, 20, warmup_epochs=0, no_aug_epochs=0).rate_at(0) == 0.01


@pytest.mark.parametrize(("epochs", "fitted"), [(300, (5, 15)), (40, (5, 15)), (20, (2, 8)), (4, (1, 1)), (1, (0, 0))])
def test_short_run_keeps_half_of_itself_for_learning(epochs, fitted):
    assert fit_epochs(epochs, 5, 15) == fitted
    assert sum(fitted) <= epochs / 2


def test_average_moves_by_what_the_ramp_leaves():
    """After one update the average has moved by 1 - 0.9998 (1 - e^(-1/2000)) of the way, nearly all of it."""
    model = torch.nn.BatchNorm1d(1)
    ema = ModelEma(model)
    torch.nn.init.constant_(model.weight, 3.0)
    model.num_batches_tracked += 4
    ema.update(model)
    assert ema.model.weight.item() == pytest.approx(1 + 2 * (1 - 0.9998 * (1 - math.exp(-1 / 2000))))
    assert ema.model.num_batches_tracked == 4
    assert not ema.model.training
    assert not ema.model.weight.requires_grad


def test_average_goes_on_where_a_checkpoint_left_it():
    model = torch.nn.Linear(2, 2)
    ema = ModelEma(model, updates=500)
    torch.nn.init.zeros_(model.weight)
    ema.update(model)
    resumed = ModelEma(model)
    resumed.load_state_dict(ema.state_dict())
    assert resumed.updates == 501
    torch.testing.assert_close(resumed.model.weight, ema.model.weight)


def test_only_convolutions_shrink():
    model = build("yolox-nano", 3)
    optimiser = build_optimiser(model, rate=0.01)
    norms, weights, biases = optimiser.param_groups
    assert (norms["weight_decay"], weights["weight_decay"], biases["weight_decay"]) == (0, 5e-4, 0)
    assert {values.ndim for values in weights["params"]} == {4}
    assert {values.ndim for values in norms["params"] + biases["params"]} == {1}
    counted = sum(len(group["params"]) for group in optimiser.param_groups)
    assert counted == len({id(p) for group in optimiser.param_groups for p in group["params"]})
    assert counted == len(list(model.parameters()))
    assert all(group["nesterov"] and group["momentum"] == 0.9 for group in optimiser.param_groups)
    set_rate(optimiser, 0.5)
    assert {group["lr"] for group in optimiser.param_groups} == {0.5}
