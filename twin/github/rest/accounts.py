"""Who is who, and how much they may still ask."""

from __future__ import annotations

from twin.github.call import Answer, Call, Routes
from twin.github.models import Repository, Role
from twin.github.problems import not_found


async def show_me(call: Call) -> Answer:
    return Answer(call.shapes.whole_user(call.actor))


async def show_user(call: Call) -> Answer:
    user = call.hub.user_named(call.params["login"])
    if user is None:
        raise not_found()
    return Answer(call.shapes.whole_user(user), modified=user.created_at)


async def list_my_repositories(call: Call) -> Answer:
    actor = call.actor
    every = call.hub.store.all(Repository, "SELECT * FROM repositories ORDER BY owner, name")
    roles = [(repository, call.hub.role(actor, repository)) for repository in every]
    seen = [(repository, role) for repository, role in roles if role > Role.READ]
    return call.cut(seen, lambda pair: call.shapes.repository(*pair))


async def show_limits(call: Call) -> Answer:
    account = call.caller.login if call.caller else "@127.0.0.1"
    resources = {name: call.hub.meter.window(account, name).shape() for name in ("core", "search", "graphql")}
    return Answer({"resources": resources, "rate": resources["core"]})


async def show_root(call: Call) -> Answer:
    return Answer({"current_user_url": f"{call.shapes.api}/user", "rate_limit_url": f"{call.shapes.api}/rate_limit"})


ROUTES: Routes = [
    ("GET", "", show_root),
    ("GET", "/", show_root),
    ("GET", "/user", show_me),
    ("GET", "/user/repos", list_my_repositories),
    ("GET", "/users/{login}", show_user),
    ("GET", "/rate_limit", show_limits),
]
