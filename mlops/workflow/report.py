"""What the failure state of the machine says on the issue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlops.phases.graph import FIRST, FOLLOWERS

_LENGTH = 4000
_PLAIN = {
    "States.HeartbeatTimeout": "Nothing was heard of this phase for too long.",
    "States.Timeout": "This phase took longer than a phase may.",
    "Mwaa.RestApiClientException": "Airflow refused to start the run.",
    "Mwaa.RestApiServerException": "Airflow did not start the run.",
}


def failure_report(conf: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of `report_failure`, from what the state machine passes on: `run_key`, `error`, `cause`, `state`."""
    error, cause = str(conf.get("error", "")), str(conf.get("cause", ""))
    reason = _PLAIN.get(error) or cause or error or "The state machine failed without a word."
    return {"run_key": str(conf["run_key"]), "phase": stopped_at(conf.get("state") or {}), "reason": reason[:_LENGTH]}


def stopped_at(state: Mapping[str, Any]) -> str:
    """The phase without an answer, on the way that the answers name; the first where the run never started."""
    phase = FIRST.value
    for _ in FOLLOWERS:
        following = (state.get(phase) or {}).get("next")
        if not following:
            break
        phase = following
    return phase
