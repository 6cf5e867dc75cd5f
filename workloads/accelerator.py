"""The device that torch computes on: the GPU where there is one that this torch was built for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from workloads.contract import UserError

if TYPE_CHECKING:
    import torch


def device(number: int = 0) -> torch.device:
    """CUDA device `number`, or the CPU where there is none.

    Raises:
        UserError: torch holds no code for this GPU: the first kernel would fail, minutes later and without a remedy.
    """
    import torch

    if not torch.cuda.is_available():
        return torch.device("cpu")
    found = torch.cuda.get_device_capability(number)
    known = torch.cuda.get_arch_list()
    if not runs_on(found, known):
        raise UserError(
            f"{torch.cuda.get_device_name(number)} is sm_{found[0]}{found[1]}, and torch {torch.__version__} in this "
            f"image was built for {' '.join(known)}. Ask for another instance_type, e.g. ml.g5.xlarge, or build the "
            "image with a torch for an older CUDA."
        )
    return torch.device("cuda", number)


def runs_on(capability: tuple[int, int], built_for: Iterable[str]) -> bool:
    """Whether code `built_for` ("sm_80", "compute_90", ...) runs on a GPU of that compute capability.

    Machine code (sm) runs on the same major version from its minor version on; what a driver can still translate
    (compute) runs on everything that is not older; names with a letter ("sm_90a") run on exactly that one.
    Source: NVIDIA, CUDA C++ Programming Guide, sections Binary and PTX Compatibility.
    """
    major, minor = capability
    for name in built_for:
        kind, _, version = name.partition("_")
        if version.isdecimal():
            of = int(version[:-1]), int(version[-1])
            if of <= capability if kind == "compute" else of[0] == major and of[1] <= minor:
                return True
        elif version[:-1] == f"{major}{minor}":
            return True
    return False
