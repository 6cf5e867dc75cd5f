"""The run spec as flat parameters of an Airflow DAG, with a form that can be triggered as it stands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlops.spec.algorithms import ALGORITHMS, WORKLOADS
from mlops.spec.form import AUTO
from mlops.spec.headings import FieldPath, heading, leaves
from mlops.spec.metrics import METRICS
from mlops.spec.model import RunSpec, canonical
from mlops.spec.parse import DEFAULTS, check
from mlops.spec.schema import Schema, field_schema
from mlops.spec.spelling import draft
from mlops.spec.words import listed
from mlops.spec.yaml12 import Node, from_plain

_FOR_SIMULATORS = (
    ("environment",),
    ("agent",),
    ("reward_function",),
    ("evaluation", "episodes"),
    ("evaluation", "success_criteria"),
)
_MAY_BE_LEFT_OUT = {("deployment", "auto_scaling"), ("preprocessing", "points")}
"""Sections that any of their fields asks for."""
_SHORT_NAMES: dict[FieldPath, str] = {("evaluation", "thresholds"): "thresholds"}
_DEFAULTS = {"dataset_name": "breast_cancer", "algorithm": "xgboost", "deployment_target": "sagemaker_endpoint"}
"""A run that works on a fresh installation."""
_FIRST_CHOICES = {
    ("dataset", "name"), ("evaluation", "thresholds"), ("deployment", "target"), ("deployment", "strategy"),
}  # fmt: skip
"""Without a section: Airflow's form unfolds those, and every other section only when it is clicked."""
_SECTIONS: dict[FieldPath, FieldPath] = {("augmentation",): ("preprocessing",)}
"""Where a field is shown that belongs to no section of the spec."""


def _parameters() -> Iterator[tuple[str, FieldPath, Schema]]:
    """(name, path, schema) of every parameter, in the order of the form."""
    for path, schema in leaves():
        if path == ("model_type",) or any(path[: len(part)] == part for part in _FOR_SIMULATORS):
            continue  # the algorithm decides the model type
        yield name_of(path), path, schema
        if path == ("preprocessing", "scaling"):
            yield from _settings()


def _settings() -> Iterator[tuple[str, FieldPath, Schema]]:
    """Hyperparameters of all algorithms with a workload; empty means the algorithm's own default."""
    names = {setting: None for name in WORKLOADS for setting in ALGORITHMS[name].setting_names}
    for setting in names:
        path = ("hyperparameters", setting)
        schemas = {name: field_schema(path, name) for name in WORKLOADS if setting in ALGORITHMS[name].setting_names}
        yield name_of(path), path, _widest({name: schema for name, schema in schemas.items() if schema})


def _widest(schemas: dict[str, Schema]) -> Schema:
    """One schema that admits what any of the algorithms admits; the run spec checks the exact limits."""
    first = next(iter(schemas.values()))
    widest = {**first, "nullable": True, "default": None}
    for bound, choose in (("minimum", min), ("exclusiveMinimum", min), ("maximum", max), ("exclusiveMaximum", max)):
        values = [schema[bound] for schema in schemas.values() if bound in schema]
        widest.pop(bound, None)
        if len(values) == len(schemas):
            widest[bound] = choose(values)
    defaults = (f"{name} ({_default_text(schema.get('default'))})" for name, schema in schemas.items())
    widest["description"] = f"{first['description']} Of {listed(defaults, 'and')}."
    return widest


def _default_text(value: Any) -> str:
    return "no limit" if value is None else ", ".join(map(str, value)) if isinstance(value, list) else f"{value}"


def name_of(path: FieldPath) -> str:
    """`("dataset", "name")` is `dataset_name`."""
    return _SHORT_NAMES.get(path, "_".join(path))


def parameter_paths() -> dict[str, FieldPath]:
    """Name -> field, in the order of the form."""
    return {name: path for name, path, _ in _parameters()}


