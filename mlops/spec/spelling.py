"""Bring what a person wrote into canonical shape: aliases, nesting, one-key lists; lines stay attached."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from mlops.errors import Problem
from mlops.spec import metrics
from mlops.spec.algorithms import setting_name
from mlops.spec.complete import meant_algorithm
from mlops.spec.rules import Path, dotted
from mlops.spec.schema import field_schema
from mlops.spec.values import has_template
from mlops.spec.words import quote, shown
from mlops.spec.yaml12 import Node, Scalar

SECTIONS = frozenset({
    "dataset", "dataset.splits", "preprocessing", "preprocessing.points", "hyperparameters", "evaluation",
    "evaluation.thresholds", "deployment", "deployment.auto_scaling", "environment", "agent",
})  # fmt: skip

_PART_SPELLINGS = {
    "train": ("train_split", "train_size", "train_ratio", "training"),
    "validation": ("val", "val_split", "val_size", "val_ratio", "validation_split", "validation_size", "valid"),
    "test": ("test_split", "test_size", "test_ratio"),
}
ALIASES = {
    "evaluation_metrics": "evaluation.metrics",
    "metrics": "evaluation.metrics",
    "thresholds": "evaluation.thresholds",
    "success_criteria": "evaluation.success_criteria",
    "test_dataset": "evaluation.test_dataset",
    "splits": "dataset.splits",
    "dataset.split": "dataset.splits",
    "dataset.seed": "dataset.splits.seed",
    "dataset.splits.random_state": "dataset.splits.seed",
    "dataset.uri": "dataset.s3_uri",
    "dataset.target_column": "dataset.target",
    "dataset.label": "dataset.target",
    "preprocessing.augmentation": "augmentation",
    "hyperparameters.input_size": "preprocessing.input_size",
    "preprocessing.missing_values": "preprocessing.missing",
    "preprocessing.imputation": "preprocessing.missing",
    "preprocessing.normalization": "preprocessing.scaling",
    "preprocessing.image_size": "preprocessing.input_size",
    "preprocessing.mask": "preprocessing.masking",
    "preprocessing.anonymization": "preprocessing.masking",
    "preprocessing.point_clouds": "preprocessing.points",
    "preprocessing.points.range": "preprocessing.points.range_m",
    "preprocessing.points.grid": "preprocessing.points.grid_m",
    "preprocessing.points.voxel_size": "preprocessing.points.voxel_size_m",
    "preprocessing.points.bev_cell": "preprocessing.points.bev_cell_m",
    "input_size": "preprocessing.input_size",
    "masking": "preprocessing.masking",
    "evaluation.criteria": "evaluation.success_criteria",
    "strategy": "deployment.strategy",
    "instance_type": "deployment.instance_type",
    "auto_scaling": "deployment.auto_scaling",
    "deployment.autoscaling": "deployment.auto_scaling",
    "deployment.require_approval": "deployment.approval",
    "rewards": "reward_function",
    "reward": "reward_function",
    "environment.map": "environment.town",
    "agent.observations": "agent.observation",
    "agent.actions": "agent.action",
    "model_name": "name",
    **{
        f"{section}{written}": f"dataset.splits.{part}"
        for part, spellings in _PART_SPELLINGS.items()
        for section in ("dataset.", "dataset.splits.", "")
        for written in ((part, *spellings) if section == "dataset." else spellings)
        if section or "_" in written
    },
}
"""Written path -> canonical path."""

_PAIR_LISTS = {"reward_function", "agent.observation", "agent.action", "evaluation.thresholds"}
"""Mappings that may be written as a list of one-key mappings, as the specification does."""
_TEXTS = {"environment.version", "variant", "hyperparameters.weights_sha256", "hyperparameters.sha256"}
_TEXT_LISTS = {"dataset.classes"}
"""Text that may look like a number: `version: 0.10`, `classes: [0, 1]`."""

_FREE_NAMES = ("agent", "reward_function")
"""Names of the requester's own sensors and events; `front_image` is one."""

_FORBIDDEN = re.compile(
    r"(.*_)?(role|role_?arn|arn|image|image_uri|image_name|docker_image|container|containers|bucket|buckets|network"
    r"|network_config|vpc|vpc_config|subnet|subnets|security_groups?|security_group_ids|dag_id|dag_run_id|run_key|run_id"
    r"|entry_?point|source_dir|script|command|shell|kms_key|kms_key_id|secret|secrets|secret_name|password|token"
    r"|api_key|credentials|output_path|output_s3_uri|file_path|filename)|(sagemaker|aws|airflow|docker|kms|vpc)_.*"
)


@dataclass
class Draft:
    """Canonically shaped data that no schema has seen yet, and where each part of it was written."""

    data: dict[str, Any] = field(default_factory=dict)
    origins: dict[Path, Node] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def origin(self, path: Path) -> Node | None:
        """Where `path` was written, or else the first part of it, or else what it is part of."""
        if path in self.origins:
            return self.origins[path]
        inside = [node for place, node in self.origins.items() if place[: len(path)] == path and node.line]
        if inside:
            return min(inside, key=lambda node: node.line or 0)
        for length in range(len(path), 0, -1):
            if path[:length] in self.origins:
                return self.origins[path[:length]]
        return None

    def report_twice(self, node: Node, first: Node | None) -> None:
        where = f"`{quote(first.written)}` on line {first.line}" if first else "another line"
        self.report(node, "duplicate_key", f"says the same as {where}.", "Keep one of them.")

    def report(self, node: Node, code: str, message: str, remedy: str) -> None:
        self.problems.append(Problem(node.line, node.written or "document", code, message, remedy))


