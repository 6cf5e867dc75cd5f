"""What an algorithm is given and what it gives back: the border between `train` and one file per algorithm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from workloads.contract import print_metrics
from workloads.tabular import metrics


@dataclass(frozen=True)
class Lesson:
    """The two splits an algorithm may see. Features (n, d) float32; targets (n,) int64 codes or float64."""

    task: str
    features: np.ndarray
    target: np.ndarray | None
    validation_features: np.ndarray
    validation_target: np.ndarray | None
    classes: int = 0
    seed: int = 42
    threads: int = 1

    def score(self, outputs: dict[str, np.ndarray], *, train: bool = False) -> dict[str, float]:
        """Metrics of predictions for the validation (or training) rows."""
        features = self.features if train else self.validation_features
        target = self.target if train else self.validation_target
        if target is None:
            return metrics.unsupervised(self.task, features, outputs)
        return metrics.supervised(self.task, target, outputs)

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


@dataclass(frozen=True)
class Fitted:
    """A trained model. `onnx` computes what `predict` does: the signature's outputs for (n, d) float32."""

    onnx: bytes
    predict: Callable[[np.ndarray], dict[str, np.ndarray]]
    hyperparameters: dict[str, Any]
    """All that had an effect, defaults included."""
    curve: Curve
    native: dict[str, bytes] = field(default_factory=dict)
    """Files in the framework's own safe format."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What else is worth knowing, e.g. the best iteration."""


def probabilities_to_outputs(probabilities: np.ndarray) -> dict[str, np.ndarray]:
    return {"label": probabilities.argmax(axis=1), "probabilities": probabilities}
