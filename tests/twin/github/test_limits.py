"""Budgets over time, with a clock that the test moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from twin.github.limits import Limits, Meter
from twin.github.problems import Problem


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def test_spent_budget_returns_after_the_hour():
    clock = Clock()
    meter = Meter(Limits(core_per_hour=1), clock)
    meter.count("a", "core")
    with pytest.raises(Problem):
        meter.check_primary("a", "core")
    meter.check_primary("b", "core")
    clock.pass_(3600)
    meter.check_primary("a", "core")


def _allows(meter: Meter) -> bool:
    try:
        meter.check_secondary("a", writes=True, creates=True)
    except Problem as problem:
        return problem.headers != {"Retry-After": "60"}
    return True


def test_eighty_contents_a_minute_and_five_hundred_an_hour():
    """GitHub's published figures: 80 a minute, 500 an hour."""
    clock = Clock()
    meter = Meter(Limits(points_per_minute=10_000), clock)
    made = []
    for _ in range(8):
        made.append(0)
        while _allows(meter):
            made[-1] += 1
        clock.pass_(60)
    assert made == [80, 80, 80, 80, 80, 80, 20, 0]


def test_nine_hundred_points_a_minute_are_180_writes():
    meter = Meter(Limits(), Clock())
    for _ in range(180):
        meter.check_secondary("a", writes=True, creates=False)
    with pytest.raises(Problem):
        meter.check_secondary("a", writes=False, creates=False)


@pytest.mark.parametrize("change", [{"speed": 1}, {"core_per_hour": -1}, {"core_per_hour": "many"}])
def test_unknown_or_impossible_limit_is_refused(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        Limits().changed(change)
