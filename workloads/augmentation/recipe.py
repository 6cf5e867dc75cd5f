"""What is done to training pictures, settled once: the official values of a variant, or what the requester chose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from workloads.augmentation.affine import UNCHANGED, AffineRanges
from workloads.contract import UserError
from workloads.yolox.variants import Variant

ROTATION_DEG, SHEAR_DEG, TRANSLATE = 10.0, 2.0, 0.1
MIXUP_SCALE = (0.5, 1.5)
FLIP_PROB = 0.5
OFFICIAL = ("mosaic", "mixup", "hsv_jitter", "random_horizontal_flip")
"""The recipe that an empty list stands for. The affine belongs to the mosaic.

Source: Megvii-BaseDetection/YOLOX, yolox/exp/yolox_base.py."""
NAMES = (*OFFICIAL, "random_flip", "random_rotation", "global_scaling")


@dataclass(frozen=True)
class Recipe:
    """Probabilities and ranges. The defaults change nothing."""

    mosaic_prob: float = 0.0
    mosaic: AffineRanges = UNCHANGED
    """Of the affine that every mosaic is seen through."""
    mixup_prob: float = 0.0
    """Of a mosaic to be blended with another picture, as officially: single pictures are never."""
    mixup_scale: tuple[float, float] = MIXUP_SCALE
    single: AffineRanges = UNCHANGED
    """Of pictures that are in no mosaic."""
    colour: bool = False
    flip_prob: float = 0.0

    def without_composition(self) -> Recipe:
        """For the last epochs: real pictures again, no mosaic, no MixUp, no affine; colour and flip stay."""
        return Recipe(colour=self.colour, flip_prob=self.flip_prob)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def settle(variant: Variant, chosen: Sequence[str], settings: Mapping[str, Any]) -> tuple[Recipe, list[str]]:
    """The recipe, and what the requester should know about it.

    Args:
        chosen: names of NAMES; empty is the official recipe of the variant.
        settings: hyperparameters; `mosaic_prob` and `mixup_prob` of 0 to 1, left out (or None) for the official ones.

    Raises:
        UserError: a name or a probability that cannot be.
    """
    unknown = [name for name in chosen if name not in NAMES]
    if unknown:
        raise UserError(f"augmentation: {unknown[0]!r} is unknown; choose from {', '.join(NAMES)}")
    names = set(chosen) or set(OFFICIAL)
    notes: list[str] = []
    mosaic_prob = _probability(settings, "mosaic_prob", variant.mosaic_prob, "mosaic" in names, notes)
    mixup_prob = _probability(settings, "mixup_prob", variant.mixup_prob, "mixup" in names, notes)
    if mixup_prob and not variant.mixup_prob:
        notes.append(
            f"mixup_prob {mixup_prob:g} is kept; the official recipe of {variant.name} has none: small networks learn "
            "less with it"
        )
    elif "mixup" in chosen and not mixup_prob and settings.get("mixup_prob") is None:
        notes.append(f"mixup is named, but officially off for {variant.name}; set mixup_prob to have it")
    if mixup_prob and not mosaic_prob:
        notes.append("mixup blends mosaics only, as officially; without mosaic there is none")
    scale = variant.mosaic_scale
    single = AffineRanges(
        rotation_deg=ROTATION_DEG if "random_rotation" in names else 0.0,
        scale=scale if "global_scaling" in names else (1.0, 1.0),
    )
    recipe = Recipe(
        mosaic_prob, AffineRanges(ROTATION_DEG, SHEAR_DEG, TRANSLATE, scale), mixup_prob, MIXUP_SCALE, single,
        "hsv_jitter" in names, FLIP_PROB if names & {"random_flip", "random_horizontal_flip"} else 0.0,
    )  # fmt: skip
    return recipe, notes


def _probability(settings: Mapping[str, Any], name: str, official: float, wanted: bool, notes: list[str]) -> float:
    given = settings.get(name)
    if given is not None and not 0 <= float(given) <= 1:
        raise UserError(f"hyperparameters.{name}: {given} given; choose 0 to 1")
    if not wanted:
        if given:
            notes.append(f"{name} {given:g} has no effect: augmentation names others, not {name.removesuffix('_prob')}")
        return 0.0
    return official if given is None else float(given)
