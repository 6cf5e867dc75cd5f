"""The benchmarks there are: one file each, imported only when it is run."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from benchmarks.outcome import Outcome

BENCHMARKS = {
    "serving": "our inference server against uvicorn raw ASGI and FastAPI with pydantic, closed loop",
    "drift": "our KS and PSI over one cached reference against scipy and Evidently",
    "spec": "reading an issue body against yaml.safe_load of the same YAML",
    "tracking": "ByteTrack over 15 and 100 objects against roboflow's trackers",
    "kitti_eval": "KITTI's evaluation of 3,769 frames against OpenPCDet's evaluator and the official C++",
    "detector": "an image to boxes and reply over the bare onnxruntime session, YOLOX Nano at 416",
    "detector_serving": "a detector behind our server against decode and session without one, and FastAPI",
    "coco_map": "COCO's box metrics of 5,000 images against pycocotools and hotcoco",
    "model_row": "one row through onnxruntime against the estimator's own predict",
    "augmentation": "mosaic, MixUp, HSV and flip of one training picture against a plain YOLOX-style chain",
    "images": "preparing camera frames and labels against re-encoding them, and against a bare copy",
    "voxels": "hard voxels, pillars, range filter and means of cells against spconv, NumPy and torch",
}


def find(name: str) -> Callable[[bool], Outcome]:
    """The `measure(tiny)` of a benchmark; `tiny` shrinks it to a smoke test whose figures mean nothing."""
    return importlib.import_module(f"benchmarks.{name}").measure
