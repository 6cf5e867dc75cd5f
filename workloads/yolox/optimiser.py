"""SGD as YOLOX is trained with: convolutions shrink, norms and biases do not."""

from __future__ import annotations

import torch
from torch import nn


def build_optimiser(model: nn.Module, *, rate: float, momentum: float = 0.9, weight_decay: float = 5e-4
                    ) -> torch.optim.SGD:  # fmt: skip
    """Nesterov SGD over three groups: batch norm weights, other weights (these alone decay), biases.

    Source: Megvii-BaseDetection/YOLOX `yolox/exp/yolox_base.py`, `get_optimizer`.
    """
    norms: list[nn.Parameter] = []
    weights: list[nn.Parameter] = []
    biases: list[nn.Parameter] = []
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if name == "bias":
                biases.append(parameter)
            elif isinstance(module, nn.modules.batchnorm._BatchNorm):
                norms.append(parameter)
            else:
                weights.append(parameter)
    groups = [{"params": norms, "weight_decay": 0.0}, {"params": weights, "weight_decay": weight_decay},
              {"params": biases, "weight_decay": 0.0}]  # fmt: skip
    return torch.optim.SGD(groups, lr=rate, momentum=momentum, nesterov=momentum > 0)


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """The learning rate of every group, from now on."""
    for group in optimiser.param_groups:
        group["lr"] = rate
