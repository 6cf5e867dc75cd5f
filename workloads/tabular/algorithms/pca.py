"""Principal component analysis (scikit-learn); the curve is the explained variance by number of components."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from workloads.contract import UserError
from workloads.tabular.algorithms import settle
from workloads.tabular.graphs import INPUT, Graph
from workloads.tabular.lesson import Curve, Fitted, Lesson

DEFAULTS = {"n_components": 2, "seed": 0}
CURVE_POINTS = 20


def fit(lesson: Lesson, settings: Mapping[str, Any]) -> Fitted:
    from sklearn.decomposition import PCA

    chosen = settle(settings, DEFAULTS)
    rows, features = lesson.features.shape
    most = min(rows, features)
    if chosen["n_components"] > most:
        raise UserError(f"hyperparameters.n_components: {chosen['n_components']} given; {features} features and {rows} "
                        f"training rows allow at most {most}")  # fmt: skip
    model = PCA(svd_solver="full", random_state=chosen["seed"]).fit(lesson.features.astype(np.float64))
    curve = Curve("components")
    for width in sorted({*np.linspace(1, most, min(most, CURVE_POINTS)).round().astype(int), chosen["n_components"]}):
        predict = _predictor(model.mean_, model.components_[:width])
        curve.compare(int(width), lesson, predict, quiet=width > chosen["n_components"])
    kept = model.components_[: chosen["n_components"]]
    return Fitted(
        _graph(model.mean_, kept, lesson), _predictor(model.mean_, kept), chosen, curve,
        facts={"width": len(kept), "variance_ratio": model.explained_variance_ratio_[: len(kept)].tolist()},
    )  # fmt: skip


def _predictor(mean: np.ndarray, directions: np.ndarray) -> Any:
    """`directions` (k, d) orthonormal."""

    def predict(features: np.ndarray) -> dict[str, np.ndarray]:
        components = (features - mean) @ directions.T
        return {"components": components, "reconstruction": components @ directions + mean}

    return predict


def _graph(mean: np.ndarray, directions: np.ndarray, lesson: Lesson) -> bytes:
    graph = Graph()
    centred = graph.node("Sub", INPUT, graph.constant(mean.astype(np.float32)))
    weights = graph.constant(directions.astype(np.float32).T)
    graph.node("MatMul", centred, weights, output="components")
    back = graph.node("MatMul", "components", graph.constant(directions.astype(np.float32)))
    graph.node("Add", back, graph.constant(mean.astype(np.float32)), output="reconstruction")
    return graph.build(lesson.task, lesson.features.shape[1], len(directions))
