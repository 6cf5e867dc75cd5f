"""What the page on the architecture draws and lists is what the code has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mcp_bridge.agents import CAPABILITIES, GRANTS, OPERATOR
from mlops.identity import Phase
from mlops.phases.graph import EDGES
from twin.infra import prices

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "docs" / "architecture.md").read_text()


def section(heading: str) -> str:
    return PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]


def rows(text: str) -> dict[str, str]:
    """First cell -> second cell of a table whose first cells are code."""
    return dict(re.findall(r"^\| `(\w+)` \| (.+?) \|$", text, re.MULTILINE))


def test_phases_follow_each_other_as_in_the_graph():
    drawn = re.findall(r"^  (\w+)(?:[\[{].*[\]}])? (?:-- .+? )?--> (\w+)$", section("The life of a run"), re.MULTILINE)
    names = set(Phase)
    assert {(one, other) for one, other in drawn if {one, other} <= names} == set(EDGES)


def test_agents_may_call_what_the_page_says():
    table = rows(section("Agents and what they may do"))
    listed = {agent: set(re.findall(r"`(\w+)`", cell)) for agent, cell in table.items() if agent != OPERATOR}
    assert listed == {agent: set(scopes) for agent, scopes in GRANTS.items() if agent != OPERATOR}
    assert (table[OPERATOR], len(CAPABILITIES)) == ("all eleven", 11)
    assert GRANTS[OPERATOR] == set(CAPABILITIES)


def test_every_dag_is_listed():
    found = {re.search(r'dag_id="(\w+)"', file.read_text())[1] for file in (PROJECT / "dags").glob("*.py")}
    assert set(rows(section("The life of a run"))) == found


def test_every_file_that_makes_something_is_a_box():
    makes = {file.name for file in (PROJECT / "terraform").glob("*.tf") if '\nresource "' in f"\n{file.read_text()}"}
    assert set(re.findall(r"\b(\w+\.tf)\b", section("On AWS"))) == makes


def test_prices_are_those_of_what_terraform_makes_now():
    assert prices.with_costs(PAGE) == PAGE, "run `python -m twin infra --diagram`"


@pytest.mark.parametrize("environment", prices.ENVIRONMENTS)
def test_what_is_priced_is_counted_from_the_files(environment):
    """By hand from the files of the day: three zones and a gateway each in production, one gateway in dev."""
    stack = prices.stack(environment)
    expected = {"dev": (2, False, 1, "mw1.small"), "prod": (3, True, 3, "mw1.medium")}[environment]
    assert (stack.zones, stack.protect, stack.gateways, stack.airflow) == expected
    assert stack.tasks == 2


def test_links_and_paths_lead_somewhere():
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", PAGE)]
    paths = re.findall(r"`((?:dags|mlops|terraform|tests|docs|examples)/[\w./-]*)`", PAGE)
    missing = [link for link in links if not (PROJECT / "docs" / link).exists()]
    assert missing + [path for path in paths if not (PROJECT / path).exists()] == []
