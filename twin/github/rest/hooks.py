"""Webhooks: registered, pinged, their deliveries listed and sent again."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from twin.github.call import Answer, Call, Routes
from twin.github.models import Delivery, Hook, Role
from twin.github.problems import invalid, not_found, unprocessable
from twin.github.shapes import seconds

LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def _require(call: Call) -> None:
    """Hooks show themselves to administrators only; others learn nothing, not even that there are some."""
    if call.hub.role(call.actor, call.repository) < Role.ADMIN:
        raise not_found()


def _hook(call: Call) -> Hook:
    _require(call)
    sql = "SELECT * FROM hooks WHERE id = ? AND repository_id = ?"
    hook = call.hub.store.one(Hook, sql, call.number("id"), call.repository.id)
    if hook is None:
        raise not_found()
    return hook


def _shape(call: Call, hook: Hook) -> dict[str, Any]:
    url = f"{call.shapes.repository_url(call.repository)}/hooks/{hook.id}"
    config = {"url": hook.url, "content_type": hook.content_type, "insecure_ssl": "0"}
    if hook.secret:
        config["secret"] = "********"  # noqa: S105 - what GitHub shows instead
    return {
        "type": "Repository", "id": hook.id, "name": "web", "active": bool(hook.active),
        "events": hook.events.split(","),
        "config": config, "created_at": seconds(hook.created_at), "updated_at": seconds(hook.updated_at), "url": url,
        "test_url": f"{url}/tests", "ping_url": f"{url}/pings", "deliveries_url": f"{url}/deliveries",
        "last_response": {"code": None, "status": "unused", "message": None},
    }  # fmt: skip


async def list_hooks(call: Call) -> Answer:
    _require(call)
    sql = "SELECT * FROM hooks WHERE repository_id = ? ORDER BY id"
    return call.cut(call.hub.store.all(Hook, sql, call.repository.id), lambda hook: _shape(call, hook))


async def create(call: Call) -> Answer:
    _require(call)
    config = call.body.get("config")
    if not isinstance(config, dict) or not config.get("url"):
        raise invalid("Hook", "config.url", "missing_field")
    _check_url(str(config["url"]))
    now, events = call.hub.store.now(), _events(call.body.get("events", ["push"]))
    id = call.hub.store.insert(
        "hooks", repository_id=call.repository.id, url=str(config["url"]), content_type=_content_type(config),
        secret=config.get("secret"), events=events, active=int(call.body.get("active", True)), created_at=now,
        updated_at=now,
    )  # fmt: skip
    hook = call.hub.store.get(Hook, "SELECT * FROM hooks WHERE id = ?", id)
    call.hub.tell(call.actor, call.repository, "hook.created", id=id, url=hook.url)
    _ping(call, hook)
    return Answer(_shape(call, hook), 201)


def _check_url(url: str) -> None:
    """The twin never calls another machine, whatever an administrator types."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or parts.hostname not in LOOPBACK:
        raise invalid(
            "Hook", "config.url", message="The twin delivers to this machine only: use http://127.0.0.1:<port>/"
        )


def _events(given: object) -> str:
    if not isinstance(given, list) or not given or not all(isinstance(event, str) for event in given):
        raise invalid("Hook", "events")
    return ",".join(given)


def _content_type(config: dict[str, Any]) -> str:
    kind = str(config.get("content_type", "form"))
    if kind not in ("json", "form"):
        raise unprocessable(f"content_type: {kind!r} given; choose json or form")
    return kind


def _ping(call: Call, hook: Hook) -> None:
    payload = {
        "zen": "Keep it logically awesome.", "hook_id": hook.id, "hook": _shape(call, hook),
        "repository": call.shapes.repository(call.repository), "sender": call.shapes.user(call.actor),
    }  # fmt: skip
    call.hub.deliverer.queue_one(hook, "ping", None, json.dumps(payload))


