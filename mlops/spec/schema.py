"""The JSON Schema of a run, and what it says about one field in words."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

from mlops.spec import values
from mlops.spec.algorithms import ALGORITHMS, SHA256_PATTERN, WEIGHTS_PATTERN
from mlops.spec.model import RunSpec
from mlops.spec.words import listed

Schema = dict[str, Any]
Path = tuple[str | int, ...]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_FORMATS = {
    values.NAME_PATTERN: "a name of 1 to 63 lower-case letters, digits, `_` and `-`, the first a letter or digit",
    values.MODEL_NAME_PATTERN: "a name of 1 to 96 lower-case letters, digits, `_` and `-`, the first a letter or digit",
    values.S3_PATTERN: "an address such as `s3://bucket/folder/`, of letters, digits and `_.-=+`, without `..`",
    values.INSTANCE_PATTERN: "an instance type such as `ml.m5.large`",
    values.VERSION_PATTERN: "a version such as `v1.2.0`",
    WEIGHTS_PATTERN: "the address of a checkpoint, such as `s3://bucket/folder/yolox_m.pth`",
    SHA256_PATTERN: "64 hexadecimal digits, as `sha256sum` prints them",
    values.LABEL_PATTERN: "a word of at most 63 letters, digits, `.`, `_` and `-`",
}


def json_schema() -> Schema:
    """The JSON Schema (2020-12) of the canonical run spec."""
    return copy.deepcopy(_json_schema())


def tool_schema() -> Schema:
    """The schema of a run spec as the argument of a tool: without dialect, for embedding."""
    schema = json_schema()
    del schema["$schema"]
    return schema


@cache
def _json_schema() -> Schema:
    schema = RunSpec.model_json_schema()
    for name, algorithm in ALGORITHMS.items():
        settings = schema["$defs"][algorithm.settings.__name__]
        # How pydantic tells the settings apart; nobody writes it.
        settings["properties"].pop("algorithm")
        schema.setdefault("allOf", []).append({
            "if": {"properties": {"algorithm": {"const": name}}, "required": ["algorithm"]},
            "then": {"properties": {"hyperparameters": {"$ref": f"#/$defs/{algorithm.settings.__name__}"}}},
        })  # fmt: skip
    description = schema["properties"]["hyperparameters"]["description"]
    schema["properties"]["hyperparameters"] = {"type": "object", "title": "Hyperparameters", "description": description}
    schema["required"] = [name for name in schema["required"] if name not in ("name", "hyperparameters")]
    return {"$schema": _DIALECT, **schema}


@cache
def field_schema(path: Path, algorithm: str | None = None) -> Schema | None:
    """The schema of one field with references resolved; None where there is no such field.

    A field that may be empty has `nullable: True` beside the schema of its value.
    """
    at = _resolved(_json_schema())
    for place, part in enumerate(path):
        if path[:place] == ("hyperparameters",):
            found = _setting(str(part), algorithm)
        elif isinstance(part, int):
            found = at.get("items")
        else:
            found = at.get("properties", {}).get(part) or _extra(at)
        if not isinstance(found, dict):
            return None
        at = _resolved(found)
    return at


def _setting(name: str, algorithm: str | None) -> Schema | None:
    """A hyperparameter of `algorithm`, or of the first that has it."""
    names = [algorithm] if algorithm in ALGORITHMS else list(ALGORITHMS)
    for candidate in names:
        properties = _json_schema()["$defs"][ALGORITHMS[str(candidate)].settings.__name__]["properties"]
        if name in properties:
            found: Schema = properties[name]
            return found
    return None


def _extra(at: Schema) -> Schema | None:
    extra = next(iter(at.get("patternProperties", {}).values()), at.get("additionalProperties"))
    return extra if isinstance(extra, dict) else None


def _resolved(schema: Schema) -> Schema:
    """`schema` with its own reference and its `or nothing` branch folded in."""
    outer = {key: value for key, value in schema.items() if key not in ("$ref", "anyOf")}
    if "$ref" in schema:
        return {**_resolved(_json_schema()["$defs"][schema["$ref"].rsplit("/", 1)[-1]]), **outer}
    branches = [branch for branch in schema.get("anyOf", []) if branch.get("type") != "null"]
    if len(branches) == 1:
        return {**_resolved(branches[0]), **outer, "nullable": True}
    return schema


def field_names(path: Path) -> list[str]:
    """The fields of the section at `path`; none where names are free."""
    schema = field_schema(path) if path else _json_schema()
    return list((schema or {}).get("properties", {}))


def in_words(schema: Schema) -> str:
    """What a value must be, e.g. `a whole number from 1 to 1024`."""
    if "enum" in schema or "const" in schema:
        return listed(schema.get("enum", [schema.get("const")]))
    kind = schema.get("type")
    if kind in ("integer", "number"):
        return ("a whole number" if kind == "integer" else "a number") + _range(schema)
    if kind == "array":
        return _array(schema)
    if kind == "object":
        return "a mapping (`key: value` lines, indented)"
    if kind == "boolean":
        return "true or false"
    return _FORMATS.get(schema.get("pattern", ""), f"text of 1 to {schema.get('maxLength', 128)} characters")


def _range(schema: Schema) -> str:
    low, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    high, below = schema.get("maximum"), schema.get("exclusiveMaximum")
    if low is not None and high is not None:
        return f" from {_plain(low)} to {_plain(high)}"
    parts = [
        f"{word} {_plain(bound)}"
        for word, bound in (("of at least", low), ("above", above), ("up to", high), ("below", below))
        if bound is not None
    ]
    return f" {' and '.join(parts)}" if parts else ""


def _plain(bound: float) -> str:
    return str(int(bound)) if float(bound).is_integer() else f"{bound:g}"


def _array(schema: Schema) -> str:
    if "prefixItems" in schema:
        return f"a list of {len(schema['prefixItems'])} numbers"
    least, most = schema.get("minItems"), schema.get("maxItems")
    count = f"{least} " if least and least == most else f"{least or 0} to {most} " if most else ""
    items = _resolved(schema.get("items", {}))
    if "enum" in items:
        return f"a list; each {in_words(items)}"
    if items.get("type") in ("integer", "number"):
        return f"a list of {count}{in_words(items).removeprefix('a ').replace('number', 'numbers', 1)}"
    return f"a list of at most {most} {'words' if items.get('type') == 'string' else 'entries'}"
