"""Logistic regression (scikit-learn); the learning curve follows the number of training rows."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from workloads.contract import log
from workloads.tabular.algorithms import settle
from workloads.tabular.graphs import INPUT, Graph
from workloads.tabular.lesson import Curve, Fitted, Lesson, growing, probabilities_to_outputs

DEFAULTS = {"C": 1.0, "max_iter": 1000, "seed": 0}


def fit(lesson: Lesson, settings: Mapping[str, Any]) -> Fitted:
    """Inputs are standardised inside the model: the solver converges, and the penalty treats all alike."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    chosen = settle(settings, DEFAULTS)
    mean, scale = lesson.moments()
    curve = Curve("training rows")
    model, converged = None, True
    for rows in growing(lesson, chosen["seed"]):
        model = LogisticRegression(C=chosen["C"], max_iter=chosen["max_iter"], random_state=chosen["seed"])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ConvergenceWarning)
            model.fit((lesson.features[rows] - mean) / scale, lesson.target[rows])  # type: ignore[index]
        converged = not any(issubclass(each.category, ConvergenceWarning) for each in caught)
        curve.compare(len(rows), lesson, _predictor(model, mean, scale))
    assert model is not None
    if not converged:
        log("The solver did not converge; raise max_iter", max_iter=chosen["max_iter"])
    return Fitted(_graph(model, lesson, mean, scale), _predictor(model, mean, scale), chosen, curve,
                  facts={"converged": converged, "iterations": int(np.max(model.n_iter_)),
                         "importance": np.abs(model.coef_).mean(axis=0).tolist()})  # fmt: skip


def _predictor(model: Any, mean: np.ndarray, scale: np.ndarray) -> Any:
    return lambda features: probabilities_to_outputs(model.predict_proba((features - mean) / scale))


def _graph(model: Any, lesson: Lesson, mean: np.ndarray, scale: np.ndarray) -> bytes:
    graph = Graph()
    scores = graph.affine(graph.standardise(INPUT, mean, scale), model.coef_.T, model.intercept_)
    if lesson.classes == 2:
        graph.binary_outputs(scores)
    else:
        graph.class_outputs(scores)
    return graph.build(lesson.task, lesson.features.shape[1], lesson.classes)
