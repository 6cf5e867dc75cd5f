"""COCO's twelve box metrics over 5,000 images: our interface against pycocotools.

pycocotools and hotcoco are no dependencies: install them apart (`pip install --no-deps --target DIR NAME`)
and name them with PYTHONPATH=DIR. What is not installed is not measured, and the outcome says so.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import resource
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

from benchmarks import interleaved
from benchmarks.outcome import Outcome, Row
from workloads.detection.coco_metrics import NAMES, evaluate

IMAGES, CATEGORIES = 5000, 80
ROUNDS = 3
"""Each takes seconds."""
TOLERANCE = 1e-12
PEERS = ("pycocotools", "hotcoco")

Metrics = dict[str, float | None]


def measure(tiny: bool = False) -> Outcome:
    truth, found = scene(20 if tiny else IMAGES)
    contenders: dict[str, Callable[[], Metrics]] = {"ours": lambda: evaluate(truth, found)}
    peers = {"pycocotools": _pycocotools, "hotcoco": _hotcoco}
    here = [name for name in PEERS if importlib.util.find_spec(name) is not None]
    contenders |= {name: lambda name=name: peers[name](truth, found) for name in here}  # type: ignore[misc]
    expected = evaluate(truth, found)
    for name in here:
        _check_parity(name, expected, contenders[name]())
    seconds = _rounds(contenders, 1 if tiny else ROUNDS)
    floor = interleaved.cpu_seconds(lambda: _columns(found), 0.0)
    rows = [Row(f"{name}, CPU", median(times) * 1e3, "ms") for name, times in seconds.items()]
    rows.append(Row("reading the detections' numbers alone, CPU", floor * 1e3, "ms"))
    ratios = [interleaved.ratio("ours over reading the numbers alone", seconds["ours"], [floor] * len(seconds["ours"]))]
    ratios += [interleaved.ratio(f"ours against {name}", seconds[name], seconds["ours"]) for name in here]
    notes = [f"{len(truth['images']):,} images, {len(truth['annotations']):,} truths, {len(found):,} detections; "
             f"AP {expected['AP']:.6f}. Documents are in memory."]  # fmt: skip
    notes += [f"{name}: all {len(NAMES)} numbers within {TOLERANCE} of ours." for name in here]
    notes += [f"{name} is not installed here: no ratio against it." for name in PEERS if name not in here]
    return Outcome("coco_map", rows, ratios, packages=("faster-coco-eval", "numpy", *here), notes=notes)


def scene(images: int, seed: int = 0) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """COCO truth of 7.4 boxes an image, one in fifty a crowd, and 40 detections an image: most of them wrong."""
    random = np.random.default_rng(seed)
    annotations: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    for image in range(1, images + 1):
        for _ in range(random.poisson(7.4)):
            size = np.exp(random.normal(3.8, 1.0, 2))
            box, kind = [*random.uniform(0, 500, 2), *np.clip(size, 3, 600)], int(random.integers(1, CATEGORIES + 1))
            annotations.append({
                "id": len(annotations) + 1, "image_id": image, "category_id": kind, "bbox": [float(x) for x in box],
                "area": float(box[2] * box[3] * random.uniform(0.5, 1)), "iscrowd": int(random.random() < 0.02),
            })  # fmt: skip
            if random.random() < 0.75:
                near = np.array(box) + random.normal(0, 0.06, 4) * np.array([box[2], box[3], box[2], box[3]])
                found.append(_detection(image, kind, np.maximum(near, 1), random.beta(4, 2)))
        for _ in range(random.poisson(34.3)):
            wild = [*random.uniform(0, 500, 2), *np.clip(np.exp(random.normal(3.8, 1.0, 2)), 3, 600)]
            found.append(_detection(image, int(random.integers(1, CATEGORIES + 1)), np.array(wild), random.beta(1, 5)))
    truth = {
        "images": [{"id": image, "width": 640, "height": 480} for image in range(1, images + 1)],
        "annotations": annotations,
        "categories": [{"id": kind, "name": f"class {kind}"} for kind in range(1, CATEGORIES + 1)],
    }
    return truth, found


def _detection(image: int, kind: int, box: np.ndarray, score: float) -> dict[str, Any]:
    return {"image_id": image, "category_id": kind, "bbox": box.tolist(), "score": round(float(score), 4)}


def _rounds(contenders: dict[str, Callable[[], Metrics]], count: int) -> dict[str, list[float]]:
    """CPU seconds of all threads, in turn; every contender has run once before."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(count):
        for name, action in contenders.items():
            before = resource.getrusage(resource.RUSAGE_SELF)
            action()
            after = resource.getrusage(resource.RUSAGE_SELF)
            seconds[name].append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return seconds


def _columns(found: list[dict[str, Any]]) -> np.ndarray:
    return np.array([(row["image_id"], row["category_id"], *row["bbox"], row["score"]) for row in found])


def _check_parity(name: str, ours: Metrics, theirs: Metrics) -> None:
    for key, value in ours.items():
        other = theirs[key]
        if (value is None) != (other is None) or abs((value or 0) - (other or 0)) > TOLERANCE:
            raise AssertionError(f"{name}: {key} is {other}, ours {value}")


def _pycocotools(truth: dict[str, Any], found: list[dict[str, Any]]) -> Metrics:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    known = COCO()
    known.dataset = truth
    with contextlib.redirect_stdout(io.StringIO()):
        known.createIndex()
        return _judged(COCOeval(known, known.loadRes([dict(row) for row in found]), "bbox"))


def _hotcoco(truth: dict[str, Any], found: list[dict[str, Any]]) -> Metrics:
    import hotcoco

    known = hotcoco.COCO(truth)
    with contextlib.redirect_stdout(io.StringIO()):
        return _judged(hotcoco.COCOeval(known, known.load_res(found), "bbox"))


def _judged(judge: Any) -> Metrics:
    judge.evaluate()
    judge.accumulate()
    judge.summarize()
    return {key: None if value < 0 else float(value) for key, value in zip(NAMES, judge.stats, strict=False)}
