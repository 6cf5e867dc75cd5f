"""A slow copy of the weights: what is judged, saved and served."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn

RAMP = 2000
"""Updates over which the copy turns slow; before, it follows the fresh weights closely."""


class ModelEma:
    """The exponential moving average of all weights and statistics of a model.

    Source: Megvii-BaseDetection/YOLOX `yolox/utils/ema.py`: decay_t = decay * (1 - exp(-t / 2000)).
    """

    def __init__(self, model: nn.Module, decay: float = 0.9998, updates: int = 0) -> None:
        """Start from `model`, wrapped for several devices or not."""
        self.model = copy.deepcopy(_bare(model)).eval().requires_grad_(False)
        self.decay, self.updates = decay, updates

    def decay_at(self, update: int) -> float:
        return self.decay * (1 - math.exp(-update / RAMP))

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move towards the weights of `model`, after its optimiser's step."""
        self.updates += 1
        fresh = _bare(model).state_dict()
        slow: list[Tensor] = []
        target: list[Tensor] = []
        for name, values in self.model.state_dict().items():
            if values.is_floating_point():
                slow.append(values)
                target.append(fresh[name].detach().to(values))
            else:
                values.copy_(fresh[name])
        torch._foreach_lerp_(slow, target, 1 - self.decay_at(self.updates))

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"model": self.model.state_dict(), "updates": self.updates}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.updates = int(state["updates"])


def _bare(model: nn.Module) -> nn.Module:
    """Without DistributedDataParallel around it."""
    return model.module if isinstance(model, nn.parallel.DistributedDataParallel) else model
