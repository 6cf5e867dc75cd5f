"""Has it drifted? Per feature a test and an effect size, over all features a controlled rate of false alarms.

A p-value alone calls every tiny change drift once there are enough rows; a distance alone calls noise drift
while there are few. A feature has drifted where both say so, and never on fewer rows than the policy asks for.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np

from workloads.contract import UserError
from workloads.drift.two_samples import (
    Reference,
    chi_square,
    false_discovery_adjusted,
    ks_p_values,
    ks_statistic,
    normed_wasserstein,
    psi,
    psi_of_shares,
)

PREDICTION = "prediction"


class Names(NamedTuple):
    """What people call a request's row and its features."""

    rows: str
    features: str


TABLE = Names("rows", "features")


@dataclass(frozen=True)
class Policy:
    """When a change counts. `run.json` may set any of these under `drift`."""

    minimum_rows: int = 50
    false_alarms: float = 0.01
    """Accepted share of false alarms among the features called drifted (Benjamini-Hochberg)."""
    distance: float = 0.1
    """Number columns: normed Wasserstein distance, in standard deviations."""
    psi: float = 0.2
    """Categories and labels: population stability index."""
    missing: float = 0.1
    """Rise of the share of missing values."""
    mean: float = 0.3
    """Predicted values: shift of their mean against the target's, in standard deviations of the target."""
    share: float = 0.3
    """Share of drifted features from which the data as a whole have drifted."""

    @classmethod
    def read(cls, given: Mapping[str, Any] | None, standard: Policy | None = None) -> Policy:
        """`standard` with the given limits. Raises UserError: one of them is no number, or below its least."""
        known = {name: value for name, value in (given or {}).items() if name in {one.name for one in fields(cls)}}
        for name, value in known.items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise UserError(f"drift.{name}: {value!r} given; a number is needed")
            if not value >= (least := 1 if name == "minimum_rows" else 0):
                raise UserError(f"drift.{name}: {value!r} given; choose {least} or more")
        return replace(standard or cls(), **known)


@dataclass(frozen=True)
class Finding:
    """What was found for one feature, or for the predictions."""

    feature: str
    test: str
    """`ks`, `chi_square`, `missing` (share of missing values) or `mean`."""
    p_value: float
    effect: float
    limit: float
    """Of `effect`; its measure depends on the test."""
    psi: float = 0.0
    q_value: float = 1.0
    drifted: bool = False

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Decision:
    """The answer for one endpoint."""

    rows: int
    drifted: bool
    share: float
    findings: tuple[Finding, ...]
    message: str

    @property
    def scores(self) -> dict[str, float]:
        """Effect size per drifted feature, largest first."""
        worst = sorted((one for one in self.findings if one.drifted), key=lambda one: -one.effect / (one.limit or 1e-9))
        scores: dict[str, float] = {}
        for one in worst:
            scores.setdefault(one.feature, round(one.effect, 6))
        return scores


def decide(reference: Mapping[str, np.ndarray], current: Mapping[str, np.ndarray], policy: Policy,
           target: np.ndarray | None = None, predictions: Sequence[Any] = (), further: Sequence[Finding] = (),
           names: Names = TABLE) -> Decision:  # fmt: skip
    """Compare columns of captured requests with those of the training sample, and answers with the target.

    Args:
        reference, current: the same features; float64 with NaN for missing, or object words with None. The first
            column of `current` has a value for each request.
        target: the training target, words (classes) or float64; None where there is none.
        predictions: labels or values the endpoint gave.
        further: features that were compared elsewhere, one finding each; q-values are given to them here.
        names: what rows and features are called.
    """
    rows = len(next(iter(current.values()), ()))
    if rows < policy.minimum_rows:
        message = f"Not judged: {rows} {names.rows} captured, {policy.minimum_rows} are needed."
        return Decision(rows, False, 0.0, (), message)
    raw: list[Finding] = []
    for name, values in reference.items():
        raw += compare(name, values, current[name], policy)
    raw += further
    if answered := target is not None and len(predictions) >= policy.minimum_rows:
        assert target is not None
        raw.append(compare_predictions(target, predictions, policy))
    adjusted = false_discovery_adjusted(np.array([one.p_value for one in raw]))
    findings = tuple(
        replace(one, q_value=float(q), drifted=bool(q < policy.false_alarms and one.effect >= one.limit))
        for one, q in zip(raw, adjusted, strict=True)
    )
    inputs, answers = (findings[:-1], findings[-1].drifted) if answered else (findings, False)
    changed = {one.feature for one in inputs if one.drifted}
    features = len(reference) + len(further)
    share = len(changed) / features
    decision = Decision(rows, share >= policy.share or answers, share, findings, "")
    return replace(decision, message=_message(decision, len(changed), features, answers, policy, names))


