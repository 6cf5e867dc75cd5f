"""`drift` of detectors: captured frames and answers in; a decision, its report and edge cases out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from workloads.contract import Paths, Run, UserError, log, read_json
from workloads.detection import edge_cases
from workloads.detection.captured import CapturedFrame, Traffic, read_traffic
from workloads.detection.comparison import STANDARD, Baseline, compare, read_baseline
from workloads.detection.prediction_facts import PredictionFacts
from workloads.drift import report
from workloads.drift.decision import Decision, Policy
from workloads.drift.lines import find_input
from workloads.images.codec import LARGEST_JPEG_SIDE

FRACTIONS = (0.05, 0.5, 0.95)


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
    compared = compare(reference, traffic, classes, threshold, policy)
    decision, answered = compared.decision, compared.answered
    details = {
        "endpoint": endpoint, "run_key": run.run_key, "lines": traffic.lines, "skipped": dict(traffic.skipped),
        "frames": len(traffic.frames), "scenes": len(edge_cases.distinct(traffic.frames)),
        "answered_frames": len(answered), "fallbacks": dict(_fallbacks(traffic.frames)),
        "reference_rows": len(next(iter(reference.light.values()))), "predictions_note": reference.note,
        "reference_predictions": len(reference.predictions) if reference.predictions else 0,
        "policy": asdict(policy), "figures": figures(traffic.frames, answered),
        "statistics": {name: {"reference": _spread(values), "captured": _spread(compared.now[name])}
                       for name, values in compared.before.items()},
        "classes_found": dict(zip(classes, answered.counts.sum(axis=0).tolist(), strict=True)),
    }  # fmt: skip
    report.write_documents(output, endpoint, decision, details)
    report.write_report(output, decision, policy, _padded(compared.before), _padded(compared.now),
                        f"Drift of {endpoint}")  # fmt: skip
    log(decision.message, endpoint=endpoint, drifted=decision.drifted, skipped=dict(traffic.skipped))
    if wanted:
        _collect(run, traffic, reference, threshold, classes, wanted, model, output / "edge_cases")
    return decision


def served_threshold(run: Run) -> float:
    """The score from which on the endpoint tells a detection."""
    from workloads.detection.validate import SCORE_THRESHOLD

    return float((run.spec.get("deployment") or {}).get("score_threshold") or SCORE_THRESHOLD)


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


def _padded(table: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Columns of one length, as a data frame needs them: frames and answers differ in number."""
    longest = max(len(values) for values in table.values())
    return {name: np.pad(values, (0, longest - len(values)), constant_values=np.nan) for name, values in table.items()}


@dataclass(frozen=True)
class Wanted:
    """How many edge cases, and what was offered before."""

    most: int
    known: tuple[int, ...]
    """Fingerprints."""
    after: datetime | None = None
    """Frames captured up to then had their chance."""

    def is_new(self, frame: CapturedFrame) -> bool:
        try:
            return self.after is None or datetime.fromisoformat(frame.moment) > self.after
        except (ValueError, TypeError):
            return True  # without its moment, or without a time zone


def _wanted(run: Run) -> Wanted | None:
    """`edge_cases` of run.json; without it none are collected."""
    given: Any = run.everything.get("edge_cases") or {}
    try:
        most, known = int(given.get("most") or 0), tuple(int(text, 16) for text in given.get("known") or ())
        if any(not 0 <= looks < 2**64 for looks in known):
            raise ValueError("a fingerprint has 64 bits")
        after = datetime.fromisoformat(given["after"]) if given.get("after") else None
    except (AttributeError, TypeError, ValueError) as wrong:
        form = '{"most": frames, "known": [fingerprints of 16 hex digits], "after": "2026-11-23T10:00:00Z"}'
        raise UserError(f"edge_cases: {str(given)[:100]} given; give {form}") from wrong
    return Wanted(most, known, after) if most > 0 else None


def _collect(run: Run, traffic: Traffic, reference: Baseline, threshold: float, classes: Sequence[str],
             wanted: Wanted, model: Path | None, folder: Path) -> None:  # fmt: skip
    from workloads.detection.edge_case_files import write_edge_cases
    from workloads.detection.second_look import look_again

    known = reference.predictions
    empty_is_rare = known is not None and (known.columns["detections"] == 0).mean() < edge_cases.RARELY_EMPTY
    rules = edge_cases.Rules(threshold, bool(empty_is_rare))
    fresh = [one for one in traffic.frames if wanted.is_new(one) and max(one.size) <= LARGEST_JPEG_SIDE]
    by_place = {one.frame.place: one for one in edge_cases.candidates(fresh, rules)}
    looked = 0
    if model is not None:
        again, looked = look_again(fresh, model, rules, wanted.known)
        by_place |= {one.frame.place: one for one in again}
    chosen = edge_cases.choose(list(by_place.values()), wanted.most, wanted.known)
    about = {name: run.everything.get(name) for name in ("endpoint", "version", "check", "dataset_version")}
    about |= {"score_threshold": threshold, "candidates": len(by_place), "looked_at_again": looked,
              "model_id": run.model_id}  # fmt: skip
    summary = write_edge_cases(folder, chosen, classes, about)
    log("Collected edge cases", frames=summary["frames"], reasons=summary["reasons"], masked=summary["masked"])
