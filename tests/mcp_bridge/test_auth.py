"""Tokens: only ours, only for us, only in time, and only what the agent is granted."""

from __future__ import annotations

import asyncio
import time

import jwt
import pytest

from mcp_bridge import auth
from mcp_bridge.agents import GRANTS

SIGNING_KEY = "a key of at least thirty-two bytes, for tests"


def verify(token, key=SIGNING_KEY):
    return asyncio.run(auth.Verifier(lambda: key).verify_token(token))


def forged(**changes):
    claims = {
        "iss": auth.ISSUER, "aud": auth.AUDIENCE, "sub": "training", "scope": "model_training",
        "exp": int(time.time()) + 60, **changes,
    }  # fmt: skip
    return jwt.encode({k: v for k, v in claims.items() if v is not None}, SIGNING_KEY, algorithm="HS256")


def test_minted_token_carries_its_agents_grant():
    access = verify(auth.mint("training", SIGNING_KEY))
    assert access.client_id == "training"
    assert set(access.scopes) == GRANTS["training"]


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("nonsense", id="no token"),
        pytest.param(forged(aud="another-server"), id="another audience"),
        pytest.param(forged(iss="somebody"), id="another issuer"),
        pytest.param(forged(exp=int(time.time()) - 1), id="expired"),
        pytest.param(forged(exp=None), id="never expires"),
        pytest.param(forged(sub="stranger"), id="unknown agent"),
        pytest.param(forged(scope=""), id="no scope"),
        pytest.param(jwt.encode({"sub": "training"}, "x" * 40, algorithm="HS256"), id="another key"),
        pytest.param(jwt.encode({"sub": "operator", "aud": auth.AUDIENCE}, None, algorithm="none"), id="unsigned"),
    ],
)
def test_refused(token):
    assert verify(token) is None


def test_token_never_gets_more_than_the_grant_of_today():
    assert verify(forged(scope="model_training model_deployment")).scopes == ["model_training"]


def test_short_signing_key_is_refused():
    with pytest.raises(ValueError, match="at least 32"):
        auth.mint("training", "short")


def test_rotated_key_is_noticed(monkeypatch):
    keys = iter([SIGNING_KEY, "k" * 40])
    verifier = auth.Verifier(lambda: next(keys))
    assert asyncio.run(verifier.verify_token(auth.mint("training", SIGNING_KEY)))
    monkeypatch.setattr(auth, "_KEY_AGE_S", 0.0)
    assert asyncio.run(verifier.verify_token(auth.mint("training", "k" * 40)))