async def show(call: Call) -> Answer:
    return Answer(_shape(call, _hook(call)))


async def edit(call: Call) -> Answer:
    hook, body, changes = _hook(call), call.body, {}
    config = body.get("config") or {}
    if "url" in config:
        _check_url(str(config["url"]))
        changes["url"] = str(config["url"])
    if "content_type" in config:
        changes["content_type"] = _content_type(config)
    if "secret" in config:
        changes["secret"] = config["secret"]
    if "events" in body:
        changes["events"] = _events(body["events"])
    if "active" in body:
        changes["active"] = int(bool(body["active"]))  # type: ignore[assignment]
    call.hub.store.update("hooks", hook.id, updated_at=call.hub.store.now(), **changes)
    call.hub.tell(call.actor, call.repository, "hook.edited", id=hook.id)
    return Answer(_shape(call, _hook(call)))


async def delete(call: Call) -> Answer:
    hook = _hook(call)
    call.hub.store.execute("DELETE FROM hooks WHERE id = ?", hook.id)
    call.hub.tell(call.actor, call.repository, "hook.deleted", id=hook.id)
    return Answer(status=204)


async def ping(call: Call) -> Answer:
    _ping(call, _hook(call))
    return Answer(status=204)


# --- deliveries


def _delivery(call: Call) -> tuple[Hook, Delivery]:
    hook = _hook(call)
    sql = "SELECT * FROM deliveries WHERE id = ? AND hook_id = ?"
    delivery = call.hub.store.one(Delivery, sql, call.number("delivery"), hook.id)
    if delivery is None:
        raise not_found()
    return hook, delivery


def _delivery_shape(call: Call, hook: Hook, delivery: Delivery, *, whole: bool = False) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "id": delivery.id, "guid": delivery.guid, "delivered_at": delivery.delivered_at, "event": delivery.event,
        "action": delivery.action, "redelivery": bool(delivery.redelivery), "duration": round(delivery.duration_s, 3),
        "status": delivery.status, "status_code": delivery.status_code, "url": hook.url, "attempts": delivery.attempts,
        "installation_id": None, "repository_id": hook.repository_id, "throttled_at": None,
    }  # fmt: skip
    if whole:
        shape["request"] = {"headers": json.loads(delivery.request_headers), "payload": json.loads(delivery.payload)}
        shape["response"] = {"headers": json.loads(delivery.response_headers), "payload": delivery.response_body}
    return shape


async def list_deliveries(call: Call) -> Answer:
    hook = _hook(call)
    # What has not been tried yet is no delivery.
    sql = "SELECT * FROM deliveries WHERE hook_id = ? AND attempts > 0 ORDER BY id DESC"
    found = call.hub.store.all(Delivery, sql, hook.id)
    return call.cut(found, lambda delivery: _delivery_shape(call, hook, delivery))


async def show_delivery(call: Call) -> Answer:
    return Answer(_delivery_shape(call, *_delivery(call), whole=True))


async def redeliver(call: Call) -> Answer:
    hook, delivery = _delivery(call)
    call.hub.deliverer.queue_one(hook, delivery.event, delivery.action, delivery.payload, delivery.guid)
    return Answer({}, 202)


_HOOKS = "/repos/{owner}/{repo}/hooks"
ROUTES: Routes = [
    ("GET", _HOOKS, list_hooks),
    ("POST", _HOOKS, create),
    ("GET", _HOOKS + "/{id}", show),
    ("PATCH", _HOOKS + "/{id}", edit),
    ("DELETE", _HOOKS + "/{id}", delete),
    ("POST", _HOOKS + "/{id}/pings", ping),
    ("GET", _HOOKS + "/{id}/deliveries", list_deliveries),
    ("GET", _HOOKS + "/{id}/deliveries/{delivery}", show_delivery),
    ("POST", _HOOKS + "/{id}/deliveries/{delivery}/attempts", redeliver),
]
