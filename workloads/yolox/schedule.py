"""The learning rate over a run: a quadratic warm-up, half a cosine, and a flat end without augmentation."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class WarmCosine:
    """`yoloxwarmcos`.

    Source: Megvii-BaseDetection/YOLOX `yolox/utils/lr_scheduler.py`, `yolox/exp/yolox_base.py`.
    """

    rate: float
    """At the end of the warm-up; official 0.01 / 64 per image of a batch."""
    iterations_per_epoch: int
    epochs: int
    warmup_epochs: int = 5
    no_aug_epochs: int = 15
    least_share: float = 0.05
    """The rate of the last epochs, as a share of `rate`."""
    warmup_rate: float = 0.0
    """Where the warm-up starts."""

    def rate_at(self, iteration: int) -> float:
        """The rate of an iteration, counted from 0 over the whole run."""
        total, warm, flat = (
            epochs * self.iterations_per_epoch for epochs in (self.epochs, self.warmup_epochs, self.no_aug_epochs)
        )
        if iteration <= warm and warm > 0:
            return self.warmup_rate + (self.rate - self.warmup_rate) * (iteration / warm) ** 2
        least = self.rate * self.least_share
        if iteration >= total - flat:
            return least
        swing = 1 + math.cos(math.pi * (iteration - warm) / (total - warm - flat))
        return least + 0.5 * (self.rate - least) * swing


def scaled_rate(rate_per_64: float, batch_size: int) -> float:
    """The rate of a batch, over all devices: official recipes name it per 64 images."""
    return rate_per_64 / 64 * batch_size


def fit_epochs(epochs: int, warmup_epochs: int, no_aug_epochs: int) -> tuple[int, int]:
    """(warm-up, flat end) that leave a run of `epochs` at least half of itself; long runs keep what they ask for.

    The official 5 and 15 epochs are meant for 300: a run of 10 would end within its warm-up.
    """
    most = epochs // 2
    if warmup_epochs + no_aug_epochs <= most:
        return warmup_epochs, no_aug_epochs
    warm = most * warmup_epochs // (warmup_epochs + no_aug_epochs)
    if most > 1 and warmup_epochs:
        warm = max(warm, 1)
    return warm, min(most - warm, no_aug_epochs)
