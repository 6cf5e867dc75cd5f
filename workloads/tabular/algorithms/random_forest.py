"""Random Forest (scikit-learn); the learning curve follows the number of trees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from workloads.tabular.algorithms import settle
from workloads.tabular.graphs import INPUT, Graph, Trees, float32_thresholds
from workloads.tabular.lesson import Curve, Fitted, Lesson, probabilities_to_outputs

DEFAULTS = {"n_estimators": 200, "max_depth": None, "min_samples_leaf": 1, "seed": 0}
STEPS = 6


def fit(lesson: Lesson, settings: Mapping[str, Any]) -> Fitted:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    chosen = settle(settings, DEFAULTS)
    kind = RandomForestClassifier if lesson.task == "classification" else RandomForestRegressor
    forest = kind(
        n_estimators=1, max_depth=chosen["max_depth"], min_samples_leaf=chosen["min_samples_leaf"],
        random_state=chosen["seed"], n_jobs=lesson.threads, warm_start=True,
    )  # fmt: skip
    curve = Curve("trees")

    def predict(features: np.ndarray) -> dict[str, np.ndarray]:
        if lesson.task == "classification":
            return probabilities_to_outputs(forest.predict_proba(features))
        return {"value": forest.predict(features)}

    for trees in np.unique(np.geomspace(1, chosen["n_estimators"], STEPS).round().astype(int)):
        forest.n_estimators = int(trees)
        forest.fit(lesson.features, lesson.target)
        curve.compare(int(trees), lesson, predict)
    importance = forest.feature_importances_.astype(float).tolist()
    return Fitted(_graph(forest, lesson), predict, chosen, curve, facts={"importance": importance})


def _graph(forest: Any, lesson: Lesson) -> bytes:
    width = lesson.classes or 1
    trees = Trees(width, "BRANCH_LEQ")
    for estimator in forest.estimators_:
        tree = estimator.tree_
        leaves = tree.value[:, 0, :]
        if lesson.classes:
            leaves = leaves / leaves.sum(axis=1, keepdims=True)
        trees.add(tree.feature, float32_thresholds(tree.threshold), tree.children_left, tree.children_right,
                  leaves / len(forest.estimators_))  # fmt: skip
    graph = Graph()
    summed = graph.node("TreeEnsembleRegressor", INPUT, domain="ai.onnx.ml", **trees.attributes(np.zeros(width)))
    if lesson.classes:
        # In float32 the shares of 30 trees that agree add up to 1.0000004.
        limits = [graph.constant(np.array(limit, np.float32)) for limit in (0.0, 1.0)]
        graph.probability_outputs(graph.node("Clip", summed, *limits))
    else:
        graph.value_output(summed)
    return graph.build(lesson.task, lesson.features.shape[1], width)
