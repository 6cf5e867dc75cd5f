"""Bearer tokens: who signed them, for whom, until when, and which scopes they carry."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken

from mcp_bridge.agents import GRANTS

AUDIENCE = "mlops-mcp"
ISSUER = "mlops"
_ALGORITHM = "HS256"
_KEY_BYTES = 32
"""RFC 7518: a key for HS256 has at least 256 bits."""
_KEY_AGE_S = 300.0

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
        ValueError: the key is shorter than 32 bytes.
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

    def __init__(self, signing_key: Callable[[], str]):
        """`signing_key` is asked again every five minutes, so that a rotation needs no restart."""
        self._signing_key = signing_key
        self._known: tuple[float, str] | None = None

    async def verify_token(self, token: str) -> AccessToken | None:
        """The token's agent and scopes, or None (the wire says 401)."""
        import anyio.to_thread
        import jwt

        try:
            key = await anyio.to_thread.run_sync(self._key)
            claims = jwt.decode(
                token, key, algorithms=[_ALGORITHM], audience=AUDIENCE, issuer=ISSUER,
                options={"require": ["exp", "aud", "iss", "sub"]},
            )  # fmt: skip
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

    def _key(self) -> str:
        now = time.monotonic()
        if self._known is None or now - self._known[0] > _KEY_AGE_S:
            self._known = (now, _strong(self._signing_key()))
        return self._known[1]


def caller(local: Caller | None) -> Caller | None:
    """The caller of the request being served; `local` where no HTTP request is (stdio, in-memory)."""
    token = get_access_token()
    return Caller(token.client_id, frozenset(token.scopes)) if token else local


def _strong(key: str) -> str:
    if len(key.encode()) < _KEY_BYTES:
        raise ValueError(f"mcp_signing_key has {len(key.encode())} bytes; make one of at least {_KEY_BYTES}.")
    return key