def is_forbidden(key: str) -> bool:
    """Whether `key` names something the deployment decides: roles, images, networks, addresses, code."""
    return bool(_FORBIDDEN.fullmatch(key.lower().replace("-", "_")))


def draft(roots: Iterable[Node], algorithm: str | None = None) -> Draft:
    """The draft of one or more mappings, taken together; `algorithm` is whose settings they hold if they do not say."""
    result = Draft()
    for root in roots:
        _walk(result, root, ())
    _rename_settings(result, algorithm)
    return result


def _walk(result: Draft, section: Node, prefix: Path) -> None:
    assert isinstance(section.value, dict)
    for key, node in section.value.items():
        if is_forbidden(key):
            result.report(node, "not_from_an_issue", _FORBIDDEN_MESSAGE, "Remove it.")
            continue
        path = _canonical(prefix, key)
        if path == ("hyperparameters", "algorithm"):  # the schema's own mark, see mlops/spec/complete.py
            result.report(node, "unknown_field", "is no hyperparameter.", "Write `algorithm` at the top level.")
            continue
        name = dotted(path)
        if name in _PAIR_LISTS:
            node = _joined(result, node)
        if name in SECTIONS and isinstance(node.value, dict):
            _place(result, path, node, {})
            _walk(result, node, path)
        elif node.value is not None or field_schema(path) is None:
            _place(result, path, node, _plain(result, node, name, path))
        else:  # `target:` without a value is left out, but it is where a value is missed
            result.origins.setdefault(path, node)


_FORBIDDEN_MESSAGE = "is decided by the deployment, never by an issue."


def _canonical(prefix: Path, key: str) -> Path:
    """As a tuple: a key with dots in it (`mAP@0.5`) stays one part."""
    alias = ALIASES.get(dotted((*prefix, key)))
    if alias:
        return tuple(alias.split("."))
    if prefix == ("evaluation", "thresholds"):
        metric = metrics.find(key)
        key = metric.name if metric else key
    return (*prefix, key)


def _place(result: Draft, path: Path, node: Node, value: Any) -> None:
    """Put `value` at `path`; a second value for the same meaning is a mistake."""
    at: Any = result.data
    for part in path[:-1]:
        at = at.setdefault(part, {})
        if not isinstance(at, dict):
            return  # the section holds something else, which the schema reports
    last = path[-1]
    if last not in at:
        at[last] = value
        result.origins[path] = node
    elif not (value == {} and isinstance(at[last], dict)):
        result.report_twice(node, result.origin(path))


def _joined(result: Draft, node: Node) -> Node:
    """`[{a: 1}, {b: 2}]` as `{a: 1, b: 2}`."""
    if not isinstance(node.value, list):
        return node
    if not all(isinstance(item.value, dict) for item in node.value):
        return node
    entries: dict[str, Node] = {}
    for item in node.value:
        assert isinstance(item.value, dict)
        for key, inner in item.value.items():
            if key in entries:
                result.report_twice(inner, entries[key])
            entries.setdefault(key, inner)
    return Node(entries, node.line, node.written)


def _plain(result: Draft, node: Node, canonical: str, path: Path) -> Any:
    """The value without its node. Whole numbers become int, whatever way they were written."""
    if path not in result.origins:
        result.origins[path] = node
    if isinstance(node.value, dict):
        return _plain_mapping(result, node.value, path)
    if isinstance(node.value, list):
        inner_name = "text" if canonical in _TEXT_LISTS else ""
        return [_plain(result, inner, inner_name, (*path, place)) for place, inner in enumerate(node.value)]
    _refuse_template(result, node, node.value)
    if canonical in _TEXTS or canonical == "text":
        return node.source if node.source else node.value
    return _tidy(result, node)


def _plain_mapping(result: Draft, entries: dict[str, Node], path: Path) -> dict[str, Any]:
    items: dict[str, Any] = {}
    for key, inner in entries.items():
        if is_forbidden(key) and path[0] not in _FREE_NAMES:
            result.report(inner, "not_from_an_issue", _FORBIDDEN_MESSAGE, "Remove it.")
        else:
            _refuse_template(result, inner, key)
            items[key] = _plain(result, inner, "", (*path, key))
    return items


def _refuse_template(result: Draft, node: Node, text: Any) -> None:
    if isinstance(text, str) and has_template(text):
        message = f"must not hold the template marks `{{{{`, `{{%` or `{{#` (got {shown(text)})."
        result.report(node, "template", message, "Write the value itself.")


def _tidy(result: Draft, node: Node) -> Scalar:
    value = node.value
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            message = f"must be a finite number (got {quote(node.source) or value})."
            result.report(node, "not_finite", message, "Write a number.")
            return None
        if value.is_integer() and abs(value) <= 2**53:
            return int(value)
    assert not isinstance(value, (dict, list))
    return value


def _rename_settings(result: Draft, default: str | None) -> None:
    """Hyperparameters under the names that the algorithm gives them."""
    written = result.data.get("hyperparameters")
    algorithm = meant_algorithm(result.data.get("algorithm", default))
    if not isinstance(written, dict) or algorithm is None:
        return
    renamed: dict[str, Any] = {}
    nodes = {key: result.origins[("hyperparameters", key)] for key in written}
    for key, node in nodes.items():
        canonical = setting_name(algorithm, key)
        if canonical in renamed:
            result.report_twice(node, result.origins[("hyperparameters", canonical)])
            continue
        renamed[canonical] = written[key]
        result.origins[("hyperparameters", canonical)] = node
    result.data["hyperparameters"] = renamed
