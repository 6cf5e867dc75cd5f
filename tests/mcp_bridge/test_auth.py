"""Tokens: only ours, only for us, only in time, and only what the agent is granted."""

from __future__ import annotations

import asyncio
import json
import time

import jwt
import pytest

from mcp_bridge import auth
from mcp_bridge.agents import GRANTS
from mcp_bridge.web import signing_keys
from mlops.errors import RequestRefused, Unavailable

SIGNING_KEY = "a key of at least thirty-two bytes, for tests"


def verify(token, key=SIGNING_KEY):
    return asyncio.run(auth.Verifier(lambda: [key]).verify_token(token))


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
    with pytest.raises(RequestRefused, match="at least 32"):
        auth.mint("training", "short")


class Rotating:
    """A verifier whose clock and keys the test moves."""

    def __init__(self, *keys):
        self.keys, self.now, self.asked = list(keys), 0.0, 0
        self.verifier = auth.Verifier(self.read, clock=lambda: self.now)

    def read(self):
        self.asked += 1
        if isinstance(self.keys, Exception):
            raise self.keys
        return self.keys

    def accepts(self, key):
        return asyncio.run(self.verifier.verify_token(auth.mint("training", key))) is not None


OLD, NEW, NEWEST = "o" * 40, "n" * 40, "m" * 40


def test_token_of_the_key_before_is_accepted_beside_todays():
    rotating = Rotating(NEW, OLD)
    assert rotating.accepts(OLD)
    assert rotating.accepts(NEW)


def test_key_before_ends_with_the_next_rotation():
    rotating = Rotating(NEW, OLD)
    assert rotating.accepts(OLD)
    rotating.keys, rotating.now = [NEWEST, NEW], 301.0
    assert not rotating.accepts(OLD)
    assert rotating.accepts(NEW)


def test_token_of_a_new_key_is_accepted_within_seconds():
    rotating = Rotating(OLD)
    assert rotating.accepts(OLD)
    rotating.keys, rotating.now = [NEW, OLD], 16.0
    assert rotating.accepts(NEW)


def test_strangers_do_not_make_us_read_the_keys_at_each_try():
    rotating = Rotating(OLD)
    assert not any(rotating.accepts(NEW) for _ in range(20))
    assert rotating.asked == 1


def test_expired_token_does_not_make_us_read_the_keys_again():
    rotating = Rotating(SIGNING_KEY)
    rotating.accepts(SIGNING_KEY)
    rotating.now = 100.0
    assert asyncio.run(rotating.verifier.verify_token(forged(exp=int(time.time()) - 1))) is None
    assert rotating.asked == 1


@pytest.mark.parametrize("trouble", [Unavailable("throttled"), RequestRefused("no JSON object")], ids=repr)
def test_known_keys_go_on_where_they_cannot_be_read_again(trouble):
    rotating = Rotating(OLD)
    assert rotating.accepts(OLD)
    rotating.keys, rotating.now = trouble, 1000.0
    assert rotating.accepts(OLD)


def test_nobody_is_let_in_before_the_keys_were_read():
    rotating = Rotating()
    rotating.keys = Unavailable("throttled")
    with pytest.raises(Unavailable):
        rotating.accepts(OLD)


@pytest.mark.parametrize(
    ("secret", "keys"),
    [
        pytest.param({"mcp_signing_key": NEW}, [NEW], id="one"),
        pytest.param({"mcp_signing_key": NEW, "mcp_signing_key_previous": OLD}, [NEW, OLD], id="the newest first"),
    ],
)
def test_keys_lie_in_the_secret_of_api_keys(services, secret, keys):
    services.cloud.secrets.put_secret_value(SecretId="mlops/api-keys", SecretString=json.dumps(secret))
    assert signing_keys(services) == keys


@pytest.mark.parametrize(
    "value", ["a secret text", '["a secret text"]', '{"other": "a secret text"}', '"a secret text"']
)
def test_secret_that_holds_no_key_is_refused_without_its_text(services, value):
    services.cloud.secrets.put_secret_value(SecretId="mlops/api-keys", SecretString=value)
    with pytest.raises(RequestRefused, match="mlops/api-keys must be") as refused:
        signing_keys(services)
    assert "a secret text" not in str(refused.value)
    assert refused.value.__cause__ is None
