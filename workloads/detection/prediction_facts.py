"""What a detector answers, frame by frame, as numbers: of the judged frames when it is validated, then of traffic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workloads.detection.detections import Detections
from workloads.detection.frames import describe_boxes

NAMES = ("detections", "best_score", "mean_score", "box_side_median", "box_side_largest")
FILE = "prediction_sample.parquet"
SAMPLE_FRAMES = 2000
_SEED = 20260101
_CLASS = "detections of "


@dataclass(frozen=True)
class PredictionFacts:
    """One row a frame, with detections of at least `score_threshold` only."""

    columns: dict[str, np.ndarray]
    """(n,) float64 by NAMES; NaN where nothing was found and a score or a size is asked for."""
    counts: np.ndarray
    """(n, C) int64: detections of each class."""
    classes: tuple[str, ...]
    score_threshold: float

    def __len__(self) -> int:
        return len(self.counts)

    def of_class(self, name: str) -> np.ndarray:
        """(n,) float64: detections of one class in each frame."""
        return self.counts[:, self.classes.index(name)].astype(np.float64)


def describe(found: Sequence[Detections], sizes: Sequence[tuple[int, int]], classes: Sequence[str],
             score_threshold: float) -> PredictionFacts:  # fmt: skip
    """The numbers of some frames.

    Args:
        found: one a frame; weaker detections than `score_threshold` are left out.
        sizes: (height, width) of each frame in pixels.
    """
    kept = [one.above(score_threshold) for one in found]
    rows = [_row(one, size) for one, size in zip(kept, sizes, strict=True)]
    columns = {name: np.array([row[place] for row in rows], np.float64) for place, name in enumerate(NAMES)}
    counts = [np.bincount(one.classes, minlength=len(classes)) for one in kept]
    table = np.array(counts, np.int64).reshape(len(kept), len(classes))
    return PredictionFacts(columns, table, tuple(classes), score_threshold)


def _row(found: Detections, size: tuple[int, int]) -> tuple[float, ...]:
    boxes = describe_boxes(found.boxes_xyxy, size)
    scores = found.scores.astype(np.float64)
    best, mean = (float(scores.max()), float(scores.mean())) if len(scores) else (np.nan, np.nan)
    return boxes["objects"], best, mean, boxes["object_side_median"], boxes["object_side_largest"]


def write(path: Path, facts: PredictionFacts) -> None:
    """A sample of the frames as parquet; classes and threshold go with it."""
    import json

    import pyarrow as pa
    from pyarrow import parquet

    picked = np.sort(np.random.default_rng(_SEED).permutation(len(facts))[:SAMPLE_FRAMES])
    columns = {name: values[picked] for name, values in facts.columns.items()}
    columns |= {f"{_CLASS}{name}": facts.counts[picked, place] for place, name in enumerate(facts.classes)}
    about = {"classes": json.dumps(list(facts.classes)), "score_threshold": repr(facts.score_threshold)}
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.table(columns).replace_schema_metadata(about), path)


def read(path: Path) -> PredictionFacts:
    """The inverse of `write`."""
    import json

    from pyarrow import parquet

    table = parquet.read_table(path)
    about = table.schema.metadata
    classes = tuple(json.loads(about[b"classes"]))
    columns = {name: table[name].to_numpy().astype(np.float64) for name in NAMES}
    counts = [table[f"{_CLASS}{name}"].to_numpy() for name in classes]
    return PredictionFacts(columns, np.column_stack(counts), classes, float(about[b"score_threshold"]))
