"""KITTI's object evaluation: AP of 2D boxes, orientation (AOS), bird's eye view and 3D boxes, R11 and R40.

The rules and limits are those of the official evaluator (KITTI object devkit, cpp/evaluate_object.cpp, 2017); the
server averages 40 recall points since October 2019. Never compare an R11 with an R40.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from workloads.kitti import matching, overlaps
from workloads.kitti.layout import frame_lacks, read_list
from workloads.kitti.mistakes import BadFile
from workloads.kitti.objects import Objects, frame_names, read_labels, read_results, results_folder
from workloads.kitti.row import CODES, UNKNOWN, Column

METRICS = ("bbox", "aos", "bev", "3d")


@dataclass(frozen=True)
class Judged:
    """A class that is evaluated: its neighbour is ignored, and a match must exceed `overlap`."""

    name: str
    kind: int
    neighbour: int
    overlap: float


@dataclass(frozen=True)
class Difficulty:
    """What a ground truth may be like at most; smaller boxes are ignored on both sides."""

    name: str
    height_px: int
    occluded: int
    truncated: float


CLASSES = (
    Judged("car", CODES["car"], CODES["van"], 0.7),
    Judged("pedestrian", CODES["pedestrian"], CODES["person_sitting"], 0.5),
    Judged("cyclist", CODES["cyclist"], -1, 0.5),
)
DIFFICULTIES = (Difficulty("easy", 40, 0, 0.15), Difficulty("moderate", 25, 1, 0.30), Difficulty("hard", 25, 2, 0.50))


@dataclass(frozen=True)
class Curve:
    """One cell of the table: 41 precisions (or orientation similarities) at recall 0, 1/40, …, 1; made monotone."""

    precision: np.ndarray

    @property
    def r11(self) -> float:
        """Per cent, over recall 0, 0.1, …, 1."""
        return float(self.precision[::4].mean() * 100)

    @property
    def r40(self) -> float:
        """Per cent, over recall 1/40, …, 1."""
        return float(self.precision[1:].mean() * 100)


Scores = dict[str, dict[str, dict[str, Curve] | None]]
"""class -> metric -> difficulty -> curve; None where no detection of the class has the fields that metric needs."""


class Evaluated(NamedTuple):
    """The scores of two folders, and what they say nothing of."""

    scores: Scores
    unjudged: list[str]
    """Labelled frames that were not judged because no result file names them."""
    found: dict[str, int]
    """{class: its results}."""
    unknown: dict[str, int]
    """{type no KITTI file has: its results}, the most frequent first. They are legal, and count for nothing."""


def read_frames(path: Path, labels: Path) -> list[str]:
    """The frames a list names.

    Raises:
        BadFile: the list is wrong, or a frame has no label.
    """
    named = read_list(path)
    labelled = set(frame_names(labels, "label"))
    for frame, line in named:
        if frame not in labelled:
            raise frame_lacks(["label"], labels, path, frame, line, len(named))
    return [frame for frame, _ in named]


def evaluate_folders(labels: Path, results: Path, frames: Sequence[str] | None = None) -> Evaluated:
    """Evaluate the frames that have a result file, or `frames` (a missing result then means: nothing found).

    Raises:
        BadFile: a folder or a label is missing, or a row is wrong.
    """
    unjudged: list[str] = []
    if frames is None:
        named = frame_names(results_folder(results), "result")
        labelled = frame_names(labels, "label")
        unjudged = sorted(set(labelled) - set(named))
        if unlabelled := sorted(set(named) - set(labelled)):
            raise BadFile(labels, f"{len(unlabelled)} result frames have no label file here (first: {unlabelled[0]}); "
                                  "KITTI's test set has no public labels")  # fmt: skip
        frames = named
    with ThreadPoolExecutor(2) as pool:
        truth = pool.submit(read_labels, labels, frames)
        found = pool.submit(read_results, results, frames, missing_is_empty=True)
        return Evaluated(evaluate(truth.result(), found.result()), unjudged, _results_of_classes(found.result()),
                         _results_of_unknown_types(found.result()))  # fmt: skip


def _results_of_classes(found: Objects) -> dict[str, int]:
    return {judged.name: int(np.sum(found.kind == judged.kind)) for judged in CLASSES}


def _results_of_unknown_types(found: Objects) -> dict[str, int]:
    return dict(Counter(found.word(row) for row in np.flatnonzero(found.kind == UNKNOWN).tolist()).most_common())


def evaluate(truth: Objects, found: Objects) -> Scores:
    """All classes, metrics and difficulties of two sets of objects over the same frames."""
    if truth.frames != found.frames:
        raise ValueError("labels and results must name the same frames in the same order")
    with ThreadPoolExecutor(2) as pool:
        tables = list(pool.map(lambda metric: _edges(metric, truth, found), (0, 1, 2)))
        alike = (1 + np.cos(truth.column(Column.ALPHA)[_truth_of_edge(tables[0][0])]
                            - found.column(Column.ALPHA)[tables[0][1]])) / 2  # fmt: skip
        share = _share_in_dontcare(truth, found)
        jobs = [pool.submit(_cells, judged, difficulty, tables, alike, share, truth, found)
                for judged in CLASSES for difficulty in DIFFICULTIES]  # fmt: skip
        cells = iter([job.result() for job in jobs])
    oriented = not np.any(found.column(Column.ALPHA) == -10)
    scores: Scores = {}
    for judged in CLASSES:
        by_difficulty = {difficulty.name: next(cells) for difficulty in DIFFICULTIES}
        fit = _judgeable(judged, found, oriented)
        scores[judged.name] = {
            metric: {name: cell[place] for name, cell in by_difficulty.items()} if fit[metric] else None
            for place, metric in enumerate(METRICS)
        }
    return scores


def as_document(scores: Scores) -> dict[str, Any]:
    """class -> metric -> difficulty -> {"R11", "R40"} in per cent; null where a metric was not computed."""
    return {
        name: {metric: table and {level: {"R11": curve.r11, "R40": curve.r40} for level, curve in table.items()}
               for metric, table in metrics.items()}
        for name, metrics in scores.items()
    }  # fmt: skip


def _edges(metric: int, truth: Objects, found: Objects) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A ground truth belongs to one class at most, so one table of pairs serves all three."""
    limit = np.full(len(truth), np.inf)
    for judged in CLASSES:
        limit[(truth.kind == judged.kind) | (truth.kind == judged.neighbour)] = judged.overlap
    ours, theirs = (truth.boxes, found.boxes) if metric == overlaps.IMAGE else (truth.boxes_camera, found.boxes_camera)
    return overlaps.edges(metric, limit, truth.row_starts, ours, found.row_starts, theirs)