def compare(name: str, reference: np.ndarray, current: np.ndarray, policy: Policy) -> list[Finding]:
    """One finding on the values, one on how many are missing; fewer where there is nothing to compare."""
    if not len(current):
        return []
    have, got = _present(reference), _present(current)
    findings = []
    gone_before, gone_now = 1 - len(have) / max(len(reference), 1), 1 - len(got) / len(current)
    if gone_now != gone_before:
        gaps = [[len(sample) - len(kept), len(kept)] for sample, kept in ((reference, have), (current, got))]
        _, p_value = chi_square(np.array(gaps[0]), np.array(gaps[1]))
        findings.append(Finding(name, "missing", p_value, gone_now - gone_before, policy.missing))
    if not len(have) or len(got) < policy.minimum_rows:
        return findings
    if have.dtype == object:
        return [_compare_words(name, have.tolist(), got.tolist(), policy), *findings]
    sample, ordered = Reference(have), np.sort(got)
    p_value = float(ks_p_values([ks_statistic(sample, ordered)], [len(have)], [len(got)])[0])
    distance = normed_wasserstein(sample, ordered)
    return [Finding(name, "ks", p_value, distance, policy.distance, psi=psi(sample, got)), *findings]


def compare_predictions(target: np.ndarray, predictions: Sequence[Any], policy: Policy) -> Finding:
    """Shares of labels against the target's classes, or the mean of values against the target's mean.

    A good regression spreads less than its target, so that their distributions always differ; their means do not.
    """
    known = _present(target)
    if known.dtype == object:
        return _compare_words(PREDICTION, known.tolist(), list(predictions), policy)
    values = np.asarray(predictions, dtype=np.float64)
    shift = float(values.mean() - known.mean())
    error = math.sqrt(values.var() / len(values) + known.var() / len(known))
    p_value = math.erfc(abs(shift) / error / math.sqrt(2)) if error else float(shift == 0)
    return Finding(PREDICTION, "mean", p_value, abs(shift) / (float(known.std()) or 1.0), policy.mean)


def _compare_words(name: str, reference: list[str], current: list[str], policy: Policy) -> Finding:
    before, now = Counter(reference), Counter(current)
    words = sorted(before | now)
    counts = np.array([[before[word] for word in words], [now[word] for word in words]], dtype=float)
    return compare_counts(name, counts, policy)


def compare_counts(name: str, counts: np.ndarray, policy: Policy) -> Finding:
    """Shares of categories.

    Args:
        counts: (2, k), the reference's and the current ones; no category is empty in both.
    """
    shares = counts / counts.sum(axis=1, keepdims=True)
    _, p_value = chi_square(*_pooled(counts))
    effect = psi_of_shares(shares[0], shares[1])
    return Finding(name, "chi_square", p_value, effect, policy.psi, psi=effect)


def _pooled(counts: np.ndarray) -> np.ndarray:
    """Rare words (expected below 5 in either sample) as one: the chi-square of single rows means nothing."""
    expected = counts.sum(axis=0) * counts.sum(axis=1).min() / counts.sum()
    rare = expected < 5
    if rare.sum() < 2:
        return counts
    return np.column_stack([counts[:, ~rare], counts[:, rare].sum(axis=1)])


def _present(values: np.ndarray) -> np.ndarray:
    if values.dtype == object:
        return values[np.array([value is not None for value in values], dtype=bool)]
    return values[np.isfinite(values)]


def _message(decision: Decision, changed: int, features: int, answers: bool, policy: Policy, names: Names) -> str:
    worst = ", ".join(f"{name} {score:.3g}" for name, score in list(decision.scores.items())[:5])
    text = (
        f"{changed} of {features} {names.features} drifted ({decision.share:.0%}, limit {policy.share:.0%}) "
        f"in {decision.rows} {names.rows}"
    )
    text += f"; largest: {worst}." if worst else "."
    return text + (" The predictions have drifted, too." if answers and changed else
                   " The predictions have drifted." if answers else "")  # fmt: skip
