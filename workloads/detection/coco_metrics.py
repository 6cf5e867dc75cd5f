"""COCO's twelve box metrics, by faster-coco-eval behind one function."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workloads import json_file
from workloads.contract import UserError
from workloads.detection.coco_fields import first_twins, is_number, mistake_in

NAMES = (
    "AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large",
    "AR_1", "AR_10", "AR_100", "AR_small", "AR_medium", "AR_large",
)  # fmt: skip
RESULT_KEYS = ("image_id", "category_id", "bbox", "score")
SIZES = ("small", "medium", "large")


@dataclass(frozen=True)
class ClassCurve:
    """One class. Numbers are 0 to 1, None where the truth holds no box of that class (and size)."""

    ap: float | None
    ap50: float | None
    ap75: float | None
    by_size: dict[str, float | None]
    """AP of `small` (below 32² px), `medium` (below 96²) and `large` boxes."""
    precision_50: list[float]
    """At recall 0, 0.01, …, 1, IoU 0.5; empty where there is no truth."""


@dataclass(frozen=True)
class CocoTable:
    """COCO's twelve numbers, and what stands behind them for each category id."""

    summary: dict[str, float | None]
    classes: dict[int, ClassCurve]


def evaluate(truth: dict[str, Any], detections: list[dict[str, Any]]) -> dict[str, float | None]:
    """The twelve numbers, 0 to 1; None where there is no ground truth of that size.

    Args:
        truth: COCO `images`, `annotations`, `categories`; bbox [x, y, w, h] in pixels.
        detections: rows of image_id, category_id, bbox, score. None at all means 0 recall everywhere.

    Source: cocodataset/cocoapi, PythonAPI/pycocotools/cocoeval.py (101 recall points, IoU 0.50:0.05:0.95).
    """
    return evaluate_classes(truth, detections).summary


def evaluate_classes(truth: dict[str, Any], detections: list[dict[str, Any]]) -> CocoTable:
    """As `evaluate`, with the figures of each category."""
    from faster_coco_eval import COCO, COCOeval_faster

    with contextlib.redirect_stdout(io.StringIO()):  # it prints its table
        known = COCO(_filled(truth))
        # It writes into the rows it is given, and takes those with further keys, as `caption`, for other results.
        rows = [{key: row[key] for key in RESULT_KEYS} for row in detections]
        judge = COCOeval_faster(known, known.loadRes(rows), "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    summary = {name: _share(value) for name, value in zip(NAMES, judge.stats, strict=False)}
    precision = judge.eval["precision"]  # IoU, recall, category, size, most detections a picture
    ids = list(judge.params.catIds)
    return CocoTable(summary, {int(one): _curve(precision[:, :, place, :, -1]) for place, one in enumerate(ids)})


def _curve(precision: np.ndarray) -> ClassCurve:
    """`precision` (10 IoUs, 101 recalls, 4 sizes); -1 where there is no truth."""
    ious, every_size = precision.mean(axis=1), precision[0, :, 0]
    mean = ious.mean(axis=0)  # of nothing but -1 it is -1
    return ClassCurve(
        ap=_share(mean[0]), ap50=_share(ious[0, 0]), ap75=_share(ious[5, 0]),
        by_size={size: _share(mean[place]) for place, size in enumerate(SIZES, start=1)},
        precision_50=[] if every_size[0] < 0 else [float(value) for value in every_size],
    )  # fmt: skip


def _share(value: float) -> float | None:
    return None if value < 0 else float(value)


def _filled(truth: dict[str, Any]) -> dict[str, Any]:
    """A copy with the fields that follow from the others, where the file left them out."""
    # The library marks a match by the annotation's id, in 64 bits, and 0 is no match: its own numbers are safe.
    rows = [{"iscrowd": 0, "area": row["bbox"][2] * row["bbox"][3]} | row | {"id": place}
            for place, row in enumerate(truth["annotations"], start=1)]  # fmt: skip
    return truth | {"annotations": rows}


def evaluate_files(truth: Path, detections: Path) -> dict[str, float | None]:
    """The same of two JSON files.

    Raises:
        UserError: a file is no such JSON, or an annotation or a detection names an image or category the truth lacks.
    """
    known, found = json_file.read(truth), json_file.read(detections)
    _check_truth(known, truth)
    _check_detections(found, known, detections)
    return evaluate(known, found)


def _check_truth(known: Any, path: Path) -> None:
    for key, needed in (
        ("images", {"id"}),
        ("annotations", {"image_id", "category_id", "bbox"}),
        ("categories", {"id"}),
    ):
        rows = known.get(key) if isinstance(known, dict) else None
        if not isinstance(rows, list):
            raise UserError(f"{path}: has no list {key!r}; COCO truth holds images, annotations and categories")
        _check_rows(rows, needed, f"{path}, {key}")
        _check_ids(rows, f"{path}, {key}")
    _check_references(known["annotations"], known, f"{path}, annotations")
    for place, row in enumerate(known["annotations"]):
        if mistake := mistake_in(row):
            raise UserError(f"{path}, annotations[{place}], {mistake}")


def _check_ids(rows: list[dict[str, Any]], where: str) -> None:
    """Nothing refers to an annotation: its id may be text, or absent."""
    for place, row in enumerate(rows):
        if "id" in row and (isinstance(row["id"], bool) or not isinstance(row["id"], int | str)):
            raise UserError(f"{where}[{place}], id: {row['id']!r} is not a whole number")
    if twins := first_twins(rows):
        place, before = twins
        raise UserError(f"{where}[{place}], id: {rows[place]['id']!r} is the id of [{before}] too; give each its own")


def _check_detections(found: Any, known: dict[str, Any], path: Path) -> None:
    if not isinstance(found, list):
        raise UserError(f"{path}: is no list; COCO detections are a list of image_id, category_id, bbox, score")
    _check_rows(found, set(RESULT_KEYS), str(path))
    _check_references(found, known, str(path))
    for place, row in enumerate(found):
        if not is_number(row["score"]):
            raise UserError(f"{path}[{place}], score: {row['score']!r} is not a finite number")


def _check_references(rows: list[dict[str, Any]], known: dict[str, Any], where: str) -> None:
    """What `rows` are about must be there, else they would not count without a word."""
    ids = {
        "image_id": {row["id"] for row in known["images"]},
        "category_id": {row["id"] for row in known["categories"]},
    }
    for place, row in enumerate(rows):
        for key, there in ids.items():
            if row[key] not in there:
                raise UserError(f"{where}[{place}], {key}: {row[key]!r} is not in the truth")


def _check_rows(rows: list[Any], needed: set[str], where: str) -> None:
    for place, row in enumerate(rows):
        lacking = sorted(needed - row.keys()) if isinstance(row, dict) else sorted(needed)
        if lacking:
            raise UserError(f"{where}[{place}]: lacks {', '.join(lacking)}")
        for key in sorted(needed & {"id", "image_id", "category_id"}):
            if not isinstance(row[key], int):
                raise UserError(f"{where}[{place}], {key}: {row[key]!r} is not a whole number")
        if "bbox" in needed and not _is_box(row["bbox"]):
            raise UserError(
                f"{where}[{place}], bbox: {row['bbox']!r} is not [x, y, width, height] with sizes from 0 up"
            )


def _is_box(box: Any) -> bool:
    numbers = isinstance(box, list) and len(box) == 4 and all(is_number(one) for one in box)
    return numbers and box[2] >= 0 and box[3] >= 0
