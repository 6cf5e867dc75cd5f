"""Statistics of a prepared data set: frames, boxes and light, split by split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from workloads.detection.boxes import xywh_to_xyxy
from workloads.detection.frames import BOX_NAMES, IMAGE_NAMES, describe_boxes
from workloads.detection.reading import Measured

COCO_AREAS = {"small": 0.0, "medium": 32.0**2, "large": 96.0**2}
"""Square pixels from which a box counts as such. Source: COCO evaluation (cocodataset.org, Detection Evaluation)."""
HEIGHTS_PX = (0, 10, 25, 40, 80, 160)
"""KITTI judges boxes above 25 pixels, and above 40 as easy."""
TRUNCATIONS = (0.0, 0.15, 0.30, 0.50)
_OCCLUSIONS = {0: "visible", 1: "partly", 2: "largely", 3: "unknown"}
ALIKE_BITS = 2
"""Fingerprints that differ in so few of 64 bits show nearly the same picture."""


def describe(documents: Mapping[str, Mapping[str, Any]], measured: Mapping[str, Mapping[str, Measured]],
             classes: Sequence[str]) -> dict[str, Any]:  # fmt: skip
    """All figures. `documents` and `measured` are by split; the latter by file name."""
    everything = {
        "images": [one for document in documents.values() for one in document["images"]],
        "annotations": [one for document in documents.values() for one in document["annotations"]],
    }
    of_all = {name: one for split in measured.values() for name, one in split.items()}
    return {
        "frames": {name: len(document["images"]) for name, document in documents.items()},
        "bytes": {name: sum(one.bytes for one in split.values()) for name, split in measured.items()},
        "boxes": {name: _boxes_of_classes(document, classes) for name, document in documents.items()},
        "all": _figures(everything, of_all, classes),
        "splits": {name: _figures(documents[name], measured[name], classes) for name in documents},
        "alike": _alike(measured),
    }


def _boxes_of_classes(document: Mapping[str, Any], classes: Sequence[str]) -> dict[str, int]:
    counts = Counter(one["category_id"] for one in document["annotations"] if not one["iscrowd"])
    return {name: counts[place] for place, name in enumerate(classes, 1)}


def _figures(document: Mapping[str, Any], measured: Mapping[str, Measured], classes: Sequence[str]) -> dict[str, Any]:
    objects = [one for one in document["annotations"] if not one["iscrowd"]]
    ignored = {(one["image_id"], tuple(one["bbox"])) for one in document["annotations"] if one["iscrowd"]}
    per_frame = Counter(one["image_id"] for one in objects)
    counts = np.array([per_frame[image["id"]] for image in document["images"]])
    sizes = Counter(f"{one['width']}x{one['height']}" for one in document["images"])
    figures: dict[str, Any] = {
        "image_sizes": dict(sizes.most_common()),
        "boxes_per_class": _boxes_of_classes(document, classes),
        "ignore_regions": len(ignored),
        "boxes_per_frame": _spread(counts),
        "frames_without_boxes": int((counts == 0).sum()),
        "box_areas": _areas([one["bbox"] for one in objects]),
        "box_heights_px": _histogram(np.array([one["bbox"][3] for one in objects]), HEIGHTS_PX),
        "light": {name: _spread(np.array([one.facts[name] for one in measured.values()])) for name in IMAGE_NAMES},
    }
    if objects and "occluded" in objects[0]:
        levels = Counter(_OCCLUSIONS.get(one.get("occluded", 3), "unknown") for one in objects)
        figures["occlusion"] = {name: levels[name] for name in _OCCLUSIONS.values()}
        figures["truncation"] = _histogram(np.array([one.get("truncated", 0.0) for one in objects]), TRUNCATIONS)
    return figures


def _areas(boxes_xywh: Sequence[Sequence[float]]) -> dict[str, int]:
    area = np.array([box[2] * box[3] for box in boxes_xywh], float)
    starts = np.array(list(COCO_AREAS.values()))
    counts = (
        np.bincount(np.searchsorted(starts, area, side="right") - 1, minlength=len(starts)) if len(area) else [0] * 3
    )
    return {name: int(count) for name, count in zip(COCO_AREAS, counts, strict=True)}


def _histogram(values: np.ndarray, starts: Sequence[float]) -> dict[str, int]:
    """{"from 25": n, …}: values from each start up to the next; below the first they count to it."""
    places = np.clip(np.searchsorted(np.array(starts), values, side="right") - 1, 0, None)
    counts = np.bincount(places, minlength=len(starts)) if len(values) else np.zeros(len(starts), int)
    return {f"from {start:g}": int(count) for start, count in zip(starts, counts, strict=True)}


def _spread(values: np.ndarray) -> dict[str, float]:
    if not len(values):
        return {}
    low, middle, high = np.quantile(values, (0.05, 0.5, 0.95))
    return {"mean": float(values.mean()), "min": float(values.min()), "p05": float(low), "median": float(middle),
            "p95": float(high), "max": float(values.max())}  # fmt: skip


def _alike(measured: Mapping[str, Mapping[str, Measured]]) -> dict[str, int]:
    """How many frames of the test split have a near copy among those that were learnt from."""
    test = np.array([one.looks for one in measured["test"].values()], np.uint64)
    seen = np.array([one.looks for name, split in measured.items() if name != "test" for one in split.values()],
                    np.uint64)  # fmt: skip
    found = sum(bool((np.bitwise_count(seen ^ one) <= ALIKE_BITS).any()) for one in test)
    return {"test_frames": len(test), "with_a_near_copy_in_train_or_validation": int(found)}


def table(document: Mapping[str, Any], measured: Mapping[str, Measured]) -> dict[str, np.ndarray]:
    """{statistic: (n,) float64}, a row an image in the order of the document: what drift is measured against."""
    boxes: dict[int, list[list[float]]] = {one["id"]: [] for one in document["images"]}
    for one in document["annotations"]:
        if not one["iscrowd"]:
            boxes[one["image_id"]].append(one["bbox"])
    rows = [
        measured[image["file_name"]].facts
        | describe_boxes(xywh_to_xyxy(np.array(boxes[image["id"]])), (image["height"], image["width"]))
        for image in document["images"]
    ]
    return {name: np.array([row[name] for row in rows]) for name in (*IMAGE_NAMES, *BOX_NAMES)}
