"""Before and after a run: what it would cost and take, and which settings to try next."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from mcp_bridge.capabilities.github_integration import Body
from mcp_bridge.tools import RunKey, Tools


class Plan(BaseModel):
    plan: dict[str, Any] = Field(description="Canonical spec, phases, estimated time and cost, effective settings.")


class Suggestion(BaseModel):
    suggestion: dict[str, Any] = Field(description="Settings to change, with the reason; empty where none is better.")


def register(tools: Tools) -> None:
    @tools.read("Explain a plan")
    def explain_plan(body: Body) -> Plan:
        """What a run of this issue would do, take and cost, before anything starts.

        A body with mistakes is refused with all of them; check_issue lists them one by one.
        """
        from mlops import costs

        return Plan(plan=costs.explain(tools.services, body))

    @tools.read("Suggest settings")
    def suggest_settings(run_key: RunKey) -> Suggestion:
        """Which settings a re-tuning of this finished run should change, from its metrics and curves.

        Post them as a comment on the issue (`/retrain` and a YAML block) to start the next run.
        """
        from mlops.phases import retrain

        return Suggestion(suggestion=retrain.suggest(tools.services, run_key))
