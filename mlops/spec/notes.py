"""What a run will do otherwise than its issue may lead one to expect, said before it starts."""

from __future__ import annotations

from mlops.spec.algorithms import YOLOX, find_algorithm
from mlops.spec.model import RunSpec

KITTI_TRAINING, KITTI_TESTING = 7481, 7518
"""Frames of KITTI's object benchmark; those for testing have no public labels."""
_IMAGES_OF_RATE = 64
_SMALL = ("yolox-nano", "yolox-tiny")


def notes(spec: RunSpec) -> list[str]:
    """Sentences for people, in the order of the spec; none where everything is as it seems."""
    return [*_variant(spec), *_splits(spec), *_detector(spec)]


def _variant(spec: RunSpec) -> list[str]:
    algorithm = find_algorithm(spec.algorithm)
    if not spec.variant or algorithm is None or algorithm.variants:
        return []
    return [f"{spec.algorithm} comes in one variant only; {spec.variant} changes nothing."]


def _splits(spec: RunSpec) -> list[str]:
    splits = spec.dataset.splits if spec.dataset else None
    if splits is None or splits.validation != KITTI_TESTING:
        return []
    return [
        f"{KITTI_TESTING} are the frames of KITTI that have no public labels, so nothing can be judged on them. The "
        f"{KITTI_TRAINING} labelled frames are divided instead: by ImageSets/train.txt and val.txt where the data hold "
        "them (3,712 and 3,769 frames), else 80 to 20 by the seed. A tenth of the frames to learn from serves for "
        "stopping; the others are sealed until the model is judged."
    ]


def _detector(spec: RunSpec) -> list[str]:
    settings = spec.hyperparameters
    if not isinstance(settings, YOLOX):
        return []
    rate = settings.learning_rate * settings.batch_size / _IMAGES_OF_RATE
    found = [
        f"YOLOX states its learning rate for {_IMAGES_OF_RATE} images a step: {settings.learning_rate:g} with "
        f"{settings.batch_size} images is a rate of {rate:g}."
    ]
    if spec.variant in _SMALL and settings.mixup_prob:
        found.append(f"{spec.variant} is usually trained without MixUp; your {settings.mixup_prob:g} is kept.")
    if settings.no_aug_epochs and settings.epochs < 2 * settings.no_aug_epochs:
        found.append(
            f"With {settings.epochs} epochs in all, the last {settings.epochs // 2} go without mosaic and MixUp, not "
            f"{settings.no_aug_epochs}."
        )
    return found
