"""Where a detector is strong and where it is weak: by size, and with KITTI labels by difficulty and distance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from workloads.detection.judging import Judgement
from workloads.detection.matching import Matches
from workloads.detection.truth import Truth
from workloads.kitti import matching as kitti_matching
from workloads.kitti.evaluation import CLASSES, DIFFICULTIES, as_document, evaluate, truth_states
from workloads.kitti.objects import read_labels, read_results

DEFINITION = (
    "KITTI's 2D AP at R40, as a share: mean over Car, Pedestrian and Cyclist where the model knows the class and the "
    "frames hold a valid object of that difficulty; a class of which nothing is detected counts 0. IoU above 0.7 for "
    "cars, 0.5 for the others; Van and Person_sitting, small boxes and DontCare regions are not judged. By KITTI's "
    "rule few objects (below 41) keep even a perfect detector below 1; see most_possible in metrics.json."
)
NOT_COMPUTED = "not computed: the detector estimates boxes in the image alone, no {what}"
Bins = Sequence[tuple[str, float, float]]
"""Name, from, below."""
HEIGHTS: Bins = (
    ("below 25 px", 0, 25),
    ("25 to 40 px", 25, 40),
    ("40 to 80 px", 40, 80),
    ("80 px and more", 80, np.inf),
)
OCCLUDED: Bins = (("visible", 0, 1), ("partly occluded", 1, 2), ("largely occluded", 2, 3), ("unknown", 3, 4))
TRUNCATED: Bins = (("whole", 0, 0.15), ("15 to 50 % outside", 0.15, 0.5), ("half or more outside", 0.5, 1.01))
DISTANCES: Bins = (("0 to 15 m", 0, 15), ("15 to 30 m", 15, 30), ("30 to 50 m", 30, 50), ("50 m and more", 50, np.inf))


def recall_slices(truth: Truth, matches: Matches, threshold: float) -> dict[str, list[dict[str, Any]]]:
    """Recall at the threshold by box height and, where labels say so, occlusion, truncation and distance.

    Boxes without a value (a label of unknown truncation, say) are in no bin; a slice without any box is left out.
    """
    rows = [truth.frames[frame].rows[row] for frame, row in zip(matches.truth_frames, matches.truth_rows, strict=True)]
    found = matches.truth_scores >= threshold
    measures: dict[str, tuple[Bins, Callable[[dict[str, Any]], float]]] = {
        "height": (HEIGHTS, lambda row: row["bbox"][3]),
        "occlusion": (OCCLUDED, lambda row: _number(row.get("occluded"))),
        "truncation": (TRUNCATED, lambda row: _number(row.get("truncated"))),
        "distance": (DISTANCES, _distance),
    }
    slices = {name: _bins(bins, np.array([value(row) for row in rows], np.float64), found)
              for name, (bins, value) in measures.items()}  # fmt: skip
    return {name: rows for name, rows in slices.items() if any(row["truths"] for row in rows)}


def _bins(bins: Bins, values: np.ndarray, found: np.ndarray) -> list[dict[str, Any]]:
    rows = []
    for name, low, high in bins:
        inside = (values >= low) & (values < high)
        count = int(inside.sum())
        rows.append({"slice": name, "truths": count, "recall": float(found[inside].mean()) if count else None})
    return rows


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else np.nan


def _distance(row: dict[str, Any]) -> float:
    """Metres ahead of the camera; -1000 is KITTI's word for unknown."""
    place = row.get("location")
    return _number(place[2]) if isinstance(place, list) and len(place) == 3 else np.nan


def size_slices(judgement: Judgement) -> list[dict[str, Any]]:
    """COCO's three sizes."""
    summary = judgement.table.summary
    return [{"size": size, "ap": summary[f"AP_{size}"], "recall_100": summary[f"AR_{size}"]}
            for size in ("small", "medium", "large")]  # fmt: skip


def kitti_slices(labels: Path, results: Path, frames: Sequence[str], classes: Sequence[str]
                 ) -> tuple[dict[str, Any], dict[str, float]]:  # fmt: skip
    """KITTI's evaluation of result files.

    Args:
        labels: folder of label files. results: folder with data/FRAME.txt.
        classes: what the model knows; KITTI's class words, whatever their case, are judged.

    Returns:
        The table for metrics.json (AP in per cent, R11 and R40, with the number of valid objects and what a perfect
        detector would reach), and `ap_2d_easy`, `ap_2d_moderate`, `ap_2d_hard` (0 to 1, see DEFINITION); a difficulty
        without objects is left out.

    Raises:
        BadFile: a label file is missing or wrong.
    """
    truth, found = read_labels(labels, frames), read_results(results, frames, missing_is_empty=True)
    document = as_document(evaluate(truth, found))
    known = [judged for judged in CLASSES if judged.name in {name.lower() for name in classes}]
    table: dict[str, Any] = {}
    for judged in known:
        counts = {d.name: int(np.sum(truth_states(truth, judged, d) == kitti_matching.VALID)) for d in DIFFICULTIES}
        metrics = document[judged.name]
        most = {level: most_possible(count) for level, count in counts.items()}
        table[judged.name] = {"objects": counts, "bbox": metrics["bbox"], "most_possible": most} | {
            name: metrics[name] or NOT_COMPUTED.format(what=what)
            for name, what in (("aos", "orientation"), ("bev", "position on the ground"), ("3d", "box in space"))
        }
    flat = {}
    for difficulty in DIFFICULTIES:
        shares = [(one["bbox"] or {}).get(difficulty.name, {}).get("R40", 0.0) / 100 for one in table.values()
                  if one["objects"][difficulty.name]]  # fmt: skip
        if shares:
            flat[f"ap_2d_{difficulty.name}"] = float(np.mean(shares))
    return table, flat


def most_possible(objects: int) -> dict[str, float]:
    """R11 and R40, per cent, of a detector that finds all `objects` and nothing else.

    KITTI samples one recall point for each object found, 41 at most, and counts the others as precision 0: on few
    frames even a perfect detector stays below 100.
    """
    points = min(objects, kitti_matching.POINTS)
    return {"R11": 100 * -(-points // 4) / 11, "R40": 100 * max(points - 1, 0) / 40}
