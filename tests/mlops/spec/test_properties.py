"""What must hold for any text and any spec, however odd."""

import time
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops import identity, keys
from mlops.errors import IssueRejected, Problem
from mlops.spec import (
    ALGORITHMS,
    WORKLOADS,
    RunSpec,
    canonical,
    from_parameters,
    merge,
    parse_change,
    parse_issue,
    render,
    to_parameters,
)  # fmt: skip
from mlops.spec.metrics import of_task
from mlops.spec.render import render_for_reading
from mlops.spec.schema import field_schema
from mlops.spec.yaml12 import read, resolve

EXAMPLE = """\
```yaml
model_type: supervised_learning
algorithm: xgboost
dataset:
  name: breast_cancer
  s3_uri: s3://mlops-datasets/a/
  splits: {train: 0.7, val: 0.2}
hyperparameters: {n_estimators: 30, lr: 3e-4}
evaluation:
  metrics: [accuracy, f1]
  thresholds: {accuracy: 0.9}
deployment: {strategy: canary, auto_scaling: {max_instances: 3}}
```
"""
names = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,62}", fullmatch=True)
words = st.text(min_size=1, max_size=40).filter(
    lambda text: text.isprintable() and not any(mark in text for mark in ("{{", "{%", "{#"))
)  # fmt: skip
classes = st.just([]) | st.lists(words, min_size=2, max_size=3, unique=True)


def value_of(schema: dict) -> st.SearchStrategy:
    """Any value that the schema of a setting admits."""
    if schema.get("type") == "array":
        return st.lists(value_of(schema["items"]), min_size=schema["minItems"], max_size=schema["maxItems"])
    low, high = (
        schema.get("minimum", schema.get("exclusiveMinimum")),
        schema.get("maximum", schema.get("exclusiveMaximum")),
    )
    if schema["type"] == "integer":
        return st.integers(low, high)
    if schema["type"] == "boolean":
        return st.booleans()
    return st.floats(
        low, high, exclude_min="exclusiveMinimum" in schema, exclude_max="exclusiveMaximum" in schema, allow_nan=False
    )  # fmt: skip


@st.composite
def specs(draw: st.DrawFn) -> RunSpec:
    """Any spec of an algorithm that can run."""
    algorithm = ALGORITHMS[draw(st.sampled_from(WORKLOADS))]
    task = draw(st.sampled_from(algorithm.tasks))
    settings_of = {
        name: value_of(schema)
        for name in algorithm.setting_names
        if (schema := field_schema(("hyperparameters", name), algorithm.name))
        and not name.startswith("weights_")  # an address and its hash come together
    }
    labels = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)
    shares = draw(
        st.sampled_from([{}, {"train": 0.8}, {"train": 0.5, "validation": 0.3}, {"train": 9, "validation": 5}])
    )
    scaling = draw(st.sampled_from([None, {"max_instances": 4}, {"min_instances": 2, "max_instances": 2,
                                                                 "target_latency_ms": 20.5}]))  # fmt: skip
    metrics = [metric.name for metric in of_task(task)]
    return RunSpec.model_validate({
        "model_type": algorithm.model_type,
        "algorithm": algorithm.name,
        "task": task,
        "variant": draw(st.none() | (st.sampled_from(sorted(algorithm.variants)) if algorithm.variants else labels)),
        "dataset": {
            "name": draw(names), "classes": draw(classes), "splits": shares,
            "target": draw(st.none() | words),
        },
        "hyperparameters": draw(st.fixed_dictionaries({}, optional=settings_of)),
        "evaluation": {
            "metrics": draw(st.lists(st.sampled_from(metrics), max_size=32)),
            "thresholds": draw(st.dictionaries(st.sampled_from(metrics), st.floats(0, 1))),
        },
        "deployment": {"auto_scaling": scaling, "strategy": draw(st.sampled_from(["canary", "blue_green"]))},
    })  # fmt: skip


@given(specs())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_canonical_spec_survives_every_way_of_writing_it(spec):
    assert parse_issue(f"```yaml\n{render(spec)}```") == spec
    assert parse_issue(render(spec)) == spec
    assert parse_issue(f"```yaml\n{render_for_reading(canonical(spec))}```") == spec
    assert RunSpec.model_validate(canonical(spec)) == spec
    assert from_parameters(to_parameters(spec)) == spec
    assert merge(spec, {}) == spec


@given(specs())
@settings(max_examples=50, deadline=None)
def test_keys_and_names_made_of_a_spec_stay_in_their_place(spec):
    assert keys.raw_prefix(spec.dataset.name).startswith(f"datasets/{spec.dataset.name}/raw/")
    model = identity.model_id(spec.name)
    assert ".." not in keys.model_version_prefix(model or "x", "v1.0.0")
    assert len(identity.endpoint_name(model)) <= 63


def problems_of(read_it: Callable[[], object]) -> tuple[Problem, ...]:
    """What the refusal says; empty where it was taken. Any other exception fails the test."""
    try:
        read_it()
    except IssueRejected as rejected:
        return rejected.problems or (Problem(None, "", "", "", ""),)
    return ()


