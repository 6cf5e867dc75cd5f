"""The OpenAPI 3.1 document of a model's endpoint, derived from its recipe."""

from __future__ import annotations

from typing import Any

from workloads.tabular.features import Column, FeaturePlan

ENUM_WORDS = 50


def document(plan: FeaturePlan, *, model: str, version: str, algorithm: str, metrics: dict[str, float], width: int = 0
             ) -> dict[str, Any]:  # fmt: skip
    """What the endpoint of `model` accepts and answers, with examples that work.

    Args:
        metrics: shown in the description, as measured on the sealed test split.
        width: number of components, for dimensionality_reduction.
    """
    measured = ", ".join(f"{name} {value:.4f}" for name, value in sorted(metrics.items()))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"Model {model}",
            "version": version,
            "description": f"{algorithm.replace('_', ' ')} for {plan.task.replace('_', ' ')}"
            + (f" of {plan.target}" if plan.target else "")
            + (f". Measured on the sealed test split: {measured}." if measured else "."),
        },
        "paths": {
            "/ping": {"get": {"operationId": "ping", "summary": "Is the model loaded and able to predict?",
                              "responses": {"200": {"description": "Ready."}, "503": _failure("Not ready.")}}},
            "/openapi.json": {"get": {"operationId": "describe", "summary": "This document.",
                                      "responses": {"200": _answer("This document.", {"type": "object"})}}},
            "/invocations": {"post": _invocations(plan, width)},
        },
        "components": {"schemas": _schemas(plan, width)},
    }  # fmt: skip


def _invocations(plan: FeaturePlan, width: int) -> dict[str, Any]:
    row = plan.example_row()
    names, values = list(row), list(row.values())
    reply = {"predictions": [_example_prediction(plan, width)], "model_version": "1.0.0"}
    refused = {"400": "A value, a column or the body does not fit; the message names row and column.",
               "406": "Accept names neither JSON nor CSV.", "413": "The body is too large.",
               "415": "The body is neither JSON nor CSV.", "500": "The model gave no number."}  # fmt: skip
    return {
        "operationId": "predict",
        "summary": "Predict one row or many, in the units of the raw data.",
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": "#/components/schemas/Request"},
                    "examples": {
                        "named": {"summary": "values by name", "value": {"instances": [row]}},
                        "ordered": {"summary": "values in the model's order", "value": {"instances": [values]}},
                        "table": {"summary": "columns and data", "value": {"columns": names, "data": [values]}},
                    },
                },
                "text/csv": {"schema": {"type": "string"}, "example": _csv(names) + _csv(values)},
            },
        },
        "responses": {
            "200": {
                "description": "One prediction for each row, in order.",
                "headers": {"X-Model-Version": {"schema": {"type": "string"}, "description": "What answered."}},
                "content": {
                    "application/json": {"schema": {"$ref": "#/components/schemas/Reply"}, "example": reply},
                    "text/csv": {"schema": {"type": "string"}},
                },
            },
            **{status: _failure(text) for status, text in refused.items()},
        },
    }  # fmt: skip


def _answer(text: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": schema}}}


def _failure(text: str) -> dict[str, Any]:
    return _answer(text, {"$ref": "#/components/schemas/Error"})


def _schemas(plan: FeaturePlan, width: int) -> dict[str, Any]:
    names = plan.names
    # With `missing: drop` the model knows only whole rows; otherwise a gap is filled as in training.
    row = {"type": "object", "properties": {column.name: _column(column, plan) for column in plan.columns},
           "required": names}  # fmt: skip
    values = {"type": "array", "prefixItems": [_column(column, plan) for column in plan.columns], "items": False,
              "minItems": len(names), "description": "Values in this order: " + ", ".join(names)}  # fmt: skip
    rows = {"type": "array", "minItems": 1, "items": {"anyOf": [
        {"$ref": "#/components/schemas/Row"}, {"$ref": "#/components/schemas/Values"}]}}  # fmt: skip
    table = {"type": "object", "required": ["columns", "data"], "properties": {
        "columns": {"type": "array", "items": {"type": "string"}},
        "data": {"type": "array", "minItems": 1, "items": {"type": "array"}}}}  # fmt: skip
    batch = {"type": "object", "required": ["instances"], "properties": {"instances": rows}}
    return {
        "Row": row,
        "Values": values,
        "Request": {"anyOf": [batch, table, {"$ref": "#/components/schemas/Row"}]},
        "Prediction": _prediction(plan, width),
        "Reply": {"type": "object", "required": ["predictions", "model_version"], "properties": {
            "predictions": {"type": "array", "items": {"$ref": "#/components/schemas/Prediction"}},
            "model_version": {"type": "string"}}},
        "Error": {"type": "object", "required": ["error"], "properties": {"error": {
            "type": "object", "required": ["code", "message", "remedy"],
            "properties": {word: {"type": "string"} for word in ("code", "message", "remedy")}}}},
    }  # fmt: skip


def _column(column: Column, plan: FeaturePlan) -> dict[str, Any]:
    kind = {"number": "number", "boolean": "boolean", "category": "string"}[column.kind]
    kinds = [kind, *(["number"] if kind == "boolean" else []), *(["null"] if plan.missing != "drop" else [])]
    schema: dict[str, Any] = {"type": kinds if len(kinds) > 1 else kind, "examples": [column.example]}
    if column.kind == "category":
        known = ", ".join(column.categories[:ENUM_WORDS])
        schema["description"] = f"Known words: {known}. Any other word is treated as unknown."
    return schema


def _prediction(plan: FeaturePlan, width: int) -> dict[str, Any]:
    number: dict[str, Any] = {"type": "number"}
    by_task: dict[str, dict[str, Any]] = {
        "classification": {"label": {"type": "string", "enum": list(plan.classes)},
                           "probabilities": {"type": "object", "properties": dict.fromkeys(plan.classes, number)}},
        "regression": {"value": number},
        "clustering": {"cluster": {"type": "integer"}, "distance": number},
        "dimensionality_reduction": {"components": {"type": "array", "items": number, "minItems": width}},
    }  # fmt: skip
    properties = by_task[plan.task]
    return {"type": "object", "required": list(properties), "properties": properties}


def _example_prediction(plan: FeaturePlan, width: int) -> dict[str, Any]:
    if plan.task == "classification":
        others = round(0.1 / max(len(plan.classes) - 1, 1), 4)
        shares = {word: 0.9 if place == 0 else others for place, word in enumerate(plan.classes)}
        return {"label": plan.classes[0], "probabilities": shares}
    return {"regression": {"value": 1.5}, "clustering": {"cluster": 0, "distance": 0.7}}.get(
        plan.task, {"components": [0.0] * width}
    )


def _csv(cells: list[Any]) -> str:
    import csv
    import io

    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()
