"""Gradient-boosted trees (XGBoost) with early stopping; one point of the curve per round."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from workloads.contract import UserError, print_metrics
from workloads.tabular.algorithms import settle
from workloads.tabular.graphs import INPUT, Graph, Trees
from workloads.tabular.lesson import Curve, Fitted, Lesson, probabilities_to_outputs

DEFAULTS = {
    "n_estimators": 300, "max_depth": 6, "learning_rate": 0.1, "subsample": 1.0, "colsample_bytree": 1.0,
    "reg_lambda": 1.0, "early_stopping_rounds": 20, "seed": 0,
}  # fmt: skip
PRINT_EVERY = 10
LARGEST_TARGET = 1e15
"""XGBoost adds up squares of errors in float32, which ends at 3e38."""


def fit(lesson: Lesson, settings: Mapping[str, Any]) -> Fitted:
    import xgboost as xgb

    chosen = settle(settings, DEFAULTS)
    objective, metric = _objective(lesson)
    parameters = {name: chosen[name] for name in ("max_depth", "learning_rate", "subsample", "colsample_bytree",
                                                  "reg_lambda", "seed")}  # fmt: skip
    parameters |= {"objective": objective, "eval_metric": metric, "tree_method": "hist", "nthread": lesson.threads}
    _check_size(lesson)
    if lesson.classes > 2:
        parameters["num_class"] = lesson.classes
    train = xgb.DMatrix(lesson.features, lesson.target)
    validation = xgb.DMatrix(lesson.validation_features, lesson.validation_target)
    history: dict[str, dict[str, list[float]]] = {}
    booster = xgb.train(
        parameters, train, num_boost_round=chosen["n_estimators"], evals=[(train, "train"), (validation, "validation")],
        early_stopping_rounds=chosen["early_stopping_rounds"] or None, evals_result=history, verbose_eval=False,
    )  # fmt: skip
    best = booster.best_iteration if chosen["early_stopping_rounds"] else chosen["n_estimators"] - 1
    booster = booster[: best + 1]
    curve = Curve("rounds")
    for number, losses in enumerate(zip(history["train"][metric], history["validation"][metric], strict=True), start=1):
        curve.add(number, {metric: losses[0]}, {metric: losses[1]}, quiet=True)
        if number % PRINT_EVERY == 0 or number == 1:
            print_metrics(number, train={metric: losses[0]}, validation={metric: losses[1]})

    def predict(features: np.ndarray) -> dict[str, np.ndarray]:
        answer = booster.predict(xgb.DMatrix(features))
        if lesson.task == "regression":
            return {"value": answer}
        return probabilities_to_outputs(np.stack([1 - answer, answer], axis=1) if lesson.classes == 2 else answer)

    model = bytes(booster.save_raw("json"))
    gain = booster.get_score(importance_type="gain")
    importance = [float(np.sum(gain.get(f"f{place}", 0.0))) for place in range(lesson.features.shape[1])]
    return Fitted(_graph(json.loads(model), lesson), predict, chosen, curve, {"model.json": model},
                  {"best_iteration": best + 1, "importance": importance})  # fmt: skip


def _check_size(lesson: Lesson) -> None:
    if lesson.task != "regression" or lesson.target is None:
        return
    largest = float(np.abs(lesson.target).max())
    if largest > LARGEST_TARGET:
        raise UserError(
            f"dataset.target: holds {largest:.3g}; xgboost can learn at most {LARGEST_TARGET:g}. Change its unit, or "
            "choose random_forest, linear_regression or neural_network"
        )


def _objective(lesson: Lesson) -> tuple[str, str]:
    """(objective, loss reported per round)."""
    if lesson.task == "regression":
        return "reg:squarederror", "rmse"
    return ("binary:logistic", "logloss") if lesson.classes == 2 else ("multi:softprob", "mlogloss")


def _graph(model: dict[str, Any], lesson: Lesson) -> bytes:
    """The trees of XGBoost's own JSON (its documented model schema) as one ONNX node."""
    learner = model["learner"]
    width = lesson.classes if lesson.classes > 2 else 1
    trees = Trees(width, "BRANCH_LT")
    boosted = learner["gradient_booster"]["model"]
    for tree, group in zip(boosted["trees"], boosted["tree_info"], strict=True):
        left = np.array(tree["left_children"])
        conditions = np.array(tree["split_conditions"], dtype=np.float32)  # at a leaf: its value
        leaves = np.zeros((len(left), width))
        leaves[:, group] = np.where(left < 0, conditions, 0.0)
        trees.add(np.array(tree["split_indices"]), conditions, left, np.array(tree["right_children"]), leaves)
    graph = Graph()
    base = _base_margin(learner["learner_model_param"]["base_score"], lesson, width)
    margin = graph.node("TreeEnsembleRegressor", INPUT, domain="ai.onnx.ml", **trees.attributes(base))
    if lesson.task == "regression":
        graph.value_output(margin)
    elif width == 1:
        graph.binary_outputs(margin)
    else:
        graph.class_outputs(margin)
    return graph.build(lesson.task, lesson.features.shape[1], lesson.classes)


def _base_margin(base_score: str, lesson: Lesson, width: int) -> np.ndarray:
    """What is added to the trees' sum. The file holds one number or a list, for two classes as a probability."""
    values = np.atleast_1d(np.array(json.loads(base_score), dtype=np.float64))
    if lesson.classes == 2:
        share = float(values[0])
        if not 0 < share < 1:
            raise UserError(f"dataset: base rate {share} of the second class; both classes must occur")
        values = np.array([math.log(share / (1 - share))])
    return np.broadcast_to(values, (width,))
