"""What detections are worth against labelled frames: COCO's mAP, the operating point, who is taken for whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from workloads.detection.boxes import areas, intersections, iou_matrix, xywh_to_xyxy, xyxy_to_xywh
from workloads.detection.coco_metrics import CocoTable, evaluate_classes
from workloads.detection.detections import Detections
from workloads.detection.matching import IOU, Matches, match_all
from workloads.detection.truth import Frame, Truth

DEFINITIONS = {
    "map_50": "COCO AP at IoU 0.5: mean over classes with truth, 101 recall points, 100 detections a frame at most.",
    "map_50_95": "COCO AP: as map_50, mean over IoU 0.50, 0.55, …, 0.95.",
    "precision": "Right detections of all detections of a class scoring at least the threshold, matched at IoU 0.5; "
                 "mean over the classes with truth; a class of which nothing is detected counts 0.",
    "recall": "Labelled boxes found by detections scoring at least the threshold, matched at IoU 0.5; mean over the "
              "classes with truth.",
    "confusion_matrix": "Detections at the threshold and boxes paired whatever their class, highest IoU first, from "
                        "0.5 up; rows are the labelled class, columns the detected one, background is no partner. "
                        "Detections inside regions that are not judged are left out.",
}  # fmt: skip


@dataclass(frozen=True)
class Judgement:
    """All figures of one model on one set of frames."""

    metrics: dict[str, float]
    """By the names of the catalogue; what cannot be measured is not in it."""
    per_class: list[dict[str, Any]]
    table: CocoTable
    matches: Matches
    confusion: np.ndarray
    """(C + 1, C + 1) int64, rows the truth, columns the detections; the last of each is background."""
    threshold: float

    def curves(self, classes: Sequence[str]) -> dict[str, dict[str, list[float]]]:
        """Precision at recall 0, 0.01, …, 1 by class, as COCO has it at IoU 0.5."""
        return {name: {"precision": curve.precision_50}
                for name, curve in zip(classes, self.table.classes.values(), strict=True)}  # fmt: skip


def judge(truth: Truth, found: Sequence[Detections], threshold: float) -> Judgement:
    """Judge what was found in each frame of `truth`; `threshold` is the score from which a detection is acted upon."""
    table = evaluate_classes(_judged_document(truth), coco_rows(truth, found))
    table = CocoTable(table.summary, {one: table.classes[one] for one in truth.category_ids})
    matches = match_all(truth.frames, found)
    rows = [_class_row(name, place, table.classes[truth.category_ids[place]].__dict__, matches, threshold)
            for place, name in enumerate(truth.classes)]  # fmt: skip
    known = [row for row in rows if row["truths"]]
    metrics = {"map_50": table.summary["AP50"], "map_50_95": table.summary["AP"],
               "precision": float(np.mean([row["precision"] or 0.0 for row in known])),
               "recall": float(np.mean([row["recall"] for row in known]))}  # fmt: skip
    counts = confusion(truth, found, threshold)
    measured = {name: value for name, value in metrics.items() if value is not None}
    return Judgement(measured, rows, table, matches, counts, threshold)


def _judged_document(truth: Truth) -> dict[str, Any]:
    """The truth without categories that no model of this data set can name."""
    rows = [row for frame in truth.frames for row in frame.rows]
    categories = [row for row in truth.document["categories"] if row["id"] in truth.category_ids]
    return {"images": truth.document["images"], "annotations": rows, "categories": categories}


def _class_row(name: str, place: int, coco: dict[str, Any], matches: Matches, threshold: float) -> dict[str, Any]:
    right, wrong, missed = matches.counts(place, threshold)
    truths = right + missed
    scores, precision, recall = matches.curve(place)
    both = precision + recall
    f1 = np.divide(2 * precision * recall, both, out=np.zeros_like(both), where=both > 0)
    best = int(f1.argmax()) if len(f1) and truths else -1
    return {
        "class": name, "truths": truths, "right": right, "wrong": wrong, "missed": missed,
        "precision": right / (right + wrong) if right + wrong else None,
        "recall": right / truths if truths else None,
        "f1": 2 * right / (2 * right + wrong + missed) if truths else None,
        "ap": coco["ap"], "ap50": coco["ap50"], "ap75": coco["ap75"], "ap_by_size": coco["by_size"],
        "best_f1": float(f1[best]) if best >= 0 else None,
        "best_threshold": float(scores[best]) if best >= 0 else None,
    }  # fmt: skip


def confusion(truth: Truth, found: Sequence[Detections], threshold: float) -> np.ndarray:
    """(C + 1, C + 1) int64 counts, see DEFINITIONS."""
    nothing = len(truth.classes)
    counts = np.zeros((nothing + 1, nothing + 1), np.int64)
    for frame, detections in zip(truth.frames, found, strict=True):
        _count_pairs(counts, frame, detections.above(threshold))
    return counts


def _count_pairs(counts: np.ndarray, frame: Frame, found: Detections) -> None:
    nothing = len(counts) - 1
    judged = ~frame.ignored
    boxes, classes = frame.boxes_xyxy[judged], frame.classes[judged]
    mine = found.boxes_xyxy.astype(np.float64)
    overlap = iou_matrix(mine, boxes)
    free_found, free_truth = np.ones(len(found), bool), np.ones(len(boxes), bool)
    pairs = np.argwhere(overlap >= IOU)
    for one, other in pairs[np.argsort(-overlap[overlap >= IOU], kind="stable")]:
        if free_found[one] and free_truth[other]:
            free_found[one] = free_truth[other] = False
            counts[classes[other], found.classes[one]] += 1
    np.add.at(counts, (classes[free_truth], nothing), 1)
    own = areas(mine)[:, None]
    shared = intersections(mine, frame.boxes_xyxy[frame.ignored])
    excused = np.any(np.divide(shared, own, out=np.zeros_like(shared), where=own > 0) >= IOU, axis=1)
    np.add.at(counts, (nothing, found.classes[free_found & ~excused]), 1)


def coco_rows(truth: Truth, found: Sequence[Detections]) -> list[dict[str, Any]]:
    """`predictions.json`: boxes to 0.01 px, scores to 1e-6."""
    rows = []
    for frame, detections in zip(truth.frames, found, strict=True):
        boxes = np.round(xyxy_to_xywh(detections.boxes_xyxy.astype(np.float64)), 2).tolist()
        scores = np.round(detections.scores.astype(np.float64), 6).tolist()
        rows += [{"image_id": frame.image_id, "category_id": truth.category_ids[place], "bbox": box, "score": score}
                 for box, score, place in zip(boxes, scores, detections.classes, strict=True)]  # fmt: skip
    return rows


def from_coco_rows(truth: Truth, rows: Sequence[dict[str, Any]]) -> list[Detections]:
    """The inverse of `coco_rows`: one a frame, best first."""
    places = {one: place for place, one in enumerate(truth.category_ids)}
    by_image: dict[int, list[dict[str, Any]]] = {frame.image_id: [] for frame in truth.frames}
    for row in rows:
        by_image[row["image_id"]].append(row)
    found = []
    for frame in truth.frames:
        given = sorted(by_image[frame.image_id], key=lambda row: -row["score"])
        found.append(Detections(
            xywh_to_xyxy(np.array([row["bbox"] for row in given], np.float64)).astype(np.float32),
            np.array([row["score"] for row in given], np.float32),
            np.array([places[row["category_id"]] for row in given], np.int64),
        ))  # fmt: skip
    return found
