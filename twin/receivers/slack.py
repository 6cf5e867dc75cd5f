"""Slack's Web API and incoming webhooks, as far as a bot that reports needs them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from twin.receivers.store import Inbox, Message

TOKEN = "xoxb-twin-token"  # noqa: S105 - a made-up token of the emulator
CHANNELS = {"C0TWIN001": "general", "C0TWIN002": "mlops", "C0TWIN003": "mlops-alerts"}
WEBHOOK_CHANNEL = "mlops"
TEXT_LIMIT, BLOCKS_LIMIT, BLOCK_TEXT_LIMIT = 40_000, 50, 3_000
_BOT = {"user_id": "U0TWINBOT", "bot_id": "B0TWINBOT"}


class Refusal(Exception):
    """An `error` of the Web API, e.g. `channel_not_found`."""


def routes(inbox: Inbox) -> list[Route]:
    methods: dict[str, Callable[[Inbox, dict[str, Any]], dict[str, Any]]] = {
        "auth.test": _test, "chat.postMessage": _post, "chat.update": _update, "chat.delete": _delete,
        "conversations.list": _list, "conversations.history": _history, "api.test": lambda *_: {},
    }  # fmt: skip

    async def call(request: Request) -> Response:
        name = request.path_params["method"]
        if limited := _limited(inbox, request):
            return limited
        given = await _arguments(request)
        token = str(given.pop("token", "")) or request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        try:
            if name not in methods:
                raise Refusal("unknown_method")
            if name != "api.test" and token != TOKEN:
                raise Refusal("invalid_auth" if token else "not_authed")
            return JSONResponse({"ok": True, **methods[name](inbox, given)})
        except Refusal as refusal:
            return JSONResponse({"ok": False, "error": str(refusal)})

    async def hook(request: Request) -> Response:
        """An incoming webhook; a path that begins with a channel's name posts there, e.g. `/slack/hook/general/x`."""
        if limited := _limited(inbox, request):
            return limited
        try:
            given = await _arguments(request)
            given = json.loads(given["payload"]) if "payload" in given else given
            text = _text(given)
        except (ValueError, TypeError):
            return PlainTextResponse("invalid_payload", 400)
        except Refusal as refusal:
            return PlainTextResponse(str(refusal), 400)
        first = request.path_params["rest"].split("/")[0]
        channel = first if first in CHANNELS.values() else WEBHOOK_CHANNEL
        inbox.add(
            "slack", channel, str(given.get("username", "incoming-webhook")), "", text, {**given, "via": "webhook"}
        )
        return PlainTextResponse("ok")

    return [
        Route("/slack/api/{method}", call, methods=["GET", "POST"]),
        Route("/slack/hook/{rest:path}", hook, methods=["POST"]),
    ]


def _limited(inbox: Inbox, request: Request) -> Response | None:
    rule = inbox.faults.take(f"{request.method} {request.url.path}")
    if rule is None:
        return None
    headers = {"Retry-After": str(30 if rule.retry_after_s is None else rule.retry_after_s)}
    if rule.fault == "status" and rule.status != 429:
        return PlainTextResponse("injected fault", rule.status)
    return JSONResponse({"ok": False, "error": "ratelimited"}, 429, headers)


async def _arguments(request: Request) -> dict[str, Any]:
    """Of the query, a form or JSON. Raises ValueError for JSON that is none."""
    given: dict[str, Any] = dict(request.query_params)
    body = await request.body()
    if request.headers.get("content-type", "").startswith("application/json"):
        document = json.loads(body) if body else {}
        if not isinstance(document, dict):
            raise ValueError("no object")
        return {**given, **document}
    return {**given, **{name: values[0] for name, values in parse_qs(body.decode(), keep_blank_values=True).items()}}


