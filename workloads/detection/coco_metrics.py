"""COCO's twelve box metrics, by faster-coco-eval behind one function."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

from workloads.contract import UserError

NAMES = (
    "AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large",
    "AR_1", "AR_10", "AR_100", "AR_small", "AR_medium", "AR_large",
)  # fmt: skip


def evaluate(truth: dict[str, Any], detections: list[dict[str, Any]]) -> dict[str, float | None]:
    """The twelve numbers, 0 to 1; None where there is no ground truth of that size.

    Args:
        truth: COCO `images`, `annotations`, `categories`; bbox [x, y, w, h] in pixels.
        detections: rows of image_id, category_id, bbox, score. None at all means 0 recall everywhere.

    Source: cocodataset/cocoapi, PythonAPI/pycocotools/cocoeval.py (101 recall points, IoU 0.50:0.05:0.95).
    """
    from faster_coco_eval import COCO, COCOeval_faster

    with contextlib.redirect_stdout(io.StringIO()):  # it prints its table
        known = COCO(truth)
        judge = COCOeval_faster(known, known.loadRes(detections) if detections else COCO(truth | {"annotations": []}),
                                "bbox")  # fmt: skip
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return {name: None if value < 0 else float(value) for name, value in zip(NAMES, judge.stats, strict=False)}


def evaluate_files(truth: Path, detections: Path) -> dict[str, float | None]:
    """The same of two JSON files.

    Raises:
        UserError: a file is no such JSON, or a detection names an image or category the truth lacks.
    """
    known, found = _read(truth), _read(detections)
    _check_truth(known, truth)
    _check_detections(found, known, detections)
    return evaluate(known, found)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as wrong:
        raise UserError(f"{path}: cannot be read: {wrong.strerror}") from wrong
    except ValueError as wrong:
        raise UserError(f"{path}: is no JSON: {wrong}") from wrong


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


def _check_detections(found: Any, known: dict[str, Any], path: Path) -> None:
    if not isinstance(found, list):
        raise UserError(f"{path}: is no list; COCO detections are a list of image_id, category_id, bbox, score")
    _check_rows(found, {"image_id", "category_id", "bbox", "score"}, str(path))
    ids = {
        "image_id": {row["id"] for row in known["images"]},
        "category_id": {row["id"] for row in known["categories"]},
    }
    for place, row in enumerate(found):
        for key, there in ids.items():
            if row[key] not in there:
                raise UserError(f"{path}[{place}], {key}: {row[key]!r} is not in the truth")


def _check_rows(rows: list[Any], needed: set[str], where: str) -> None:
    for place, row in enumerate(rows):
        lacking = sorted(needed - row.keys()) if isinstance(row, dict) else sorted(needed)
        if lacking:
            raise UserError(f"{where}[{place}]: lacks {', '.join(lacking)}")
        if "bbox" in needed and not _is_box(row["bbox"]):
            raise UserError(
                f"{where}[{place}], bbox: {row['bbox']!r} is not [x, y, width, height] with sizes from 0 up"
            )


def _is_box(box: Any) -> bool:
    numbers = isinstance(box, list) and len(box) == 4 and all(isinstance(one, int | float) for one in box)
    return numbers and box[2] >= 0 and box[3] >= 0
