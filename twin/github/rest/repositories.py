"""A repository, its collaborators, branches and dispatches."""

from __future__ import annotations

from typing import Any

from twin.github.call import Answer, Call, Routes
from twin.github.models import Repository, Role, User
from twin.github.problems import not_found, unprocessable
from twin.github.shapes import permissions

_ROLES = {"pull": Role.READ, "push": Role.WRITE, **{role.role_name: role for role in Role if role}}
DISPATCH_LIMIT_BYTES, DISPATCH_LIMIT_MEMBERS, EVENT_TYPE_LIMIT = 65_535, 10, 100


async def show(call: Call) -> Answer:
    repository = call.repository
    role = call.hub.role(call.caller, repository) if call.caller else None
    return Answer(call.shapes.repository(repository, role), modified=repository.updated_at)


async def show_by_id(call: Call) -> Answer:
    found = call.hub.store.one(Repository, "SELECT * FROM repositories WHERE id = ?", call.number("id"))
    if found is None:
        raise not_found()
    call.params.update(owner=found.owner, repo=found.name)
    return await show(call)


async def edit(call: Call) -> Answer:
    call.require(Role.ADMIN)
    names = {"description": str, "default_branch": str, "private": bool}
    changes: dict[str, Any] = {}
    for name, kind in names.items():
        if name in call.body:
            if not isinstance(call.body[name], kind):
                raise unprocessable(f"Invalid request.\n\nFor 'properties/{name}', the value is no {kind.__name__}.")
            changes[name] = call.body[name]
    if changes.get("default_branch", call.repository.default_branch) not in call.hub.git(call.repository).branches():
        raise unprocessable("The branch was not found. Please push that ref first or create it via the Git Data API.")
    call.hub.store.update("repositories", call.repository.id, updated_at=call.hub.store.now(), **changes)
    del call.repository
    call.hub.tell(call.actor, call.repository, "repository.edited", fields=sorted(changes))
    return await show(call)


# --- collaborators


def _collaborator(call: Call) -> User:
    user = call.hub.user_named(call.params["login"])
    if user is None:
        raise not_found(f"{call.params['login']} is not a user")
    return user


def _shape(call: Call, user: User) -> dict[str, Any]:
    role = call.hub.role(user, call.repository)
    return {**call.shapes.user(user), "permissions": permissions(role), "role_name": role.role_name}


async def show_permission(call: Call) -> Answer:
    """`permission` is the legacy field; `role_name` tells triage from read and maintain from write."""
    call.require(Role.WRITE, "Must have push access to view collaborator permission.")
    user = _collaborator(call)
    role = call.hub.role(user, call.repository)
    return Answer({"permission": role.permission, "role_name": role.role_name, "user": _shape(call, user)})


async def list_collaborators(call: Call) -> Answer:
    call.require(Role.WRITE, "Must have push access to view repository collaborators.")
    sql = "SELECT users.* FROM users JOIN collaborators ON user_id = users.id WHERE repository_id = ? ORDER BY login"
    return call.cut(call.hub.store.all(User, sql, call.repository.id), lambda user: _shape(call, user))


async def check_collaborator(call: Call) -> Answer:
    call.require(Role.WRITE, "Must have push access to view repository collaborators.")
    sql = "SELECT 1 FROM collaborators WHERE repository_id = ? AND user_id = ?"
    if not call.hub.store.value(sql, call.repository.id, _collaborator(call).id):
        raise not_found()
    return Answer(status=204)


async def put_collaborator(call: Call) -> Answer:
    call.require(Role.ADMIN)
    user, wanted = _collaborator(call), call.body.get("permission", "push")
    if wanted not in _ROLES:
        raise unprocessable(f"Invalid permission {wanted!r}")
    sql = "INSERT OR REPLACE INTO collaborators (repository_id, user_id, role) VALUES (?, ?, ?)"
    call.hub.store.execute(sql, call.repository.id, user.id, int(_ROLES[wanted]))
    call.hub.tell(call.actor, call.repository, "collaborator.set", login=user.login, role=wanted)
    return Answer(status=204)


async def delete_collaborator(call: Call) -> Answer:
    call.require(Role.ADMIN)
    user = _collaborator(call)
    sql = "DELETE FROM collaborators WHERE repository_id = ? AND user_id = ?"
    call.hub.store.execute(sql, call.repository.id, user.id)
    call.hub.tell(call.actor, call.repository, "collaborator.removed", login=user.login)
    return Answer(status=204)


async def list_assignees(call: Call) -> Answer:
    sql = "SELECT users.* FROM users JOIN collaborators ON user_id = users.id WHERE repository_id = ? AND role >= ?"
    return call.cut(call.hub.store.all(User, sql, call.repository.id, int(Role.TRIAGE)), call.shapes.user)


# --- repository_dispatch


async def dispatch(call: Call) -> Answer:
    call.require(Role.WRITE)
    event, payload = call.text("event_type"), call.body.get("client_payload", {})
    if len(event) > EVENT_TYPE_LIMIT:
        raise unprocessable(f"event_type is too long (maximum is {EVENT_TYPE_LIMIT} characters)")
    if not isinstance(payload, dict) or len(payload) > DISPATCH_LIMIT_MEMBERS:
        raise unprocessable(
            f"No more than {DISPATCH_LIMIT_MEMBERS} properties are allowed; client_payload has too many."
        )
    if len(call.raw) > DISPATCH_LIMIT_BYTES:
        raise unprocessable("client_payload is too large.")
    call.hub.tell(call.actor, call.repository, "repository_dispatch", event_type=event)
    call.hub.send(
        call.repository, call.actor, "repository_dispatch", event,
        branch=call.repository.default_branch, client_payload=payload,
    )  # fmt: skip
    return Answer(status=204)


_REPO = "/repos/{owner}/{repo}"
ROUTES: Routes = [
    ("GET", _REPO, show),
    ("GET", "/repositories/{id}", show_by_id),
    ("PATCH", _REPO, edit),
    ("GET", _REPO + "/collaborators", list_collaborators),
    ("GET", _REPO + "/collaborators/{login}/permission", show_permission),
    ("GET", _REPO + "/collaborators/{login}", check_collaborator),
    ("PUT", _REPO + "/collaborators/{login}", put_collaborator),
    ("DELETE", _REPO + "/collaborators/{login}", delete_collaborator),
    ("GET", _REPO + "/assignees", list_assignees),
    ("POST", _REPO + "/dispatches", dispatch),
]
