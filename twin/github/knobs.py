"""`/twin/*`: what a test may ask of the emulator that GitHub would never offer."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from twin.github.faults import KINDS, Rule
from twin.github.hub import Hub
from twin.github.models import Role
from twin.github.seed import Person, RepositorySeed, add_collaborator, add_user, plant


def routes(hub: Hub) -> list[Route]:
    async def faults(request: Request) -> Response:
        """POST one rule or a list, GET those in force, DELETE all."""
        if request.method == "DELETE":
            hub.faults.clear()
        if request.method == "POST":
            given = await request.json()
            hub.faults.add([Rule.parse(each) for each in (given if isinstance(given, list) else [given])])
        return JSONResponse({"rules": [rule.shape() for rule in hub.faults.rules], "faults": KINDS})

    async def effects(request: Request) -> Response:
        """The log of true effects: `?after=<id>`, `?kind=issue.created`."""
        query = request.query_params
        sql = "SELECT * FROM effects WHERE id > ? AND kind LIKE ? ORDER BY id LIMIT ?"
        found = hub.store.rows(sql, int(query.get("after", 0)), query.get("kind", "%"), int(query.get("limit", 10_000)))
        return JSONResponse([{**row, "detail": json.loads(row["detail"])} for row in found])

    async def limits(request: Request) -> Response:
        """POST changes figures of `Limits` and empties the counters; GET shows them."""
        if request.method == "POST":
            hub.meter.reset(hub.meter.limits.changed(await request.json()))
        return JSONResponse(asdict(hub.meter.limits))

    async def users(request: Request) -> Response:
        """POST `{login, role, token, type}`: one more person, with a role in `repository` (`owner/name`)."""
        given = await request.json()
        person = Person(
            given["login"], _role(given), given.get("token"), given.get("name", ""), given.get("type", "User")
        )
        user = add_user(hub, person)
        repository = hub.repository(*str(given.get("repository", "acme/perception")).split("/", 1))
        if repository:
            add_collaborator(hub, repository, person)
        return JSONResponse({"id": user.id, "login": user.login}, 201)

    async def repositories(request: Request) -> Response:
        """POST `{owner, name, id, private}`: one more repository, with a README and the seeded people."""
        given = await request.json()
        repository = plant(hub, RepositorySeed(**given))
        return JSONResponse({"id": repository.id, "full_name": repository.full_name}, 201)

    every = [
        ("/faults", faults),
        ("/effects", effects),
        ("/limits", limits),
        ("/users", users),
        ("/repositories", repositories),
    ]
    return [Route(f"/twin{path}", _told(handler), methods=["GET", "POST", "DELETE"]) for path, handler in every]


def _role(given: dict[str, Any]) -> Role:
    return Role[str(given.get("role", "none")).upper()]


def _told(handler: Any) -> Any:
    """Answer a wrong knob with words."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except (ValueError, KeyError, TypeError) as wrong:
            return JSONResponse({"message": str(wrong)}, 422)

    return answer
