"""Predictions as JSON or CSV, one form per kind of task.

| task | JSON, per row | CSV columns |
|---|---|---|
| classification | `{"label": "b", "probabilities": {"a": 0.1, "b": 0.9}}` | `label,probability_a,probability_b` |
| regression | `{"value": 152.1}` | `value` |
| clustering | `{"cluster": 2, "distance": 0.7}` | `cluster,distance` |
| dimensionality_reduction | `{"components": [0.1, -2.0]}` | `component_1,…` |
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import orjson

Replier = Callable[..., list[dict[str, Any]]]

OUTPUTS = {
    "classification": ("probabilities",),
    "regression": ("value",),
    "clustering": ("cluster", "distance"),
    "dimensionality_reduction": ("components",),
}
"""Per task: the outputs of `model.onnx` that an answer needs (workloads/tabular/graphs.py names them all)."""


def replier(task: str, classes: Sequence[str]) -> Replier:
    """The function that turns the arrays of `OUTPUTS[task]` into one JSON object a row.

    They are (n, classes) probabilities; (n,) values; (n,) int64 clusters and (n,) distances; (n, c) components.
    """
    if task == "classification":
        return lambda probabilities: [
            {"label": classes[best], "probabilities": dict(zip(classes, row))}  # noqa: B905  checked when loaded
            for best, row in zip(probabilities.argmax(axis=1).tolist(), probabilities, strict=True)
        ]
    if task == "regression":
        return lambda values: [{"value": value} for value in values]
    if task == "clustering":
        return lambda clusters, distances: [
            {"cluster": cluster, "distance": distance}
            for cluster, distance in zip(clusters.tolist(), distances, strict=True)
        ]
    if task == "dimensionality_reduction":
        return lambda components: [{"components": row} for row in components]
    raise ValueError(f"task {task!r} has no form of answer")


def as_json(predictions: list[dict[str, Any]], version: str) -> bytes:
    """Numbers with as many digits as float32 has: 0.3, not 0.30000001192092896."""
    return orjson.dumps({"predictions": predictions, "model_version": version}, option=orjson.OPT_SERIALIZE_NUMPY)


def as_csv(predictions: list[dict[str, Any]]) -> bytes:
    """A header and one line a row."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([name for name, _ in _cells(predictions[0])])
    writer.writerows([value for _, value in _cells(prediction)] for prediction in predictions)
    return out.getvalue().encode()


def _cells(prediction: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in prediction.items():
        if name == "probabilities":
            yield from ((f"probability_{label}", number) for label, number in value.items())
        elif name == "components":
            yield from ((f"component_{place}", number) for place, number in enumerate(value, start=1))
        else:
            yield name, value
