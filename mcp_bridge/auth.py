"""Bearer tokens: who signed them, for whom, until when, and which scopes they carry."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken

from mcp_bridge.agents import GRANTS
from mlops.errors import MlopsError, RequestRefused

AUDIENCE = "mlops-mcp"
ISSUER = "mlops"
_ALGORITHM = "HS256"
_KEY_BYTES = 32
"""RFC 7518: a key for HS256 has at least 256 bits."""
_KEYS_AGE_S = 300.0
_RETRY_AGE_S = 15.0
"""A signature that no known key made may be of a key that is newer; strangers must not make us ask at each try."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Caller:
    """Who calls a tool, and with which scopes."""

    agent: str
    scopes: frozenset[str]

    @classmethod
    def of(cls, agent: str) -> Caller:
        return cls(agent, GRANTS[agent])


def mint(agent: str, signing_key: str, *, days: float = 30.0) -> str:
    """A token that lets `agent` use what GRANTS gives it, for `days`.

    Raises:
        KeyError: there is no such agent.
        RequestRefused: the key is shorter than 32 bytes.
    """
    import jwt

    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": agent,
        "scope": " ".join(sorted(GRANTS[agent])),
        "iat": now,
        "exp": now + int(days * 86400),
    }
    return jwt.encode(claims, _strong(signing_key), algorithm=_ALGORITHM)


class Verifier:
    """Checks signature, issuer, audience and expiry; a token never gets more than its agent's grant of today."""

    def __init__(self, signing_keys: Callable[[], Sequence[str]], clock: Callable[[], float] = time.monotonic):
        """`signing_keys`, the newest first, are asked again every five minutes, so that a rotation needs no restart.

        A token that none of them signed is a reason to ask sooner: the key before ends with the next rotation at the
        latest five minutes later, a new one is known after 15 seconds.
        """
        self._signing_keys = signing_keys
        self._clock = clock
        self._known: tuple[str, ...] = ()
        self._asked_at = 0.0

    async def verify_token(self, token: str) -> AccessToken | None:
        """The token's agent and scopes, or None (the wire says 401)."""
        import anyio.to_thread
        import jwt

        try:
            claims = await anyio.to_thread.run_sync(self._claims, token)
        except jwt.InvalidTokenError as refused:
            log.warning("Refused a token: %s", refused)
            return None
        agent = str(claims["sub"])
        scopes = frozenset(str(claims.get("scope", "")).split()) & GRANTS.get(agent, frozenset())
        if not scopes:
            log.warning("Refused a token: no grant for agent %r", agent)
            return None
        return AccessToken(
            token=token, client_id=agent, subject=agent, scopes=sorted(scopes), expires_at=int(claims["exp"]),
            claims={"iss": ISSUER},
        )  # fmt: skip

    def _claims(self, token: str) -> dict[str, Any]:
        """Raises jwt.InvalidTokenError, and what reading the keys raises where none is known yet."""
        import jwt

        try:
            return _decoded(token, self._keys(_KEYS_AGE_S))
        except jwt.InvalidSignatureError:
            return _decoded(token, self._keys(_RETRY_AGE_S))

    def _keys(self, oldest_s: float) -> tuple[str, ...]:
        if not self._known or self._clock() - self._asked_at > oldest_s:
            try:
                self._known = tuple(_strong(key) for key in self._signing_keys())
            except MlopsError as trouble:
                # Agents that were let in a moment ago are still the same ones.
                if not self._known:
                    raise
                log.warning("The signing keys could not be read again: %s", trouble)
            self._asked_at = self._clock()
        return self._known


def _decoded(token: str, keys: Sequence[str]) -> dict[str, Any]:
    """Raises jwt.InvalidSignatureError where no key made the signature, another jwt.InvalidTokenError otherwise."""
    import jwt

    for key in keys:
        try:
            return jwt.decode(
                token, key, algorithms=[_ALGORITHM], audience=AUDIENCE, issuer=ISSUER,
                options={"require": ["exp", "aud", "iss", "sub"]},
            )  # fmt: skip
        except jwt.InvalidSignatureError:
            continue
    raise jwt.InvalidSignatureError("Signature verification failed")


def caller(local: Caller | None) -> Caller | None:
    """The caller of the request being served; `local` where no HTTP request is (stdio, in-memory)."""
    token = get_access_token()
    return Caller(token.client_id, frozenset(token.scopes)) if token else local


def _strong(key: str) -> str:
    if len(key.encode()) < _KEY_BYTES:
        raise RequestRefused(f"mcp_signing_key has {len(key.encode())} bytes; make one of at least {_KEY_BYTES}.")
    return key
