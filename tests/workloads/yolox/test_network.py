"""Sizes as published, the official prior, and what the network refuses."""

from __future__ import annotations

import pytest
import torch

from workloads.contract import UserError
from workloads.yolox import variants
from workloads.yolox.network import build

PUBLISHED = {  # facts: parameters with 80 and 3 classes
    "yolox-nano": (912_159, 897_144), "yolox-tiny": (5_055_855, 5_033_448), "yolox-s": (8_968_255, 8_938_456),
    "yolox-m": (25_326_495, 25_281_912), "yolox-l": (54_208_895, 54_149_528), "yolox-x": (99_071_455, 98_997_304),
}  # fmt: skip


@pytest.mark.parametrize("variant", PUBLISHED)
def test_parameters_are_as_many_as_published(variant):
    for classes, published in zip((80, 3), PUBLISHED[variant], strict=True):
        with torch.device("meta"):
            model = build(variant, classes)
        assert sum(values.numel() for values in model.parameters()) == published
        assert variants.find(variant).parameters(classes) == published


def test_an_image_gets_a_prediction_per_cell():
    assert variants.cells((416, 416)) == 3549
    assert variants.cells((640, 640)) == 8400
    model = build("yolox-nano", 3)
    images = torch.zeros(2, 3, 64, 96)
    assert model(images).shape == model.eval()(images).shape == (2, variants.cells((64, 96)), 8)


def test_fresh_network_expects_nothing():
    torch.manual_seed(0)
    predictions = build("yolox-nano", 3).eval()(torch.full((1, 3, 64, 64), 114.0))
    torch.testing.assert_close(predictions[..., 4:], torch.full_like(predictions[..., 4:], 0.01), rtol=0, atol=0.02)


def test_norms_are_the_official_ones():
    norms = [m for m in build("yolox-nano", 1).modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-3, 0.03)}


def test_what_is_no_network_is_refused():
    with pytest.raises(UserError, match="variant: 'yolox-q' is no YOLOX; choose one of yolox-nano"):
        build("yolox-q", 3)
    with pytest.raises(UserError, match="classes: 0 given"):
        build("yolox-s", 0)
    with pytest.raises(ValueError, match="images of 64 x 100 pixels"):
        build("yolox-nano", 3)(torch.zeros(1, 3, 64, 100))
