"""How far a deployment is, as the ledger keeps it: read before each move, written after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mlops.errors import PlatformFault, UserFault
from mlops.faults import Culprit, classify
from mlops.jobs import MAX_RETRIES
from mlops.ledger import Ledger


class Failure(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: str
    fault: Culprit


class State(BaseModel):
    """One deployment by one run. Attempts count from 1; a new one forgets all but their number."""

    model_config = ConfigDict(extra="forbid")

    attempt: int = 1
    asked: list[str] = Field(default_factory=list, description="Configurations this attempt has asked for.")
    bad: str | None = Field(None, description="Why the new version was found bad.")
    share: float | None = Field(None, description="Percent of the canary step that is being judged.")
    since: str | None = Field(None, description="When that step began.")
    first: str | None = Field(None, description="When the first step began; CloudWatch is read from here.")
    before: dict[str, int] = Field(default_factory=dict, description="Requests and errors seen before that step.")
    probes: list[dict[str, Any]] = Field(default_factory=list, description="Our own requests in that step.")
    failed: Failure | None = None


def _item(run_key: str) -> str:
    return f"deployment#{run_key}"


def read(ledger: Ledger, run_key: str) -> State | None:
    item = ledger.get_item(_item(run_key))
    return State.model_validate(item.value) if item else None


def change(ledger: Ledger, run_key: str, edit: Callable[[State], State]) -> State:
    def apply(value: dict[str, Any]) -> dict[str, Any]:
        return edit(State.model_validate(value)).model_dump(mode="json")

    return State.model_validate(ledger.change_item(_item(run_key), apply))


def begin(ledger: Ledger, run_key: str) -> State:
    """The attempt under way, or the next one where the last failed by the platform.

    Raises:
        UserFault: it failed in a way that would repeat. PlatformFault: the retries are spent.
    """

    def next_attempt(state: State) -> State:
        if state.failed is None:
            return state
        if state.failed.fault == "user":
            raise UserFault(state.failed.reason)
        if state.attempt > MAX_RETRIES:
            raise PlatformFault(f"{state.attempt} attempts failed, the last one: {state.failed.reason}")
        return State(attempt=state.attempt + 1)

    return change(ledger, run_key, next_attempt)


def failure(reason: str, *, judged_bad: bool) -> Failure:
    """A version that was judged bad or never became healthy would be so again."""
    sick = judged_bad or "ping" in reason.lower() or "health" in reason.lower()
    return Failure(reason=reason, fault="user" if sick or classify(reason) == "user" else "platform")


def raise_for(failed: Failure) -> None:
    raise (UserFault if failed.fault == "user" else PlatformFault)(failed.reason)
