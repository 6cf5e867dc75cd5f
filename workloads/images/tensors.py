"""Pictures as the network's input tensor, written into memory that is used again and again."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from workloads.images.letterbox import PAD, Letterbox


class TensorBuffer:
    """The input of a detector, filled picture by picture. One thread at a time: the memory is the same each time."""

    def __init__(self, input_size: tuple[int, int], count: int = 1) -> None:
        """`input_size` (height, width) in pixels; `count` pictures fit."""
        self._input_size = input_size
        self._memory = np.empty((count, 3, *input_size), np.float32)
        self._inside: list[tuple[int, int] | None] = [None] * count
        """(height, width) of the picture whose padding lies in each place; None where nothing lies yet."""

    def fill(self, images: Sequence[np.ndarray]) -> tuple[np.ndarray, list[Letterbox]]:
        """Letterbox (h, w, 3) uint8 BGR pictures of any size.

        Returns:
            (n, 3, H, W) float32, 0 to 255, equal to `letterbox.as_tensor` of each; valid until the next call.
            How each picture was brought in.
        """
        if len(images) > len(self._memory):
            self._memory = np.empty((len(images), 3, *self._input_size), np.float32)
            self._inside = [None] * len(images)
        return self._memory[: len(images)], [self._place(place, image) for place, image in enumerate(images)]

    def _place(self, place: int, image: np.ndarray) -> Letterbox:
        letterbox = Letterbox.fit((image.shape[0], image.shape[1]), self._input_size)
        height, width = size = letterbox.scaled_size
        planes = self._memory[place]
        if self._inside[place] != size:
            # Two pictures of one size leave the same padding: on a road camera's 1242 x 375 it is 70 % of the input.
            planes[...] = PAD
            self._inside[place] = size
        if size != image.shape[:2]:
            image = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
        # Split first, then widen: three plain copies are quicker than one strided one.
        for channel, plane in enumerate(cv2.split(image)):
            planes[channel, :height, :width] = plane
        return letterbox
