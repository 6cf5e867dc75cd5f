"""One step: pictures to loss, loss to weights."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from workloads.detection.training.batches import Batch
from workloads.detection.training.precision import Precision
from workloads.detection.training.world import World

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from workloads.yolox.losses import DetectionLoss

CHANGE_EVERY = 10
"""Steps between two changes of the input size."""
_SIZES = 2
"""Sets this stream of chance apart from those of orders and pictures."""


def size_at(step: int, size: tuple[int, int], reach: int, seed: int) -> tuple[int, int]:
    """(height, width) of a step counted over the whole training: the same in every process, without asking.

    Args:
        reach: how many times 32 pixels the height may shrink or grow; at most 5 in 13 of its own, as officially at 416
            pixels: of a lower input, 160 pixels more or less would make another picture altogether. The width follows
            in proportion.

    Source: Megvii-BaseDetection/YOLOX, yolox/exp/yolox_base.py (random_resize): one size for ten steps.
    """
    rows = size[0] // 32
    most = min(reach, rows * 5 // 13)
    if most == 0 or step < CHANGE_EVERY:
        return size
    drawn = int(np.random.default_rng((seed, step // CHANGE_EVERY, 0, _SIZES)).integers(rows - most, rows + most + 1))
    return drawn * 32, max(1, round(drawn * size[1] / size[0])) * 32


def to_device(batch: Batch, size: tuple[int, int], device: torch.device) -> tuple[Tensor, Tensor]:
    """(n, 3, height, width) float32 images in channels-last memory and (n, most, 5) targets, both scaled to `size`."""
    import torch

    images, targets = torch.from_numpy(batch.images), torch.from_numpy(batch.targets)
    if device.type == "cuda":
        images, targets = images.pin_memory(), targets.pin_memory()
    images = images.to(device, non_blocking=True).permute(0, 3, 1, 2).float()
    targets = targets.to(device, non_blocking=True)
    height, width = batch.images.shape[1:3]
    if size != (height, width):
        images = torch.nn.functional.interpolate(images, size=size, mode="bilinear", align_corners=False)
        along = targets.new_tensor([1, size[1] / width, size[0] / height, size[1] / width, size[0] / height])
        targets = targets * along
    return images, targets


class Agreement:
    """The divisor of the loss over all processes, and, in the same message, whether anyone was asked to stop."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.asked = False
        """Set before a step: this process was asked to stop."""
        self.stop = False
        """After a step: some process was."""

    def divisor(self, found: int) -> float:
        """For `detection_loss`: with the mean of gradients over processes it is that of one with the whole batch."""
        everywhere, asked = self._world.sum(found, self.asked)
        self.stop = asked > 0
        return max(everywhere, 1.0) / self._world.size


def loss_of(model: Any, images: Tensor, targets: Tensor, *, l1: bool, precision: Precision, agreement: Agreement
            ) -> DetectionLoss:  # fmt: skip
    """The loss of this process's part of a batch; `model` is in training mode."""
    from workloads.yolox.losses import detection_loss

    with precision.autocast(images.device):
        raw = model(images)
    height, width = images.shape[-2:]
    return detection_loss(raw, targets, (height, width), l1=l1, divisor=agreement.divisor)


def parts_of(loss: DetectionLoss) -> dict[str, float]:
    """As numbers, by the names that are printed."""
    import torch

    values = torch.stack([loss.total.detach(), loss.iou, loss.conf, loss.cls, loss.l1]).tolist()
    return dict(zip(("loss", "iou_loss", "objectness_loss", "class_loss", "l1_loss"), values, strict=True))


def is_number(parts: dict[str, float]) -> bool:
    return math.isfinite(parts["loss"])
