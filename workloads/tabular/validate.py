"""`validate`: judge a model by its predictions on the sealed test split, beside the one that serves now."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workloads import archive, validation
from workloads.contract import Run, UserError, log, read_json, without_none, write_json
from workloads.tabular import metrics, seal, storage
from workloads.tabular.features import FeatureError, FeaturePlan
from workloads.tabular.reading import Table
from workloads.tabular.scoring import TrainedFolder
from workloads.validation import Champion

LATENCY = "inference_latency_ms"
TIMED_ROWS = 200


@dataclass(frozen=True)
class TestSplit:
    """The sealed rows: encoded for the candidate, and in raw units for whoever needs them otherwise."""

    __test__ = False  # pytest: not a test

    split: storage.Split
    raw: Table


def main() -> int:
    return validation.run(validate)


def validate(run: Run, *, model: Path, test: Path, features: Path, manifest: dict[str, Any], champion: Path | None,
             evaluation: Path) -> dict[str, Any]:  # fmt: skip
    """Write results, predictions, plots and report to `evaluation`; returns `results.json`.

    Raises:
        UserError: the model predicts NaN or infinity on some test row.
        ArchiveError: a model archive holds what it must not.
    """
    from workloads.tabular import evaluation_report, plots

    rows = TestSplit(
        storage.read_split(test / "data.parquet"), storage.read_raw(test / "raw.parquet", manifest["kinds"])
    )
    with tempfile.TemporaryDirectory() as scratch:
        archive.extract(model, Path(scratch) / "model")
        candidate = TrainedFolder(Path(scratch) / "model")
        broken = seal.broken(manifest, test, rows.raw, candidate.folder)
        broken += _recipe_differs(candidate.plan, features, rows)
        path = evaluation / "predictions.parquet"
        write_predictions(path, rows.split, candidate.model.predict(rows.split.features))
        outputs = read_predictions(path)
        found = judge_rows(candidate.plan, rows.split, outputs)
        if LATENCY in _asked_for(run):
            found[LATENCY] = median_latency_ms(candidate, rows.raw)
        against = Champion() if champion is None else judge_champion(champion, Path(scratch), candidate.plan, rows)
        training = read_json(candidate.folder, "training_log.json")
    drawn = plots.draw(evaluation, candidate.plan, rows.split, outputs, training)
    results = {
        "task": candidate.plan.task, "metrics": found, "rows": len(rows.split.row_id),
        "champion_metrics": against.metrics, "champion_version": against.version, "plots": drawn,
        "seal_intact": not broken,
    }  # fmt: skip
    write_json(evaluation / "results.json", results)
    write_json(evaluation / "details.json", {"seal_broken": broken, "champion_note": against.note,
                                             "per_class": per_class(candidate.plan, rows.split, outputs)})  # fmt: skip
    evaluation_report.write(evaluation, run, candidate.plan, results, training)
    log("Validated", metrics=found, champion=against.metrics, seal_broken=broken)
    return results


def judge_rows(plan: FeaturePlan, split: storage.Split, outputs: dict[str, np.ndarray]) -> dict[str, float]:
    """Metrics of `outputs` on the split; raises UserError where a prediction is no number."""
    for name, values in outputs.items():
        bad = ~np.isfinite(values.reshape(len(values), -1)).all(axis=1)
        if bad.any():
            raise UserError(
                f"hyperparameters: the model predicts no number ({name}) for {int(bad.sum())} of {len(bad)} test rows; "
                "lower learning_rate or scale the features"
            )
    if split.target is None:
        return metrics.unsupervised(plan.task, split.features, outputs)
    return metrics.supervised(plan.task, split.target, outputs)


def _asked_for(run: Run) -> set[str]:
    evaluation = without_none(run.spec.get("evaluation"))
    return {*evaluation.get("metrics", ()), *evaluation.get("thresholds", ())}


def median_latency_ms(trained: TrainedFolder, raw: Table) -> float:
    """Median wall-clock milliseconds for a row: recipe and model, one row at a time, on one thread of this machine."""
    taken = []
    for place in range(min(TIMED_ROWS, raw.rows)):
        row = raw.take(np.array([place])).columns
        began = time.perf_counter()
        trained.model.predict(trained.plan.apply(row))
        taken.append(1000 * (time.perf_counter() - began))
    return float(np.median(taken))


def judge_champion(path: Path, scratch: Path, plan: FeaturePlan, rows: TestSplit) -> Champion:
    """The champion, with its own recipe, on the same raw rows.

    Clusters are measured in the candidate's feature space, so that both distances mean the same.
    """
    archive.extract(path, scratch / "champion")
    champion = TrainedFolder(scratch / "champion")
    manifest = scratch / "champion" / "manifest.json"
    version = read_json(manifest.parent, manifest.name).get("version") if manifest.exists() else None
    reason = _not_comparable(champion.plan, plan)
    if reason:
        return Champion(version=version, note=reason)
    try:
        # Rows with gaps are rows too: the candidate has to answer them as well.
        features = champion.plan.apply(rows.raw.columns, fill_missing=True)
    except FeatureError as wrong:
        return Champion(version=version, note=f"the champion cannot read these rows: {wrong}")
    outputs = champion.model.predict(features)
    own_space = plan.task == "dimensionality_reduction"
    split = storage.Split(features if own_space else rows.split.features, rows.split.target, rows.split.row_id,
                          rows.split.row_hash)  # fmt: skip
    if plan.task == "classification":
        outputs = _in_class_order(outputs, champion.plan.classes, plan.classes)
    try:
        return Champion(judge_rows(plan, split, outputs), version)
    except UserError as wrong:
        return Champion(version=version, note=f"the champion fails on these rows: {wrong}")


def _not_comparable(champion: FeaturePlan, plan: FeaturePlan) -> str:
    if champion.task != plan.task:
        return f"the champion does {champion.task}, the candidate {plan.task}"
    if champion.target != plan.target:
        return f"the champion predicts {champion.target!r}, the candidate {plan.target!r}"
    if set(champion.classes) != set(plan.classes):
        return f"the champion knows {len(champion.classes)} classes, the data now have {len(plan.classes)} others"
    return ""


def _in_class_order(outputs: dict[str, np.ndarray], given: tuple[str, ...], wanted: tuple[str, ...]
                    ) -> dict[str, np.ndarray]:  # fmt: skip
    probabilities = outputs["probabilities"][:, [given.index(word) for word in wanted]]
    return {"label": probabilities.argmax(axis=1), "probabilities": probabilities}


def _recipe_differs(plan: FeaturePlan, features: Path, rows: TestSplit) -> list[str]:
    """The model's own recipe on the raw rows must give the encoded rows, bit for bit."""
    if FeaturePlan.from_json(read_json(features, "features.json")) != plan:
        return ["the model carries another recipe than this dataset version"]
    encoded = plan.apply(rows.raw.columns)
    return (
        [] if np.array_equal(encoded, rows.split.features) else ["the encoded test rows are not those of the raw rows"]
    )


