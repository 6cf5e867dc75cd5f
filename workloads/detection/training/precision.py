"""In how many bits the network computes: 16 where the machine is faster with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_AMPERE = 8
"""CUDA's compute capability from which bfloat16 is as fast as float16, and needs no loss scaling."""


@dataclass(frozen=True)
class Precision:
    """Weights, loss and optimiser stay in float32; convolutions compute in `name`."""

    name: str = "fp32"
    """fp32, bf16 or fp16."""

    def autocast(self, device: torch.device) -> Any:
        """The context of a forward pass."""
        import torch

        kind = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[self.name]
        return torch.autocast(device.type, dtype=kind, enabled=self.name != "fp32")

    def scaler(self, device: torch.device) -> torch.amp.GradScaler:
        """Keeps the gradients of fp16 from vanishing; does nothing for the others."""
        import torch

        return torch.amp.GradScaler(device.type, enabled=self.name == "fp16")


def choose(device: torch.device, wanted: bool) -> Precision:
    """fp32 unless `wanted` and faster: bf16 from Ampere on and on CPUs with matrix units for it, fp16 on older GPUs.

    On a CPU with AMX a step of Nano at 416 x 256 took 27 ms a picture in bf16 and 38 in fp32, of Tiny 34 and 68; a CPU
    without it would imitate bf16.
    """
    import torch

    if not wanted:
        return Precision()
    if device.type == "cuda":
        return Precision("bf16" if torch.cuda.get_device_capability(device)[0] >= _AMPERE else "fp16")
    return Precision("bf16" if torch.cpu._is_amx_tile_supported() else "fp32")
