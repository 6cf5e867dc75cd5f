from __future__ import annotations

import pytest

from mlops.attempts import Adopt, Create, GiveUp, Job, next_attempt


def ended(*states: str, reason: str = "InternalServerError: sorry") -> list[Job]:
    return [Job(f"j{n}", "training", state, failure_reason=reason if state == "failed" else "") for n, state in
            enumerate(states, 1)]  # fmt: skip


@pytest.mark.parametrize(
    ("attempts", "decision"),
    [
        ([], Create(1)),
        (ended("running"), Adopt(1)),
        (ended("succeeded"), Adopt(1)),
        (ended("failed"), Create(2)),
        (ended("stopped"), Create(2)),
        (ended("failed", "failed", "running"), Adopt(3)),
        (ended("failed", "failed", "failed"), Create(4)),
        (ended("failed", reason="UserError: bad column"), GiveUp("user", "bad column")),
        (
            ended("failed", "failed", "failed", "failed"),
            GiveUp("platform", "4 attempts failed, the last one: InternalServerError: sorry"),
        ),
    ],
)
def test_the_next_attempt_follows_from_those_before(attempts, decision):
    assert next_attempt(attempts) == decision
