"""Linear regression: ordinary least squares, or ridge for `alpha` above 0 (scikit-learn)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from workloads.tabular.algorithms import settle
from workloads.tabular.graphs import INPUT, Graph
from workloads.tabular.lesson import Curve, Fitted, Lesson, growing

DEFAULTS = {"alpha": 0.0}


def fit(lesson: Lesson, settings: Mapping[str, Any]) -> Fitted:
    """Inputs are standardised inside the model: least squares does not care, ridge treats all alike."""
    from sklearn.linear_model import LinearRegression, Ridge

    chosen = settle(settings, DEFAULTS)
    mean, scale = lesson.moments()
    curve = Curve("training rows")
    model = None
    for rows in growing(lesson, lesson.seed):
        model = Ridge(alpha=chosen["alpha"]) if chosen["alpha"] > 0 else LinearRegression()
        model.fit((lesson.features[rows] - mean) / scale, lesson.target[rows])  # type: ignore[index]
        curve.compare(len(rows), lesson, _predictor(model, mean, scale))
    assert model is not None
    graph = Graph()
    bias = np.atleast_1d(model.intercept_)
    graph.value_output(graph.affine(graph.standardise(INPUT, mean, scale), model.coef_[:, None], bias))
    return Fitted(graph.build(lesson.task, lesson.features.shape[1]), _predictor(model, mean, scale), chosen, curve,
                  facts={"importance": np.abs(model.coef_).tolist()})  # fmt: skip


def _predictor(model: Any, mean: np.ndarray, scale: np.ndarray) -> Any:
    return lambda features: {"value": model.predict((features - mean) / scale)}
