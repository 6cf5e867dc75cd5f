"""The frames that a detector learns from: scaled once to fit the network's input, and kept in memory."""

from __future__ import annotations

import threading

import numpy as np

from workloads.augmentation.frame import IGNORED
from workloads.augmentation.frame import Frame as TrainingFrame
from workloads.detection.truth import Truth
from workloads.images.letterbox import Letterbox

CACHE_BYTES = 4 << 30
"""Of scaled pictures; KITTI's 3,712 training frames at 640 pixels take 1.4 GB."""


class Frames:
    """Training frames of one split, by place. Any thread may ask.

    Regions that nobody labelled (`iscrowd` 1) stay in the picture and move with it as boxes of class IGNORED: the loss
    leaves the objectness there alone, so that an unlabelled car is neither an object nor background.
    """

    def __init__(self, truth: Truth, input_size: tuple[int, int], cache_bytes: int = CACHE_BYTES) -> None:
        self.truth, self.input_size = truth, input_size
        self._left = cache_bytes
        self._kept: dict[int, TrainingFrame] = {}
        self._sizes: dict[int, tuple[int, int]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.truth.frames)

    @property
    def cached(self) -> int:
        """How many frames are kept."""
        return len(self._kept)

    def load(self, place: int) -> TrainingFrame:
        """The frame as the letterbox scales it, without padding. Its arrays must not be written to.

        First come, first kept: epochs visit all frames equally often, so that replacing one by another gains nothing.

        Raises:
            UserError: the picture is not there or cannot be decoded.
        """
        known = self._kept.get(place)
        if known is not None:
            return known
        frame = self._read(place)
        with self._lock:
            if place not in self._kept and frame.image.nbytes <= self._left:
                self._left -= frame.image.nbytes
                self._kept[place] = frame
        return frame

    def original_size(self, place: int) -> tuple[int, int]:
        """(height, width) of the picture before it was scaled, in pixels."""
        if place not in self._sizes:
            self.load(place)
        return self._sizes[place]

    def padded(self, place: int) -> TrainingFrame:
        """The frame exactly as the letterbox makes it: (H, W) of the input size, grey on the right and below."""
        frame = self.load(place)
        return frame._replace(image=Letterbox(frame.size, self.input_size, 1.0).apply(frame.image))

    def _read(self, place: int) -> TrainingFrame:
        labelled = self.truth.frames[place]
        image = labelled.picture()
        self._sizes[place] = (image.shape[0], image.shape[1])
        fit = Letterbox.fit((image.shape[0], image.shape[1]), self.input_size)
        scaled = Letterbox(fit.image_size, fit.scaled_size, fit.ratio).apply(image)
        boxes = fit.to_input(labelled.boxes_xyxy.astype(np.float32))
        return TrainingFrame(scaled, boxes, np.where(labelled.ignored, IGNORED, labelled.classes))
