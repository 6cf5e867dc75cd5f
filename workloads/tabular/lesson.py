"""What an algorithm is given and what it gives back: the border between `train` and one file per algorithm."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from workloads.contract import print_metrics
from workloads.tabular import metrics

Predictor = Callable[[np.ndarray], dict[str, np.ndarray]]
"""(n, d) float32 to the signature's outputs."""


@dataclass(frozen=True)
class Lesson:
    """The two splits an algorithm may see. Features (n, d) float32; targets (n,) int64 codes or float64."""

    task: str
    features: np.ndarray
    target: np.ndarray | None
    validation_features: np.ndarray
    validation_target: np.ndarray | None
    classes: int = 0
    seed: int = 0
    threads: int = 1

    def score(self, outputs: dict[str, np.ndarray], *, train: bool = False) -> dict[str, float]:
        """Metrics of predictions for the validation (or training) rows."""
        features = self.features if train else self.validation_features
        target = self.target if train else self.validation_target
        if target is None:
            return metrics.unsupervised(self.task, features, outputs)
        return metrics.supervised(self.task, target, outputs)

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """(mean, deviation) of each feature over the training rows, float64; a deviation of 0 becomes 1."""
        features = self.features.astype(np.float64)
        spread = features.std(axis=0)
        return features.mean(axis=0), np.where(spread > 0, spread, 1.0)

    @property
    def headline(self) -> str:
        """The metric a learning curve shows."""
        return {"classification": "f1", "regression": "rmse", "clustering": "silhouette"}.get(
            self.task, "explained_variance"
        )


@dataclass
class Curve:
    """Metrics along training. `x_label` says what a step is; `series` has one value a step."""

    x_label: str
    x: list[float] = field(default_factory=list)
    series: dict[str, list[float]] = field(default_factory=dict)

    def add(self, x: float, train: dict[str, float], validation: dict[str, float], *, quiet: bool = False) -> None:
        """Record one step, and print it for SageMaker's metric definitions."""
        self.x.append(float(x))
        for split, values in (("train", train), ("validation", validation)):
            for name, value in values.items():
                self.series.setdefault(f"{split}:{name}", []).append(float(value))
        if not quiet:
            print_metrics(round(x), train=train, validation=validation)

    def compare(self, x: float, lesson: Lesson, predict: Predictor, *, quiet: bool = False) -> None:
        """Record the headline metric of a model on both splits."""
        name = lesson.headline
        train = lesson.score(predict(lesson.features), train=True)
        validation = lesson.score(predict(lesson.validation_features))
        self.add(x, {name: train.get(name, 0.0)}, {name: validation.get(name, 0.0)}, quiet=quiet)


def growing(lesson: Lesson, seed: int, steps: int = 5) -> Iterator[np.ndarray]:
    """Row numbers of growing parts of the training split; the last is all of it, in order.

    Every part holds every class, or a classifier could not be fitted on it.
    """
    rows = len(lesson.features)
    order = np.random.default_rng(seed).permutation(rows)
    if lesson.classes and lesson.target is not None:
        first = np.unique(lesson.target[order], return_index=True)[1]
        order = np.concatenate([order[first], np.delete(order, first)])
    fewest = min(max(2 * lesson.classes, 10), rows)
    for count in np.unique(np.geomspace(max(fewest, rows // 10), rows, steps).round().astype(int))[:-1]:
        yield np.sort(order[:count])
    yield np.arange(rows)


@dataclass(frozen=True)
class Fitted:
    """A trained model. `onnx` computes what `predict` does: the signature's outputs for (n, d) float32."""

    onnx: bytes
    predict: Predictor
    hyperparameters: dict[str, Any]
    """All that had an effect, defaults included."""
    curve: Curve
    native: dict[str, bytes] = field(default_factory=dict)
    """Files in the framework's own safe format."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What else is worth knowing, e.g. the best iteration."""


def probabilities_to_outputs(probabilities: np.ndarray) -> dict[str, np.ndarray]:
    return {"label": probabilities.argmax(axis=1), "probabilities": probabilities}