def never_another_exception(body: str) -> None:
    for reader in (parse_issue, parse_change):
        problems = problems_of(lambda reader=reader: reader(body))
        lines = [problem.line for problem in problems if problem.line is not None]
        assert all(one.message and one.remedy and one.code and one.field for one in problems)
        assert lines == sorted(lines)
        assert not lines or (lines[0] >= 1 and lines[-1] <= len(body.splitlines()) + 1)


@given(st.text(max_size=400))
@settings(max_examples=80, deadline=None)
def test_any_text_is_read_or_refused(text):
    never_another_exception(text)
    never_another_exception(f"algorithm: xgboost\n{text}")
    never_another_exception(f"```yaml\nalgorithm: xgboost\n{text}\n```")
    never_another_exception(f"### Algorithm\n\nxgboost\n\n### Hyperparameters\n\n{text}")
    never_another_exception(f"/retrain {text}")


@given(st.binary(max_size=400))
@settings(max_examples=50, deadline=None)
def test_any_bytes_are_read_or_refused(data):
    never_another_exception("algorithm: xgboost\n" + data.decode("utf-8", "surrogateescape"))


_PIECES = (
    """{ } [ ] : - &a *a !!x <<: ? | > ' " # % @ ` ``` --- ... , algorithm xgboost dataset name hyperparameters """
    r"""1 1e999 .nan null true lr {{ role_arn thresholds accuracy \ 0x1F 2026-01-01"""
)
pieces = st.sampled_from([*_PIECES.split(), ": ", "- ", "\n", "\n  ", "<<: ", "---\n", "\t", "\u2028", "\x00"])


@given(st.lists(pieces, max_size=60).map("".join))
@settings(max_examples=150, deadline=None)
def test_any_mixture_of_yaml_is_read_or_refused(text):
    never_another_exception(text)
    never_another_exception(f"```yaml\n{text}\n```")


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_a_damaged_example_is_read_or_refused(data):
    place = data.draw(st.integers(0, len(EXAMPLE)))
    length = data.draw(st.integers(0, 8))
    never_another_exception(EXAMPLE[:place] + data.draw(pieces | st.text(max_size=3)) + EXAMPLE[place + length :])


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
trees = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner), max_leaves=8
)
fields = st.text(max_size=20) | st.sampled_from(
    ["algorithm", "thresholds", "dataset_name", "lr", "deployment.strategy"]
)


@given(st.dictionaries(fields, trees, max_size=5))
@settings(max_examples=80, deadline=None)
def test_any_parameters_and_changes_are_taken_or_refused(data):
    base = parse_issue(EXAMPLE)
    for take in (from_parameters, lambda change: merge(base, change)):
        assert all(one.code for one in problems_of(lambda take=take: take(data)))


@given(st.text(max_size=30))
def test_an_unquoted_scalar_is_a_number_a_word_or_text(text):
    assert isinstance(resolve(text), (str, int, float, bool, type(None)))


BOMBS = {
    "brackets": "a: " + "[" * 65_000,
    "braces": "a: " + "{" * 65_000,
    "dashes": "- " * 32_000,
    "question marks": "? " * 32_000,
    "number": "a: " + "9" * 65_000,
    "key": "x" * 65_000 + ": 1",
    "keys": "\n".join(f"k{n}: {n}" for n in range(6_500)),
    "laughs": "\n".join(f"b{n}: &b{n} [*b{max(n - 1, 0)}, *b{max(n - 1, 0)}]" for n in range(2_000)),
    "quotes": "a: '" + "x\n" * 32_000,
    "colons": "a: " + "a:" * 32_000,
    "fence openings": "```yaml\n" * 32_000,
    "fences": "```\na: [1, 2]\n```\n" * 14_000,
    "fence information": "`````" + " " * 200_000 + "`x\nalgorithm: x",
    "headings": "### Algorithm\n\nxgboost\n\n" * 10_000,
    "heading": "### " + "# " * 100_000,
    "comments": "<!--\n" * 50_000,
    "spaces": "/retrain\nlr = " + " " * 60_000 + "x",
    "pairs": "/retrain " + "a=" * 30_000,
    "metrics": "metrics: [" + ", ".join(f"'m{n}'" for n in range(3_900)) + "]",
    "criteria": "success_criteria:\n" + "".join(f"- a < 1{' ' * 3000}\n" for _ in range(20)),
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
@pytest.mark.parametrize("frame", ["{}", "algorithm: xgboost\n{}", "```yaml\nalgorithm: xgboost\n{}\n```"])
def test_no_text_takes_long(bomb, frame):
    start = time.process_time()
    never_another_exception(frame.replace("{}", bomb))
    assert time.process_time() - start < 2


def test_no_text_takes_much_memory():
    import tracemalloc

    tracemalloc.start()
    for name in ("laughs", "metrics"):
        read(BOMBS[name])
        never_another_exception(BOMBS[name])
    assert tracemalloc.get_traced_memory()[1] < 100 * 2**20
    tracemalloc.stop()
