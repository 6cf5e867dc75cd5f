"""Metrics from predictions, in plain numpy: a job pays for no library it does not need.

Definitions follow scikit-learn's (the tests compare); macro averages run over the classes that occur.
What is not defined on the given rows is left out, never NaN: a threshold on it then fails.
"""

from __future__ import annotations

import math

import numpy as np

SILHOUETTE_ROWS = 5000
"""Silhouette needs all pairs; more rows are thinned to every k-th."""


def supervised(task: str, target: np.ndarray, outputs: dict[str, np.ndarray]) -> dict[str, float]:
    """Metrics of `outputs` (as in the model's signature) against `target`."""
    if task == "classification":
        return classification(target, outputs["label"], outputs["probabilities"])
    return regression(target, outputs["value"])


def unsupervised(task: str, features: np.ndarray, outputs: dict[str, np.ndarray]) -> dict[str, float]:
    """Metrics of clusters, or of components with their reconstruction, on the rows `features` (n, d)."""
    if task == "clustering":
        return clustering(features, outputs["cluster"])
    return reduction(features, outputs["reconstruction"])


def classification(target: np.ndarray, label: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """accuracy; macro precision, recall and f1; auc_roc (more than two classes: one against the rest, macro).

    Args:
        target, label: (n,) class codes.
        probabilities: (n, k) of each class.
    """
    matrix = confusion(target, label, probabilities.shape[1])
    hit, true, said = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    occurs = (true + said) > 0
    precision = np.divide(hit, said, out=np.zeros(len(hit)), where=said > 0)
    recall = np.divide(hit, true, out=np.zeros(len(hit)), where=true > 0)
    both = precision + recall
    f1 = np.divide(2 * precision * recall, both, out=np.zeros(len(hit)), where=both > 0)
    found = {
        "accuracy": hit.sum() / matrix.sum(), "precision": precision[occurs].mean(),
        "recall": recall[occurs].mean(), "f1": f1[occurs].mean(),
    }  # fmt: skip
    classes = range(1, 2) if len(hit) == 2 else range(len(hit))
    areas = [area_under_curve(target == code, probabilities[:, code]) for code in classes]
    return _defined(found | {"auc_roc": np.mean(areas)})


def confusion(target: np.ndarray, label: np.ndarray, classes: int) -> np.ndarray:
    """(k, k) counts: rows are the true class, columns the predicted one."""
    return np.bincount(target * classes + label, minlength=classes * classes).reshape(classes, classes)


def area_under_curve(positive: np.ndarray, score: np.ndarray) -> float:
    """Area under the ROC curve by ranks (Mann-Whitney U, ties count half); NaN where one side is empty."""
    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    if not n_positive or not n_negative:
        return math.nan
    _, place, count = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[place]
    return float((rank[positive].sum() - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


def roc_curve(positive: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(false positive rate, true positive rate) at each distinct threshold, from (0, 0) to (1, 1)."""
    order = np.argsort(-score, kind="stable")
    last = np.append(np.diff(score[order]) != 0, True)
    hits, misses = np.cumsum(positive[order])[last], np.cumsum(~positive[order])[last]
    return np.append(0, misses / max(misses[-1], 1)), np.append(0, hits / max(hits[-1], 1))


def regression(target: np.ndarray, value: np.ndarray) -> dict[str, float]:
    """rmse, mae, r2 and mape. Rows whose true value is 0 have no relative error; mape leaves them out."""
    error = value.astype(np.float64) - target
    spread = ((target - target.mean()) ** 2).sum()
    other = target != 0
    relative = np.abs(error[other] / target[other])
    return _defined({
        "rmse": math.sqrt(np.mean(error**2)), "mae": np.abs(error).mean(),
        "r2": 1 - (error**2).sum() / spread if spread > 0 else math.nan,
        "mape": relative.mean() if len(relative) else math.nan,
    })  # fmt: skip


def clustering(features: np.ndarray, cluster: np.ndarray) -> dict[str, float]:
    """silhouette (Rousseeuw 1987) and davies_bouldin (Davies, Bouldin 1979); both need two clusters or more."""
    features = features.astype(np.float64)
    _, codes = np.unique(cluster, return_inverse=True)
    if codes.max() == 0 or codes.max() + 1 >= len(codes):
        return {}
    return _defined({"silhouette": _silhouette(features, codes), "davies_bouldin": _davies_bouldin(features, codes)})


def _silhouette(features: np.ndarray, codes: np.ndarray) -> float:
    step = -(-len(codes) // SILHOUETTE_ROWS)
    features, (_, codes) = features[::step], np.unique(codes[::step], return_inverse=True)
    sizes = np.bincount(codes)
    if len(sizes) < 2:
        return math.nan
    members = np.eye(len(sizes))[codes]
    scores = np.zeros(len(codes))
    for start in range(0, len(codes), 500):  # blocks bound the memory of all pairs
        rows = slice(start, start + 500)
        distance = np.sqrt(_squares(features[rows], features))
        to_cluster = distance @ members
        own = codes[rows]
        inside = to_cluster[np.arange(len(own)), own] / np.maximum(sizes[own] - 1, 1)
        to_cluster = to_cluster / sizes
        to_cluster[np.arange(len(own)), own] = np.inf
        outside = to_cluster.min(axis=1)
        widest = np.maximum(inside, outside)
        score = np.divide(outside - inside, widest, out=np.zeros(len(own)), where=widest > 0)
        scores[rows] = np.where(sizes[own] > 1, score, 0.0)
    return float(scores.mean())


def _squares(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(n, m) squared distances; the mean is taken off first so that large offsets cancel nothing."""
    middle = right.mean(axis=0)
    left, right = left - middle, right - middle
    squares = (left**2).sum(axis=1)[:, None] - 2 * left @ right.T + (right**2).sum(axis=1)
    return np.maximum(squares, 0.0)


def _davies_bouldin(features: np.ndarray, codes: np.ndarray) -> float:
    groups = range(codes.max() + 1)
    centres = np.array([features[codes == code].mean(axis=0) for code in groups])
    spread = np.array([np.linalg.norm(features[codes == c] - centres[c], axis=1).mean() for c in groups])
    apart = np.linalg.norm(centres[:, None] - centres[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    if (apart == 0).any():
        return math.nan
    return float(((spread[:, None] + spread[None]) / apart).max(axis=1).mean())


def reduction(features: np.ndarray, reconstruction: np.ndarray) -> dict[str, float]:
    """explained_variance (share kept by the reconstruction) and reconstruction_error (mean square per value)."""
    features = features.astype(np.float64)
    error = ((features - reconstruction) ** 2).sum()
    spread = ((features - features.mean(axis=0)) ** 2).sum()
    return _defined({"explained_variance": 1 - error / spread if spread > 0 else math.nan,
                     "reconstruction_error": error / features.size})  # fmt: skip


def _defined(found: dict[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in found.items() if math.isfinite(value)}