def dag_params() -> dict[str, dict[str, Any]]:
    """Parameters of the DAG `lifecycle`: name -> JSON schema with `default`, `title`, `description`, mostly `section`.

    The defaults describe a run that succeeds without edits.
    """
    return {name: _param(name, path, schema) for name, path, schema in _parameters()}


_KEPT = ("type", "enum", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "pattern", "minItems",
         "maxItems", "maxLength", "minLength", "additionalProperties", "items")  # fmt: skip


def _param(name: str, path: FieldPath, schema: Schema) -> dict[str, Any]:
    param = {key: schema[key] for key in _KEPT if key in schema}
    nullable = _may_be_empty(path, schema)
    if "items" in param:
        param["items"] = {key: value for key, value in param["items"].items() if key in _KEPT}
    if path == ("algorithm",):
        param["enum"] = list(WORKLOADS)
    if path == ("task",):
        param["enum"] = [task for task in param["enum"] if task in _runnable_tasks()]
    if nullable and "enum" in param:
        param["enum"] = [AUTO, *param["enum"]]
    elif nullable:
        param["type"] = [param["type"], "null"]
    default = _DEFAULTS.get(name, _default(path, schema))
    param["default"] = AUTO if default is None and "enum" in param else default
    if path == ("evaluation", "metrics"):
        param["examples"] = [metric for metric, one in METRICS.items() if any(map(one.fits, _runnable_tasks()))]
    titled = {**param, "title": heading(path), "description": _description(path, schema, param)}
    section = _SECTIONS.get(path, path[:1] if len(path) > 1 and path not in _FIRST_CHOICES else None)
    return {**titled, "section": heading(section)} if section else titled


def _description(path: FieldPath, schema: Schema, param: dict[str, Any]) -> str:
    """As the form shows it: plain text, where `auto` is what "empty" is elsewhere."""
    text = str(schema.get("description", "")).replace("`", "")
    if AUTO in param.get("enum", ()):
        text = text.replace("empty:", f"{AUTO}:")
    return text + (' Example: {"f1": 0.9}' if path == ("evaluation", "thresholds") else "")


def _default(path: FieldPath, schema: Schema) -> Any:
    if path[:-1] in _MAY_BE_LEFT_OUT:
        return None
    return schema.get("default", _EMPTY.get(schema.get("type", "")))


_EMPTY: dict[str, Any] = {"array": [], "object": {}}


def _may_be_empty(path: FieldPath, schema: Schema) -> bool:
    """Left out for a default of its own, as is every field of a section that may be left out."""
    return path == ("name",) or path[:-1] in _MAY_BE_LEFT_OUT or bool(schema.get("nullable"))


def _runnable_tasks() -> set[str]:
    return {task for name in WORKLOADS for task in ALGORITHMS[name].tasks}


def to_parameters(spec: RunSpec) -> dict[str, Any]:
    """The spec as a flat `conf`; `from_parameters` gives it back."""
    data = canonical(spec)
    return {name: _look_up(data, path, schema) for name, path, schema in _parameters()}


def _look_up(data: Any, path: FieldPath, schema: Schema) -> Any:
    for part in path:
        data = data.get(part) if isinstance(data, dict) else None
    return AUTO if data is None and "enum" in schema else data


def from_parameters(
    flat: dict[str, Any],
    *,
    data_buckets: tuple[str, ...] = DEFAULTS.data_buckets,
    instance_types: tuple[str, ...] = DEFAULTS.instance_types,
) -> RunSpec:
    """The run that a filled trigger form describes; None and `auto` mean left out.

    Raises:
        IssueRejected: with every problem; `field` is the parameter's name.
    """
    paths = parameter_paths()
    roots = []
    for name, value in flat.items():
        if value is None or value == AUTO or (isinstance(value, str) and not value.strip()):
            continue
        node = from_plain(value, name)
        for part in reversed(paths.get(name, (name,))):
            node = Node({part: node}, None, name)
        roots.append(node)
    return check(draft(roots), data_buckets=data_buckets, instance_types=instance_types, derive_model_type=True)
