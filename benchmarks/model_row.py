"""One row through the model: the ONNX we serve against the estimator's own predict, on one thread."""

from __future__ import annotations

import contextlib
import io
from statistics import median

import numpy as np

from benchmarks import interleaved
from benchmarks.outcome import Outcome, Row
from workloads import datasets
from workloads.tabular import algorithms
from workloads.tabular.lesson import Lesson


def measure(tiny: bool = False) -> Outcome:
    import onnxruntime

    table = datasets.load("breast_cancer")
    features = table.features.astype(np.float32)
    target = np.array([table.classes.index(word) for word in table.target])
    trees = 2 if tiny else 100
    lesson = Lesson("classification", features, target, features, target, len(table.classes))
    with contextlib.redirect_stdout(io.StringIO()):  # a job's progress lines
        fitted = algorithms.find("random_forest", "classification")(lesson, {"n_estimators": trees, "max_depth": 10})
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(fitted.onnx, options, providers=["CPUExecutionProvider"])
    rows, ratios = [], []
    for count, aim in ((1, ">= 100"), (32, ""), (1024, "")):
        batch = np.ascontiguousarray(np.resize(features, (count, features.shape[1])))
        contenders = {
            "onnxruntime": lambda batch=batch: session.run(["probabilities"], {"features": batch}),
            "scikit-learn": lambda batch=batch: fitted.predict(batch)["probabilities"],
        }
        expected, got = contenders["scikit-learn"](), contenders["onnxruntime"]()[0]
        np.testing.assert_allclose(got, expected, atol=1e-4)  # equal answers before speed
        seconds = interleaved.rounds(contenders, *((1, 0.0) if tiny else (interleaved.ROUNDS, 0.05)))
        rows += [Row(f"{name}, {count} rows, CPU", median(times) * 1e6, "µs") for name, times in seconds.items()]
        what = f"onnxruntime against scikit-learn, {count} rows"
        ratios.append(interleaved.ratio(what, seconds["scikit-learn"], seconds["onnxruntime"], aim))
    note = f"Random Forest of {trees} trees, depth 10, {features.shape[1]} features, one thread."
    return Outcome("model_row", rows, ratios, packages=("onnxruntime", "scikit-learn", "numpy"), notes=[note])
