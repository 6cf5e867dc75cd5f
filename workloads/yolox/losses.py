"""What a YOLOX network is punished for: boxes, objectness, classes, and in the last epochs raw box answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from workloads.yolox.assignment import assign
from workloads.yolox.decoding import cell_grid, decode_boxes

BOX_WEIGHT = 5.0


@dataclass(frozen=True)
class DetectionLoss:
    """Scalars; `total` = `iou` + `conf` + `cls` + `l1`, and it alone has a gradient to follow."""

    total: Tensor
    iou: Tensor
    """Weighted already, as the official log shows it."""
    l1: Tensor
    conf: Tensor
    cls: Tensor
    num_fg: float
    """Cells that answer for an object, per object."""


def at_least_one(found: int) -> float:
    """Answering cells of a batch, or 1 where there are none."""
    return float(max(found, 1))


def detection_loss(raw: Tensor, targets: Tensor, input_size: tuple[int, int], *, l1: bool = False,
                   divisor: Callable[[int], float] = at_least_one) -> DetectionLoss:  # fmt: skip
    """The loss of a batch, in float32 whatever the network computed in.

    Args:
        raw: (n, cells, 5 + classes), what a network in training mode returns.
        targets: (n, most, 5) float [class, centre x, centre y, width, height], input pixels; rows without a size
            are padding, wherever they stand. A negative class is a region nobody labelled: cells with their centre in
            it that answer for no object learn nothing about objectness.
        input_size: height, width of the images, pixels.
        l1: add the distance of the raw box answers; official in the last epochs, without augmentation.
        divisor: from the answering cells of this batch to what the sums are divided by, at least 1; with parts of a
            batch on several devices, the mean over them.

    Every part is summed and divided by the number of answering cells (at least one), so images without objects
    only teach that there is nothing.

    Source: YOLOX `yolox/models/{yolo_head,losses}.py`: 5 (1 - IoU^2), and binary cross-entropy of the objectness of
    all cells and of the classes of the answering ones, whose target is the IoU.
    """
    with torch.autocast(raw.device.type, enabled=False):
        return _loss(raw.float(), targets.to(raw.device, torch.float32), input_size, l1, divisor)


def _loss(raw: Tensor, targets: Tensor, input_size: tuple[int, int], l1: bool, divisor: Callable[[int], float]
          ) -> DetectionLoss:  # fmt: skip
    corners, strides = cell_grid(input_size, raw.device)
    boxes = decode_boxes(raw[..., :4], corners, strides)
    centres = (corners + 0.5) * strides
    matches = _match(raw.detach(), boxes.detach(), targets, centres, strides)
    classes = raw.shape[2] - 5
    found = len(matches.rows)
    answers = raw.flatten(0, 1)[matches.rows]
    cells = matches.rows % raw.shape[1]
    wanted = functional.one_hot(matches.classes, classes) * matches.overlaps[:, None]
    objectness = torch.zeros(raw.shape[0] * raw.shape[1], device=raw.device)
    objectness[matches.rows] = 1.0
    cross_entropy = functional.binary_cross_entropy_with_logits
    share = 1 / divisor(found)
    box_part = BOX_WEIGHT * share * (1 - overlap(boxes.flatten(0, 1)[matches.rows], matches.boxes) ** 2).sum()
    weights = _objectness_weights(targets, centres, matches.rows)
    objectness_part = share * cross_entropy(raw[..., 4].flatten(), objectness, weights, reduction="sum")
    class_part = share * cross_entropy(answers[:, 5:], wanted, reduction="sum")
    raw_part = raw.new_zeros(())
    if l1:
        encoded = encode_boxes(matches.boxes, corners[cells], strides[cells])
        raw_part = share * (answers[:, :4] - encoded).abs().sum()
    return DetectionLoss(
        box_part + objectness_part + class_part + raw_part, box_part.detach(), raw_part.detach(),
        objectness_part.detach(), class_part.detach(), found / max(matches.objects, 1),
    )  # fmt: skip


def _objectness_weights(targets: Tensor, centres: Tensor, answering: Tensor) -> Tensor | None:
    """(n * cells,) 0 for cells in a region nobody labelled, 1 else and for those that answer; None: all count."""
    regions = (targets[..., 0] < 0) & (targets[..., 3:5] > 0).all(dim=2)
    images = regions.any(dim=1).nonzero()[:, 0].tolist()
    if not images:
        return None
    weights = torch.ones(len(targets), len(centres), device=targets.device)
    for image in images:
        boxes = targets[image, regions[image], 1:, None]  # (regions, 4, 1)
        inside = ((centres.T - boxes[:, :2]).abs() <= boxes[:, 2:] / 2).all(dim=1).any(dim=0)
        weights[image, inside] = 0.0
    weights = weights.flatten()
    weights[answering] = 1.0
    return weights


def overlap(first: Tensor, second: Tensor) -> Tensor:
    """IoU (n,) of (n, 4) and (n, 4) boxes [centre x, centre y, width, height], with a gradient."""
    low = torch.maximum(first[:, :2] - first[:, 2:] / 2, second[:, :2] - second[:, 2:] / 2)
    high = torch.minimum(first[:, :2] + first[:, 2:] / 2, second[:, :2] + second[:, 2:] / 2)
    width, height = (high - low).clamp(min=0).unbind(dim=1)
    shared = width * height
    return shared / (first[:, 2] * first[:, 3] + second[:, 2] * second[:, 3] - shared + 1e-16)


def encode_boxes(boxes: Tensor, corners: Tensor, strides: Tensor) -> Tensor:
    """(n, 4) boxes in pixels to the raw answers that decode to them."""
    return torch.cat((boxes[:, :2] / strides - corners, (boxes[:, 2:] / strides + 1e-8).log()), dim=1)


@dataclass(frozen=True)
class _Matches:
    """The answering cells of the whole batch."""

    rows: Tensor
    """(found,) int64: image * cells + cell."""
    boxes: Tensor
    """(found, 4) the object's box."""
    classes: Tensor
    overlaps: Tensor
    objects: int
    """Objects in the batch, answered for or not."""


def _match(raw: Tensor, boxes: Tensor, targets: Tensor, centres: Tensor, strides: Tensor) -> _Matches:
    """Image by image: the cost matrices of a crowded batch would not fit into memory together."""
    real = (targets[..., 3:5] > 0).all(dim=2) & (targets[..., 0] >= 0)
    rows, found_boxes, classes, overlaps = [], [], [], []
    for image, objects in enumerate(targets):
        known = objects[real[image]]
        if len(known) == 0:
            continue
        answer = assign(boxes[image], raw[image, :, 4], raw[image, :, 5:], known[:, 1:], known[:, 0].long(), centres,
                        strides)  # fmt: skip
        rows.append(answer.cells + image * raw.shape[1])
        found_boxes.append(known[answer.objects, 1:])
        classes.append(known[answer.objects, 0].long())
        overlaps.append(answer.overlaps)
    if not rows:
        nothing = torch.zeros(0, dtype=torch.long, device=raw.device)
        return _Matches(nothing, raw.new_zeros(0, 4), nothing, raw.new_zeros(0), 0)
    return _Matches(torch.cat(rows), torch.cat(found_boxes), torch.cat(classes), torch.cat(overlaps),
                    int(real.sum()))  # fmt: skip