def write_predictions(path: Path, split: storage.Split, outputs: dict[str, np.ndarray]) -> None:
    """One row per test row: `row_id`, `target`, then each output; the k-th column of a matrix is `name.k`."""
    columns: dict[str, np.ndarray] = {storage.ROW_ID: split.row_id}
    if split.target is not None:
        columns[storage.TARGET] = split.target
    for name, values in outputs.items():
        if values.ndim == 1:
            columns[name] = values
        else:
            columns |= {f"{name}.{place}": values[:, place] for place in range(values.shape[1])}
    storage.write_columns(path, columns)


def read_predictions(path: Path) -> dict[str, np.ndarray]:
    """The outputs as they were stored: what is judged is what can be looked at."""
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    outputs: dict[str, Any] = {}
    for column in table.column_names:
        name, dot, _ = column.partition(".")
        if column in (storage.ROW_ID, storage.TARGET):
            continue
        values = table[column].to_numpy()
        if dot:
            outputs.setdefault(name, []).append(values)
        else:
            outputs[name] = values
    return {name: np.stack(v, axis=1) if isinstance(v, list) else v for name, v in outputs.items()}


def per_class(plan: FeaturePlan, split: storage.Split, outputs: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """Rows, precision and recall of each class; empty for other tasks."""
    if plan.task != "classification" or split.target is None:
        return []
    matrix = metrics.confusion(split.target, outputs["label"], len(plan.classes))
    said, true = matrix.sum(axis=0), matrix.sum(axis=1)
    return [{"class": word, "rows": int(true[code]),
             "precision": float(matrix[code, code] / said[code]) if said[code] else None,
             "recall": float(matrix[code, code] / true[code]) if true[code] else None}
            for code, word in enumerate(plan.classes)]  # fmt: skip
