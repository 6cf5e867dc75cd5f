"""Our network, loss and their gradients are those of the public package; its numbers are committed, itself is not.

`YOLOX_CHECKOUT=FOLDER pytest tests/workloads/yolox/test_parity.py` compares with a clone of it anew, on more inputs.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.workloads.yolox import official
from workloads.yolox.ema import ModelEma
from workloads.yolox.losses import detection_loss
from workloads.yolox.network import build
from workloads.yolox.schedule import WarmCosine
from workloads.yolox.variants import VARIANTS

KNOWN = json.loads(official.KNOWN.read_text())
TERMS = ("total", "iou", "l1", "conf", "cls", "num_fg")


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def public():
    if "YOLOX_CHECKOUT" not in os.environ:
        pytest.skip("YOLOX_CHECKOUT names no clone of the public YOLOX")
    return official.Official(Path(os.environ["YOLOX_CHECKOUT"]))


def terms_of(loss):
    return {name: torch.as_tensor(getattr(loss, name)) for name in TERMS}


def our_losses(model, example):
    return terms_of(detection_loss(model(example.images), example.targets, example.images.shape[-2:], l1=True))


def assert_alike(ours, theirs, where=""):
    """Equal everywhere in a tree of numbers, which were computed in float64."""
    if isinstance(theirs, dict):
        for name in theirs:
            assert_alike(ours[name], theirs[name], f"{where} {name}")
    else:
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5 * np.abs(theirs).max(), err_msg=where)


@pytest.mark.parametrize("variant", VARIANTS)
def test_predictions_loss_and_gradients_equal_the_public_packages(variant):
    classes = official.CLASSES.get(variant, 3)
    ours = official.answers(build(variant, classes), classes, our_losses, official.examples_of(variant))
    assert_alike(ours, KNOWN["networks"][variant])


@pytest.mark.parametrize("scene", official.SCENES)
def test_loss_of_trained_answers_equals_the_public_packages(scene):
    """Boxes near their objects: several cells per object, and cells that two objects claim."""
    seed, size, classes, objects = official.SCENES[scene]
    raw, targets = official.trained_answers(seed, size, classes, objects)
    raw.requires_grad_()
    loss = detection_loss(raw, targets, size, l1=True)
    loss.total.backward()
    known = KNOWN["scenes"][scene]
    for name, value in terms_of(loss).items():
        assert value.item() == pytest.approx(known["loss"][name], rel=1e-5)
    assert raw.grad.norm().item() == pytest.approx(known["gradient"], rel=1e-5)


def test_a_seed_initialises_the_public_network_under_the_same_names(public):
    for variant in VARIANTS:
        torch.manual_seed(5)
        theirs = public.build(variant, 3).state_dict()
        torch.manual_seed(5)
        ours = build(variant, 3).state_dict()
        assert list(ours) == list(theirs)
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_committed_answers_are_the_public_packages(public):
    assert_alike(official.known_answers(public), KNOWN)


def test_public_package_agrees_on_fresh_scenes(public):
    for seed in range(40):
        random = np.random.RandomState(seed)
        size = (32 * random.randint(1, 6), 32 * random.randint(1, 6))
        classes, objects = int(random.choice([1, 3, 80])), int(random.choice([2, 20, 90]))
        raw, targets = official.trained_answers(seed, size, classes, objects)
        ours, theirs = raw.clone().requires_grad_(), raw.clone().requires_grad_()
        loss = detection_loss(ours, targets, size, l1=bool(seed % 2))
        loss.total.backward()
        known = public.losses_of(theirs, targets, size, l1=bool(seed % 2))
        known["total"].backward()
        for name, value in terms_of(loss).items():
            assert value.item() == pytest.approx(known[name].item(), rel=1e-5, abs=1e-6), seed
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-5)


def test_public_schedule_and_average_agree(public):
    theirs = public.tools.LRScheduler("yoloxwarmcos", 0.005, 100, 30, warmup_epochs=5, warmup_lr_start=0,
                                      no_aug_epochs=15, min_lr_ratio=0.05)  # fmt: skip
    ours = WarmCosine(0.005, 100, 30)
    for iteration in range(3000):
        assert ours.rate_at(iteration) == pytest.approx(theirs.update_lr(iteration), rel=1e-12)
    model = torch.nn.BatchNorm1d(3)
    slow, slow_of_theirs = ModelEma(model), public.tools.ModelEMA(model, 0.9998)
    for step in range(5):
        with torch.no_grad():
            model.weight += step
        slow.update(model)
        slow_of_theirs.update(model)
    for name, values in slow_of_theirs.ema.state_dict().items():
        torch.testing.assert_close(slow.model.state_dict()[name], values)
