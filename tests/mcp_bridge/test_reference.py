"""The reference page of the tools."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from mcp_bridge.agents import CAPABILITIES, GRANTS
from mcp_bridge.reference import PATH, reference_page

ROOT = Path(__file__).parents[2]


def test_the_committed_page_is_the_derived_one():
    """Where this fails: `make form`, and review the difference."""
    assert (ROOT / PATH).read_text() == reference_page()


def test_page_names_each_tool_once_below_its_capability(bridge):
    page = (ROOT / PATH).read_text().partition("## Agents")[0]
    below = dict(re.findall(r"### `(\w+)`\n(.*?)(?=\n### |\Z)", page, re.DOTALL))
    assert list(below) == list(CAPABILITIES)
    for tool in asyncio.run(bridge.list_tools()):
        assert page.count(f"| `{tool.name}` |") == 1
        assert f"| `{tool.name}` |" in below[bridge.capability_of[tool.name]]


def test_page_says_what_each_agent_is_granted():
    agents = (ROOT / PATH).read_text().partition("## Agents")[2]
    rows = {line.split("`")[1]: set(re.findall(r"`(\w+)`", line)[1:]) for line in agents.splitlines() if "| `" in line}
    assert rows == {agent: set() if agent == "operator" else set(scopes) for agent, scopes in GRANTS.items()}
