"""Regions nobody labelled, and a batch in parts: what training adds to the official loss."""

import torch

from workloads.yolox.losses import detection_loss

SIZE = (64, 64)
CELLS = 64 + 16 + 4


def raw_answers(images=1):
    return torch.randn(images, CELLS, 7, generator=torch.Generator().manual_seed(0))


def test_cells_in_a_region_learn_nothing_unless_they_answer():
    """A region over the left half: the gradient of the objectness is 0 at its cells, except where an object lies."""
    raw = raw_answers().requires_grad_()
    car = [1.0, 20, 20, 16, 16]
    detection_loss(raw, torch.tensor([[car, [-1.0, 16, 32, 32, 64]]]), SIZE).total.backward()
    fine = raw.grad[0, :64, 4].reshape(8, 8)  # stride 8: columns 0 to 3 lie in the region
    assert (fine[:, 4:] != 0).all()
    assert (fine[:, :4] != 0).sum() < 10
    assert raw.grad[0, :, 4].min() < 0  # a cell that answers for the car is drawn up
    alone = raw_answers().requires_grad_()
    detection_loss(alone, torch.tensor([[car]]), SIZE).total.backward()
    torch.testing.assert_close(fine[:, 4:], alone.grad[0, :64, 4].reshape(8, 8)[:, 4:])


def test_parts_of_a_batch_add_up_to_the_whole():
    """With the mean of the answering cells over the parts as divisor, the mean of the parts' losses is the whole's."""
    raw = raw_answers(2)
    targets = torch.tensor([[[0.0, 20, 20, 16, 16], [1, 40, 40, 30, 20]], [[1.0, 50, 12, 12, 14], [0, 0, 0, 0, 0]]])
    found = []
    whole = detection_loss(raw, targets, SIZE, l1=True, divisor=lambda count: found.append(count) or count).total
    parts = [detection_loss(raw[i : i + 1], targets[i : i + 1], SIZE, l1=True, divisor=lambda _: found[0] / 2).total
             for i in range(2)]  # fmt: skip
    torch.testing.assert_close(sum(parts) / 2, whole)
