"""The next move of a deployment, from what the endpoint looks like now: pure, so that a crash costs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlops.phases.deploy.plan import CANARY_STEPS, Goal

BUSY = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})


@dataclass(frozen=True)
class View:
    """An endpoint as SageMaker describes it. `status` is empty where there is none."""

    status: str = ""
    config: str = ""
    shares: Mapping[str, float] = field(default_factory=dict)
    """Percent of requests per variant, as desired."""
    failure_reason: str = ""

    @property
    def exists(self) -> bool:
        return bool(self.status)


@dataclass(frozen=True)
class Sample:
    """What a canary step has shown so far."""

    requests: int = 0
    errors: int = 0
    """Answers 5xx, or none."""
    latency_p95_ms: float | None = None
    waited_s: float = 0.0


@dataclass(frozen=True)
class Limits:
    minimum_requests: int
    max_error_rate: float
    max_latency_ms: float
    step_s: float
    """After so long without enough requests we send our own."""


@dataclass(frozen=True)
class Wait:
    detail: str


@dataclass(frozen=True)
class Create:
    config: str


@dataclass(frozen=True)
class Update:
    config: str


@dataclass(frozen=True)
class Recreate:
    """An endpoint that failed to come up cannot be updated: delete it, then create."""


@dataclass(frozen=True)
class SetShare:
    """Give the new variant this percentage of requests."""

    percent: int


@dataclass(frozen=True)
class Probe:
    """Send this many requests of our own to the new variant."""

    requests: int


@dataclass(frozen=True)
class GoBack:
    reason: str


@dataclass(frozen=True)
class Done:
    pass


@dataclass(frozen=True)
class Failed:
    reason: str


Move = Wait | Create | Update | Recreate | SetShare | Probe | GoBack | Done | Failed


def next_move(
    view: View, goal: Goal, *, asked: frozenset[str], bad: str | None, sample: Sample, limits: Limits
) -> Move:
    """What to do now.

    Args:
        asked: configurations this attempt has asked for; one that was asked for and does not stand was rolled back.
        bad: why the new version was found bad; the old configuration is then to be restored.
        sample: what the current canary step has shown.
    """
    if not view.exists:
        return Failed(bad) if bad else Create(goal.final_config)
    if view.status in BUSY:
        return Wait(f"{view.status} {view.config}")
    if view.status == "UpdateRollbackFailed":
        return Failed(
            f"{view.status}: old and new servers are mixed; an operator must act. {view.failure_reason}".strip()
        )
    if view.status != "InService":
        broken = view.config == goal.final_config and goal.final_config in asked
        return Failed(view.failure_reason or f"the endpoint is {view.status}") if broken else Recreate()
    if bad:
        return _restore(view, goal, bad)
    if view.config == goal.final_config:
        return Done()
    if goal.step_config and view.config == goal.step_config:
        return Done() if goal.strategy == "ab_test" else _canary(view, goal, sample, limits)
    wanted = goal.step_config if goal.step_config else goal.final_config
    if wanted in asked:
        return Failed(view.failure_reason or f"SageMaker went back to {view.config}")
    return Update(wanted)


def _restore(view: View, goal: Goal, bad: str) -> Move:
    if goal.base.config is None or view.config == goal.base.config:
        return Failed(bad)
    return Update(goal.base.config)


def _canary(view: View, goal: Goal, sample: Sample, limits: Limits) -> Move:
    share = view.shares.get(goal.new_variant, 0.0)
    verdict = judge_sample(sample, limits)
    if isinstance(verdict, GoBack):
        return GoBack(f"{verdict.reason} at {share:g} % of requests")
    if verdict is not None:
        return verdict
    later = [step for step in CANARY_STEPS if step > share + 0.5]
    return SetShare(later[0]) if later else Update(goal.final_config)


def judge_sample(sample: Sample, limits: Limits) -> Move | None:
    """None: the step is good. Else why it is bad, or what to wait for.

    Three errors that already exceed the allowed share of a full sample are enough to go back at once.
    """
    allowed = limits.max_error_rate * max(sample.requests, limits.minimum_requests)
    enough = sample.requests >= limits.minimum_requests
    if sample.errors > allowed and (enough or sample.errors >= 3):
        return GoBack(f"{sample.errors} of {sample.requests} requests failed")
    if not enough:
        missing = limits.minimum_requests - sample.requests
        if sample.waited_s < limits.step_s:
            return Wait(f"{sample.requests} of {limits.minimum_requests} requests seen")
        return Probe(missing)
    latency = sample.latency_p95_ms
    if latency is None or latency != latency:
        return (
            Wait("latency is not known yet") if sample.waited_s < 2 * limits.step_s else GoBack("no latency is known")
        )
    if latency > limits.max_latency_ms:
        return GoBack(f"P95 latency is {latency:.0f} ms, allowed are {limits.max_latency_ms:.0f} ms")
    return None
