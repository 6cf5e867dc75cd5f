"""What an operator could change: from the gap between training and validation, and from the curve. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlops.errors import IssueRejected
from mlops.judge import smaller_is_better
from mlops.spec.change import merge
from mlops.spec.model import RunSpec

GAP = 0.05
"""Training better than validation by more than this share: it learnt by heart."""
_RISING = 0.005

Settings = dict[str, Any]
Rule = Callable[[Settings], Settings]


@dataclass(frozen=True)
class Symptoms:
    """How a training went. Shares of the metric's own size, so that accuracy and RMSE compare."""

    metric: str
    train: float | None = None
    validation: float | None = None
    still_rising: bool = False
    """The validation curve was still getting better at its end."""
    missed: tuple[str, ...] = ()
    """Metrics that are below their thresholds."""

    @property
    def gap(self) -> float | None:
        """How much better training is than validation, as a share; None where one is not known."""
        if self.train is None or self.validation is None:
            return None
        size = max(abs(self.train), abs(self.validation), 1e-9)
        ahead = self.validation - self.train if smaller_is_better(self.metric) else self.train - self.validation
        return ahead / size


@dataclass(frozen=True)
class Suggestion:
    hyperparameters: Settings = field(default_factory=dict)
    reasons: tuple[str, ...] = ()


_CALMER: dict[str, Rule] = {
    "random_forest": lambda s: {
        "max_depth": max(2, (s["max_depth"] or 16) // 2),
        "min_samples_leaf": max(2, 2 * s["min_samples_leaf"]),
    },
    "xgboost": lambda s: {
        "max_depth": max(2, s["max_depth"] - 2),
        "subsample": min(s["subsample"], 0.8),
        "reg_lambda": 4 * max(s["reg_lambda"], 0.5),
    },
    "logistic_regression": lambda s: {"C": s["C"] / 10},
    "linear_regression": lambda s: {"alpha": 10 * s["alpha"] or 1.0},
    "neural_network": lambda s: {
        "dropout": round(min(0.6, s["dropout"] + 0.2), 3),
        "weight_decay": min(0.1, 10 * max(s["weight_decay"], 1e-4)),
    },
    "yolox": lambda s: {"weight_decay": min(0.01, 4 * max(s["weight_decay"], 1e-4)), "mosaic_prob": 1.0},
}
"""Against learning by heart."""
_STRONGER: dict[str, Rule] = {
    "random_forest": lambda s: {
        "n_estimators": min(2000, max(200, 2 * s["n_estimators"])),
        "max_depth": s["max_depth"] and min(64, max(8, 2 * s["max_depth"])),
        "min_samples_leaf": 1,
    },
    "xgboost": lambda s: {
        "n_estimators": min(5000, max(200, 2 * s["n_estimators"])),
        "max_depth": min(16, max(4, s["max_depth"] + 2)),
        "learning_rate": min(1.0, max(0.05, s["learning_rate"])),
    },
    "logistic_regression": lambda s: {
        "C": min(1e6, max(1.0, 10 * s["C"])),
        "max_iter": min(100_000, 2 * s["max_iter"]),
    },
    "linear_regression": lambda s: {"alpha": s["alpha"] / 10 if s["alpha"] > 1e-3 else 0.0},
    "neural_network": lambda s: {
        "hidden_layers": [min(4096, 2 * units) for units in s["hidden_layers"]],
        "epochs": min(1000, max(50, 2 * s["epochs"])),
        "dropout": 0.0,
    },
    "kmeans": lambda s: {"n_init": min(100, 2 * s["n_init"]), "n_clusters": max(2, s["n_clusters"] - 1)},
    "pca": lambda s: {"n_components": min(1000, s["n_components"] + 1)},
    "yolox": lambda s: {"epochs": min(1000, max(30, 2 * s["epochs"]))},
}
"""Against learning too little."""
_LONGER: dict[str, Rule] = {
    "xgboost": lambda s: {"n_estimators": min(5000, 2 * s["n_estimators"])},
    "neural_network": lambda s: {
        "epochs": min(1000, 2 * s["epochs"]),
        "early_stopping_patience": min(1000, 2 * s["early_stopping_patience"]),
    },
    "logistic_regression": lambda s: {"max_iter": min(100_000, 2 * s["max_iter"])},
    "yolox": lambda s: {
        "epochs": min(1000, 2 * s["epochs"]),
        "early_stopping_patience": min(1000, 2 * s["early_stopping_patience"]),
    },
}  # fmt: skip


def symptoms(log: Mapping[str, Any], metric: str, missed: Sequence[str] = ()) -> Symptoms:
    """Read `training_log.json`. `metric` is the task's primary one; the curve may hold another (its first)."""
    series: Mapping[str, Sequence[float]] = (log.get("curve") or {}).get("series") or {}
    names = [metric, *[name.partition(":")[2] for name in series]]
    shown = next((name for name in names if f"train:{name}" in series and f"validation:{name}" in series), metric)
    # A split that is not looked at in every epoch has gaps.
    train, validation = (
        [value for value in series.get(f"{split}:{shown}") or () if value is not None]
        for split in ("train", "validation")
    )
    return Symptoms(
        metric=shown,
        train=float(train[-1]) if train else None,
        validation=float(validation[-1]) if validation else None,
        still_rising=_still_rising(validation, shown),
        missed=tuple(missed),
    )


def _still_rising(curve: Sequence[float], metric: str) -> bool:
    """True where the last value is the best so far, and better than the one of three quarters."""
    if len(curve) < 4:
        return False
    signed = [-value if smaller_is_better(metric) else value for value in curve]
    earlier = signed[(3 * len(signed)) // 4 - 1]
    return signed[-1] >= max(signed) and signed[-1] - earlier > _RISING * max(abs(earlier), 1e-9)


def suggest_settings(spec: RunSpec, seen: Symptoms) -> Suggestion:
    """Settings that differ from the spec's and that the spec's limits allow, with the reason in plain English."""
    rule, reason = _choose(spec.algorithm, seen)
    if rule is None:
        return Suggestion(reasons=(reason,))
    settings = spec.hyperparameters.model_dump(mode="json")
    wanted = {name: value for name, value in rule(settings).items() if settings.get(name) != value}
    allowed = {name: value for name, value in wanted.items() if _is_allowed(spec, name, value)}
    if not allowed:
        return Suggestion(reasons=(reason, f"{spec.algorithm} is at its limits; another algorithm may do better."))
    return Suggestion(allowed, (reason,))


def _choose(algorithm: str, seen: Symptoms) -> tuple[Rule | None, str]:
    gap = seen.gap
    if gap is not None and gap > GAP and algorithm in _CALMER:
        return _CALMER[algorithm], (
            f"{seen.metric} is {seen.train:.4g} on training and {seen.validation:.4g} on validation: the model learns "
            "by heart; hold it back."
        )
    if seen.still_rising and algorithm in _LONGER:
        return _LONGER[algorithm], f"{seen.metric} on validation was still getting better at the end: train longer."
    if algorithm in _STRONGER:
        if not seen.missed:
            return _STRONGER[algorithm], "Training and validation agree: a stronger model may gain a little more."
        about = ", ".join(seen.missed)
        return _STRONGER[algorithm], (
            f"Training and validation agree, and both are too weak (missed: {about}): a stronger model."
        )
    return None, f"Nothing is known that would help {algorithm}; try another algorithm or more data."


def _is_allowed(spec: RunSpec, name: str, value: Any) -> bool:
    try:
        return merge(spec, {"hyperparameters": {name: value}}) != spec
    except IssueRejected:
        return False
