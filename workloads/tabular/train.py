"""`train`: one entry for every algorithm; leaves ONNX, its recipe, its signature and its curves."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from workloads.contract import Paths, Run, UserError, log, print_metrics, read_json, write_json
from workloads.tabular import algorithms, graphs, seal, storage
from workloads.tabular.features import FeaturePlan
from workloads.tabular.lesson import Fitted, Lesson
from workloads.tabular.scoring import OnnxModel

PARITY_LIMIT = 1e-4
"""Largest difference between ONNX and the framework, relative to the largest output (at least 1)."""
PARITY_ROWS = 1000
SMALL = 200_000
"""Values of training data below which a second thread costs more than it brings."""


def main() -> int:
    paths = Paths.here()
    train(Run.read(paths.channel("run")), paths.channel("train"), paths.channel("validation"),
          paths.channel("features"), paths.model)  # fmt: skip
    return 0


def train(run: Run, train_folder: Path, validation_folder: Path, features_folder: Path, model_folder: Path
          ) -> dict[str, Any]:  # fmt: skip
    """Train what `run` asks for and write the product to `model_folder`; returns `training_log.json`.

    Raises:
        UserError: the algorithm cannot learn this task, or the settings do not fit the data.
        ArithmeticError: the ONNX model does not answer as the framework does.
    """
    plan = FeaturePlan.from_json(read_json(features_folder, "features.json"))
    fit = algorithms.find(run.algorithm, plan.task)
    splits = [storage.read_split(folder / "data.parquet") for folder in (train_folder, validation_folder)]
    settings = run.hyperparameters
    lesson = Lesson(
        plan.task, splits[0].features, splits[0].target, splits[1].features, splits[1].target, len(plan.classes),
        seed=int(settings.get("seed", 0)), threads=_threads(splits[0].features),
    )  # fmt: skip
    started = time.monotonic()
    fitted = fit(lesson, settings)
    seconds = time.monotonic() - started
    parity = check_parity(fitted, lesson)
    outputs = OnnxModel(fitted.onnx, lesson.threads).predict(lesson.validation_features)
    scores = {"validation": lesson.score(outputs)}
    if not scores["validation"]:
        raise UserError("hyperparameters: the trained model gives no metric on the validation rows; for clustering "
                        "choose n_clusters so that at least two clusters have rows")  # fmt: skip
    print_metrics(int(fitted.curve.x[-1]) if fitted.curve.x else 1, **scores)
    record = {
        "algorithm": run.algorithm, "task": plan.task, "seconds": round(seconds, 3), "metrics": scores["validation"],
        "rows": {"train": len(lesson.features), "validation": len(lesson.validation_features)},
        "curve": {"x_label": fitted.curve.x_label, "x": fitted.curve.x, "series": fitted.curve.series},
        "parity": parity, "run_key": run.run_key, "dataset_version": run.dataset_version, **_named(fitted, plan),
    }  # fmt: skip
    write_product(model_folder, features_folder, run, plan, fitted, record)
    seal.write_train_hashes(model_folder, splits[0].row_hash, splits[1].row_hash)
    log("Trained", algorithm=run.algorithm, seconds=record["seconds"], parity=parity["max_abs_diff"],
        metrics=scores["validation"])  # fmt: skip
    return record


def check_parity(fitted: Fitted, lesson: Lesson) -> dict[str, Any]:
    """How far ONNX is from the framework's own prediction, on validation rows.

    Raises:
        UserError: the model predicts NaN or infinity: training diverged.
        ArithmeticError: the two differ by more than PARITY_LIMIT, relative to the largest output.
    """
    rows = lesson.validation_features[:PARITY_ROWS]
    native, exported = fitted.predict(rows), OnnxModel(fitted.onnx).predict(rows)
    worst = 0.0
    for name, expected in native.items():
        if not np.isfinite(expected).all():
            raise UserError("hyperparameters: training diverged, the model predicts no numbers; lower learning_rate")
        if np.issubdtype(exported[name].dtype, np.integer):
            continue  # the largest of nearly equal probabilities may differ
        difference = float(np.abs(exported[name] - expected).max())
        limit = PARITY_LIMIT * max(1.0, float(np.abs(expected).max()))
        if not difference <= limit:
            raise ArithmeticError(f"ONNX differs from the framework in {name!r} by {difference:.3g}; limit {limit:.3g}")
        worst = max(worst, difference)
    return {"max_abs_diff": worst, "rows": len(rows), "limit": PARITY_LIMIT}


def write_product(folder: Path, features: Path, run: Run, plan: FeaturePlan, fitted: Fitted, record: dict[str, Any]
                  ) -> None:  # fmt: skip
    """Everything SageMaker packs into the training job's `model.tar.gz`, except the row hashes."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(fitted.onnx)
    (folder / "features.json").write_bytes((features / "features.json").read_bytes())
    width = int(fitted.facts.get("width", 0))
    write_json(folder / "signature.json", graphs.signature(plan.task, run.algorithm, plan.outputs, plan.classes, width))
    write_json(folder / "hyperparameters.json", fitted.hyperparameters)
    write_json(folder / "training_log.json", record)
    for name, content in fitted.native.items():
        (folder / "native").mkdir(exist_ok=True)
        (folder / "native" / name).write_bytes(content)


def _named(fitted: Fitted, plan: FeaturePlan) -> dict[str, Any]:
    """The facts, with importances by feature name, largest first."""
    facts = {name: value for name, value in fitted.facts.items() if name not in ("importance", "width")}
    if "importance" in fitted.facts:
        ranked = sorted(zip(plan.outputs, fitted.facts["importance"], strict=True), key=lambda pair: -pair[1])
        facts["importance"] = [{"feature": name, "value": value} for name, value in ranked]
    return facts


def _threads(features: np.ndarray) -> int:
    return 1 if features.size < SMALL else int(os.environ.get("OMP_NUM_THREADS", "1"))
