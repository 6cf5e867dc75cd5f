"""Calls reach their tool, wait for a server that is away, and fail in the way Airflow should treat them."""

from __future__ import annotations

import asyncio
import threading

import pytest
from hooks.bridge import BridgeHook, BridgeUnreachable, ToolFailed, ToolRefused
from mcp.server.mcpserver.exceptions import ToolError

ASKED = {"run_key": "gh-1", "idempotency_key": "k"}


def test_call_returns_the_structured_answer(bridge_server, script):
    script.on("start_training", {"job": None})
    assert BridgeHook().call("start_training", ASKED, "training") == {"job": None}
    assert script.asked == [("start_training", ASKED)]


def test_trigger_calls_the_same_way(bridge_server, script):
    script.on("start_training", {"job": None})
    assert asyncio.run(BridgeHook().acall("start_training", ASKED, "training")) == {"job": None}


@pytest.mark.parametrize("word", ["user_fault", "rejected", "refused", "conflict", "bad_arguments", "forbidden"])
def test_refusal_ends_the_task(bridge_server, script, word):
    script.on("start_training", ToolError(f"[{word}] No. Do this instead."))
    with pytest.raises(ToolRefused, match="Do this instead"):
        BridgeHook().call("start_training", ASKED, "training")


@pytest.mark.parametrize("word", ["platform_fault", "unavailable", "internal"])
def test_fault_may_be_retried(bridge_server, script, word):
    script.on("start_training", ToolError(f"[{word}] Away. Later."))
    with pytest.raises(ToolFailed):
        BridgeHook().call("start_training", ASKED, "training")


def test_server_that_restarts_is_waited_for(bridge_server, script):
    script.on("start_training", {"job": None})
    bridge_server.stop()
    restart = threading.Timer(0.6, bridge_server.start)
    restart.start()
    assert BridgeHook(patience_s=20).call("start_training", ASKED, "training") == {"job": None}
    restart.join()


def test_server_that_stays_away_is_named(bridge_server):
    bridge_server.stop()
    with pytest.raises(BridgeUnreachable, match=bridge_server.url):
        BridgeHook(patience_s=0.1).call("start_training", ASKED, "training")
    bridge_server.start()


def test_agent_without_a_token_is_refused_before_any_call(bridge_server, script):
    with pytest.raises(ToolRefused, match="no token for agent 'stranger'"):
        BridgeHook().call("start_training", ASKED, "stranger")
    assert script.asked == []


def test_environment_is_read_where_there_is_no_connection(bridge_server, script, monkeypatch):
    script.on("start_training", {"job": None})
    monkeypatch.delenv("AIRFLOW_CONN_MLOPS_MCP")
    monkeypatch.setenv("MCP_URL", f"{bridge_server.url}/mcp")
    monkeypatch.setenv("MCP_TOKENS", '{"training": "a token"}')
    assert BridgeHook().call("start_training", ASKED, "training") == {"job": None}
