"""The emulator as one ASGI application."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from twin.github import graphql, knobs, transport
from twin.github.gateway import Gateway
from twin.github.hub import Hub
from twin.github.limits import Limits
from twin.github.rest.routes import all_routes
from twin.github.seed import RepositorySeed, plant
from twin.github.store import Clock, system_clock
from twin.github.web import routes as web_routes
from twin.github.webhooks import PAUSES_S

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
LOOPBACK = ("127.0.0.1", "localhost", "::1", "testserver")


def create(
    state_dir: Path | str,
    *,
    repositories: Sequence[RepositorySeed] = (RepositorySeed(),),
    limits: Limits | None = None,
    clock: Clock = system_clock,
    webhook_pauses_s: Sequence[float] = PAUSES_S,
    hosts: Sequence[str] = LOOPBACK,
) -> Emulator:
    """The emulator over a folder that it fills and keeps; calling it again on the same folder goes on with it.

    Args:
        state_dir: `github.sqlite` and `repositories/`.
        repositories: planted where they are missing.
        limits: figures of the rate limits; GitHub's own by default.
        clock: what the emulator takes for the time (aware).
        webhook_pauses_s: waits before a failed delivery is tried again; as many tries as entries.
        hosts: names under which a browser may call; others are refused, so no web page gets in by a DNS trick.

    Paths: `/api/v3`, `/api/graphql`, `/{owner}/{repo}...` (pages), `/{owner}/{repo}.git` (clone, push),
    `/twin/*` (knobs for tests), `/healthz`.
    """
    hub = Hub(Path(state_dir), clock=clock, limits=limits, webhook_pauses_s=webhook_pauses_s)
    for seed in repositories:
        plant(hub, seed)

    async def healthz(_: object) -> PlainTextResponse:
        return PlainTextResponse("ok")

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        hub.deliverer.wake()
        yield
        await hub.deliverer.stop()
        hub.close()

    routes = [
        Route("/healthz", healthz),
        *knobs.routes(hub),
        Route("/api/graphql", Gateway(hub, graphql.ROUTES), methods=["POST"]),
        Route("/api/v3", Gateway(hub, all_routes()), methods=_METHODS),
        Route("/api/v3/{path:path}", Gateway(hub, all_routes()), methods=_METHODS),
        *transport.routes(hub),
        *web_routes.routes(hub),
    ]
    inner = Starlette(routes=routes, lifespan=lifespan)
    inner.state.hub = hub
    return Emulator(inner, hub, hosts)


class Emulator:
    """The application; lets in who calls us by our own name. `hub` is what it works on."""

    def __init__(self, inner: Starlette, hub: Hub, hosts: Sequence[str]) -> None:
        self._inner = inner
        self._hosts = set(hosts)
        self.hub = hub
        self.writes_date = hub.clock is not system_clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
            host, origin = headers.get("host", ""), headers.get("origin")
            if urlsplit(f"//{host}").hostname not in self._hosts:
                await JSONResponse({"message": f"Host {host!r} is not served here"}, 421)(scope, receive, send)
                return
            foreign = origin not in (None, f"{scope['scheme']}://{host}")
            if foreign and scope["method"] not in ("GET", "HEAD"):
                await JSONResponse({"message": f"Origin {origin!r} may not change anything"}, 403)(scope, receive, send)
                return
            self.hub.deliverer.wake()
        await self._inner(scope, receive, send)
