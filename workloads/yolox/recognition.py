"""Which YOLOX some weights belong to, by the shapes of their layers."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from workloads.contract import UserError
from workloads.yolox.network import build
from workloads.yolox.variants import VARIANTS

Shapes = Mapping[str, tuple[int, ...]]
COUNTER = "num_batches_tracked"
"""Of a batch norm: absent from old checkpoints, of another shape in those of other tools, and read by nobody."""


def refuse_foreign(state: Mapping[str, Tensor], own: Mapping[str, Tensor], variant: str, where: str) -> None:
    """Let pass what has the layers `own`; only the number of classes may differ.

    Raises:
        UserError: one message that names what the weights look like and what was asked for.
    """
    found, asked = _shapes(state), _shapes(own)
    if _fits(found, asked):
        return
    for other in VARIANTS:
        if other != variant and _fits(found, _shapes_of(other)):
            raise UserError(f"{where}: holds the weights of {other}, but {variant} is asked for; give those of "
                            f"{variant}, or set variant: {other}")  # fmt: skip
    missing = [name for name in asked if name not in found]
    unknown = [name for name in found if name not in asked]
    others = [name for name in asked if name in found and not _alike(name, found[name], asked[name])]
    problems = [
        f"{len(names)} of {whole} layers {what}, e.g. {names[0]}"
        for names, whole, what in (
            (missing, len(asked), "are missing"), (unknown, len(found), "are unknown"),
            (others, len(asked), "have another shape"),
        )
        if names
    ]  # fmt: skip
    raise UserError(f"{where}: holds the weights of no YOLOX that is known here; of {variant} {'; '.join(problems)}")


def _shapes(state: Mapping[str, Tensor]) -> Shapes:
    return {name: tuple(values.shape) for name, values in state.items() if not name.endswith(COUNTER)}


def _shapes_of(variant: str) -> Shapes:
    with torch.device("meta"):  # shapes without memory
        return _shapes(build(variant, 1).state_dict())


def _fits(found: Shapes, asked: Shapes) -> bool:
    return found.keys() == asked.keys() and all(_alike(name, found[name], asked[name]) for name in asked)


def _alike(name: str, found: tuple[int, ...], asked: tuple[int, ...]) -> bool:
    """Equal but for the number of classes, the first length of a class layer."""
    if ".cls_preds." in name:
        return len(found) == len(asked) and found[1:] == asked[1:]
    return found == asked
