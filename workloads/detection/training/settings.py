"""What a training is told, and what becomes of it on this data and these devices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from workloads.contract import Run, UserError
from workloads.yolox.schedule import WarmCosine, fit_epochs, scaled_rate
from workloads.yolox.variants import STRIDES, Variant, check_input_size, find

DEFAULTS: dict[str, Any] = {
    "epochs": 300, "batch_size": 32, "learning_rate": 0.01, "weight_decay": 0.0005, "warmup_epochs": 5, "seed": 0,
    "momentum": 0.9, "mosaic_prob": None, "mixup_prob": None, "no_aug_epochs": 15, "multi_scale": True,
    "mixed_precision": True, "ema_decay": 0.9998, "evaluate_every": 10, "early_stopping_patience": 50,
    "weights_uri": None, "weights_sha256": None,
}  # fmt: skip
"""As `mlops.spec` has them."""


@dataclass(frozen=True)
class Settings:
    """Hyperparameters with their final values. `notes` says where they are not what was asked for."""

    variant: Variant
    input_size: tuple[int, int]
    """(height, width) of training and test pictures in pixels."""
    epochs: int
    batch_size: int
    """Over all devices."""
    learning_rate: float
    """Per 64 images, as asked for; `rate` is what the optimiser gets."""
    weight_decay: float
    warmup_epochs: int
    seed: int
    momentum: float
    mosaic_prob: float | None
    mixup_prob: float | None
    no_aug_epochs: int
    multi_scale: bool
    mixed_precision: bool
    ema_decay: float
    evaluate_every: int
    early_stopping_patience: int
    """Epochs without gain after which training ends; 0: never."""
    weights_uri: str | None
    weights_sha256: str | None
    steps_per_epoch: int = 1
    notes: tuple[str, ...] = ()

    @property
    def rate(self) -> float:
        """The learning rate at the end of the warm-up."""
        return scaled_rate(self.learning_rate, self.batch_size)

    @property
    def steps(self) -> int:
        return self.epochs * self.steps_per_epoch

    def schedule(self) -> WarmCosine:
        return WarmCosine(self.rate, self.steps_per_epoch, self.epochs, self.warmup_epochs, self.no_aug_epochs)

    def composes(self, epoch: int) -> bool:
        """Whether epoch (from 0) has mosaic and MixUp; the last ones have the L1 loss instead."""
        return epoch < self.epochs - self.no_aug_epochs

    def as_dict(self) -> dict[str, Any]:
        """For `hyperparameters.json`."""
        return asdict(self) | {
            "variant": self.variant.name, "input_size": list(self.input_size), "effective_learning_rate": self.rate,
            "notes": list(self.notes),
        }  # fmt: skip


def read_settings(run: Run, recipe: Mapping[str, Any]) -> Settings:
    """The run's hyperparameters over the defaults.

    Args:
        recipe: `features.json`; its input_size counts, else that of the run, else the variant's own.

    Raises:
        UserError: an unknown setting, variant or input size, or weights without their hash.
    """
    given = run.hyperparameters
    strange = sorted(set(given) - set(DEFAULTS))
    if strange:
        raise UserError(f"hyperparameters.{strange[0]}: unknown here; there are {', '.join(DEFAULTS)}")
    values = DEFAULTS | given
    if values["weights_uri"] and not values["weights_sha256"]:
        raise UserError("hyperparameters.weights_sha256: is needed with weights_uri: `sha256sum FILE` gives it")
    variant = find(str(run.spec.get("variant") or "yolox-m"))
    size = recipe.get("input_size") or run.preprocessing.get("input_size") or variant.input_size
    return Settings(variant=variant, input_size=check_input_size(size), **values)


def fit_to(settings: Settings, frames: int, devices: int) -> Settings:
    """The settings for so many training frames on so many devices: batches and phases that do not fit are cut.

    Raises:
        UserError: fewer frames than devices, or one value in a level of the network.
    """
    notes = []
    most = min(settings.batch_size, frames)
    batch = most - most % devices
    if batch < 1:
        raise UserError(f"{most} of batch_size {settings.batch_size} over {frames} training frames cannot be shared by "
                        f"{devices} devices; use fewer devices or more frames")  # fmt: skip
    if batch == devices and settings.input_size == (STRIDES[-1], STRIDES[-1]):
        raise UserError(
            f"preprocessing.input_size: {list(settings.input_size)} with one picture a step has one value in its "
            "coarsest level, and that has no spread to be normed by; choose a batch_size of 2 or more for each device, "
            "more frames, or a larger input"
        )
    if batch != settings.batch_size:
        notes.append(f"batch_size {settings.batch_size} became {batch}: there are {frames} training frames and "
                     f"{devices} device{'s' if devices > 1 else ''}; the learning rate follows")  # fmt: skip
    warmup, no_aug = fit_epochs(settings.epochs, settings.warmup_epochs, settings.no_aug_epochs)
    phases = ("warmup_epochs", settings.warmup_epochs, warmup), ("no_aug_epochs", settings.no_aug_epochs, no_aug)
    if cut := [f"{name} {asked} became {left}" for name, asked, left in phases if asked != left]:
        notes.append(f"{' and '.join(cut)}: together at most half of {settings.epochs} epochs")
    return replace(settings, batch_size=batch, warmup_epochs=warmup, no_aug_epochs=no_aug,
                   steps_per_epoch=-(-frames // batch), notes=(*settings.notes, *notes))  # fmt: skip
