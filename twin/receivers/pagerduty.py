"""PagerDuty's Events API v2: one event opens an incident, those with its key join it."""

from __future__ import annotations

import json
import uuid
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from twin.receivers.store import Inbox

ACTIONS = ("trigger", "acknowledge", "resolve")
SEVERITIES = ("critical", "error", "warning", "info")
KEY_LENGTH, SUMMARY_LIMIT, DEDUP_LIMIT, SIZE_LIMIT_BYTES = 32, 1024, 255, 512 * 1024


def routes(inbox: Inbox) -> list[Route]:
    async def enqueue(request: Request) -> Response:
        rule = inbox.faults.take(f"POST {request.url.path}")
        if rule:
            status = rule.status if rule.fault == "status" else 429
            return PlainTextResponse("injected fault", status)
        body = await request.body()
        if len(body) > SIZE_LIMIT_BYTES:
            return PlainTextResponse("Payload Too Large", 413)
        try:
            event = json.loads(body)
        except ValueError:
            return _invalid(["'body' is not JSON"])
        errors = check(event)
        if errors:
            return _invalid(errors)
        key = str(event.get("dedup_key") or uuid.uuid4().hex)
        _apply(inbox, event, key)
        return JSONResponse({"status": "success", "message": "Event processed", "dedup_key": key}, 202)

    async def incidents(_: Request) -> Response:
        return JSONResponse([incident.__dict__ for incident in inbox.incidents()])

    return [Route("/pagerduty/v2/enqueue", enqueue, methods=["POST"]), Route("/pagerduty/incidents", incidents)]


def _invalid(errors: list[str]) -> Response:
    return JSONResponse({"status": "invalid event", "message": "Event object is invalid", "errors": errors}, 400)


def check(event: Any) -> list[str]:
    """Every mistake of an event, in PagerDuty's words."""
    if not isinstance(event, dict):
        return ["'event' is not an object"]
    errors, action = [], event.get("event_action")
    # PagerDuty's own keys have exactly 32 characters; shorter made-up ones tell more in a test.
    if not 0 < len(str(event.get("routing_key") or "")) <= KEY_LENGTH:
        errors.append(f"'routing_key' must be a string of {KEY_LENGTH} characters")
    if action not in ACTIONS:
        errors.append(f"'event_action' must be one of {', '.join(ACTIONS)}")
    if action in ACTIONS[1:] and not event.get("dedup_key"):
        errors.append("'dedup_key' is missing or blank")
    if len(str(event.get("dedup_key") or "")) > DEDUP_LIMIT:
        errors.append(f"'dedup_key' is too long (maximum is {DEDUP_LIMIT} characters)")
    return errors + (_check_payload(event.get("payload")) if action == "trigger" else [])


def _check_payload(payload: Any) -> list[str]:
    if not isinstance(payload, dict):
        return ["'payload' is missing or blank"]
    errors = [
        f"'payload.{name}' is missing or blank" for name in ("summary", "source", "severity") if not payload.get(name)
    ]
    if payload.get("severity") and payload["severity"] not in SEVERITIES:
        errors.append(f"'payload.severity' is invalid (must be one of {', '.join(SEVERITIES)})")
    if len(str(payload.get("summary", ""))) > SUMMARY_LIMIT:
        errors.append(f"'payload.summary' is too long (maximum is {SUMMARY_LIMIT} characters)")
    return errors


def _apply(inbox: Inbox, event: dict[str, Any], key: str) -> None:
    payload, action = event.get("payload") or {}, event["event_action"]
    summary, severity = str(payload.get("summary", action)), str(payload.get("severity", ""))
    # PagerDuty shows nobody the whole of a key.
    service = f"...{str(event['routing_key'])[-4:]}"
    shown = {**event, "routing_key": service}
    inbox.add("page", key, str(payload.get("source", "")), f"{action}: {severity}".rstrip(": "), summary, shown)
    known = inbox.incidents(open_key=key)
    if action == "trigger" and not known:
        inbox.open(key, service, summary, severity)
    elif known:
        # A trigger that joins an incident does not wake anybody who has acknowledged it.
        state = {"acknowledge": "acknowledged", "resolve": "resolved"}.get(action, known[0].state)
        inbox.move(known[0], state)
