"""Defaults that depend on other fields: names, remaining shares, the task."""

from __future__ import annotations

import re
from typing import Any

from mlops.spec import metrics
from mlops.spec.algorithms import ALGORITHMS, Algorithm, find_algorithm, variant_name
from mlops.spec.words import nearest

_DEFAULT_REQUESTS_PER_INSTANCE = 100
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def complete_splits(data: Any) -> Any:
    """Fill the shares that were left out. Values that are no shares pass through, to be refused by the schema."""
    if not isinstance(data, dict):
        return data
    train, validation, test = (data.get(part) for part in ("train", "validation", "test"))
    given = [value for value in (train, validation, test) if value is not None]
    if not given or not all(is_number(value) and value > 0 for value in given):
        return data
    if any(value > 1 for value in given):
        # Numbers of rows: what is left out is decided when the rows are counted.
        return {**data, "test": test}
    if max(given) == 1 or (train is None and sum(given) >= 1):
        return data  # nothing is left to share out; mlops/spec/rules.py says so
    if train is None:
        train = _share(1 - sum(given)) if len(given) == 2 else _share((1 - sum(given)) * 0.8)
    if validation is None and test is not None:
        validation = _share(1 - train - test)
        if validation <= 0:  # an 80/20 split of train and test still needs rows to stop and tune by
            validation, train = _share(train / 8), _share(train - train / 8)
    elif validation is None:
        validation = _share((1 - train) / 2)
    if test is None:
        test = _share(1 - train - validation)
        if test <= 0:  # an 80/20 split of train and validation still needs rows nobody tuned by
            validation = test = _share(validation / 2)
    return {**data, "train": train, "validation": validation, "test": test}


def _share(value: float) -> float:
    return round(value, 6)


def complete_scaling(data: Any) -> Any:
    if not isinstance(data, dict):
        return data
    if data.get("target_latency_ms") is None and data.get("target_invocations_per_instance") is None:
        return {**data, "target_invocations_per_instance": _DEFAULT_REQUESTS_PER_INSTANCE}
    return data


def complete_run(data: Any) -> Any:
    """Name the model, tell the hyperparameters whose they are, and derive the task."""
    if not isinstance(data, dict):
        return data
    data = {key: value for key, value in data.items() if value is not None}
    algorithm = find_algorithm(data["algorithm"]) if isinstance(data.get("algorithm"), str) else None
    hyperparameters = data.get("hyperparameters", {})
    meant = meant_algorithm(data.get("algorithm"))
    if meant and isinstance(hyperparameters, dict):
        data["hyperparameters"] = {**hyperparameters, "algorithm": meant.name}
    if algorithm and algorithm.variants:
        _complete_variant(algorithm, data)
    if algorithm and "name" not in data:
        data["name"] = default_name(algorithm.name, data)
    if algorithm and "task" not in data:
        task = derived_task(algorithm.tasks, data.get("evaluation"))
        if task:
            data["task"] = task
    return data


def _complete_variant(algorithm: Algorithm, data: dict[str, Any]) -> None:
    """Name the variant as the catalogue does, and give images the size it expects."""
    written = data.get("variant", algorithm.usual_variant)
    data["variant"] = variant_name(algorithm, written) if isinstance(written, str) else written
    side, preprocessing = algorithm.variants.get(data["variant"]), data.get("preprocessing", {})
    if side and isinstance(preprocessing, dict) and preprocessing.get("input_size") is None:
        data["preprocessing"] = {**preprocessing, "input_size": [side, side]}


def meant_algorithm(written: Any) -> Algorithm | None:
    """The algorithm written, or the one a misspelling was to be: its settings are judged in the same answer."""
    if not isinstance(written, str):
        return None
    return find_algorithm(written) or ALGORITHMS.get(nearest(written, ALGORITHMS) or "")


def default_name(algorithm: str, data: dict[str, Any]) -> str:
    """`{algorithm}-{dataset}`; the simulator stands for the data of reinforcement learning."""
    for section, key in (("dataset", "name"), ("environment", "simulator")):
        part = data.get(section)
        name = part.get(key) if isinstance(part, dict) else None
        if isinstance(name, str) and _NAME.fullmatch(name.lower()):
            return f"{algorithm}-{name.lower()}"
    return algorithm


def derived_task(tasks: tuple[str, ...], evaluation: Any) -> str | None:
    """The one task that algorithm and metrics leave possible; None where the data must decide."""
    possible = list(tasks)
    for metric in asked_metrics(evaluation):
        possible = [task for task in possible if metric.fits(task)] or possible
    return possible[0] if len(possible) == 1 else None


def asked_metrics(evaluation: Any) -> list[metrics.Metric]:
    """The metrics that `evaluation` names, in either list; unknown names are left to the schema."""
    if not isinstance(evaluation, dict):
        return []
    names: list[Any] = []
    for part in (evaluation.get("metrics"), evaluation.get("thresholds")):
        if isinstance(part, (list, tuple, dict)):
            names.extend(part)
    found = (metrics.find(name) for name in names if isinstance(name, str))
    return [metric for metric in found if metric]
