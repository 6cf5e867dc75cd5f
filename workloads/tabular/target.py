"""What is to be learned: the target column, the kind of task and the classes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from workloads.contract import Run, UserError
from workloads.tabular.features import to_word
from workloads.tabular.reading import Table

SUPERVISED = ("classification", "regression")
FEW_CLASSES = 20
"""A target of whole numbers with at most so many distinct values is taken for classes."""
MOST_CLASSES = 200
ROWS_PER_CLASS = 3
"""One for each split."""


@dataclass(frozen=True)
class Goal:
    """The task of a run. `target` is None for unsupervised tasks; `classes` is empty but for classification."""

    task: str
    target: str | None
    classes: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    """How each class is spelled in the data: its name, or its number where `metadata.json` names numbered classes."""
    excluded: str | None = None
    """A known target that an unsupervised model must not see."""


def resolve_goal(run: Run, metadata: dict[str, Any], table: Table) -> Goal:
    """Decide by the issue first, then by `metadata.json`, then by the data themselves.

    Raises:
        UserError: no such target, nothing known about it, or one that does not fit the task.
    """
    named = run.dataset.get("target") or metadata.get("target")
    target = named or ("target" if "target" in table.columns else None)
    task = run.task or run.spec.get("task") or metadata.get("task")
    if task not in (*SUPERVISED, "clustering", "dimensionality_reduction", None):
        raise UserError(f"task: {task!r} is none of classification, regression, clustering, dimensionality_reduction")
    if task is not None and task not in SUPERVISED:
        return Goal(task, None, excluded=target if target in table.columns else None)
    if target is None:
        raise UserError(f"dataset.target: not given, and no column is called 'target'; name one of {_some(table)}")
    if target not in table.columns:
        raise UserError(f"dataset.target: no column {target!r}; the columns are {_some(table)}")
    values, kind = table.columns[target], table.kinds[target]
    present = values[~table.missing(target)]
    if not len(present):
        raise UserError(f"dataset.target: column {target!r} has no value in any of {table.rows} rows")
    if task is None:
        task = infer_task(present, kind)
    if task == "regression":
        if kind == "category":
            raise UserError(f"dataset.target: column {target!r} holds text such as {present[0]!r}, regression needs "
                            "numbers; choose a classification algorithm or another target")  # fmt: skip
        if (present == present[0]).all():
            raise UserError(f"dataset.target: column {target!r} is {present[0]:g} in each of {len(present)} rows; "
                            "there is nothing to predict, choose another target")  # fmt: skip
        return Goal(task, target)
    return _classification(target, class_words(present, kind), run, metadata)


def infer_task(present: np.ndarray, kind: str) -> str:
    """Text, true/false or few distinct whole numbers are classes; anything else is a quantity."""
    if kind != "number":
        return "classification"
    distinct = np.unique(present)
    whole = bool((distinct == np.round(distinct)).all())
    return "classification" if whole and len(distinct) <= FEW_CLASSES else "regression"


def class_words(values: np.ndarray, kind: str) -> np.ndarray:
    """(n,) object: each target value as its class name, None where missing."""
    spelled = [to_word(bool(v) if kind == "boolean" and np.isfinite(v) else v) for v in values.tolist()]
    words = np.empty(len(values), dtype=object)
    words[:] = spelled
    return words


def _classification(target: str, present: np.ndarray, run: Run, metadata: dict[str, Any]) -> Goal:
    """Classes as the issue lists them (others are not learnt), as `metadata.json` names them, or as they are."""
    counts = Counter(present.tolist())
    wanted = [str(to_word(word)) for word in run.dataset.get("classes") or ()]
    named = [str(to_word(word)) for word in metadata.get("classes") or ()]
    absent = [word for word in wanted if word not in counts and word not in named]
    if absent:
        raise UserError(f"dataset.classes: {absent[0]!r} does not occur in column {target!r}; there are "
                        f"{', '.join(sorted(counts, key=_by_value)[:20])}")  # fmt: skip
    numbers = [str(code) for code in range(len(named))]
    if named and set(counts) <= set(numbers) and not set(counts) <= set(named):
        spelling = dict(zip(named, numbers, strict=True))  # the data number the classes, the metadata name them
    else:
        spelling = {word: word for word in named or sorted(counts, key=_by_value)}
        strange = sorted(set(counts) - set(spelling))
        if strange and not wanted:
            raise UserError(f"metadata.json: classes are {', '.join(named[:20])}, and column {target!r} holds "
                            f"{strange[0]!r}, too; list every class, or none")  # fmt: skip
    classes = tuple(word for word in wanted or spelling if counts.get(spelling.get(word, word)))
    words = tuple(spelling.get(word, word) for word in classes)
    _check_counts(target, {word: counts[word] for word in words}, len(present))
    return Goal("classification", target, classes, words)


def _check_counts(target: str, counts: dict[str, int], rows: int) -> None:
    if len(counts) < 2:
        raise UserError(f"dataset.target: column {target!r} has one class only ({', '.join(counts) or 'none'}; {rows} "
                        "rows); at least 2 are needed")  # fmt: skip
    if len(counts) > MOST_CLASSES:
        raise UserError(f"dataset.target: column {target!r} has {len(counts)} different values in {rows} rows; at most "
                        f"{MOST_CLASSES} classes. For a quantity choose task: regression")  # fmt: skip
    rare = [(word, n) for word, n in sorted(counts.items()) if n < ROWS_PER_CLASS]
    if rare:
        raise UserError(f"dataset.target: class {rare[0][0]!r} has {rare[0][1]} row(s) and {len(rare)} of "
                        f"{len(counts)} classes have fewer than {ROWS_PER_CLASS}, one a split; merge rare classes, "
                        "remove them, or choose task: regression for a quantity")  # fmt: skip


def _by_value(word: str) -> tuple[float, str]:
    try:
        return float(word), word
    except ValueError:
        return float("inf"), word


def _some(table: Table) -> str:
    names = list(table.columns)
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