def _structured(given: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """`blocks` or `attachments`, which a form carries as JSON text."""
    value = given.get(name) or []
    try:
        value = json.loads(value) if isinstance(value, str) else value
    except ValueError as wrong:
        raise Refusal(f"invalid_{name}") from wrong
    if not isinstance(value, list):
        raise Refusal(f"invalid_{name}_format")
    return value


def _text(given: dict[str, Any]) -> str:
    """What a reader sees. Raises Refusal where there is nothing, or more than Slack takes."""
    text, blocks, attachments = (
        str(given.get("text") or ""),
        _structured(given, "blocks"),
        _structured(given, "attachments"),
    )
    if not text and not blocks and not attachments:
        raise Refusal("no_text")
    if len(text) > TEXT_LIMIT:
        raise Refusal("msg_too_long")
    if len(blocks) > BLOCKS_LIMIT:
        raise Refusal("invalid_blocks")
    parts = [text]
    for block in blocks:
        inner = block.get("text")
        shown = inner.get("text", "") if isinstance(inner, dict) else ""
        if not block.get("type") or len(shown) > BLOCK_TEXT_LIMIT:
            raise Refusal("invalid_blocks")
        elements = [part.get("text", "") for part in block.get("elements", []) if isinstance(part.get("text"), str)]
        parts += [shown, *elements]
    return "\n".join(part for part in parts if part)


def _channel(given: dict[str, Any], *, by_name: bool = False) -> str:
    """The channel's name. Raises Refusal; only `chat.postMessage` takes names as well as ids."""
    asked = str(given.get("channel", ""))
    if asked in CHANNELS:
        return CHANNELS[asked]
    if by_name and asked.lstrip("#") in CHANNELS.values():
        return asked.lstrip("#")
    raise Refusal("channel_not_found")


def _id(channel: str) -> str:
    return next(id for id, name in CHANNELS.items() if name == channel)


def _stamp(message: Message) -> str:
    """Slack's `ts`: seconds, and digits that make it unique in its channel."""
    return f"1700000000.{message.id:06d}"


def _find(inbox: Inbox, given: dict[str, Any]) -> Message:
    channel, stamp = _channel(given), str(given.get("ts", ""))
    found = (
        inbox.find(id=int(stamp.partition(".")[2] or 0))
        if stamp.startswith("1700000000.") and stamp[11:].isdigit()
        else []
    )
    if not found or found[0].channel != channel or found[0].kind != "slack":
        raise Refusal("message_not_found")
    return found[0]


def _shape(message: Message) -> dict[str, Any]:
    shape: dict[str, Any] = {"type": "message", "text": message.detail.get("text", message.text), "ts": _stamp(message)}
    kept: dict[str, Any] = {
        name: message.detail[name] for name in ("blocks", "attachments", "thread_ts") if name in message.detail
    }
    return {**shape, **_BOT, "user": _BOT["user_id"], **kept}


def _test(_: Inbox, __: dict[str, Any]) -> dict[str, Any]:
    return {"url": "http://127.0.0.1/slack/", "team": "Twin", "user": "mlops", "team_id": "T0TWIN001", **_BOT}


def _post(inbox: Inbox, given: dict[str, Any]) -> dict[str, Any]:
    channel, text = _channel(given, by_name=True), _text(given)
    detail = {**given, **{name: _structured(given, name) for name in ("blocks", "attachments") if given.get(name)}}
    message = inbox.add("slack", channel, str(given.get("username", "mlops")), "", text, detail)
    return {"channel": _id(channel), "ts": _stamp(message), "message": _shape(message)}


def _update(inbox: Inbox, given: dict[str, Any]) -> dict[str, Any]:
    message, text = _find(inbox, given), _text(given)
    inbox.change(message.id, text, {**message.detail, **given})
    return {"channel": _id(message.channel), "ts": _stamp(message), "text": text}


def _delete(inbox: Inbox, given: dict[str, Any]) -> dict[str, Any]:
    message = _find(inbox, given)
    inbox.change(message.id, "(deleted)", {**message.detail, "deleted": True})
    return {"channel": _id(message.channel), "ts": _stamp(message)}


def _list(_: Inbox, __: dict[str, Any]) -> dict[str, Any]:
    channels = [{"id": id, "name": name, "is_channel": True, "is_member": True} for id, name in CHANNELS.items()]
    return {"channels": channels, "response_metadata": {"next_cursor": ""}}


def _history(inbox: Inbox, given: dict[str, Any]) -> dict[str, Any]:
    found = [m for m in inbox.find(kind="slack", channel=_channel(given)) if not m.detail.get("deleted")]
    return {"messages": [_shape(message) for message in reversed(found)], "has_more": False}
