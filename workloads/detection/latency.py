"""How long a picture takes from bytes to boxes, stage by stage."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from workloads.detection.detections import Detections
from workloads.detection.scoring import OnnxDetector
from workloads.images.codec import decode

STAGES = ("decode", "letterbox", "model", "nms", "encode")
"""JPEG or PNG to pixels; pixels to the input tensor; the network; its answer to boxes; boxes to the reply's JSON."""
WARM_UP = 3


class Stopwatch:
    """Wall-clock milliseconds of each stage, one entry a picture."""

    def __init__(self) -> None:
        self.times_ms: dict[str, list[float]] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        self.times_ms.setdefault(name, []).append((time.perf_counter() - begun) * 1e3)

    def total_ms(self) -> np.ndarray:
        """(pictures,) the sum of the stages that were measured for every picture."""
        return np.sum([np.asarray(times) for times in self.times_ms.values()], axis=0) if self.times_ms else np.zeros(0)

    def summary(self) -> dict[str, dict[str, float]]:
        """{stage or "total": {"p50", "p95", "mean"}} in milliseconds, stages in their order; empty without pictures."""
        named = {name: np.asarray(self.times_ms[name]) for name in STAGES if name in self.times_ms}
        if len(total := self.total_ms()):
            named["total"] = total
        return {name: {"p50": float(np.percentile(times, 50)), "p95": float(np.percentile(times, 95)),
                       "mean": float(times.mean())} for name, times in named.items()}  # fmt: skip


def predict_timed(detector: OnnxDetector, content: bytes, where: str, watch: Stopwatch,
                  encode: Callable[[Detections, tuple[int, int]], Any] | None = None,
                  **limits: Any) -> Detections:  # fmt: skip
    """`OnnxDetector.predict` of one encoded picture, each stage timed.

    Args:
        where: names the picture in errors.
        encode: makes the reply of the detections and the picture's (height, width); left out, it is not measured.
        limits: as of `OnnxDetector.predict`.

    Raises:
        BadImage: the bytes are no picture. NoNumber: as `predict`. Nothing is recorded then.
    """
    parts = Stopwatch()
    with parts.stage("decode"):
        image = decode(content, where)
    with parts.stage("letterbox"):
        tensor, (letterbox,) = detector.fill([image])
    with parts.stage("model"):
        predictions = detector.run(tensor)
    with parts.stage("nms"):
        found = detector.found(predictions[0], letterbox, **limits)
    if encode is not None:
        with parts.stage("encode"):
            encode(found, letterbox.image_size)
    for name, times in parts.times_ms.items():
        watch.times_ms.setdefault(name, []).extend(times)
    return found


def warm_up(detector: OnnxDetector, image_size: tuple[int, int], times: int = WARM_UP) -> None:
    """First calls allocate and tune; they are not what a user waits for."""
    grey = np.full((*image_size, 3), 114, np.uint8)
    tensor, _ = detector.fill([grey])
    for _ in range(times):
        detector.run(tensor)
