"""`validate`: judge a detector on the sealed test frames, beside the one that serves now."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from workloads import archive, machine, validation
from workloads.contract import Run, UserError, log, read_json, without_none, write_json
from workloads.detection import evaluation_report, examples, judging, plots, prediction_facts, seal, slices
from workloads.detection.detections import Detections
from workloads.detection.latency import Stopwatch, predict_timed, warm_up
from workloads.detection.scoring import DetectorFolder, NoNumber
from workloads.detection.truth import Truth
from workloads.detection.truth import read as read_truth
from workloads.images.codec import encode_png, size_of
from workloads.kitti.results import write_results
from workloads.progress import follow
from workloads.validation import Champion

TASK = "object_detection"
SCORE_THRESHOLD = 0.3
LATENCY = ("Median wall-clock milliseconds from the bytes of a frame to its boxes (decode, letterbox, model, NMS), one "
           "frame at a time, on the machine named beside it.")  # fmt: skip


def main() -> int:
    return validation.run(validate)


def validate(run: Run, *, model: Path, test: Path, features: Path, manifest: dict[str, Any], champion: Path | None,
             evaluation: Path) -> dict[str, Any]:  # fmt: skip
    """Write results, metrics, predictions, plots, pictures and report to `evaluation`; returns `results.json`.

    Raises:
        UserError: the test frames have no labels, or the model predicts NaN or infinity on some of them.
        ArchiveError: a model archive holds what it must not.
    """
    recipe = read_json(features, "features.json")
    truth = read_truth(test, recipe["classes"])
    threshold = float(without_none(run.spec.get("deployment")).get("score_threshold", SCORE_THRESHOLD))
    with tempfile.TemporaryDirectory() as scratch:
        archive.extract(model, Path(scratch) / "model")
        candidate = DetectorFolder(Path(scratch) / "model", provider=None)
        training = read_json(candidate.folder, "training_log.json")
        broken = seal.broken(manifest, test, run, training) + _recipe_differs(candidate, recipe)
        watch = Stopwatch()
        _write_rows(evaluation / "predictions.json",
                    judging.coco_rows(truth, predict_frames(candidate, truth, watch, "Predicting")))  # fmt: skip
        # What is judged is what can be looked at.
        found = judging.from_coco_rows(truth, json.loads((evaluation / "predictions.json").read_text(encoding="utf-8")))
        judged = judging.judge(truth, found, threshold)
        told = prediction_facts.describe(found, image_sizes(truth), truth.classes, threshold)
        prediction_facts.write(evaluation / prediction_facts.FILE, told)
        numbers, metrics = measure(truth, found, judged, watch, candidate, test, evaluation / "kitti")
        against = Champion() if champion is None else judge_champion(champion, Path(scratch), truth, threshold, test)
        drawn = plots.draw(evaluation, judged, truth.classes)
        curves = _keep(candidate.folder / "training_curves.png", evaluation)
        results = {
            "task": TASK, "metrics": metrics, "rows": len(truth.frames), "champion_metrics": against.metrics,
            "champion_version": against.version, "plots": [*drawn, *([curves.name] if curves else [])],
            "seal_intact": not broken,
        }  # fmt: skip
    pictures = draw_pictures(evaluation / "predictions", truth, found, judged)
    write_json(evaluation / "results.json", results)
    write_json(evaluation / "metrics.json", numbers | {"champion": against.__dict__})
    details = {"seal_broken": broken, "champion_note": against.note, "per_class": judged.per_class}
    write_json(evaluation / "details.json", details)
    notes = [f"Not compared with the serving model: {against.note}."] if against.note else []
    evaluation_report.write(evaluation / "evaluation_report.pdf", evaluation_report.Findings(
        run, judged, truth.classes, results, numbers, report_facts(run, candidate, recipe, truth, broken, training),
        notes, curves, pictures,
    ))  # fmt: skip
    log("Validated", metrics=metrics, champion=against.metrics, seal_broken=broken)
    return results


def predict_frames(model: DetectorFolder, truth: Truth, watch: Stopwatch, what: str) -> list[Detections]:
    """Detections of every frame, classes in the order of `truth`, each stage timed.

    Raises:
        UserError: the network gives no number for some frames; all are tried, so that the count is right.
    """
    order = np.array([truth.classes.index(name) for name in model.classes], np.int64)
    first = truth.frames[0]
    warm_up(model.detector, size_of(first.content(), first.path.name))
    found, failed = [], []
    for frame in follow(truth.frames, what, len(truth.frames)):
        try:
            one = predict_timed(model.detector, frame.content(), frame.path.name, watch)
        except NoNumber:
            failed.append(frame.name)
            continue
        found.append(Detections(one.boxes_xyxy, one.scores, order[one.classes]))
    if failed:
        raise UserError(
            f"hyperparameters: the model predicts no number for {len(failed)} of {len(truth.frames)} test frames "
            f"(first: {failed[0]}); lower learning_rate or lengthen the warm-up"
        )
    return found


def image_sizes(truth: Truth) -> list[tuple[int, int]]:
    """(height, width) of each judged frame."""
    sizes = {image["id"]: (int(image["height"]), int(image["width"])) for image in truth.document["images"]}
    return [sizes[frame.image_id] for frame in truth.frames]


def measure(truth: Truth, found: Sequence[Detections], judged: judging.Judgement, watch: Stopwatch,
            model: DetectorFolder, test: Path, kitti: Path) -> tuple[dict[str, Any], dict[str, float]]:  # fmt: skip
    """`metrics.json`, and the flat metrics of `results.json`. KITTI's figures need its label files beside the test."""
    latency = watch.summary()
    metrics = judged.metrics | {"inference_latency_ms": latency["total"]["p50"]}
    definitions = judging.DEFINITIONS | {"inference_latency_ms": LATENCY}
    numbers: dict[str, Any] = {
        "coco": judged.table.summary, "per_class": judged.per_class,
        "operating_point": {"score_threshold": judged.threshold, "iou": 0.5} | {
            name: judged.metrics[name] for name in ("precision", "recall")},
        "pr_curves": {"recall": [place / 100 for place in range(101)], **judged.curves(truth.classes)},
        "confusion_matrix": {"labels": [*truth.classes, "background"], "counts": judged.confusion.tolist()},
        "slices": {"size": slices.size_slices(judged),
                   "recall": slices.recall_slices(truth, judged.matches, judged.threshold)},
        "latency_ms": {"stages": latency, "frames": len(truth.frames), "input_size": list(model.detector.input_size),
                       "provider": model.detector.provider, "threads": model.detector.threads,
                       "precision": model.signature.get("precision", "fp32"), "machine": machine.describe()},
    }  # fmt: skip
    if (test / "label_2").is_dir():
        frames = write_kitti(kitti, truth, found)
        numbers["kitti"], flat = slices.kitti_slices(test / "label_2", kitti, frames, truth.classes)
        metrics |= flat
        definitions |= dict.fromkeys(flat, slices.DEFINITION)
    return numbers | {"metrics": metrics, "definitions": definitions}, metrics


