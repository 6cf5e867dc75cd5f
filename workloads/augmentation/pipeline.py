"""From a number to a training picture: which frames, which changes. The same seed gives the same picture, anywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from workloads.augmentation.affine import random_affine
from workloads.augmentation.colour import jitter
from workloads.augmentation.flip import flip
from workloads.augmentation.frame import Frame
from workloads.augmentation.mixup import mixup
from workloads.augmentation.mosaic import mosaic
from workloads.augmentation.recipe import Recipe
from workloads.images.letterbox import Letterbox

_TRIES = 5
"""To find a picture with objects for MixUp; the official loop is endless where there is none."""


@dataclass(frozen=True)
class Pipeline:
    """A recipe over a set of frames."""

    recipe: Recipe
    load: Callable[[int], Frame]
    """The frame of a number; its picture is not written to."""
    count: int
    """How many frames there are; fewer than four is enough for a mosaic, in which some then come twice."""
    size: tuple[int, int]
    """(height, width) of training pictures in pixels."""

    def sample(self, index: int, epoch: int, seed: int) -> Frame:
        """Frame `index` as it is seen in `epoch`: (height, width) of `size`, boxes in its pixels.

        All chance comes from (seed, epoch, index): no matter which process makes it, in which order, or after which
        interruption.
        """
        rng = np.random.default_rng((seed, epoch, index))
        if rng.random() < self.recipe.mosaic_prob:
            return self._finish(self._compose(index, rng), rng)
        frame = self._scaled(self.load(index))
        if self.recipe.single.changes_nothing:
            return self._padded(self._finish(frame, rng))
        return self._finish(random_affine(frame, self.recipe.single, self.size, rng), rng)

    def _compose(self, index: int, rng: np.random.Generator) -> Frame:
        others = rng.integers(0, self.count, 3)
        frames = [self.load(index), *(self.load(int(other)) for other in others)]
        frame = mosaic(frames, self.recipe.mosaic, self.size, rng)
        if frame.has_objects and rng.random() < self.recipe.mixup_prob:
            frame = mixup(frame, self._with_objects(rng), self.recipe.mixup_scale, rng)
        return frame

    def _with_objects(self, rng: np.random.Generator) -> Frame:
        for _ in range(_TRIES):
            frame = self.load(int(rng.integers(0, self.count)))
            if frame.has_objects:
                break
        return frame

    def _finish(self, frame: Frame, rng: np.random.Generator) -> Frame:
        if self.recipe.colour:
            frame = frame._replace(image=jitter(frame.image, rng))
        return flip(frame) if rng.random() < self.recipe.flip_prob else frame

    def _scaled(self, frame: Frame) -> Frame:
        """A copy, scaled to fit but not padded yet: a flip must leave the padding on the right."""
        fitted = Letterbox.fit(frame.size, self.size)
        image = Letterbox(frame.size, fitted.scaled_size, fitted.ratio).apply(frame.image)
        return Frame(image, fitted.to_input(frame.boxes_xyxy), frame.classes)

    def _padded(self, frame: Frame) -> Frame:
        return frame._replace(image=Letterbox(frame.size, self.size, 1.0).apply(frame.image))
