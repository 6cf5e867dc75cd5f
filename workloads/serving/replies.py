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

import numpy as np
import orjson

Replier = Callable[[np.ndarray], list[dict[str, Any]]]


def replier(task: str, classes: Sequence[str]) -> Replier:
    """The function that turns a model's float32 output into one JSON object a row.

    The output is (n, classes) probabilities, (n, 1) values, (n, k) distances to the clusters, or (n, c) components.
    """
    if task == "classification":
        return lambda output: [
            {"label": classes[best], "probabilities": dict(zip(classes, row, strict=True))}
            for best, row in zip(output.argmax(axis=1).tolist(), output, strict=True)
        ]
    if task == "regression":
        return lambda output: [{"value": value} for value in output[:, 0]]
    if task == "clustering":
        return lambda output: [
            {"cluster": nearest, "distance": row[nearest]}
            for nearest, row in zip(output.argmin(axis=1).tolist(), output, strict=True)
        ]
    if task == "dimensionality_reduction":
        return lambda output: [{"components": row} for row in output]
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
