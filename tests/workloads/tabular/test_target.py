"""What is learned: whose word counts, and which targets cannot be learned."""

from __future__ import annotations

import numpy as np
import pytest

from workloads.contract import Run, UserError
from workloads.tabular.reading import Table
from workloads.tabular.target import infer_task, resolve_goal


def table(**columns) -> Table:
    kinds = {}
    for name, values in columns.items():
        text = any(isinstance(value, str) for value in values)
        columns[name] = np.array(values, dtype=object if text else float)
        kinds[name] = "category" if text else "number"
    return Table(columns, kinds)


def goal(data: Table, metadata: dict | None = None, **spec):
    dataset = {name: spec.pop(name) for name in ("target", "classes") if name in spec}
    return resolve_goal(Run(spec={"dataset": dataset, **spec}), metadata or {}, data)


LETTERS = {"x": [1, 2, 3, 4, 5, 6], "a": ["u", "v"] * 3, "target": [0.5, 1, 2, 3, 4, 5]}


def test_target_of_the_issue_beats_metadata_beats_its_name():
    assert goal(table(**LETTERS), {"target": "x"}, target="a").target == "a"
    assert goal(table(**LETTERS), {"target": "a"}).target == "a"
    assert goal(table(**LETTERS)).target == "target"


def test_task_of_the_issue_beats_metadata_beats_the_data():
    assert goal(table(**LETTERS), {"task": "classification"}, target="x", task="regression").task == "regression"
    assert goal(table(**LETTERS), {"task": "regression"}, target="x").task == "regression"
    assert goal(table(**LETTERS), target="a").task == "classification"


@pytest.mark.parametrize(
    ("values", "kind", "task"),
    [
        ([0, 1, 1], "number", "classification"),
        ([0.5, 1, 1], "number", "regression"),
        (list(range(21)), "number", "regression"),
        ([0, 1], "boolean", "classification"),
        (["a", "b"], "category", "classification"),
    ],
    ids=["few-whole", "fractions", "many-whole", "boolean", "text"],
)
def test_task_is_inferred_from_the_values(values, kind, task):
    assert infer_task(np.array(values), kind) == task


def test_classes_are_in_order_of_their_numbers():
    assert goal(table(y=[10, 2, 1] * 3, x=[1] * 9), target="y").classes == ("1", "2", "10")


def test_classes_listed_in_the_issue_are_learnt_in_that_order_and_others_are_not():
    found = goal(table(y=["a", "b", "c"] * 3, x=[1] * 9), target="y", classes=["c", "a"])
    assert (found.classes, found.words) == (("c", "a"), ("c", "a"))


def test_metadata_may_name_numbered_classes():
    found = goal(table(y=[0, 1] * 3, x=[1] * 6), {"classes": ["benign", "malignant"]}, target="y")
    assert (found.classes, found.words) == (("benign", "malignant"), ("0", "1"))


def test_unsupervised_task_hides_the_known_target():
    found = goal(table(**LETTERS), task="clustering")
    assert (found.target, found.excluded, found.classes) == (None, "target", ())


@pytest.mark.parametrize(
    ("data", "spec", "words"),
    [
        ({"x": [1, 2]}, {}, "dataset.target: not given, and no column is called 'target'; name one of x"),
        ({"x": [1, 2]}, {"target": "y"}, "no column 'y'; the columns are x"),
        ({"x": [np.nan] * 3}, {"target": "x"}, "'x' has no value in any of 3 rows"),
        ({"x": ["a", "b", "c"]}, {"target": "x", "task": "regression"}, "holds text such as 'a', regression needs"),
        ({"x": [3.5] * 5}, {"target": "x", "task": "regression"}, "is 3.5 in each of 5 rows; there is nothing"),
        ({"x": ["a"] * 5}, {"target": "x"}, "one class only \\(a; 5 rows\\); at least 2"),
        ({"x": list(range(300))}, {"target": "x", "task": "classification"}, "300 different values.*at most 200"),
        ({"x": ["a"] * 5 + ["b"] * 2}, {"target": "x"}, "class 'b' has 2 row\\(s\\).*fewer than 3"),
        ({"x": ["a", "b"] * 5}, {"target": "x", "classes": ["a", "c"]}, "dataset.classes: 'c' does not occur"),
        ({"x": [1, 2]}, {"task": "ranking"}, "task: 'ranking' is none of"),
    ],
    ids=[
        "unnamed",
        "unknown",
        "all-missing",
        "text-regression",
        "constant",
        "one-class",
        "too-many",
        "rare",
        "absent-class",
        "task",
    ],
)
def test_target_that_cannot_be_learned_is_refused_with_number_limit_and_remedy(data, spec, words):
    with pytest.raises(UserError, match=words):
        goal(table(**data), **spec)


def test_class_that_metadata_do_not_list_is_refused():
    with pytest.raises(UserError, match="holds 'c', too"):
        goal(table(y=["a", "b", "c"] * 3, x=[1] * 9), {"target": "y", "classes": ["a", "b"]})