def write_kitti(folder: Path, truth: Truth, found: Sequence[Detections]) -> list[str]:
    """`folder/data/NNNNNN.txt` for each frame, found anything or not; returns the frames."""
    for frame, one in zip(truth.frames, found, strict=True):
        write_results(folder, frame.name, one.boxes_xyxy, one.scores, [truth.classes[code] for code in one.classes])
    return [frame.name for frame in truth.frames]


def judge_champion(path: Path, scratch: Path, truth: Truth, threshold: float, test: Path) -> Champion:
    """The champion, with its own input size and class order, on the same frames."""
    archive.extract(path, scratch / "champion")
    folder = scratch / "champion"
    said = {name: read_json(folder, name) for name in ("manifest.json", "signature.json") if (folder / name).exists()}
    version = said.get("manifest.json", {}).get("version")
    signature = said.get("signature.json", {})
    if signature.get("task") != TASK:
        return Champion(version=version, note=f"it does {signature.get('task', 'something else')}, not {TASK}")
    names = [str(name) for name in signature.get("classes", ())]
    if set(names) != set(truth.classes):
        return Champion(version=version, note=f"it knows the classes {', '.join(names)}; the data now have "
                                              f"{', '.join(truth.classes)}")  # fmt: skip
    try:
        model = DetectorFolder(folder, provider=None)
        watch = Stopwatch()
        found = predict_frames(model, truth, watch, "Predicting with the champion")
    except UserError as wrong:
        return Champion(version=version, note=f"it fails on these frames: {wrong}")
    # The same rounding as the candidate's, so that equal models have equal figures.
    found = judging.from_coco_rows(truth, judging.coco_rows(truth, found))
    judged = judging.judge(truth, found, threshold)
    _, metrics = measure(truth, found, judged, watch, model, test, scratch / "champion_kitti")
    return Champion(metrics, version)


def draw_pictures(folder: Path, truth: Truth, found: Sequence[Detections], judged: judging.Judgement
                  ) -> list[tuple[str, np.ndarray]]:  # fmt: skip
    """`folder/NNNNNN.png` of the chosen frames; returns captions and pictures for the report."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for one in examples.choose(judged.matches, len(truth.frames), judged.threshold):
        frame = truth.frames[one.place]
        image = examples.draw(frame.picture(), frame, found[one.place], judged.matches, one.place, judged.threshold,
                              truth.classes)  # fmt: skip
        (folder / f"{frame.name}.png").write_bytes(encode_png(image))
        word = "among the worst frames" if one.reason == "worst" else "among the first frames"
        drawn.append((f"{frame.name}, {word}: {one.found} found, {one.missed} missed, {one.wrong} false alarms",
                      evaluation_report.smaller(image)))  # fmt: skip
    return drawn


def report_facts(run: Run, model: DetectorFolder, recipe: dict[str, Any], truth: Truth, broken: Sequence[str],
                 training: dict[str, Any]) -> list[tuple[str, str]]:  # fmt: skip
    """The table on the cover."""
    seal_words = "intact: frames unchanged since prepare, none seen in training"
    height, width = model.detector.input_size
    return [
        ("Run", run.run_key), ("Network", str(model.signature.get("variant", run.algorithm))),
        ("Input", f"{height} x {width} pixels"), ("Classes", ", ".join(truth.classes)),
        ("Data set", f"{run.dataset.get('name', 'unknown')}, version {run.dataset_version or 'unknown'}"),
        ("Labels", {"kitti": "in KITTI's layout", "coco": "COCO JSON"}.get(str(recipe.get("source")), "unknown")),
        ("Test frames", f"{len(truth.frames)} with {truth.objects} labelled boxes"),
        ("Seal", f"BROKEN: {'; '.join(broken)}" if broken else seal_words),
        ("Training time", f"{training['seconds']:.0f} s"),
    ]  # fmt: skip


def _recipe_differs(model: DetectorFolder, recipe: dict[str, Any]) -> list[str]:
    return [] if model.features == recipe else ["the model carries another recipe than this dataset version"]


def _write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """One detection a line: large files stay readable and comparable."""
    lines = ",\n".join(json.dumps(row, allow_nan=False) for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def _keep(picture: Path, folder: Path) -> Path | None:
    """A copy of a picture of the training product, where there is one."""
    return shutil.copyfile(picture, folder / picture.name) if picture.is_file() else None
