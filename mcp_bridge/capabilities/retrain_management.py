"""Phase `retrain`: what comes after a run, and the runs that no person starts."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from mcp_bridge.capabilities.model_deployment import EndpointName
from mcp_bridge.capabilities.model_monitoring import CheckId
from mcp_bridge.tools import IdempotencyKey, RunKey, Tools
from mlops.handles import NextStep


class Decision(BaseModel):
    decision: dict[str, Any] = Field(description="What was done (a run started, an issue opened, nothing) and why.")


class Decisions(BaseModel):
    decisions: list[dict[str, Any]] = Field(description="One entry a data set that the objects belong to.")


def register(tools: Tools) -> None:
    @tools.effect("Decide what comes next", reported=True)
    def decide_next(run_key: RunKey, idempotency_key: IdempotencyKey) -> NextStep:
        """After a verdict: nothing more, ask the operator for other settings, or stop after three re-tunings."""
        from mlops.phases import retrain

        return retrain.decide(tools.services, run_key)

    @tools.effect("Consider new data")
    def consider_new_data(
        keys: Annotated[list[str], Field(min_length=1, max_length=1000, description="Object keys that arrived.")],
        event_id: Annotated[
            str, Field(min_length=1, max_length=120, description="Names the arrival; one run at most.")
        ],
        idempotency_key: IdempotencyKey,
    ) -> Decisions:
        """Start a run for each data set with new raw objects, if the policy file says so."""
        from mlops.phases import retrain

        return Decisions(decisions=retrain.consider_new_data(tools.services, keys, event_id))

    @tools.effect("Act on drift")
    def act_on_drift(endpoint: EndpointName, check_id: CheckId, idempotency_key: IdempotencyKey) -> Decision:
        """After collect_drift_check: start a retraining, open an issue, or do nothing, as the policy file says."""
        from mlops.phases import retrain

        return Decision(decision=retrain.act_on_drift(tools.services, endpoint, check_id))

    @tools.effect("Start a scheduled run")
    def start_scheduled_run(
        schedule: Annotated[
            str, Field(min_length=1, max_length=63, description="Name of a schedule in the policy file.")
        ],
        interval_end: Annotated[str, Field(description="End of the data interval: UTC, ISO 8601.")],
        backfill: Annotated[bool, Field(description="True for a past interval: trains on its data, never deploys.")],
        idempotency_key: IdempotencyKey,
    ) -> Decision:
        """Start the run of one schedule for one interval; the same interval starts one run only."""
        from mlops.phases import retrain

        return Decision(decision=retrain.start_scheduled(tools.services, schedule, interval_end, backfill))
