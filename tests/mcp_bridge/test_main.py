"""The command line: tokens, snapshots, and a server over stdio."""

from __future__ import annotations

import asyncio
import json
import sys

import pytest

from mcp_bridge.__main__ import main
from mcp_bridge.agents import GRANTS


@pytest.fixture
def environment(services, moto_url, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


def test_token_for_each_agent_is_printed_as_json(environment, capsys):
    assert main(["token", "--all"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == set(GRANTS)


def test_token_for_one_agent(environment, capsys):
    assert main(["token", "training"]) == 0
    assert capsys.readouterr().out.count(".") == 2


def test_unknown_agent_is_told_who_there_is(environment, capsys):
    assert main(["token", "nobody"]) == 2
    assert "history_writer" in capsys.readouterr().err


def test_snapshots_check(capsys):
    assert main(["schemas", "--check"]) == 0


def test_server_over_stdio(environment):
    import os

    from mcp import Client, StdioServerParameters
    from mcp.client.stdio import get_default_environment

    parameters = StdioServerParameters(
        command=sys.executable, args=["-m", "mcp_bridge", "--stdio", "--agent", "training"],
        env={**get_default_environment(), **{n: v for n, v in os.environ.items() if n.startswith("AWS_")}},
    )  # fmt: skip

    async def names():
        async with Client(parameters) as client:
            return [tool.name for tool in (await client.list_tools()).tools]

    assert sorted(asyncio.run(names())) == ["collect_training", "follow_job", "start_training", "stop_job"]


def test_unknown_agent_over_stdio_is_told_who_there_is(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--stdio", "--agent", "nobody"])
    assert ended.value.code == 2
    assert "history_writer" in capsys.readouterr().err
