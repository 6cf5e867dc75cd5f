"""The algorithms with a workload: one file each, all behind `fit(lesson, settings) -> Fitted`."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from workloads.contract import UserError
from workloads.tabular.lesson import Fitted, Lesson

TASKS = {
    "random_forest": ("classification", "regression"),
    "xgboost": ("classification", "regression"),
    "logistic_regression": ("classification",),
    "linear_regression": ("regression",),
    "neural_network": ("classification", "regression"),
    "kmeans": ("clustering",),
    "pca": ("dimensionality_reduction",),
}
"""What each algorithm can learn."""


def find(algorithm: str, task: str) -> Callable[[Lesson, Mapping[str, Any]], Fitted]:
    """The `fit` of `algorithm`. Raises UserError for an unknown one, or one that cannot learn `task`."""
    if algorithm not in TASKS:
        raise UserError(f"algorithm: {algorithm!r} has no workload; there are {', '.join(TASKS)}")
    if task not in TASKS[algorithm]:
        others = ", ".join(name for name, tasks in TASKS.items() if task in tasks)
        raise UserError(f"algorithm: {algorithm} cannot learn {task}, which this dataset's target asks for; "
                        f"choose {others}, or another target")  # fmt: skip
    return importlib.import_module(f"{__name__}.{algorithm}").fit


def settle(settings: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The given settings over the defaults. Raises UserError for names that have no effect here."""
    strange = sorted(set(settings) - set(defaults))
    if strange:
        raise UserError(f"hyperparameters.{strange[0]}: unknown here; there are {', '.join(defaults)}")
    return {**defaults, **settings}
