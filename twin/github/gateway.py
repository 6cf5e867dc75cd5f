"""What every API request passes: faults, token, limits, route, conditional reply, headers."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import logging
import re
import uuid
from email.utils import format_datetime, parsedate_to_datetime
from urllib.parse import unquote

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from twin.github.call import Answer, Call, Routes
from twin.github.faults import Rule
from twin.github.hub import Hub
from twin.github.limits import secondary_limit
from twin.github.models import User
from twin.github.problems import Problem, bad_credentials, not_found
from twin.github.store import system_clock

log = logging.getLogger("twin.github")

WRITES = {"POST", "PUT", "PATCH", "DELETE"}
_CREATES = re.compile(
    r"^POST .*/(issues|comments|pulls|commits|hooks|dispatches)$|^(PUT|DELETE) .*/contents/|^POST .*/graphql$"
)
"""Requests that count as created content; reactions, labels and edits in place do not."""


class Gateway:
    """An ASGI endpoint over a table of routes."""

    def __init__(self, hub: Hub, routes: Routes) -> None:
        self.hub = hub
        self._routes = [(method, _pattern(path), handler) for method, path, handler in routes]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        raw = await request.body()
        rule = self.hub.faults.take(f"{request.method} {request.url.path}?{request.url.query}".rstrip("?"))
        if rule and rule.fault == "delay":
            await asyncio.sleep(rule.delay_s)
        if rule and rule.fault == "reset":
            await _cut(receive)
            return
        response = _forced(rule, self.hub) if rule else None
        if response is None:
            response = await self._respond(request, raw)
        if rule and rule.fault == "lost_reply":
            await _cut(receive)
            return
        if rule and rule.fault == "reply_500_after_effect":
            response = Response(b'{"message":"Server Error"}', 500, media_type="application/json")
        if rule and rule.fault == "bad_json":
            response = Response(
                bytes(response.body[: len(response.body) // 2]), response.status_code, media_type="application/json"
            )
        await response(scope, receive, send)

    async def _respond(self, request: Request, raw: bytes) -> Response:
        # Nothing below waits, so no other request can change the address meanwhile.
        self.hub.url = f"{request.url.scheme}://{request.headers.get('host', request.url.netloc)}"
        resource = _resource(request.url.path)
        account, headers = _anonymous(request), {}
        try:
            caller = self._authenticate(request)
            account = caller.login if caller else account
            if resource:
                self.hub.meter.check_primary(account, resource)
                line = f"{request.method} {request.url.path}"
                writes = request.method in WRITES and resource != "graphql"
                creates = bool(_CREATES.match(line)) and (resource != "graphql" or b"mutation" in raw)
                self.hub.meter.check_secondary(account, writes=writes, creates=creates)
            answer = await self._dispatch(request, raw, caller)
        except Problem as problem:
            answer = Answer(problem.body(), problem.status, problem.headers)
        except Exception:
            log.exception("%s %s failed", request.method, request.url.path)
            answer = Answer({"message": "Server Error"}, 500)
        response = _conditional(request, answer)
        if resource:
            # A 304 is free.
            meter = self.hub.meter
            window = meter.window(account, resource) if response.status_code == 304 else meter.count(account, resource)
            headers = window.headers(resource)
        response.headers.update({**_fixed_headers(self.hub), **headers})
        return response

    def _authenticate(self, request: Request) -> User | None:
        """The token's owner, None without a token. Raises Problem 401 for a token that nobody has."""
        given = request.headers.get("authorization")
        if given is None:
            return None
        user = self.hub.user_of_token(token_of(given))
        if user is None:
            raise bad_credentials()
        return user

    async def _dispatch(self, request: Request, raw: bytes, caller: User | None) -> Answer:
        method = "GET" if request.method == "HEAD" else request.method
        path = request.scope.get("raw_path", request.url.path.encode()).split(b"?")[0].decode("latin-1")
        for wanted, pattern, handler in self._routes:
            match = pattern.fullmatch(path) if wanted == method else None
            if match:
                params = {name: unquote(value) for name, value in match.groupdict().items()}
                headers = {name.lower(): value for name, value in request.headers.items()}
                query = dict(request.query_params)
                return await handler(Call(self.hub, method, request.url.path, params, query, headers, raw, caller))
        raise not_found()


