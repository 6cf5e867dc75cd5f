"""`evaluation_report.pdf`: what a data scientist wants to know before letting a detector out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mlops.spec.metrics import METRICS
from workloads import machine
from workloads.contract import Run, without_none
from workloads.detection import plots
from workloads.detection.judging import Judgement
from workloads.detection.pages import GREY, Pages

PICTURE_WIDTH = 1000
THIRDS = (0.5, 0.25, 0.25)
FEW_OBJECTS = 41


@dataclass(frozen=True)
class Findings:
    """All that the report tells; `results` and `numbers` are the documents of the same run."""

    run: Run
    judged: Judgement
    classes: Sequence[str]
    results: Mapping[str, Any]
    numbers: Mapping[str, Any]
    facts: Sequence[tuple[str, str]]
    notes: Sequence[str] = ()
    training_curves: Path | None = None
    pictures: Sequence[tuple[str, np.ndarray]] = field(default_factory=tuple)
    """(caption, (h, w, 3) uint8 BGR)."""


def write(path: Path, found: Findings) -> None:
    """The whole report; the same findings give the same bytes."""
    title = f"Evaluation of {found.run.model_id} {found.run.version}"
    with Pages(path, title) as pages:
        pages.heading(title, size=18)
        pages.paragraph(f"Object detection, judged on {found.results['rows']} sealed test frames.", size=10)
        _cover(pages, found)
        _classes(pages, found)
        _slices(pages, found.numbers)
        _curves(pages, found)
        _latency(pages, found.numbers)
        _training(pages, found)
        _pictures(pages, found)
        pages.heading("How the figures are defined")
        meanings: dict[str, list[str]] = {}
        for name, text in found.numbers["definitions"].items():
            meanings.setdefault(text, []).append(name)
        for text, names in meanings.items():
            pages.paragraph(f"{', '.join(names)}: {text}", size=8.5)


def _cover(pages: Pages, found: Findings) -> None:
    rows = metric_rows(found.run, found.results)
    pages.table("Result", ("metric", "this model", "serving now", "asked for", ""), rows, (0.36, *(0.16,) * 4),
                bad=[place for place, row in enumerate(rows) if row[-1] == "missed"])  # fmt: skip
    for note in found.notes:
        pages.paragraph(note, colour="#9a6700")
    broken = [place for place, (_, value) in enumerate(found.facts) if value.startswith("BROKEN")]
    pages.facts("Facts", found.facts, broken)


def metric_rows(run: Run, results: Mapping[str, Any]) -> list[tuple[str, str, str, str, str]]:
    """(metric, this model, champion, asked for, `met` or `missed`); a threshold without a metric is shown, too."""
    asked = without_none(run.spec.get("evaluation")).get("thresholds") or {}
    mine, theirs = results["metrics"], results["champion_metrics"] or {}
    rows = []
    for name in [*mine, *(name for name in asked if name not in mine)]:
        limit = asked.get(name)
        word = ""
        if limit is not None:
            value = mine.get(name)
            small = name in METRICS and METRICS[name].smaller_is_better
            met = value is not None and (value <= limit if small else value >= limit)
            word = "met" if met else "missed"
        rows.append((name, _number(mine.get(name)), _number(theirs.get(name)), _number(limit), word))
    return rows


def _classes(pages: Pages, found: Findings) -> None:
    names = ("truths", "right", "wrong", "missed", "precision", "recall", "f1", "ap50", "ap", "best_threshold")
    header = ("class", "boxes", "right", "wrong", "missed", "precision", "recall", "F1", "AP 50", "AP", "best at")
    rows = [(str(row["class"]), *(_number(row[name], 3) for name in names)) for row in found.judged.per_class]
    note = (f"Counts, precision, recall and F1 at score {found.judged.threshold:g} and IoU 0.5; AP as COCO has it; "
            "best at: the score with the best F1.")  # fmt: skip
    widths = (0.18, 0.07, 0.07, 0.075, 0.08, 0.1, 0.085, 0.08, 0.09, 0.08, 0.09)
    pages.table("Each class", header, rows, widths, note=note)


def _slices(pages: Pages, numbers: Mapping[str, Any]) -> None:
    rows = [(row["size"], _number(row["ap"], 3), _number(row["recall_100"], 3)) for row in numbers["slices"]["size"]]
    pages.table("By size", ("COCO's sizes: below 32², 96² pixels, above", "AP", "recall, 100 boxes"), rows, THIRDS)
    if "kitti" in numbers:
        _kitti(pages, numbers["kitti"])
    for name, slices in numbers["slices"]["recall"].items():
        rows = [(one["slice"], str(one["truths"]), _number(one["recall"], 3)) for one in slices]
        pages.table(f"Recall by {name}", (name, "boxes", "recall"), rows, THIRDS)


def _kitti(pages: Pages, table: Mapping[str, Any]) -> None:
    rows = []
    for name, one in table.items():
        for level, objects in one["objects"].items():
            ap, most = (one["bbox"] or {}).get(level, {}), one["most_possible"][level]
            rows.append((f"{name}, {level}", str(objects), _number(ap.get("R11"), 2), _number(ap.get("R40"), 2),
                         _number(most["R40"], 2)))  # fmt: skip
    header = ("class, difficulty", "objects", "R11", "R40", "perfect R40")
    pages.table("KITTI 2D AP, per cent", header, rows, (0.36, *(0.16,) * 4))
    if any(count < FEW_OBJECTS for one in table.values() for count in one["objects"].values()):
        pages.paragraph("KITTI samples one recall point for each object found, 41 at most: on few objects even a "
                        "perfect detector reaches no more than the last column.", colour=GREY)  # fmt: skip
    pages.paragraph("AOS, bird's eye view and 3D are not computed: the detector estimates boxes in the image alone.",
                    colour=GREY)  # fmt: skip


def _curves(pages: Pages, found: Findings) -> None:
    pages.heading("Precision, recall and the threshold", room_cm=7.6)
    left, right = pages.axes(7.6, columns=2)
    plots.pr_curves(left, found.judged, found.classes)
    plots.threshold_curves(right, found.judged, found.classes)
    pages.heading("Who is taken for whom", room_cm=8.2)
    plots.confusion_matrix(pages.axes(8.2, columns=2, gap=2.6), found.judged, found.classes)


def _latency(pages: Pages, numbers: Mapping[str, Any]) -> None:
    latency = numbers["latency_ms"]
    if not latency["stages"]:
        return
    note = (f"Frame by frame, {latency['precision']}, {latency['provider']}, {latency['threads']} threads, input "
            f"{latency['input_size'][0]} x {latency['input_size'][1]}, {latency['frames']} frames, on "
            f"{machine.sentence(latency['machine'])}.")  # fmt: skip
    rows = [
        (name, *(_number(one[key], 2) for key in ("p50", "p95", "mean"))) for name, one in latency["stages"].items()
    ]
    pages.table(
        "Latency", ("stage, milliseconds", "P50", "P95", "mean"), rows, (0.4, 0.2, 0.2, 0.2), note=note, room_cm=6
    )
    plots.latency_bars(pages.axes(5.2)[0], latency["stages"])


def _training(pages: Pages, found: Findings) -> None:
    if found.training_curves is None:
        return
    image = cv2.imread(str(found.training_curves), cv2.IMREAD_COLOR)
    if image is not None:
        pages.heading("Training", room_cm=10)
        pages.picture(image, "As the training job recorded it.")


def _pictures(pages: Pages, found: Findings) -> None:
    if not found.pictures:
        return
    pages.heading("Frames", room_cm=8)
    pages.paragraph("Solid: detected, with score. Dashed: labelled; white where found, magenta where missed.",
                    colour=GREY)  # fmt: skip
    for caption, image in found.pictures:
        pages.picture(smaller(image), caption)


def smaller(image: np.ndarray) -> np.ndarray:
    """At most PICTURE_WIDTH wide: pixels beyond that are not seen on a page."""
    height, width = image.shape[:2]
    if width <= PICTURE_WIDTH:
        return image
    return cv2.resize(image, (PICTURE_WIDTH, round(height * PICTURE_WIDTH / width)), interpolation=cv2.INTER_AREA)


def _number(value: Any, digits: int = 4) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "–"
    return str(value) if isinstance(value, int) else f"{value:.{digits}f}"
