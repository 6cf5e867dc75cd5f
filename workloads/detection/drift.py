"""`drift` of detectors: captured frames and answers in; a decision, its report and edge cases out.

Light, sharpness and colour are compared with the training frames; what is found in a frame, how surely and how large,
with what the same model found in the judged frames. One statistic that has moved is drift: each of them says something
about the camera or the road, and the rate of false alarms is controlled over all of them together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workloads.contract import Paths, Run, UserError, log, read_json
from workloads.detection import edge_cases, prediction_facts
from workloads.detection.captured import CapturedFrame, Traffic, read_traffic
from workloads.detection.frames import IMAGE_NAMES
from workloads.detection.prediction_facts import PredictionFacts
from workloads.drift import report
from workloads.drift.decision import Decision, Finding, Names, Policy, compare_counts, decide
from workloads.drift.lines import find_input
from workloads.drift.two_samples import clustered

STANDARD = Policy(distance=0.3, psi=0.2, missing=0.2, share=0.01)
"""Where `run.json` says nothing. Light changes a little from day to day: less than 0.3 standard deviations is no drift;
any statistic beyond that is."""
MOST_CLASSES = 10
"""Classes whose detections per frame are compared one by one, the most frequent ones; all are in `classes_found`."""
NAMES = Names("frames", "statistics")
FRACTIONS = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class Baseline:
    """What traffic is compared with."""

    light: dict[str, np.ndarray]
    """(n,) float64 by IMAGE_NAMES, of training frames."""
    predictions: PredictionFacts | None
    """Of the judged frames, by the same model."""
    note: str = ""
    """Why there are none."""


def main() -> int:
    paths = Paths.here()
    model = paths.input("model") / "model.tar.gz"
    check(
        Run.read(paths.input("run")), paths.input("capture"), paths.input("baseline"), paths.input("features"),
        paths.output("drift"), predictions=paths.input("predictions"), model=model if model.is_file() else None,
    )  # fmt: skip
    return 0


def check(run: Run, capture: Path, baseline: Path, features: Path, output: Path, *, predictions: Path | None = None,
          model: Path | None = None) -> Decision:  # fmt: skip
    """Write the documents and the report of tables' drift to `output`, and `edge_cases/` where they are asked for.

    Args:
        predictions: holds prediction_sample.parquet of the evaluation; without it only the pictures are compared.
        model: the archive that serves, for a second look at some frames.

    Raises:
        UserError: `run.json` sets a drift limit that is no number.
    """
    recipe = read_json(features, "features.json")
    policy = Policy.read(run.everything.get("drift"), STANDARD)
    wanted = _wanted(run)
    endpoint = str(run.everything.get("endpoint", run.model_id))
    classes = [str(name) for name in recipe["classes"]]
    threshold = served_threshold(run)
    reference = read_baseline(find_input(baseline, "sample.parquet"), predictions, run, classes, threshold)
    traffic = read_traffic(capture, classes, str(run.everything.get("own_requests") or ""))
    answered = _answered(traffic.frames, classes, threshold)
    before, now = columns(reference, traffic, answered)
    further = [] if reference.predictions is None else compare_classes(reference.predictions, answered, policy)
    decision = decide(before, now, policy, further=further, names=NAMES)
    details = {
        "endpoint": endpoint, "run_key": run.run_key, "lines": traffic.lines, "skipped": dict(traffic.skipped),
        "frames": len(traffic.frames), "scenes": len(edge_cases.distinct(traffic.frames)),
        "answered_frames": len(answered), "fallbacks": dict(_fallbacks(traffic.frames)),
        "reference_rows": len(next(iter(reference.light.values()))), "predictions_note": reference.note,
        "reference_predictions": len(reference.predictions) if reference.predictions else 0,
        "policy": asdict(policy), "figures": figures(traffic.frames, answered),
        "statistics": {name: {"reference": _spread(before[name]), "captured": _spread(now[name])} for name in before},
        "classes_found": dict(zip(classes, answered.counts.sum(axis=0).tolist(), strict=True)),
    }  # fmt: skip
    report.write_documents(output, endpoint, decision, details)
    report.write_report(output, decision, policy, _padded(before), _padded(now), f"Drift of {endpoint}")
    log(decision.message, endpoint=endpoint, drifted=decision.drifted, skipped=dict(traffic.skipped))
    if wanted:
        _collect(run, traffic, reference, threshold, classes, wanted, model, output / "edge_cases")
    return decision


def served_threshold(run: Run) -> float:
    """The score from which on the endpoint tells a detection."""
    from workloads.detection.validate import SCORE_THRESHOLD

    return float((run.spec.get("deployment") or {}).get("score_threshold") or SCORE_THRESHOLD)


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


def _padded(table: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Columns of one length, as a data frame needs them: frames and answers differ in number."""
    longest = max(len(values) for values in table.values())
    return {name: np.pad(values, (0, longest - len(values)), constant_values=np.nan) for name, values in table.items()}


