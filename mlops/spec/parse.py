"""Issue text to `RunSpec`, or every mistake at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from mlops.errors import IssueRejected, Problem
from mlops.keys import split_uri
from mlops.settings import Settings
from mlops.spec.algorithms import find_algorithm
from mlops.spec.body import find_document
from mlops.spec.explain import from_rules, from_validation, no_workload
from mlops.spec.model import RunSpec
from mlops.spec.rules import Broken, broken_rules
from mlops.spec.spelling import Draft, draft
from mlops.spec.words import listed, shown
from mlops.spec.yaml12 import MAX_PROBLEMS

DEFAULTS = Settings()


def parse_issue(
    body: str,
    *,
    data_buckets: tuple[str, ...] = DEFAULTS.data_buckets,
    instance_types: tuple[str, ...] = DEFAULTS.instance_types,
) -> RunSpec:
    """The run that an issue's body describes.

    Args:
        body: Markdown as GitHub stores it; the YAML may be fenced, raw or an issue form, in text of any language.
        data_buckets: buckets that `dataset.s3_uri` may name.
        instance_types: what `deployment.instance_type` may name.

    Raises:
        IssueRejected: with every problem, in order of line (those without a line last).
    """
    document = find_document(body)
    if not document.roots and not document.is_form:
        raise IssueRejected(in_order(document.problems))
    return check(
        draft(document.roots), document.problems, data_buckets=data_buckets, instance_types=instance_types,
        derive_model_type=document.is_form,
    )  # fmt: skip


def check(
    written: Draft,
    problems: Iterable[Problem] = (),
    *,
    data_buckets: tuple[str, ...] = DEFAULTS.data_buckets,
    instance_types: tuple[str, ...] = DEFAULTS.instance_types,
    derive_model_type: bool = False,
) -> RunSpec:
    """The spec in a draft. `problems` are those found while reading it."""
    algorithm = find_algorithm(written.data["algorithm"]) if isinstance(written.data.get("algorithm"), str) else None
    if derive_model_type and algorithm:
        written.data.setdefault("model_type", algorithm.model_type)
    found = [*problems, *written.problems]
    spec = None
    try:
        spec = RunSpec.model_validate(written.data, context={"rules_reported_apart": True})
    except ValidationError as invalid:
        found += from_validation(invalid, written)
    if derive_model_type:
        found = [problem for problem in found if (problem.field, problem.code) != ("model_type", "missing_field")]
    broken = broken_rules(written.data) + _broken_policy(written.data, data_buckets, instance_types)
    found += from_rules(broken, written)
    if algorithm and not algorithm.has_workload:
        found.append(no_workload(written, algorithm.name))
    if spec is None and not found:
        found = [Problem(None, "document", "invalid", "does not describe a run.", "Compare it with docs/run-spec.md.")]
    if found or spec is None:
        raise IssueRejected(in_order(found))
    return spec


def _broken_policy(
    data: dict[str, Any], data_buckets: tuple[str, ...], instance_types: tuple[str, ...]
) -> list[Broken]:
    """What the deployment does not allow an issue to ask for."""
    found = []
    for path in (("dataset", "s3_uri"), ("hyperparameters", "weights_uri")):
        s3_uri = _text(data, *path)
        if s3_uri.startswith("s3://") and split_uri(s3_uri)[0] not in data_buckets:
            message = f"must lie in {listed(data_buckets)} (got {shown(s3_uri)})."
            remedy = "Copy the data there, or ask an operator to allow the bucket."
            found.append(Broken(path, "not_allowed", message, remedy))
    instance_type = _text(data, "deployment", "instance_type")
    if instance_type and instance_type not in instance_types:
        message = f"must be one that the policy allows (got {shown(instance_type)})."
        found.append(
            Broken(("deployment", "instance_type"), "not_allowed", message, f"Choose {listed(instance_types)}.")
        )
    return found


def _text(data: dict[str, Any], section: str, key: str) -> str:
    part = data.get(section)
    value = part.get(key) if isinstance(part, dict) else None
    return value if isinstance(value, str) else ""


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """By line, those without one last; one problem per place, the first found."""
    first: dict[tuple[int | None, str], Problem] = {}
    for problem in problems:
        first.setdefault((problem.line, problem.field), problem)
    ordered = sorted(first.values(), key=lambda problem: (problem.line is None, problem.line or 0))
    if len(ordered) > MAX_PROBLEMS:
        message = f"has {len(ordered) - MAX_PROBLEMS} more problems than are listed here."
        more = Problem(None, "document", "too_many_problems", message, "Mend these first.")
        ordered = [*ordered[:MAX_PROBLEMS], more]
    return ordered
