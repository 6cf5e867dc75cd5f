"""The processes that train together, one a device. Alone, everything here does nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workloads import accelerator

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class World:
    """This process among all."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    """Among the processes of this host: the number of its GPU."""
    local_size: int = 1
    """How many processes this host has."""

    @property
    def first(self) -> bool:
        """Whether this is the one that speaks and writes."""
        return self.rank == 0

    def device(self) -> torch.device:
        """Raises UserError where torch does not know the GPU."""
        return accelerator.device(self.local_rank)

    def sum(self, *values: float) -> list[float]:
        """Of each value over all processes; all of them must ask."""
        if self.size == 1:
            return list(values)
        import torch

        together = torch.tensor(values, dtype=torch.float64, device=self.device())
        torch.distributed.all_reduce(together)
        return together.tolist()

    def gather(self, thing: Any) -> list[Any]:
        """What each process brought, by rank; all of them must ask."""
        if self.size == 1:
            return [thing]
        import torch

        everything: list[Any] = [None] * self.size
        torch.distributed.all_gather_object(everything, thing)
        return everything


def join() -> World:
    """Join the processes that `torchrun` or `launch` started, if they did."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return World()
    import torch

    names = ("LOCAL_RANK", "0"), ("LOCAL_WORLD_SIZE", "1")
    world = World(int(os.environ["RANK"]), size, *(int(os.environ.get(name, default)) for name, default in names))
    if not torch.distributed.is_initialized():
        if torch.cuda.is_available():
            torch.cuda.set_device(world.local_rank)
        torch.distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    return world


def leave() -> None:
    """End the process group, if there is one."""
    import torch

    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
