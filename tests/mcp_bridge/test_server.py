"""Eleven capabilities, each behind its scope."""

from __future__ import annotations

import asyncio

import pytest
from mcp import Client

from mcp_bridge.agents import AGENTS, CAPABILITIES, GRANTS
from mcp_bridge.server import build


def listed(bridge):
    return asyncio.run(bridge.list_tools())


async def called(bridge, tool, arguments, **options):
    async with Client(bridge) as client:
        return await client.call_tool(tool, arguments, **options)


def test_eleven_capabilities_have_tools(bridge):
    assert set(bridge.capability_of.values()) == set(CAPABILITIES)
    assert len(AGENTS) == 11


@pytest.mark.parametrize("agent", GRANTS)
def test_agent_reaches_exactly_what_it_is_granted(bare, bridge, agent):
    """Empty arguments suffice: scopes are checked before arguments."""

    async def outcomes():
        async with Client(build(bare, agent=agent)) as client:
            return {
                tool: (await client.session.call_tool(tool, {}, allow_input_required=True)).content[0].text
                for tool, needs in needed.items()
                if needs
            }

    needed = {tool.name: tool.input_schema.get("required") for tool in listed(bridge)}
    granted = {name for name, capability in bridge.capability_of.items() if {name, capability} & GRANTS[agent]}
    reached = {tool for tool, text in asyncio.run(outcomes()).items() if not text.startswith("[forbidden]")}
    with_arguments = {tool for tool, needs in needed.items() if needs}
    assert reached == granted & with_arguments
    assert {tool.name for tool in listed(build(bare, agent=agent))} == granted


def test_call_without_a_caller_is_refused(bare):
    answer = asyncio.run(called(build(bare), "list_runs", {}))
    assert answer.is_error
    assert answer.content[0].text.startswith("[forbidden]")


def test_every_effect_takes_an_idempotency_key_and_no_reading_tool_does(bridge):
    for tool in listed(bridge):
        takes = "idempotency_key" in tool.input_schema["required"] if "required" in tool.input_schema else False
        assert takes is not tool.annotations.read_only_hint, tool.name


def test_every_tool_tells_an_agent_what_it_needs_to_know(bridge):
    for tool in listed(bridge):
        assert tool.title, tool.name
        assert len(tool.description) > 40, tool.name
        assert tool.output_schema["type"] == "object", tool.name
        for name, argument in tool.input_schema["properties"].items():
            assert argument.get("description"), f"{tool.name}.{name}"


def test_tool_names_lead_to_each_other(bridge):
    """A docstring that names a tool names one there is."""
    names = set(bridge.capability_of)
    for tool in listed(bridge):
        for word in tool.description.replace(".", " ").replace(",", " ").replace(":", " ").split():
            if word.startswith(("start_", "collect_", "follow_", "open_", "decide_", "record_")) and "*" not in word:
                assert word in names, f"{tool.name} speaks of {word}"


def test_misspelt_argument_is_refused_with_the_names_there_are(bridge):
    answer = asyncio.run(called(bridge, "list_runs", {"limt": 3}))
    assert answer.is_error
    assert answer.content[0].text.startswith(
        "[bad_arguments] list_runs has no argument 'limt'; there are: limit, state."
    )


def test_every_schema_says_that_there_are_no_other_arguments(bridge):
    assert all(tool.input_schema["additionalProperties"] is False for tool in listed(bridge))
