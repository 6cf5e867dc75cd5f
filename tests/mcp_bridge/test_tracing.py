"""A call is part of its caller's trace, and says so in its log line."""

from __future__ import annotations

import asyncio
import json

import pytest
from mcp import Client

from mcp_bridge.auth import Caller
from mcp_bridge.bridge import Bridge
from mcp_bridge.reporting import Reporter
from mcp_bridge.tools import RunKey, Tools
from mlops.handles import PhaseProgress
from mlops.telemetry import ids, tracing
from mlops.telemetry.lines import JsonLines

RUN_KEY = "gh-4242-7-0123456789ab"


@pytest.fixture
def seen(bare):
    """What a tool knew of its work."""
    found = []
    bridge = Bridge(local=Caller.of("operator"), reporter=Reporter(lambda key: None), log_level="ERROR")
    tools = Tools(bridge, bare, "model_training", bridge.reporter)

    def note():
        found.append(dict(tracing.facts()))
        return PhaseProgress(phase="train", state="running", message="")

    @tools.read("Look")
    def look(name: str) -> PhaseProgress:
        """Looks."""
        return note()

    @tools.read("Look at a run")
    def look_at(run_key: RunKey) -> PhaseProgress:
        """Looks."""
        return note()

    found.append(bridge)
    return found


def call(seen, tool, arguments):
    async def once():
        async with Client(seen[0]) as client:
            assert not (await client.call_tool(tool, arguments)).is_error

    asyncio.run(once())
    return seen[-1]


def test_tool_knows_the_run_that_its_caller_works_on(seen):
    task = ("task", "lifecycle.train.train_model", "1")
    with tracing.within(tracing.below(RUN_KEY, *task, phase="train", agent="training")):
        known = call(seen, "look", {"name": "job"})
    assert (known["run_key"], known["phase"]) == (RUN_KEY, "train")
    assert known["trace_id"] == f"{ids.trace_id(RUN_KEY):032x}"


def test_caller_is_who_its_token_says_not_who_it_says(seen):
    with tracing.within(tracing.below(RUN_KEY, agent="history_writer")):
        assert call(seen, "look", {"name": "job"})["agent"] == "operator"


def test_call_without_a_trace_is_of_the_run_that_it_names(seen):
    assert call(seen, "look_at", {"run_key": RUN_KEY})["trace_id"] == f"{ids.trace_id(RUN_KEY):032x}"


def test_call_from_another_runs_trace_is_of_the_run_that_it_names(seen):
    with tracing.within(tracing.below("gh-4242-8-0123456789ab")):
        known = call(seen, "look_at", {"run_key": RUN_KEY})
    assert (known["run_key"], known["trace_id"]) == (RUN_KEY, f"{ids.trace_id(RUN_KEY):032x}")


def test_log_line_of_a_call_names_run_agent_and_trace(seen, caplog):
    lines = []
    formatter = JsonLines(tracing.facts)
    caplog.handler.setFormatter(formatter)
    with caplog.at_level("INFO", logger="mcp_bridge.calls"), tracing.within(tracing.below(RUN_KEY)):
        call(seen, "look", {"name": "job"})
    lines = [json.loads(text) for text in caplog.text.splitlines() if "look answered" in text]
    assert [(line["run_key"], line["agent"], line["trace_id"]) for line in lines] == [
        (RUN_KEY, "operator", f"{ids.trace_id(RUN_KEY):032x}")
    ]
