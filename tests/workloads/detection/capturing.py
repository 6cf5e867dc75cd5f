"""Captured traffic of a detector, as SageMaker writes it, for tests."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from workloads.images.codec import encode_jpeg, encode_png

CLASSES = ("Car", "Pedestrian")
Box = tuple[str, float, float, float, float, float]
"""(class, left, top, right, bottom, score)."""


def picture(rng: np.random.Generator, brightness: float = 100.0, size: tuple[int, int] = (48, 64)) -> np.ndarray:
    """A scene of its own: eight blocks of shades around `brightness`, and some grain."""
    coarse = rng.normal(brightness + rng.normal(0, 8), 25, (8, 8, 3))
    image = np.kron(coarse, np.ones((size[0] // 8, size[1] // 8, 1))) + rng.normal(0, 5, (*size, 3))
    return np.clip(image, 0, 255).astype(np.uint8)


def prediction(boxes: Sequence[Box], size: tuple[int, int] = (48, 64), **more: Any) -> dict[str, Any]:
    """One entry of an answer's `predictions`."""
    rows = [{"class": box[0], "class_id": CLASSES.index(box[0]), "box": list(box[1:5]), "score": box[5]}
            for box in boxes]  # fmt: skip
    return {"detections": rows, "image_size": list(size), "fallback": False, "reason": None} | more


def body(data: str | bytes, kind: str) -> dict[str, str]:
    if isinstance(data, str):
        return {"observedContentType": kind, "data": data, "encoding": "JSON"}
    return {"observedContentType": kind, "data": base64.b64encode(data).decode(), "encoding": "BASE64"}


def line(asked: dict[str, str], predictions: Sequence[dict[str, Any]] | None, **event: Any) -> str:
    """One captured exchange; without an answer where `predictions` is None."""
    capture = {"endpointInput": asked}
    if predictions is not None:
        answer = json.dumps({"model_version": "v1", "predictions": list(predictions)})
        capture["endpointOutput"] = body(answer, "application/json")
    return json.dumps({"captureData": capture, "eventMetadata": {"inferenceTime": "2026-11-23T10:00:00Z"} | event})


def as_png(image: np.ndarray) -> dict[str, str]:
    return body(encode_png(image), "image/png")


def as_jpeg(image: np.ndarray) -> dict[str, str]:
    return body(encode_jpeg(image), "image/jpeg")


def as_instances(images: Sequence[np.ndarray], **parameters: Any) -> dict[str, str]:
    instances = [{"b64": base64.b64encode(encode_png(image)).decode()} for image in images]
    more = {"parameters": parameters} if parameters else {}
    return body(json.dumps({"instances": instances} | more), "application/json")


def write_capture(folder: Path, lines: Sequence[str]) -> Path:
    place = folder / "mlops-road" / "v1" / "2026" / "11" / "23" / "10"
    place.mkdir(parents=True)
    (place / "00-00-000.jsonl").write_text("\n".join(lines) + "\n")
    return folder
