"""The network's view of a picture: scaled to fit, padded right and below, as YOLOX has it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

PAD = 114
"""The grey of the padding. Source: Megvii-BaseDetection/YOLOX, yolox/data/data_augment.py (preproc)."""


@dataclass(frozen=True)
class Letterbox:
    """How one picture of `image_size` is brought into `input_size`; both (height, width) in pixels."""

    image_size: tuple[int, int]
    input_size: tuple[int, int]
    ratio: float
    """Input pixels per original pixel, the same in both directions."""

    @classmethod
    def fit(cls, image_size: tuple[int, int], input_size: tuple[int, int]) -> Letterbox:
        ratio = min(input_size[0] / image_size[0], input_size[1] / image_size[1])
        return cls((image_size[0], image_size[1]), (input_size[0], input_size[1]), ratio)

    @property
    def scaled_size(self) -> tuple[int, int]:
        """(height, width) of the picture inside the input; at least one pixel each."""
        return max(1, int(self.image_size[0] * self.ratio)), max(1, int(self.image_size[1] * self.ratio))

    def apply(self, image: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """(H, W, 3) uint8: the picture scaled bilinearly at the top left, grey elsewhere. `out` is filled if given."""
        height, width = self.scaled_size
        if out is None:
            out = np.empty((*self.input_size, 3), np.uint8)
        inside = out[:height, :width]
        if (height, width) == image.shape[:2]:
            inside[...] = image
        else:
            inside[...] = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
        out[height:] = PAD
        out[:height, width:] = PAD
        return out

    def to_original(self, boxes_input: np.ndarray) -> np.ndarray:
        """(n, 4) float32 left, top, right, bottom from input pixels to original pixels, clipped to the picture."""
        boxes = np.asarray(boxes_input, np.float32).reshape(-1, 4) / np.float32(self.ratio)
        height, width = self.image_size
        boxes[:, 0::2] = boxes[:, 0::2].clip(0, width)
        boxes[:, 1::2] = boxes[:, 1::2].clip(0, height)
        return boxes

    def to_input(self, boxes_xyxy: np.ndarray) -> np.ndarray:
        """(n, 4) float32 left, top, right, bottom from original pixels to input pixels."""
        return np.asarray(boxes_xyxy, np.float32).reshape(-1, 4) * np.float32(self.ratio)


def as_tensor(image_input: np.ndarray) -> np.ndarray:
    """(1, 3, H, W) float32, 0 to 255, of a letterboxed (H, W, 3) uint8 picture: no mean, no scale."""
    return np.ascontiguousarray(image_input.transpose(2, 0, 1), dtype=np.float32)[None]
