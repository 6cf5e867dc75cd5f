"""Mosaic, MixUp, HSV and flip of one 640 x 640 training picture: ours against the usual YOLOX-style chain."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from statistics import median
from types import ModuleType
from typing import Any

import cv2
import numpy as np

from benchmarks import augmentation_peer as peer
from benchmarks import interleaved
from benchmarks.outcome import Outcome, Row
from workloads.augmentation import colour, flip, mixup, mosaic
from workloads.augmentation.affine import AffineRanges
from workloads.augmentation.frame import Frame
from workloads.augmentation.recipe import MIXUP_SCALE, ROTATION_DEG, SHEAR_DEG, TRANSLATE
from workloads.images.letterbox import Letterbox

KITTI_SIZE = (375, 1242)
BOXES = 8


def measure(tiny: bool = False) -> Outcome:
    cv2.setNumThreads(1)
    size = (96, 96) if tiny else (640, 640)
    full = [_scene(seed, KITTI_SIZE) for seed in range(8)]
    cached = [Frame(*_fitted(frame, size), frame.classes) for frame in full]
    ranges = AffineRanges(ROTATION_DEG, SHEAR_DEG, TRANSLATE, (0.1, 2.0))
    once = (1, 0.0) if tiny else (interleaved.ROUNDS, 1.0)
    rows, ratios = [], []
    for what, frames in (("decoded frames of 1242 x 375", full), ("frames cached at input size", cached)):
        seconds = interleaved.rounds({
            "YOLOX-style chain": _chain(frames, ranges, size, peer.mosaic, peer.mixup, peer),
            "ours": _chain(frames, ranges, size, mosaic.mosaic, mixup.mixup, None),
        }, *once)  # fmt: skip
        rows += [Row(f"{name}, {what}, CPU", median(times) * 1e3, "ms") for name, times in seconds.items()]
        ratios.append(interleaved.ratio(f"ours against the chain, {what}", seconds["YOLOX-style chain"],
                                        seconds["ours"], ">= 2"))  # fmt: skip
    notes = [
        f"One {size[0]} x {size[1]} picture of four synthetic frames and a fifth blended in; official S to X ranges.",
        "The chain is a plain peer written from the facts of the recipe, no package: resize, paste on a "
        "canvas, warp, blend in float32, HSV in int16. Both draw the same numbers and make the same boxes.",
        "Decoding is in neither; training keeps decoded frames at input size in memory, the second pair.",
    ]
    return Outcome("augmentation", rows, ratios, packages=("numpy", "opencv-python-headless", "numba"), notes=notes)


def _chain(frames: list[Frame], ranges: AffineRanges, size: tuple[int, int], compose: Any, blend: Any,
           plain: ModuleType | None) -> Callable[[], Frame]:  # fmt: skip
    seeds = count()

    def sample() -> Frame:
        rng = np.random.default_rng((0, next(seeds)))
        chosen = rng.integers(0, len(frames), 5)
        frame = compose([frames[number] for number in chosen[:4]], ranges, size, rng)
        frame = blend(frame, frames[chosen[4]], MIXUP_SCALE, rng)
        shift = plain.colour if plain else colour.jitter
        frame = frame._replace(image=shift(frame.image, rng))
        if rng.random() < 0.5:
            frame = plain.flip(frame) if plain else flip.flip(frame)
        return frame

    return sample


def _scene(seed: int, size: tuple[int, int]) -> Frame:
    """Smooth noise with boxes; content does not change the time."""
    rng = np.random.default_rng(seed)
    image = cv2.resize(rng.integers(0, 255, (24, 78, 3), dtype=np.uint8), (size[1], size[0]))
    corners = rng.uniform([0, 0], [size[1] - 90, size[0] - 90], (BOXES, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(8, 88, (BOXES, 2))], axis=1)
    return Frame(image, boxes.astype(np.float32), rng.integers(0, 3, BOXES))


def _fitted(frame: Frame, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    fit = Letterbox.fit(frame.size, size)
    return Letterbox(frame.size, fit.scaled_size, fit.ratio).apply(frame.image), fit.to_input(frame.boxes_xyxy)