def token_of(authorization: str) -> str:
    """The token in `token X`, `Bearer X` or `Basic base64(anybody:X)`; "" where there is none."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "basic":
        try:
            name, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return ""
        return password or name
    return value.strip() if scheme.lower() in ("token", "bearer") else ""


def _pattern(path: str) -> re.Pattern[str]:
    """`{name}` is one segment, `{name+}` any number of them; `{number}` and `{id}` are digits."""
    escaped = re.escape(path).replace(r"\{", "{").replace(r"\}", "}").replace(r"\+", "+")
    whole = re.sub(r"\{(\w+)\+\}", r"(?P<\1>.*)", escaped)
    whole = re.sub(r"\{(number|id)\}", r"(?P<\1>[0-9]+)", whole)
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", whole))


def _resource(path: str) -> str:
    """The budget that a request belongs to; "" where it is free."""
    if path.endswith("/rate_limit"):
        return ""
    return "graphql" if path.endswith("/graphql") else "search" if "/search/" in path else "core"


def _anonymous(request: Request) -> str:
    return f"@{request.client.host if request.client else 'nobody'}"


def _fixed_headers(hub: Hub) -> dict[str, str]:
    # The server in front of us writes the true time itself.
    date = {} if hub.clock is system_clock else {"Date": format_datetime(hub.clock(), usegmt=True)}
    return {
        **date,
        "X-GitHub-Request-Id": uuid.uuid4().hex[:16].upper(),
        "X-GitHub-Media-Type": "github.v3; format=json",
        "X-GitHub-Api-Version-Selected": "2022-11-28",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'",
        "Cache-Control": "private, max-age=60, s-maxage=60",
        "Vary": "Accept, Authorization, Cookie, X-GitHub-OTP",
    }


def _conditional(request: Request, answer: Answer) -> Response:
    """The reply, or 304 where the client holds it already."""
    content = answer.content()
    media_type = answer.headers.pop("Content-Type", "application/json; charset=utf-8")
    headers = dict(answer.headers)
    if request.method in ("GET", "HEAD") and answer.status == 200:
        # The same document under another token or media type is another document.
        shown = "|".join((request.headers.get("authorization", ""), request.headers.get("accept", "")))
        headers["ETag"] = f'W/"{hashlib.sha256(content + shown.encode()).hexdigest()}"'
        if answer.modified:
            headers["Last-Modified"] = http_date(answer.modified)
        if _held(request, headers):
            return Response(None, 304, headers)
    return Response(None if answer.status == 204 else content, answer.status, headers, media_type)


def _held(request: Request, headers: dict[str, str]) -> bool:
    if known := request.headers.get("if-none-match"):
        tags = [tag.strip().removeprefix("W/") for tag in known.split(",")]
        return "*" in tags or headers["ETag"].removeprefix("W/") in tags
    since = request.headers.get("if-modified-since")
    if since and "Last-Modified" in headers:
        try:
            return parsedate_to_datetime(headers["Last-Modified"]) <= parsedate_to_datetime(since)
        except ValueError:
            return False
    return False


def http_date(stamp: str) -> str:
    from datetime import datetime

    return format_datetime(datetime.fromisoformat(stamp), usegmt=True)


# --- faults


def _forced(rule: Rule, hub: Hub) -> Response | None:
    """The reply of a rule that lets nothing happen; None for the others."""
    if rule.fault == "status":
        headers = {} if rule.retry_after_s is None else {"Retry-After": str(rule.retry_after_s)}
        return Response(orjson.dumps({"message": "Injected fault"}), rule.status, headers, "application/json")
    if rule.fault == "secondary_limit":
        problem = secondary_limit(60 if rule.retry_after_s is None else rule.retry_after_s)
        return Response(orjson.dumps(problem.body()), 403, problem.headers, "application/json")
    if rule.fault == "primary_limit":
        reset = int(hub.clock().timestamp()) + (60 if rule.retry_after_s is None else rule.retry_after_s)
        headers = {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(reset)}
        document = Problem(403, "API rate limit exceeded for user.").body()
        return Response(orjson.dumps(document), 403, headers, "application/json")
    return None


async def _cut(receive: Receive) -> None:
    """Break the connection without a reply, as a network does."""
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    if transport is None:
        raise ConnectionResetError("injected fault: the server in front of us hides the connection")
    transport.abort()
    # uvicorn learns of the abort in the loop's next round and then does not miss our reply.
    await asyncio.sleep(0)
    await asyncio.sleep(0)