def _truth_of_edge(starts: np.ndarray) -> np.ndarray:
    return np.repeat(np.arange(len(starts) - 1), np.diff(starts))


def _share_in_dontcare(truth: Objects, found: Objects) -> np.ndarray:
    regions = truth.kind == CODES["dontcare"]
    starts = np.concatenate(([0], np.cumsum(regions)))[truth.row_starts]
    return overlaps.largest_share_inside(starts, truth.boxes[regions], found.row_starts, found.boxes)


def truth_states(truth: Objects, judged: Judged, difficulty: Difficulty) -> np.ndarray:
    """(n,) int8: VALID, IGNORED or INVISIBLE."""
    fits = (
        (truth.column(Column.OCCLUDED) <= difficulty.occluded)
        & (truth.column(Column.TRUNCATED) <= difficulty.truncated)
        & (truth.boxes[:, 3] - truth.boxes[:, 1] > difficulty.height_px)
    )
    state = np.full(len(truth), matching.INVISIBLE, np.int8)
    state[truth.kind == judged.neighbour] = matching.IGNORED
    own = truth.kind == judged.kind
    state[own] = np.where(fits[own], matching.VALID, matching.IGNORED)
    return state


def _found_states(found: Objects, judged: Judged, difficulty: Difficulty) -> np.ndarray:
    """The official code cuts a detection's height to whole pixels and looks at it before the class."""
    state = np.where(found.kind == judged.kind, matching.VALID, matching.INVISIBLE).astype(np.int8)
    heights = np.trunc(np.abs(found.boxes[:, 3] - found.boxes[:, 1]))
    state[heights < difficulty.height_px] = matching.IGNORED
    return state


def _cells(judged: Judged, difficulty: Difficulty, tables: list[tuple[np.ndarray, np.ndarray, np.ndarray]],
           alike: np.ndarray, share: np.ndarray, truth: Objects, found: Objects) -> tuple[Curve, ...]:  # fmt: skip
    """The four curves of one class and difficulty, in the order of METRICS."""
    truth_state, found_state = truth_states(truth, judged, difficulty), _found_states(found, judged, difficulty)
    score = np.ascontiguousarray(found.column(Column.SCORE))
    valid = found_state == matching.VALID
    valid_scores = np.sort(score[valid])
    curves: list[Curve] = []
    for metric, (starts, detection, overlap) in enumerate(tables):
        in_image = metric == overlaps.IMAGE
        excused = share > judged.overlap if in_image else np.zeros(len(found), bool)
        similarity = alike if in_image else np.zeros(len(overlap))
        truths = np.flatnonzero((np.diff(starts) > 0) & (truth_state != matching.INVISIBLE))
        pair = matching.curves(
            truths, truth_state, starts, detection, overlap, similarity, found_state, score, excused,
            valid_scores, np.sort(score[valid & excused]), int(np.sum(truth_state == matching.VALID)),
        )  # fmt: skip
        curves += [Curve(_monotone(values)) for values in pair[: 2 if in_image else 1]]
    return tuple(curves)


def _monotone(values: np.ndarray) -> np.ndarray:
    """The best precision at this recall or a higher one."""
    return np.maximum.accumulate(values[::-1])[::-1]


def _judgeable(judged: Judged, found: Objects, oriented: bool) -> dict[str, bool]:
    own = found.values[found.kind == judged.kind]
    in_image = bool(np.any(own[:, Column.LEFT] >= 0))
    flat = (own[:, Column.X] != -1000) & (own[:, Column.Z] != -1000)
    flat &= (own[:, Column.WIDTH] > 0) & (own[:, Column.LENGTH] > 0)
    tall = flat & (own[:, Column.Y] != -1000) & (own[:, Column.HEIGHT] > 0)
    return {"bbox": in_image, "aos": in_image and oriented, "bev": bool(np.any(flat)), "3d": bool(np.any(tall))}
