"""All pages."""

from __future__ import annotations

from starlette.routing import Route

from twin.github.hub import Hub


def routes(hub: Hub) -> list[Route]:
    return []
