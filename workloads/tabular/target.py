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
        return Goal(task, target)
    return Goal(task, target, _classes(target, present, kind, run, metadata))


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


def _classes(target: str, present: np.ndarray, kind: str, run: Run, metadata: dict[str, Any]) -> tuple[str, ...]:
    counts = Counter(class_words(present, kind).tolist())
    if len(counts) < 2:
        raise UserError(f"dataset.target: column {target!r} has one class only ({next(iter(counts))!r}, "
                        f"{len(present)} rows); at least 2 are needed")  # fmt: skip
    if len(counts) > MOST_CLASSES:
        raise UserError(f"dataset.target: column {target!r} has {len(counts)} different values in {len(present)} rows; "
                        f"at most {MOST_CLASSES} classes. For a quantity choose task: regression")  # fmt: skip
    rare = [(word, n) for word, n in sorted(counts.items()) if n < ROWS_PER_CLASS]
    if rare:
        raise UserError(f"dataset.target: class {rare[0][0]!r} has {rare[0][1]} row(s) and {len(rare)} of "
                        f"{len(counts)} classes have fewer than {ROWS_PER_CLASS}, one a split; merge rare classes, "
                        "remove them, or choose task: regression for a quantity")  # fmt: skip
    given = [str(to_word(c)) for c in (run.dataset.get("classes") or metadata.get("classes") or ())]
    if not given:
        return tuple(sorted(counts, key=_by_value))
    strange = sorted(set(counts) - set(given))
    if strange:
        raise UserError(f"dataset.classes: the data hold {strange[0]!r}, which is not among {given}; list every class")
    return tuple(word for word in given if word in counts)


def _by_value(word: str) -> tuple[float, str]:
    try:
        return float(word), word
    except ValueError:
        return float("inf"), word


def _some(table: Table) -> str:
    names = list(table.columns)
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
