"""Objects find their cells, and the loss stays a number whatever the batch holds."""

from __future__ import annotations

import math

import pytest
import torch

from workloads.yolox.assignment import assign
from workloads.yolox.decoding import cell_grid, decode, decode_boxes
from workloads.yolox.losses import detection_loss, encode_boxes
from workloads.yolox.network import build

SIZE = (64, 64)
CELLS = 64 + 16 + 4


def raw_answers(images=1, classes=2):
    """Boxes of a cell's size at its corner, nothing seen."""
    return torch.zeros(images, CELLS, 5 + classes)


def test_one_raw_box_decodes_as_the_paper_says():
    """Row 1, column 2 of stride 8: (0.5 + 2) 8 = 20, (0.25 + 1) 8 = 10, e^log(3) 8 = 24."""
    raw = raw_answers()
    raw[0, 8 + 2] = torch.tensor([0.5, 0.25, math.log(3), 0, 0, 0, math.log(3)])
    torch.testing.assert_close(decode(raw, SIZE)[0, 10], torch.tensor([20, 10, 24, 8, 0.5, 0.5, 0.75]))


def test_encoding_undoes_decoding():
    corners, strides = cell_grid(SIZE)
    boxes = torch.tensor([[20.0, 10, 24, 8], [60, 3, 5, 50]])
    torch.testing.assert_close(
        decode_boxes(encode_boxes(boxes, corners[:2], strides[:2]), corners[:2], strides[:2]), boxes
    )


def match(boxes, classes, raw):
    corners, strides = cell_grid(SIZE)
    answers = decode_boxes(raw[0, :, :4], corners, strides)
    return assign(answers, raw[0, :, 4], raw[0, :, 5:], torch.tensor(boxes), torch.tensor(classes), (corners + 0.5) *
                  strides, strides)  # fmt: skip


def test_cells_that_predict_an_object_exactly_get_it():
    """Three cells of overlap 1: the best overlaps sum up to 3, so three cells answer. The others overlap less."""
    raw = raw_answers()
    raw[..., 2:4] = -9  # no box to speak of
    corners, strides = cell_grid(SIZE)
    box = torch.tensor([[20.0, 20, 16, 16]])
    exact = [2 * 8 + 2, 2 * 8 + 1, 64 + 4 + 1]  # two of stride 8 and one of stride 16 around the centre
    raw[0, exact, :4] = encode_boxes(box.expand(3, 4), corners[exact], strides[exact])
    found = match([[20.0, 20, 16, 16]], [1], raw)
    assert sorted(found.cells.tolist()) == sorted(exact)
    assert found.objects.tolist() == [0, 0, 0]
    torch.testing.assert_close(found.overlaps, torch.ones(3), rtol=0, atol=1e-5)


def test_cell_two_objects_claim_goes_to_the_cheaper():
    """Both have the same box; the cell is sure of class 1."""
    raw = raw_answers()
    raw[..., 4:] = -5
    raw[..., 4] = raw[..., 6] = 5
    found = match([[20.0, 20, 16, 16], [20.0, 20, 16, 16]], [0, 1], raw)
    assert len(found.cells) > 0
    assert found.objects.tolist() == [1] * len(found.cells)


def test_object_outside_of_the_image_finds_no_cell():
    assert len(match([[500.0, 500, 16, 16]], [0], raw_answers()).cells) == 0


@pytest.mark.parametrize("l1", [False, True])
@pytest.mark.parametrize(
    "objects",
    [[], [[0.0, 500, 500, 16, 16]], [[0.0, 0, 0, 1e-3, 1e-3]], [[1.0, 32, 32, 1e5, 1e5]], [[0.0, 8, 8, 8, 8]] * 200],
    ids=["none", "outside", "tiny at the corner", "huge", "200 alike"],
)
def test_loss_and_gradient_stay_numbers(objects, l1):
    torch.manual_seed(0)
    raw = torch.randn(2, CELLS, 7, requires_grad=True)
    targets = torch.zeros(2, max(len(objects), 1), 5)
    targets[0, : len(objects)] = torch.tensor(objects).reshape(-1, 5)
    loss = detection_loss(raw, targets, SIZE, l1=l1)
    loss.total.backward()
    assert math.isfinite(loss.total.item())
    assert bool(raw.grad.isfinite().all())
    torch.testing.assert_close(loss.iou + loss.conf + loss.cls + loss.l1, loss.total.detach())


def test_batch_without_objects_teaches_only_that_there_is_nothing():
    """Every cell gives objectness 1/2, whose cross-entropy is log 2; nothing else has a gradient."""
    raw = raw_answers(images=2).requires_grad_()
    loss = detection_loss(raw, torch.zeros(2, 3, 5), SIZE, l1=True)
    loss.total.backward()
    assert loss.total.item() == pytest.approx(2 * CELLS * math.log(2))
    assert loss.num_fg == 0
    assert raw.grad[..., :4].abs().sum() == raw.grad[..., 5:].abs().sum() == 0


def test_padding_may_stand_anywhere():
    torch.manual_seed(0)
    raw = torch.randn(1, CELLS, 7)
    objects = torch.tensor([[0.0, 20, 20, 16, 16], [1.0, 50, 40, 20, 30]])
    scattered = torch.zeros(1, 5, 5)
    scattered[0, [1, 4]] = objects
    assert detection_loss(raw, scattered, SIZE).total == detection_loss(raw, objects[None], SIZE).total


def test_loss_is_the_same_every_time():
    torch.manual_seed(0)
    raw = torch.randn(2, CELLS, 7)
    targets = torch.rand(2, 30, 5) * 60
    targets[..., 0] = 1
    first = detection_loss(raw, targets, SIZE).total
    assert all(detection_loss(raw, targets, SIZE).total == first for _ in range(5))


def test_half_precision_network_is_judged_in_float32():
    torch.manual_seed(0)
    model = build("yolox-nano", 2)
    targets = torch.tensor([[[0.0, 20, 20, 16, 16]]])
    with torch.autocast("cpu", torch.bfloat16):
        raw = model(torch.rand(1, 3, *SIZE) * 255)
        loss = detection_loss(raw, targets, SIZE)
    assert raw.dtype == torch.bfloat16
    assert loss.total.dtype == torch.float32
    loss.total.backward()
    assert all(bool(p.grad.isfinite().all()) for p in model.parameters() if p.grad is not None)
