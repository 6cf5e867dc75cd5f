"""A detector in the precision it will be served in, and what that costs in accuracy, measured before it is packed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from workloads.contract import UserError, log
from workloads.detection import judging
from workloads.detection.detections import Detections
from workloads.detection.scoring import NoNumber, OnnxDetector
from workloads.detection.truth import Frame, Truth
from workloads.progress import follow

CALIBRATION_FRAMES = 100
MAX_DROP = 0.02
_SEED = 20260101


@dataclass(frozen=True)
class Lowered:
    """A network and, in `report`, what its precision cost."""

    network: bytes
    report: dict[str, Any] = field(default_factory=dict)


def lower(network: bytes, precision: str, classes: Sequence[str], frames: Truth | None, max_drop: float) -> Lowered:
    """`network` in `precision`: fp32 (as it is), fp16 or int8.

    Args:
        classes: of the network, in its order.
        frames: labelled frames that are not the sealed test; int8 learns its ranges from the pictures of some of them
            and is judged on the others. Not needed for fp32.
        max_drop: what mAP@0.5:0.95 may sink by, absolute.

    Raises:
        UserError: the drop is larger, or there are no frames to measure it on.
    """
    if precision == "fp32":
        return Lowered(network, {"served": "fp32"})
    if frames is None:
        raise UserError(f"deployment.precision: {precision} needs validation frames to measure what it costs; "
                        "none were given to this job")  # fmt: skip
    seen, judged = _divide(frames, precision)
    lowered = _convert(network, precision, seen)
    before = _map(network, classes, judged, "Judging fp32")
    after = _map(lowered, classes, judged, f"Judging {precision}")
    report = {
        "served": precision, "map_50_95": after, "map_50_95_fp32": before, "drop": before - after,
        "max_accuracy_drop": max_drop, "frames": len(judged.frames), "calibration_frames": len(seen),
        "bytes": len(lowered), "bytes_fp32": len(network),
    }  # fmt: skip
    log("Lowered the precision", **report)
    if before - after > max_drop:
        others = "fp32" if precision == "fp16" else "fp16 or fp32"
        raise UserError(
            f"deployment.precision: {precision} lowers mAP@0.5:0.95 from {before:.4f} to {after:.4f} on "
            f"{len(judged.frames)} validation frames, by {before - after:.4f}; max_accuracy_drop is {max_drop:g}. "
            f"Choose {others}, or raise max_accuracy_drop"
        )
    return Lowered(lowered, report)


def _divide(frames: Truth, precision: str) -> tuple[tuple[Frame, ...], Truth]:
    """(frames whose pictures calibrate, frames that judge), apart; the same every time."""
    if precision != "int8":
        return (), frames
    count = min(CALIBRATION_FRAMES, len(frames.frames) // 2)
    order = np.random.default_rng(_SEED).permutation(len(frames.frames))
    seen = tuple(frames.frames[place] for place in np.sort(order[:count]))
    judged = replace(frames, frames=tuple(frames.frames[place] for place in np.sort(order[count:])))
    if not count or not judged.objects:
        raise UserError(
            f"deployment.precision: int8 needs labelled validation frames to calibrate and others to judge; there are "
            f"{len(frames.frames)}. Give more to dataset.splits.validation, or choose fp16 or fp32"
        )
    return seen, judged


def _convert(network: bytes, precision: str, seen: Sequence[Frame]) -> bytes:
    from workloads.yolox import precision as bits

    if precision == "fp16":
        try:
            return bits.to_float16(network)
        except ArithmeticError as too_large:
            raise UserError(
                f"deployment.precision: fp16 cannot hold this network: {too_large}; choose fp32"
            ) from too_large
    return bits.quantise_int8(network, _tensors(OnnxDetector(network), seen))


def _tensors(detector: OnnxDetector, frames: Sequence[Frame]) -> Iterator[np.ndarray]:
    """(1, 3, H, W) float32 of each frame."""
    for frame in follow(frames, "Calibrating", len(frames)):
        yield detector.fill([frame.picture()])[0].copy()


def _map(network: bytes, classes: Sequence[str], frames: Truth, what: str) -> float:
    detector = OnnxDetector(network)
    order = np.array([frames.classes.index(name) for name in classes], np.int64)
    found = []
    for frame in follow(frames.frames, what, len(frames.frames)):
        try:
            (one,) = detector.predict([frame.picture()])
        except NoNumber:
            one = Detections.none()  # seen as a drop
        found.append(Detections(one.boxes_xyxy, one.scores, order[one.classes]))
    return judging.judge(frames, found, 0.3).metrics["map_50_95"]
