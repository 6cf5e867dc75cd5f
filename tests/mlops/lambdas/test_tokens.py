"""Tokens signed anew without PyJWT: what the MCP server takes, and nothing that it would not have taken before."""

from __future__ import annotations

import base64
import json
import time

import anyio
import jwt
import pytest

from mcp_bridge.agents import GRANTS
from mcp_bridge.auth import Verifier, mint
from mlops.lambdas import tokens
from mlops.lambdas.tokens import NotOurs

OLD, TODAY, STRANGE = "0" * 64, "1" * 64, "2" * 64


def accepted(token: str, *keys: str):
    return anyio.run(Verifier(lambda: keys).verify_token, token)


def told(token: str) -> dict:
    return jwt.decode(token, options={"verify_signature": False})


@pytest.mark.parametrize("agent", GRANTS)
def test_server_takes_a_renewed_token_for_the_same_agent_and_scopes(agent):
    before = mint(agent, OLD, days=120)
    after = tokens.renewed(before, [TODAY, OLD], TODAY, time.time())
    assert accepted(before, TODAY) is None
    found = accepted(after, TODAY)
    assert (found.client_id, set(found.scopes)) == (agent, set(GRANTS[agent]))


def test_renewed_token_lasts_as_long_as_the_one_before():
    now = time.time() + 80 * 86400
    before = mint("training", OLD, days=120)
    after = tokens.renewed(before, [OLD], TODAY, now)
    assert told(after)["exp"] - told(after)["iat"] == 120 * 86400
    assert tokens.ends(after, [TODAY]) == int(now) + 120 * 86400
    assert {**told(after), "iat": 0, "exp": 0} == {**told(before), "iat": 0, "exp": 0}


def unsigned(token: str) -> str:
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).rstrip(b"=").decode()
    return f"{header}.{token.split('.')[1]}."


def forged(token: str) -> str:
    """The body of another agent under the signature of this one."""
    header, _, signature = token.split(".")
    return f"{header}.{mint('deployment', STRANGE).split('.')[1]}.{signature}"


@pytest.mark.parametrize(
    ("what", "token"),
    [
        ("no key of ours", mint("training", STRANGE)),
        ("another algorithm", unsigned(mint("training", OLD))),
        ("no key of ours", forged(mint("training", OLD))),
        ("time is over", mint("training", OLD, days=-1)),
        ("no token", ""),
        ("no token", "a.b.c"),
        ("no token", "\r\nx: y"),
        ("no token", "ä.ö.ü"),
        ("no token", jwt.encode({"sub": "training"}, OLD, algorithm="HS256")),
        ("how long", jwt.encode({"iat": 0, "sub": "training", "exp": None}, OLD, algorithm="HS256")),
        ("another algorithm", jwt.encode({"iat": 0, "exp": 9e9}, OLD, algorithm="HS512")),
    ],
)
def test_what_the_server_would_refuse_is_not_signed(what, token):
    with pytest.raises(NotOurs, match=what) as refused:
        tokens.renewed(token, [TODAY, OLD], TODAY, time.time())
    assert not token or token not in str(refused.value)
    assert refused.value.__cause__ is None
