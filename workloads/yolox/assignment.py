"""SimOTA: which cells answer for which object, decided anew at every step by what they predict.

Source: Ge et al., "YOLOX: Exceeding YOLO Series in 2021", section 2.1, in the form of the current
Megvii-BaseDetection/YOLOX `yolox/models/yolo_head.py` (the square around the centre alone decides the candidates).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

RADIUS = 1.5
"""Half the side of the square of candidates around an object's centre, in cells."""
CANDIDATES = 10
"""How many of the best overlaps vote on the number of cells of an object, and the most cells it can get."""
OVERLAP_WEIGHT = 3.0
OUTSIDE = 1e6
"""The price of a cell outside the object's own square."""


@dataclass(frozen=True)
class Assignment:
    """The cells of one image that answer for an object; each for one only."""

    cells: Tensor
    """(found,) int64, ascending."""
    objects: Tensor
    """(found,) int64, row of the object."""
    overlaps: Tensor
    """(found,) float32, IoU of the cell's predicted box with its object."""


@torch.no_grad()
def assign(boxes: Tensor, objectness: Tensor, class_logits: Tensor, object_boxes: Tensor, object_classes: Tensor,
           centres: Tensor, strides: Tensor) -> Assignment:  # fmt: skip
    """Match the objects of one image with cells. All boxes are [centre x, centre y, width, height], input pixels.

    Args:
        boxes: (cells, 4) float32, predicted.
        objectness: (cells,) float32 logits.
        class_logits: (cells, classes) float32.
        object_boxes: (objects, 4) float32, of positive size; objects at least 1.
        object_classes: (objects,) int64.
        centres: (cells, 2) float32 pixels, the middle of each cell.
        strides: (cells, 1) float32 pixels.
    """
    inside = ((centres - object_boxes[:, None, :2]).abs() < RADIUS * strides).all(dim=2)  # (objects, cells)
    candidates = inside.any(dim=0).nonzero()[:, 0]
    if len(candidates) == 0:  # every centre lies outside the image
        return Assignment(candidates, candidates, boxes.new_zeros(0))
    overlaps = overlap_matrix(object_boxes, boxes[candidates])
    cost = (
        _class_cost(objectness[candidates], class_logits[candidates], object_classes)
        - OVERLAP_WEIGHT * (overlaps + 1e-8).log()
        + OUTSIDE * ~inside[:, candidates]
    )
    chosen = _cheapest(cost, overlaps)
    claims = chosen.sum(dim=0)
    cheapest_object = cost.argmin(dim=0)
    only = torch.zeros_like(chosen).scatter_(0, cheapest_object[None], True)
    chosen = torch.where(claims > 1, only, chosen)  # claimed twice: the cheaper object has it
    found = claims.nonzero()[:, 0]
    objects = chosen[:, found].int().argmax(dim=0)
    return Assignment(candidates[found], objects, overlaps[objects, found])


def overlap_matrix(first: Tensor, second: Tensor) -> Tensor:
    """IoU (a, b) of (a, 4) and (b, 4) boxes [centre x, centre y, width, height]."""
    low = torch.maximum((first[:, :2] - first[:, 2:] / 2)[:, None], second[:, :2] - second[:, 2:] / 2)
    high = torch.minimum((first[:, :2] + first[:, 2:] / 2)[:, None], second[:, :2] + second[:, 2:] / 2)
    shared = (high - low).clamp(min=0).prod(dim=2)
    return shared / (first[:, 2:].prod(dim=1)[:, None] + second[:, 2:].prod(dim=1) - shared)


def _class_cost(objectness: Tensor, class_logits: Tensor, object_classes: Tensor) -> Tensor:
    """(objects, cells) binary cross-entropy of p = sqrt(class * objectness) against the object's class.

    Summed over classes it is "all absent" plus one correction at the object's own class: no array of
    objects x cells x classes is needed.
    """
    p = (class_logits.sigmoid() * objectness.sigmoid()[:, None]).sqrt()
    absent, present = -torch.log1p(-p).clamp(min=-100), -p.log().clamp(min=-100)
    return absent.sum(dim=1) + (present - absent).T[object_classes]


def _cheapest(cost: Tensor, overlaps: Tensor) -> Tensor:
    """(objects, cells) bool: each object's cheapest cells, as many as its best overlaps sum up to, at least one."""
    most = min(CANDIDATES, overlaps.shape[1])
    wanted = overlaps.topk(most, dim=1).values.sum(dim=1).int().clamp(1, most)
    order = cost.topk(most, dim=1, largest=False).indices
    rank = torch.arange(most, device=cost.device)
    return torch.zeros_like(cost, dtype=torch.bool).scatter_(1, order, rank < wanted[:, None])
