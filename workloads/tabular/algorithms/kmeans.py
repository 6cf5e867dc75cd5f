"""K-Means (scikit-learn); the curve is the elbow: inertia and silhouette by number of clusters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from workloads.contract import UserError
from workloads.tabular.algorithms import settle
from workloads.tabular.graphs import INPUT, Graph
from workloads.tabular.lesson import Curve, Fitted, Lesson

DEFAULTS = {"n_clusters": 8, "max_iter": 300, "n_init": 10, "seed": 0}
ELBOW_POINTS = 8
ELBOW_ROWS = 2000


def fit(lesson: Lesson, settings: Mapping[str, Any]) -> Fitted:
    from sklearn.cluster import KMeans

    chosen = settle(settings, DEFAULTS)
    distinct = len(np.unique(lesson.features, axis=0))
    if chosen["n_clusters"] > distinct:
        raise UserError(f"hyperparameters.n_clusters: {chosen['n_clusters']} given, the training split has {distinct} "
                        "distinct rows; choose fewer clusters")  # fmt: skip
    curve = _elbow(lesson, chosen, distinct)
    model = KMeans(chosen["n_clusters"], max_iter=chosen["max_iter"], n_init=chosen["n_init"],
                   random_state=chosen["seed"]).fit(lesson.features.astype(np.float64))  # fmt: skip
    centres = model.cluster_centers_

    def predict(features: np.ndarray) -> dict[str, np.ndarray]:
        distance = model.transform(features.astype(np.float64))
        return {"cluster": distance.argmin(axis=1), "distance": distance.min(axis=1)}

    return Fitted(_graph(centres, lesson), predict, chosen, curve,
                  facts={"iterations": int(model.n_iter_), "inertia": float(model.inertia_)})  # fmt: skip


def _elbow(lesson: Lesson, chosen: Mapping[str, Any], distinct: int) -> Curve:
    """One quick start for several numbers of clusters, the chosen one among them."""
    from sklearn.cluster import KMeans

    curve = Curve("clusters")
    highest = min(max(10, chosen["n_clusters"]), distinct - 1)
    tried = {int(k) for k in np.linspace(2, highest, ELBOW_POINTS).round()} | {chosen["n_clusters"]}
    train = lesson.features[:: -(-len(lesson.features) // ELBOW_ROWS)].astype(np.float64)
    for clusters in sorted(k for k in tried if 2 <= k <= len(train)):
        model = KMeans(clusters, max_iter=chosen["max_iter"], n_init=1, random_state=chosen["seed"]).fit(train)
        labels = {"cluster": model.predict(lesson.validation_features.astype(np.float64))}
        scores = lesson.score(labels)
        curve.add(clusters, {"inertia": float(model.inertia_)}, {"silhouette": scores.get("silhouette", 0.0)})
    return curve


def _graph(centres: np.ndarray, lesson: Lesson) -> bytes:
    graph = Graph()
    rows = graph.node("Unsqueeze", INPUT, graph.constant(np.array([1], np.int64)))
    # Differences first: |x|^2 - 2xc + |c|^2 would cancel in float32.
    apart = graph.node("Sub", rows, graph.constant(centres.astype(np.float32)[None]))
    distances = graph.node("ReduceL2", apart, axes=[2], keepdims=0)
    graph.node("ArgMin", distances, output="cluster", axis=1, keepdims=0)
    graph.node("ReduceMin", distances, output="distance", axes=[1], keepdims=0)
    return graph.build(lesson.task, lesson.features.shape[1])
