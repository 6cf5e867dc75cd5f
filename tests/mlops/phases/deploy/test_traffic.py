from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops.phases.deploy.plan import Base, Goal
from mlops.phases.deploy.traffic import (
    Create,
    Done,
    Failed,
    GoBack,
    Limits,
    Probe,
    Recreate,
    Sample,
    SetShare,
    Update,
    View,
    Wait,
    judge_sample,
    next_move,
)

LIMITS = Limits(minimum_requests=20, max_error_rate=0.05, max_latency_ms=100.0, step_s=60.0)
GOOD = Sample(requests=20, errors=1, latency_p95_ms=50.0, waited_s=5.0)
BLUE = Goal(endpoint="e", strategy="blue_green", new_variant="v2", final_config="new", base=Base(config="old"))
CANARY = BLUE.model_copy(update={"strategy": "canary", "old_variant": "v1", "step_config": "both"})
AB = CANARY.model_copy(update={"strategy": "ab_test"})


def move(view: View, goal: Goal = BLUE, *, asked: set[str] | None = None, bad: str | None = None, sample=GOOD):
    return next_move(view, goal, asked=frozenset(asked or ()), bad=bad, sample=sample, limits=LIMITS)


def standing(config: str, share: float = 100.0, **fields) -> View:
    return View("InService", config, {"v1": 100.0 - share, "v2": share}, **fields)


@pytest.mark.parametrize(
    ("view", "goal", "asked", "expected"),
    [
        (View(), BLUE, {}, Create("new")),
        (View(), CANARY, {}, Create("new")),
        (View("Creating", "new"), BLUE, {"new"}, Wait("Creating new")),
        (View("Failed", "new", failure_reason="no ping"), BLUE, {"new"}, Failed("no ping")),
        (View("Failed", "older"), BLUE, {}, Recreate()),
        (standing("old"), BLUE, {}, Update("new")),
        (standing("new"), BLUE, {"new"}, Done()),
        (standing("old", failure_reason="no ping"), BLUE, {"new"}, Failed("no ping")),
        (standing("old"), BLUE, {"new"}, Failed("SageMaker went back to old")),
        (standing("old"), CANARY, {}, Update("both")),
        (standing("both", 10), CANARY, {"both"}, SetShare(50)),
        (standing("both", 50), CANARY, {"both"}, SetShare(100)),
        (standing("both", 100), CANARY, {"both"}, Update("new")),
        (standing("new"), CANARY, {"both", "new"}, Done()),
        (standing("old"), CANARY, {"both"}, Failed("SageMaker went back to old")),
        (standing("old"), AB, {}, Update("both")),
        (standing("both", 50), AB, {"both"}, Done()),
    ],
)
def test_the_next_move_follows_from_what_stands(view, goal, asked, expected):
    assert move(view, goal, asked=set(asked)) == expected


def test_a_bad_version_is_replaced_by_what_stood_before():
    assert move(standing("both", 50), CANARY, bad="slow") == Update("old")
    assert move(View("Updating", "both"), CANARY, bad="slow") == Wait("Updating both")
    assert move(standing("old"), CANARY, bad="slow") == Failed("slow")
    assert move(standing("new"), BLUE.model_copy(update={"base": Base()}), bad="slow") == Failed("slow")


def test_mixed_servers_need_an_operator():
    stuck = move(View("UpdateRollbackFailed", "old", failure_reason="capacity"))
    assert stuck == Failed("UpdateRollbackFailed: old and new servers are mixed; an operator must act. capacity")


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        (GOOD, None),
        (Sample(requests=3, waited_s=5), Wait("3 of 20 requests seen")),
        (Sample(requests=3, waited_s=61), Probe(17)),
        (Sample(requests=20, errors=2, latency_p95_ms=5), GoBack("2 of 20 requests failed")),
        (Sample(requests=4, errors=3), GoBack("3 of 4 requests failed")),
        (Sample(requests=4, errors=2), Wait("4 of 20 requests seen")),
        (Sample(requests=30, latency_p95_ms=101), GoBack("P95 latency is 101 ms, allowed are 100 ms")),
        (Sample(requests=30, waited_s=5), Wait("latency is not known yet")),
        (Sample(requests=30, waited_s=121), GoBack("no latency is known")),
        (Sample(requests=30, latency_p95_ms=math.nan, waited_s=5), Wait("latency is not known yet")),
    ],
)
def test_a_canary_step_is_judged_on_enough_requests(sample, expected):
    assert judge_sample(sample, LIMITS) == expected


@given(
    st.floats(0, 100),
    st.builds(
        Sample,
        requests=st.integers(0, 60),
        errors=st.integers(0, 60),
        latency_p95_ms=st.none() | st.floats(),
        waited_s=st.floats(0, 1000),
    ),
)
def test_traffic_moves_on_only_after_enough_good_requests(share, sample):
    if isinstance(move(standing("both", share), CANARY, asked={"both"}, sample=sample), (SetShare, Update)):
        assert sample.requests >= LIMITS.minimum_requests
        assert sample.errors <= LIMITS.max_error_rate * sample.requests
        assert sample.latency_p95_ms is not None
        assert sample.latency_p95_ms <= LIMITS.max_latency_ms
