"""The bridge on the wire: tokens, Host, Origin, size, health."""

from __future__ import annotations

import asyncio
import json
import time

import httpx
import jwt
import pytest

from mcp_bridge import auth

SIGNING_KEY = "a key of at least thirty-two bytes, for tests"
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}


def post(url, token=None, body=LIST, **headers):
    base = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
    if token:
        base["authorization"] = f"Bearer {token}"
    return httpx.post(url, headers={**base, **headers}, content=json.dumps(body), timeout=10)


@pytest.fixture
def token():
    return auth.mint("operator", SIGNING_KEY)


def test_client_with_a_token_calls_a_tool(http_bridge, token, services, record):
    import httpx2
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    services.ledger.create_run(record)

    async def runs():
        async with (
            httpx2.AsyncClient(headers={"authorization": f"Bearer {token}"}) as http,
            Client(streamable_http_client(http_bridge, http_client=http)) as client,
        ):
            return (await client.call_tool("list_runs", {})).structured_content

    assert [run["run_key"] for run in asyncio.run(runs())["runs"]] == [record.run_key]


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(None, id="none"),
        pytest.param("nonsense", id="nonsense"),
        pytest.param(
            jwt.encode(
                {"iss": "mlops", "aud": "other", "sub": "operator", "exp": time.time() + 60}, SIGNING_KEY, "HS256"
            ),
            id="another audience",
        ),
    ],
)
def test_bad_token_is_unauthorized(http_bridge, bad):
    assert post(http_bridge, bad).status_code == 401


def test_foreign_host_is_refused(http_bridge, token):
    """DNS rebinding: a page of evil.example that resolves to 127.0.0.1."""
    assert post(http_bridge, token, host="evil.example").status_code == 421


def test_foreign_origin_is_refused(http_bridge, token):
    assert post(http_bridge, token, origin="http://evil.example").status_code == 403


def test_huge_body_is_refused(http_bridge, token):
    assert post(http_bridge, token, body={"x": "y" * 1_100_000}).status_code == 413


def test_health_needs_no_token(http_bridge):
    reply = httpx.get(http_bridge.replace("/mcp", "/healthz"), timeout=10)
    assert reply.json()["status"] == "ok"
    assert reply.json()["tools"] > 40
