"""Traffic of a detector beside what the model was trained and judged on.

Light, sharpness and colour are compared with the training frames; what is found in a frame, how surely and how large,
with what the same model found in the judged frames. One statistic that has moved is drift: each of them says something
about the camera or the road, and the rate of false alarms is controlled over all of them together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workloads.contract import Run
from workloads.detection import prediction_facts
from workloads.detection.captured import CapturedFrame, Traffic
from workloads.detection.frames import IMAGE_NAMES
from workloads.detection.prediction_facts import PredictionFacts
from workloads.drift.decision import Decision, Finding, Names, Policy, compare_counts, decide
from workloads.drift.two_samples import clustered

STANDARD = Policy(distance=0.3, psi=0.2, missing=0.2, share=0.01)
"""Where `run.json` says nothing. Light changes a little from day to day: less than 0.3 standard deviations is no drift;
any statistic beyond that is."""
MOST_CLASSES = 10
"""Classes whose detections per frame are compared one by one, the most frequent ones; all are in `classes_found`."""
NAMES = Names("frames", "statistics")


@dataclass(frozen=True)
class Baseline:
    """What traffic is compared with."""

    light: dict[str, np.ndarray]
    """(n,) float64 by IMAGE_NAMES, of training frames."""
    predictions: PredictionFacts | None
    """Of the judged frames, by the same model."""
    note: str = ""
    """Why there are none."""


def read_baseline(sample: Path, predictions: Path | None, run: Run, classes: Sequence[str], threshold: float
                  ) -> Baseline:  # fmt: skip
    """The training frames' statistics, and those of the predictions on the judged frames where they compare."""
    from pyarrow import parquet

    table = parquet.read_table(sample, columns=list(IMAGE_NAMES))
    light = {name: table[name].to_numpy().astype(np.float64) for name in IMAGE_NAMES}
    if (run.spec.get("deployment") or {}).get("ensemble"):
        return Baseline(light, None, "an ensemble answers; its members were judged one by one")
    path = predictions / prediction_facts.FILE if predictions else None
    if path is None or not path.is_file():
        return Baseline(light, None, f"no {prediction_facts.FILE} was given; validate writes it beside its results")
    found = prediction_facts.read(path)
    if list(found.classes) != list(classes) or found.score_threshold != threshold:
        return Baseline(light, None, f"{path.name} is of other classes or of the threshold {found.score_threshold:g}")
    return Baseline(light, found)


@dataclass(frozen=True)
class Compared:
    """The decision and what it was made of."""

    decision: Decision
    before: dict[str, np.ndarray]
    now: dict[str, np.ndarray]
    answered: PredictionFacts
    """Of the frames whose answers are compared."""


def compare(reference: Baseline, traffic: Traffic, classes: Sequence[str], threshold: float, policy: Policy
            ) -> Compared:  # fmt: skip
    """Has what the frames of the traffic show, or what was found in them, become different?"""
    answered = _answered(traffic.frames, classes, threshold)
    before, now = columns(reference, traffic, answered)
    further = [] if reference.predictions is None else compare_classes(reference.predictions, answered, policy)
    return Compared(decide(before, now, policy, further=further, names=NAMES), before, now, answered)


def _answered(frames: Sequence[CapturedFrame], classes: Sequence[str], threshold: float) -> PredictionFacts:
    """Of the frames whose answers are the model's own: neither a fallback without boxes nor asked for otherwise."""
    usual = [(one.answer.found, one.size) for one in frames
             if one.answer is not None and one.answer.has_boxes and one.answer.is_usual]  # fmt: skip
    return prediction_facts.describe([found for found, _ in usual], [size for _, size in usual], classes, threshold)


def columns(reference: Baseline, traffic: Traffic, answered: PredictionFacts
            ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:  # fmt: skip
    """(reference, captured) columns; those of predictions may have fewer rows than those of frames."""
    before = dict(reference.light)
    now = {name: np.array([frame.facts[name] for frame in traffic.frames], np.float64) for name in IMAGE_NAMES}
    known = reference.predictions
    if known is None:
        return before, now
    often = np.argsort(-known.counts.sum(axis=0), kind="stable")[:MOST_CLASSES]
    for facts, table in ((known, before), (answered, now)):
        table |= facts.columns
        if len(known.classes) > 1:
            table |= {f"detections_{known.classes[place]}": facts.of_class(known.classes[place]) for place in often}
    return before, now


def compare_classes(reference: PredictionFacts, answered: PredictionFacts, policy: Policy) -> list[Finding]:
    """Shares of the classes among all detections, counted as carefully as boxes of one frame allow."""
    counts = np.array([clustered(reference.counts), clustered(answered.counts)])
    counts = counts[:, counts.any(axis=0)]
    if len(answered) < policy.minimum_rows or counts.shape[1] < 2 or (counts.sum(axis=1) < policy.minimum_rows).any():
        return []
    return [compare_counts("classes", counts, policy)]
