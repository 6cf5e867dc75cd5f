"""The bridge over HTTP: bearer tokens, Host and Origin allow-lists, a body cap and a health page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mcp.server.auth.settings import AuthSettings
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from mcp_bridge.auth import Verifier
from mlops.errors import RequestRefused

if TYPE_CHECKING:
    from mcp_bridge.bridge import Bridge
    from mlops.services import Services

LOOPBACK_HOSTS = ("127.0.0.1:*", "localhost:*", "[::1]:*")
LOOPBACK_ORIGINS = tuple(f"http://{host}" for host in LOOPBACK_HOSTS)
MAX_BODY_BYTES = 1024 * 1024


def application(
    bridge: Bridge,
    services: Services,
    *,
    hosts: Sequence[str] = LOOPBACK_HOSTS,
    origins: Sequence[str] = LOOPBACK_ORIGINS,
) -> Starlette:
    """An ASGI application: `/mcp` for those with a token, `/healthz` for everybody."""
    # No session state: any replica, and a server that was restarted, can answer the next request.
    return bridge._lowlevel_server.streamable_http_app(
        stateless_http=True,
        max_request_body_size=MAX_BODY_BYTES,
        transport_security=TransportSecuritySettings(allowed_hosts=list(hosts), allowed_origins=list(origins)),
        auth=AuthSettings(issuer_url="https://mlops.invalid", resource_server_url=None),  # type: ignore[arg-type]
        token_verifier=Verifier(lambda: signing_keys(services)),
        custom_starlette_routes=[Route("/healthz", _health(bridge))],
    )


def signing_keys(services: Services) -> list[str]:
    """The keys of the API keys secret that may have signed a token: today's, then the one before it.

    Raises:
        RequestRefused: the secret is missing, no JSON object, or holds no key. Unavailable: it could not be read.
    """
    name = services.settings.api_keys_secret
    try:
        keys = json.loads(services.cloud.secret(name))
        return [str(keys["mcp_signing_key"]), *filter(None, [keys.get("mcp_signing_key_previous")])]
    except (ValueError, TypeError, KeyError, AttributeError):
        # Not from it: the decoder's error carries the whole value.
        raise RequestRefused(f"Secret {name} must be a JSON object with mcp_signing_key.") from None


def _health(bridge: Bridge):
    async def health(_: Request) -> JSONResponse:
        return JSONResponse({"status": "ok", "tools": len(bridge.capability_of), "version": bridge.version})

    return health
