"""An operator's comment that changes settings: read it, and put it into the spec of the last run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mlops.errors import IssueRejected, Problem
from mlops.spec.algorithms import algorithms_with, find_algorithm
from mlops.spec.body import Block, split_fences, split_lines, top_level_keys
from mlops.spec.complete import default_name
from mlops.spec.model import RunSpec, canonical
from mlops.spec.parse import DEFAULTS, check, in_order
from mlops.spec.schema import field_schema
from mlops.spec.spelling import Draft, draft
from mlops.spec.words import quote
from mlops.spec.yaml12 import Node, from_plain, read

COMMAND = "/retrain"

Change = dict[str, Node]
"""Setting as named in the comment -> its value, with the line it stands on."""

_MAX_COMMENT = 64 * 1024
_PAIR = re.compile(r"(?:[-*][ \t]+)?`?([A-Za-z_][A-Za-z0-9_.@-]*)`?[ \t]*[=:][ \t]*([^ \t].*)")
_INLINE = re.compile(r"[ \t,]*([A-Za-z_][A-Za-z0-9_.-]*)[ \t]?[=:][ \t]?(\[[^\]]*\]|\"[^\"]*\"|[^\s,=:\[\"]+)")


def parse_change(comment_body: str) -> Change | None:
    """What a comment asks to change, in the spelling and with the lines of the comment; None where it asks for nothing.

    Read are a fenced YAML mapping with a known field or hyperparameter, and whatever follows `/retrain`:
    YAML, or `key: value` and `key = value` lines. `/retrain` alone gives {}: the same settings again.

    Raises:
        IssueRejected: the comment asks for a change and cannot be read.
    """
    if len(comment_body.encode("utf-8", "surrogatepass")) > _MAX_COMMENT:
        return None
    prose, fences = split_fences(split_lines(comment_body))
    at = next((number for number, line in enumerate(prose) if line.lower().split()[:1] == [COMMAND]), None)
    for fence in fences:
        change = _fenced(fence, asked_for=at is not None)
        if change is not None:
            return change
    return _command(prose, at) if at is not None else None


def _fenced(fence: Block, asked_for: bool) -> Change | None:
    if fence.language not in ("", "yaml", "yml"):
        return None
    reading = read(fence.text, fence.first_line)
    entries = reading.root.value if reading.root and isinstance(reading.root.value, dict) else {}
    # A pasted log may hold `epochs: 3` among other lines; only a fence that says it is YAML may hold mistakes.
    is_change = any if fence.language else all
    if not asked_for and not (entries and is_change(map(_is_setting, entries))):
        return None
    if reading.problems:
        raise IssueRejected(in_order(reading.problems))
    return dict(entries) if entries else None


def _is_setting(key: str) -> bool:
    return key in top_level_keys() or key.split(".")[0] in top_level_keys() or bool(algorithms_with(key))


def _command(prose: list[str], at: int) -> Change:
    """The settings after `/retrain`, on its line and on those that follow, up to the first line of prose."""
    change: Change = {}
    rest = prose[at].strip()[len(COMMAND) :]  # in whatever case it was written
    while match := _INLINE.match(rest):
        _put(change, match.group(1), _value(match.group(1), match.group(2), at + 1))
        rest = rest[match.end() :]
    if rest.strip(" \t,"):
        raise _unreadable(at + 1, rest.strip())
    lines = prose[at + 1 :]
    while lines and not lines[0].strip():
        lines, at = lines[1:], at + 1
    pairs = [_PAIR.fullmatch(line.strip()) for line in lines]
    count = next(
        (place for place, (line, pair) in enumerate(zip(lines, pairs, strict=True)) if not _belongs(line, pair)),
        len(lines),
    )
    nested = any(line.startswith((" ", "\t")) or line.rstrip().endswith(":") for line in lines[:count])
    if nested:
        reading = read("\n".join(lines[:count]), at + 2)
        if reading.problems:
            raise IssueRejected(in_order(reading.problems))
        entries = reading.root.value if reading.root and isinstance(reading.root.value, dict) else {}
        for key, value in entries.items():
            _put(change, key, value)
        return change
    for number, pair in enumerate(pairs[:count], at + 2):
        if pair:
            _put(change, pair.group(1), _value(pair.group(1), pair.group(2).rstrip("` \t,"), number))
    return change


def _belongs(line: str, pair: re.Match[str] | None) -> bool:
    return bool(pair) or not line.strip() or line.startswith((" ", "\t", "- ", "#")) or line.rstrip().endswith(":")


def _value(key: str, text: str, line: int) -> Node:
    reading = read(text, line, key)
    if reading.problems:
        raise IssueRejected(in_order(reading.problems))
    if reading.root is None:
        raise _unreadable(line, text)
    return reading.root


def _put(change: Change, key: str, value: Node) -> None:
    if key in change:
        raise IssueRejected([Problem(value.line, key, "duplicate_key", "is written twice.", "Keep one of them.")])
    change[key] = value


def _unreadable(line: int, text: str) -> IssueRejected:
    message = f"is followed by something that is no setting ({quote(text)})."
    return IssueRejected(
        [Problem(line, COMMAND, "yaml_syntax", message, "Write `name=value`, or `name: value` lines.")]
    )


def merge(
    spec: RunSpec,
    change: Mapping[str, Any],
    *,
    data_buckets: tuple[str, ...] = DEFAULTS.data_buckets,
    instance_types: tuple[str, ...] = DEFAULTS.instance_types,
) -> RunSpec:
    """`spec` with a change put in. Hyperparameters may be named bare, other fields by dotted path.

    Values of `change` are plain, or nodes of a comment, whose lines the problems then name.
    A changed algorithm starts from its own defaults; changed splits replace the old ones as a whole.

    Raises:
        IssueRejected: with every problem of the change.
    """
    roots = [
        _nested(key, value if isinstance(value, Node) else from_plain(value, key)) for key, value in change.items()
    ]
    written = draft(roots, algorithm=spec.algorithm)
    base = canonical(spec)
    _forget_what_follows(base, written.data)
    merged = Draft(_overlaid(base, written.data), written.origins, written.problems)
    return check(merged, data_buckets=data_buckets, instance_types=instance_types, derive_model_type=True)


def _nested(key: str, node: Node) -> Node:
    """A bare hyperparameter under `hyperparameters`, a dotted name as nested ones."""
    path = key.split(".")
    if len(path) == 1 and key not in top_level_keys() and field_schema((key,)) is None and algorithms_with(key):
        path = ["hyperparameters", key]
    for part in reversed(path):
        node = Node({part: node}, node.line, key)
    return node


def _forget_what_follows(base: dict[str, Any], change: dict[str, Any]) -> None:
    """Drop from `base` what was derived from, or belongs to, something that the change replaces."""
    asked = change.get("dataset")
    dataset = asked if isinstance(asked, dict) else {}
    if base["name"] == default_name(base["algorithm"], base):
        del base["name"]
    algorithm = find_algorithm(change["algorithm"]) if isinstance(change.get("algorithm"), str) else None
    if algorithm and algorithm.name != base["algorithm"]:
        base["hyperparameters"] = {}
        if algorithm.model_type != base["model_type"]:
            base["model_type"] = None
        if base["task"] not in algorithm.tasks:
            base["task"] = None
    if base["dataset"] and "name" in dataset and dataset["name"] != base["dataset"]["name"]:
        base["dataset"].update(s3_uri=None, target=None, classes=[])
        base["task"] = None
    splits = dataset.get("splits")
    if base["dataset"] and isinstance(splits, dict) and {"train", "validation", "test"} & set(splits):
        base["dataset"]["splits"] = {"seed": base["dataset"]["splits"]["seed"]}
    _forget_other_target(base, change)


_TARGETS = ("target_latency_ms", "target_invocations_per_instance")


def _forget_other_target(base: dict[str, Any], change: dict[str, Any]) -> None:
    old, new = base["deployment"]["auto_scaling"], change.get("deployment")
    scaling = new.get("auto_scaling") if isinstance(new, dict) else None
    if old and isinstance(scaling, dict) and any(target in scaling for target in _TARGETS):
        old.update(dict.fromkeys(_TARGETS))


def _overlaid(base: Any, change: Any) -> Any:
    """`change` over `base`; mappings are joined, everything else is replaced."""
    if not isinstance(base, dict) or not isinstance(change, dict):
        return change
    joined = {key: value for key, value in base.items() if value is not None}
    for key, value in change.items():
        joined[key] = _overlaid(joined.get(key), value)
    return joined
