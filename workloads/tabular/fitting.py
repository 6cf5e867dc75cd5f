"""Fit the feature recipe on the training split, and only on it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np

from workloads.contract import UserError, log
from workloads.tabular.features import Column, FeaturePlan, encode
from workloads.tabular.reading import Table, missing_mask
from workloads.tabular.target import Goal

ONE_HOT_WORDS = 100
"""Rarer words of a one_hot column get no input of their own; they are treated as unknown words are."""
SMOOTHING = 10.0
"""Rows of prior knowledge in target encoding: a word seen ten times is believed half."""
FOLDS = 5


def fit(train: Table, target: np.ndarray | None, goal: Goal, preprocessing: dict[str, Any],
        notes: dict[str, str] | None = None) -> FeaturePlan:  # fmt: skip
    """The recipe for `train` (features only, raw units).

    Args:
        train: the training split after cleaning.
        target: (n,) class codes or numbers; None for unsupervised tasks.
        goal: what is learned.
        preprocessing: `missing`, `encoding` and `scaling` of the spec.
        notes: columns left out before, and why; constant columns are added to them.

    Raises:
        UserError: no column says anything.
    """
    notes = dict(notes or {})
    columns = []
    for name, values in train.columns.items():
        if _is_constant(values):
            notes[name] = "constant in the training split"
            continue
        columns.append(_fit_column(name, train.kinds[name], values, target, goal, preprocessing))
    if not columns:
        raise UserError(f"dataset: none of {len(notes)} feature columns says anything ({_first(notes)}); bring others")
    outputs = tuple(name for column in columns for name in _output_names(column, goal))
    plan = FeaturePlan(
        columns=tuple(columns), outputs=outputs, offset=(0.0,) * len(outputs), scale=(1.0,) * len(outputs),
        task=goal.task, target=goal.target, classes=goal.classes, missing=preprocessing.get("missing", "median"),
        scaling=preprocessing.get("scaling", "none"), notes=notes,
    )  # fmt: skip
    return _with_scaling(plan, train)


def training_matrix(plan: FeaturePlan, train: Table, target: np.ndarray | None, seed: int) -> np.ndarray:
    """(n, d) float32 for the training split: as `plan.apply`, but target encoding is out of fold.

    A row's own target must not reach its features, so each fifth is encoded by the other four.
    """
    encoded = [column for column in plan.columns if column.encoding == "target"]
    matrix = plan.apply(train.columns)
    if not encoded or target is None:
        return matrix
    fold = np.random.default_rng(seed).permutation(train.rows) % FOLDS
    start = {column.name: int(sum(c.width for c in plan.columns[:place])) for place, column in enumerate(plan.columns)}
    offset, scale = np.array(plan.offset), np.array(plan.scale)
    for column in encoded:
        place = slice(start[column.name], start[column.name] + column.width)
        for number in range(FOLDS):
            inside, outside = fold == number, fold != number
            values = train.columns[column.name]
            partial = _target_column(column, values[outside], _indicators(target[outside], plan.task, plan.classes))
            matrix[inside, place] = (encode(partial, values[inside]) - offset[place]) / scale[place]
    return matrix


def _fit_column(name: str, kind: str, values: np.ndarray, target: np.ndarray | None, goal: Goal,
                preprocessing: dict[str, Any]) -> Column:  # fmt: skip
    present = values[~missing_mask(values)]
    if kind != "category":
        fill = _numeric_fill(present, "mode" if kind == "boolean" else preprocessing.get("missing", "median"))
        return Column(name, kind, fill=fill, example=_numeric_fill(present, "mode" if kind == "boolean" else "median"))
    counts = Counter(present.tolist())
    frequent = sorted(counts, key=lambda word: (-counts[word], word))
    encoding = preprocessing.get("encoding", "one_hot")
    if encoding == "target" and target is None:
        encoding = "one_hot"
        log("No target to encode by; one_hot used instead", column=name)
    words = frequent[:ONE_HOT_WORDS] if encoding == "one_hot" else sorted(counts)
    column = Column(name, kind, frequent[0], encoding, tuple(words), example=frequent[0])
    if encoding != "target" or target is None:
        return column
    return _target_column(column, values, _indicators(target, goal.task, goal.classes))


def _target_column(column: Column, values: np.ndarray, indicators: np.ndarray) -> Column:
    """`column` with the smoothed mean of `indicators` (n, k) per word."""
    prior = indicators.mean(axis=0)
    words = np.array([column.codes[column.fill if w is None else w] for w in values], dtype=np.int64)  # type: ignore[index]
    sums = np.zeros((len(column.categories), indicators.shape[1]))
    np.add.at(sums, words, indicators)
    seen = np.bincount(words, minlength=len(column.categories))[:, None]
    means = (sums + SMOOTHING * prior) / (seen + SMOOTHING)
    return Column(column.name, column.kind, column.fill, "target", column.categories,
                  tuple(map(tuple, means.tolist())), tuple(prior.tolist()), column.example)  # fmt: skip


def _indicators(target: np.ndarray, task: str, classes: tuple[str, ...]) -> np.ndarray:
    """(n, k) what target encoding averages: the number itself, or membership of each class (one for two classes)."""
    if task == "regression":
        return target.astype(np.float64)[:, None]
    if len(classes) == 2:
        return (target == 1).astype(np.float64)[:, None]
    return (target[:, None] == np.arange(len(classes))).astype(np.float64)


def _numeric_fill(present: np.ndarray, policy: str) -> float:
    if policy == "mean":
        return float(present.mean())
    if policy == "mode":
        values, counts = np.unique(present, return_counts=True)
        return float(values[counts.argmax()])  # the smallest of equally frequent ones
    return float(np.median(present))


def _is_constant(values: np.ndarray) -> bool:
    """One value or none. A column with one value and gaps is constant too: gaps are filled by that value."""
    present = values[~missing_mask(values)]
    return len(present) == 0 or bool((present == present[0]).all())


def _output_names(column: Column, goal: Goal) -> list[str]:
    if column.encoding == "one_hot":
        return [f"{column.name}={word}" for word in column.categories]
    if column.width > 1:
        return [f"{column.name}~{word}" for word in goal.classes]
    return [column.name]


def _with_scaling(plan: FeaturePlan, train: Table) -> FeaturePlan:
    """Offsets and scales of all but one_hot inputs: those are 0 or 1 already."""
    if plan.scaling == "none":
        return plan
    offset, scale = [], []
    for column in plan.columns:
        if column.encoding == "one_hot":
            offset += [0.0] * column.width
            scale += [1.0] * column.width
            continue
        encoded = encode(column, train.columns[column.name])
        low, high = encoded.min(axis=0), encoded.max(axis=0)
        middle, spread = (
            (encoded.mean(axis=0), encoded.std(axis=0)) if plan.scaling == "standard" else (low, high - low)
        )
        offset += middle.tolist()
        scale += np.where(spread > 0, spread, 1.0).tolist()
    return replace(plan, offset=tuple(offset), scale=tuple(scale))


def _first(notes: dict[str, str]) -> str:
    return "; ".join(f"{name}: {reason}" for name, reason in list(notes.items())[:3])
