"""The judge: does a model pass its issue's thresholds, and is it better than what serves? A pure function."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mlops.spec import metrics as catalogue

Decision = Literal["deploy", "keep_champion", "below_threshold", "invalid"]
Direction = Literal["at_least", "at_most"]

MINIMUM_ROWS = 10
"""A test split smaller than this proves nothing."""
MINIMUM_FRAMES = 1
"""A frame is many judgements; with fewer than MINIMUM_ROWS of them the verdict says how little that is."""
TOLERANCE = 1e-9
"""Two models this close on the primary metric are the same; the newer data then wins."""

_ROUNDING = 1e-6


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Check(_Frozen):
    """One threshold of the issue, held against what was measured."""

    metric: str
    value: float | None = Field(description="What was measured; None where it is missing or not a number.")
    limit: float
    direction: Direction
    passed: bool


class Verdict(_Frozen):
    accepted: bool = Field(description="True only for the decision `deploy`.")
    decision: Decision
    checks: list[Check] = Field(default_factory=list)
    reasons: list[str] = Field(default_factory=list, description="Plain English, the most important first.")
    primary_metric: str = Field("", description="The metric that champion and challenger are compared by.")
    against_champion: float | None = Field(
        None, description="How much better than the serving model on the primary metric; negative is worse."
    )


def judge(
    task: str,
    metrics: Mapping[str, float],
    thresholds: Mapping[str, float],
    *,
    rows: int,
    seal_intact: bool,
    champion_metrics: Mapping[str, float] | None = None,
    champion_version: str | None = None,
) -> Verdict:
    """Judge one model by the metrics of its sealed test split.

    Args:
        task: `classification`, `regression`, `clustering` or `dimensionality_reduction`.
        metrics: canonical name -> value, recomputed from predictions.
        thresholds: canonical name -> limit; a maximum where smaller is better, else a minimum.
        rows: rows of the test split that were predicted.
        seal_intact: the split is unchanged since `prepare`, and none of its rows was trained on.
        champion_metrics: the serving model on the same rows, or None where nothing serves.

    Returns:
        `invalid` where the measurement cannot be believed, `below_threshold` where a limit is missed,
        `keep_champion` where the limits are met and the serving model is better, else `deploy`.
    """
    primary = catalogue.PRIMARY.get(task, "")
    checks = [check(name, metrics.get(name), limit) for name, limit in sorted(thresholds.items())]
    of_frames = task == "object_detection"
    doubts = _doubts(metrics, rows, seal_intact, MINIMUM_FRAMES if of_frames else MINIMUM_ROWS)
    if doubts:
        return Verdict(accepted=False, decision="invalid", checks=checks, reasons=doubts, primary_metric=primary)
    missed = [_miss(one) for one in checks if not one.passed]
    ahead, comparison = compare(primary, metrics, champion_metrics, champion_version)
    if missed:
        decision: Decision = "below_threshold"
    elif primary and not thresholds and _number(metrics.get(primary)) is None:
        decision, missed = "invalid", [f"{primary} was not measured, and the issue sets no threshold to judge by."]
    elif ahead is not None and ahead < -TOLERANCE:
        decision = "keep_champion"
    else:
        decision = "deploy"
    reasons = [*missed, *comparison] if missed else [*comparison, *[_hit(one) for one in checks]]
    if not thresholds and decision == "deploy":
        reasons.append("The issue sets no thresholds.")
    if of_frames and rows < MINIMUM_ROWS:
        reasons.append(f"Judged on {rows} frame{'s' if rows != 1 else ''} only: these figures say little about others.")
    return Verdict(
        accepted=decision == "deploy",
        decision=decision,
        checks=checks,
        reasons=reasons,
        primary_metric=primary,
        against_champion=ahead,
    )


def check(metric: str, value: float | None, limit: float) -> Check:
    """Hold one value against its limit; a missing value or one that is not a number never passes."""
    direction: Direction = "at_most" if smaller_is_better(metric) else "at_least"
    number = _number(value)
    if number is None or _number(limit) is None:
        passed = False
    else:
        passed = number <= limit if direction == "at_most" else number >= limit
    return Check(metric=metric, value=number, limit=limit, direction=direction, passed=passed)


def compare(
    primary: str,
    metrics: Mapping[str, float],
    champion_metrics: Mapping[str, float] | None,
    champion_version: str | None = None,
) -> tuple[float | None, list[str]]:
    """(how much better than the champion, the sentence for it); (None, ...) where there is nothing to compare."""
    if champion_metrics is None:
        return None, []
    ours, theirs = _number(metrics.get(primary)), _number(champion_metrics.get(primary))
    name = f"the serving model {champion_version}" if champion_version else "the serving model"
    if ours is None or theirs is None:
        return None, [f"{primary or 'The primary metric'} could not be compared with {name}."]
    ahead = theirs - ours if smaller_is_better(primary) else ours - theirs
    if abs(ahead) <= TOLERANCE:
        return 0.0, [f"{primary} {ours:.4g} equals that of {name}."]
    word = "better" if ahead > 0 else "worse"
    return ahead, [f"{primary} {ours:.4g} is {word} than {theirs:.4g} of {name}, on the same rows."]


def _doubts(metrics: Mapping[str, float], rows: int, seal_intact: bool, minimum_rows: int) -> list[str]:
    doubts = []
    if not seal_intact:
        doubts.append(
            "The test split changed since it was made, or rows of it were trained on: the figures do not count."
        )
    if rows < minimum_rows:
        doubts.append(f"Only {rows} test rows; at least {minimum_rows} are needed.")
    for name, value in sorted(metrics.items()):
        low, high = _range(name)
        number = _number(value)
        if number is None:
            doubts.append(f"{name} is not a number.")
        elif not low - _ROUNDING <= number <= high + _ROUNDING:
            doubts.append(f"{name} is {number:.4g}, which is impossible (from {low:g} to {high:g}).")
    return doubts


def smaller_is_better(metric: str) -> bool:
    """True for errors and times; a metric nobody knows is better when larger."""
    known = catalogue.find(metric)
    return known is not None and known.smaller_is_better


def _range(metric: str) -> tuple[float, float]:
    known = catalogue.find(metric)
    low, high = (known.low, known.high) if known else (None, None)
    return -math.inf if low is None else low, math.inf if high is None else high


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) else None


def _miss(one: Check) -> str:
    wanted = "at most" if one.direction == "at_most" else "at least"
    if one.value is None:
        return f"{one.metric} was not measured or is not a number; the issue asks for {wanted} {one.limit:g}."
    return f"{one.metric} is {one.value:.4g}; the issue asks for {wanted} {one.limit:g}."


def _hit(one: Check) -> str:
    wanted = "at most" if one.direction == "at_most" else "at least"
    return f"{one.metric} {one.value:.4g} meets {wanted} {one.limit:g}."