def compare_classes(reference: PredictionFacts, answered: PredictionFacts, policy: Policy) -> list[Finding]:
    """Shares of the classes among all detections, counted as carefully as boxes of one frame allow."""
    counts = np.array([clustered(reference.counts), clustered(answered.counts)])
    counts = counts[:, counts.any(axis=0)]
    if len(answered) < policy.minimum_rows or counts.shape[1] < 2 or (counts.sum(axis=1) < policy.minimum_rows).any():
        return []
    return [compare_counts("classes", counts, policy)]


def _fallbacks(frames: Sequence[CapturedFrame]) -> Counter[str]:
    return Counter(one.answer.fallback for one in frames if one.answer is not None and one.answer.fallback)


def figures(frames: Sequence[CapturedFrame], answered: PredictionFacts) -> dict[str, float]:
    """What is drawn over time; only what could be measured."""
    known = [one for one in frames if one.answer is not None]
    found = {
        "detections_per_frame": answered.columns["detections"], "confidence": answered.columns["mean_score"],
        "fallback_share": np.array([bool(one.answer and one.answer.fallback) for one in known], np.float64),
        "brightness": np.array([one.facts["brightness"] for one in frames], np.float64),
        "sharpness": np.array([one.facts["sharpness"] for one in frames], np.float64),
    }  # fmt: skip
    finite = {name: values[np.isfinite(values)] for name, values in found.items()}
    return {name: round(float(values.mean()), 6) for name, values in finite.items() if len(values)}


def _spread(values: np.ndarray) -> dict[str, float]:
    known = values[np.isfinite(values)]
    if not len(known):
        return {}
    return {f"p{100 * part:02.0f}": float(value)
            for part, value in zip(FRACTIONS, np.quantile(known, FRACTIONS), strict=True)}  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """How many edge cases, and what was offered before."""

    most: int
    known: tuple[int, ...]


def _wanted(run: Run) -> Wanted | None:
    """`edge_cases` of run.json: {"most": n, "known": [fingerprints in hex]}; without it none are collected."""
    given: Any = run.everything.get("edge_cases") or {}
    try:
        most, known = int(given.get("most") or 0), tuple(int(text, 16) for text in given.get("known") or ())
    except (AttributeError, TypeError, ValueError) as wrong:
        raise UserError('edge_cases: give {"most": frames, "known": [fingerprints of 16 hex digits]}') from wrong
    return Wanted(most, known) if most > 0 else None


def _collect(run: Run, traffic: Traffic, reference: Baseline, threshold: float, classes: Sequence[str],
             wanted: Wanted, model: Path | None, folder: Path) -> None:  # fmt: skip
    from workloads.detection.edge_case_files import write_edge_cases
    from workloads.detection.second_look import look_again

    known = reference.predictions
    empty_is_rare = known is not None and (known.columns["detections"] == 0).mean() < edge_cases.RARELY_EMPTY
    rules = edge_cases.Rules(threshold, bool(empty_is_rare))
    by_place = {one.frame.place: one for one in edge_cases.candidates(traffic.frames, rules)}
    looked = 0
    if model is not None:
        again, looked = look_again(traffic.frames, model, rules, wanted.known)
        by_place |= {one.frame.place: one for one in again}
    chosen = edge_cases.choose(list(by_place.values()), wanted.most, wanted.known)
    about = {name: run.everything.get(name) for name in ("endpoint", "version", "check", "dataset_version")}
    about |= {"score_threshold": threshold, "candidates": len(by_place), "looked_at_again": looked,
              "model_id": run.model_id}  # fmt: skip
    summary = write_edge_cases(folder, chosen, classes, about)
    log("Collected edge cases", frames=summary["frames"], reasons=summary["reasons"], masked=summary["masked"])
