"""The catalogue of metrics: name, kind of task, direction, range, and the spellings people use."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Task = Literal[
    "classification",
    "regression",
    "clustering",
    "dimensionality_reduction",
    "object_detection",
    "object_detection_3d",
    "control",
]
Direction = Literal["higher", "lower"]


@dataclass(frozen=True)
class Metric:
    name: str
    title: str
    tasks: tuple[Task, ...]
    """Empty: of any task."""
    direction: Direction = "higher"
    low: float | None = 0.0
    high: float | None = 1.0
    aliases: tuple[str, ...] = ()

    @property
    def smaller_is_better(self) -> bool:
        return self.direction == "lower"

    def fits(self, task: str | None) -> bool:
        return task is None or not self.tasks or task in self.tasks


_CLASSES: tuple[Task, ...] = ("classification",)
_FOUND: tuple[Task, ...] = ("classification", "object_detection")
_NUMBERS: tuple[Task, ...] = ("regression",)
_CLUSTERS: tuple[Task, ...] = ("clustering",)
_BOXES: tuple[Task, ...] = ("object_detection",)
_BOXES_3D: tuple[Task, ...] = ("object_detection_3d",)
_DRIVING: tuple[Task, ...] = ("control",)

_CATALOGUE = (
    Metric("accuracy", "Accuracy", _CLASSES, aliases=("acc",)),
    Metric("precision", "Precision (macro)", _FOUND, aliases=("precision_macro",)),
    Metric("recall", "Recall (macro)", _FOUND, aliases=("recall_macro", "sensitivity")),
    Metric("f1", "F1 score (macro)", _CLASSES, aliases=("f1_score", "f1_macro", "f_score")),
    Metric("auc_roc", "AUC-ROC", _CLASSES, aliases=("auc", "roc_auc", "roc_auc_score")),
    Metric("rmse", "RMSE", _NUMBERS, "lower", high=None, aliases=("root_mean_squared_error",)),
    Metric("mae", "MAE", _NUMBERS, "lower", high=None, aliases=("mean_absolute_error",)),
    Metric("r2", "R²", _NUMBERS, low=None, aliases=("r2_score", "r_squared", "r²", "r_2")),
    Metric("mape", "MAPE", _NUMBERS, "lower", high=None, aliases=("mean_absolute_percentage_error",)),
    Metric("silhouette", "Silhouette score", _CLUSTERS, low=-1.0, aliases=("silhouette_score",)),
    Metric(
        "davies_bouldin", "Davies-Bouldin index", _CLUSTERS, "lower", high=None,
        aliases=("davies_bouldin_index", "davies_bouldin_score"),
    ),
    Metric(
        "explained_variance", "Explained variance", ("dimensionality_reduction",),
        aliases=("explained_variance_ratio",),
    ),
    Metric("map_50", "mAP@0.5", _BOXES, aliases=("map@0.5", "map_0.5", "map50")),
    Metric("map_50_95", "mAP@0.5:0.95", _BOXES, aliases=("map@0.5:0.95", "map@[0.5:0.95]", "map_0.5_0.95", "map")),
    *(
        Metric(f"ap_2d_{level}", f"KITTI 2D AP (R40), {level}", _BOXES, aliases=(f"kitti_2d_{level}",))
        for level in ("easy", "moderate", "hard")
    ),
    Metric("inference_latency_ms", "Inference latency (ms)", (), "lower", high=None, aliases=("latency", "latency_ms")),
    *(
        Metric(f"ap_{view}_{level}", f"{view.upper()} AP, {level}", _BOXES_3D)
        for view in ("3d", "bev")
        for level in ("easy", "moderate", "hard")
    ),
    Metric("aos", "Average orientation similarity", _BOXES_3D),
    Metric("average_reward", "Average reward", _DRIVING, low=None, high=None, aliases=("mean_reward", "avg_reward")),
    Metric("episode_length", "Episode length", _DRIVING, high=None, aliases=("mean_episode_length",)),
    Metric("collision_rate", "Collision rate", _DRIVING, "lower"),
    Metric("route_completion_rate", "Route completion rate", _DRIVING),
    Metric("avg_speed", "Average speed", _DRIVING, high=None, aliases=("average_speed",)),
    Metric("traffic_light_violation_rate", "Traffic light violation rate", _DRIVING, "lower", high=None),
    Metric("lane_invasion_rate", "Lane invasion rate", _DRIVING, "lower", high=None),
    Metric("speed_limit_violation_rate", "Speed limit violation rate", _DRIVING, "lower", high=None),
)  # fmt: skip

METRICS: dict[str, Metric] = {metric.name: metric for metric in _CATALOGUE}

PRIMARY: dict[str, str] = {
    "classification": "f1",
    "regression": "rmse",
    "clustering": "silhouette",
    "dimensionality_reduction": "explained_variance",
    "object_detection": "map_50_95",
    "object_detection_3d": "ap_3d_moderate",
    "control": "average_reward",
}
"""The metric by which champion and challenger of a task are compared."""


def _fold(name: str) -> str:
    return re.sub(r"[\s_-]+", "_", name.strip().lower())


_BY_SPELLING = {_fold(spelling): metric for metric in _CATALOGUE for spelling in (metric.name, *metric.aliases)}


def find(name: str) -> Metric | None:
    """The metric a person means by `name`: `AUC-ROC`, `f1_score` and `mAP@0.5:0.95` are understood."""
    return _BY_SPELLING.get(_fold(name))


def of_task(task: str) -> list[Metric]:
    """The metrics that belong to one task, in the order of a report."""
    return [metric for metric in _CATALOGUE if task in metric.tasks]


def in_order(names: Iterable[str]) -> list[str]:
    """`names` as a report shows them: in the order of the catalogue, strangers behind it as they came."""
    given = dict.fromkeys(names)
    return [*(name for name in METRICS if name in given), *(name for name in given if name not in METRICS)]


def primary(task: str) -> Metric:
    return METRICS[PRIMARY[task]]
