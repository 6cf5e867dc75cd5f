"""The bridge, put together: eleven capabilities, registered."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from mcp_bridge.agents import CAPABILITIES, owner
from mcp_bridge.auth import Caller
from mcp_bridge.bridge import Bridge
from mcp_bridge.reporting import Reporter
from mcp_bridge.tools import Tools
from mlops import runs
from mlops.acting import acting

if TYPE_CHECKING:
    from mlops.services import Services

INSTRUCTIONS = """\
The lifecycle of a model, from a GitHub issue to a watched endpoint, in seven phases:
prepare, train, validate, package, deploy, monitor, retrain.
Each long phase is start_* (gives a job), follow_job until it ended, collect_*. Deployments have follow_deployment and
confirm_deployment instead. Values are small handles; data stays in S3.
Every tool with an effect takes an idempotency_key: repeat a call that got no answer with the same key.
Errors begin with a word in brackets: rejected, refused, user_fault (do not repeat unchanged), unavailable,
platform_fault, internal (repeat later), conflict (look first), bad_arguments, forbidden.
Look first with list_runs, get_run, list_watched; check a new issue with check_issue and explain_plan.
"""


def build(services: Services, *, agent: str | None = None) -> Bridge:
    """A server for `services`. `agent` is who calls where there is no HTTP request; None refuses those calls."""
    bridge = Bridge(
        local=Caller.of(agent) if agent else None,
        reporter=Reporter(lambda run_key: _publish(services, run_key)),
        title="MLOps lifecycle", version="0.1.0", instructions=INSTRUCTIONS, log_level="INFO",
    )  # fmt: skip
    for capability in CAPABILITIES:
        module = import_module(f"mcp_bridge.capabilities.{capability}")
        module.register(Tools(bridge, services, capability, bridge.reporter))
    return bridge


def _publish(services: Services, run_key: str) -> None:
    """The comment is history's to write, whichever agent's step it tells of."""
    with acting(owner("history_management"), run_key):
        runs.publish(services, run_key)
