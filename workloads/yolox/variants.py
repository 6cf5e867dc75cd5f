"""The six sizes of YOLOX and the official recipe of each; light, so that anyone may import it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workloads.contract import UserError

STRIDES = (8, 16, 32)
"""Input pixels per cell of the three levels, finest first."""


@dataclass(frozen=True)
class Variant:
    """One size.

    Source: Megvii-BaseDetection/YOLOX `exps/default/*.py`, `yolox/exp/yolox_base.py`.
    """

    name: str
    depth: float
    """Share of the blocks of L."""
    width: float
    """Share of the channels of L."""
    input_size: tuple[int, int]
    """Rows, columns of the official training and test images."""
    mosaic_scale: tuple[float, float]
    """Least and largest zoom of the affine warp after the mosaic."""
    depthwise: bool = False
    mosaic_prob: float = 1.0
    mixup_prob: float = 1.0
    multi_scale: int = 5
    """Training sizes reach that many steps of 32 pixels below and above the input size. (The official Nano and Tiny
    train between 320 and 640: their range around 416 is moved up by two steps.)"""

    def parameters(self, classes: int) -> int:
        """How many numbers the network learns."""
        per_class = 3 * (round(256 * self.width) + 1)  # one 1x1 convolution with bias per level
        return _PARAMETERS_OF_80[self.name] + (classes - 80) * per_class


_PARAMETERS_OF_80 = {
    "yolox-nano": 912_159, "yolox-tiny": 5_055_855, "yolox-s": 8_968_255, "yolox-m": 25_326_495,
    "yolox-l": 54_208_895, "yolox-x": 99_071_455,
}  # fmt: skip
_SMALL, _LARGE = (0.5, 1.5), (0.1, 2.0)

VARIANTS = {
    variant.name: variant
    for variant in (
        Variant("yolox-nano", 0.33, 0.25, (416, 416), _SMALL, depthwise=True, mosaic_prob=0.5, mixup_prob=0.0),
        Variant("yolox-tiny", 0.33, 0.375, (416, 416), _SMALL, mixup_prob=0.0),
        Variant("yolox-s", 0.33, 0.50, (640, 640), _LARGE),
        Variant("yolox-m", 0.67, 0.75, (640, 640), _LARGE),
        Variant("yolox-l", 1.00, 1.00, (640, 640), _LARGE),
        Variant("yolox-x", 1.33, 1.25, (640, 640), _LARGE),
    )
}


def find(name: str) -> Variant:
    """The variant of that name.

    Raises:
        UserError: there is none.
    """
    if name not in VARIANTS:
        raise UserError(f"variant: {name!r} is no YOLOX; choose one of {', '.join(VARIANTS)}")
    return VARIANTS[name]


def check_input_size(size: Sequence[int]) -> tuple[int, int]:
    """The (height, width) as the network needs them.

    Raises:
        UserError: a side is no positive multiple of the coarsest stride.
    """
    height, width = size
    for name, side in (("height", height), ("width", width)):
        if side < STRIDES[-1] or side % STRIDES[-1]:
            raise UserError(f"input_size: {name} {side} given; YOLOX needs a positive multiple of {STRIDES[-1]}")
    return int(height), int(width)


def cells(size: Sequence[int]) -> int:
    """How many predictions an image of `size` (height, width) gets: 3549 at 416, 8400 at 640."""
    height, width = check_input_size(size)
    return sum((height // stride) * (width // stride) for stride in STRIDES)
