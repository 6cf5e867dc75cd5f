"""The receivers of Slack messages and pages as one ASGI application, with pages that show what arrived."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from twin.github.faults import Rule
from twin.receivers import pagerduty, slack
from twin.receivers.store import KINDS, Inbox, Message

HOSTS = ("127.0.0.1", "localhost", "::1", "testserver")
_HERE = Path(__file__).parent
_POLICY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'"
}


class Receivers:
    """The application; `store` is the inbox, which the mail server writes to as well."""

    def __init__(self, store: Inbox) -> None:
        self.store = store
        self._inner = Starlette(routes=_routes(store))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
            if urlsplit(f"//{headers.get('host', '')}").hostname not in HOSTS or "origin" in headers:
                # Bots send no Origin; a web page that calls us from a browser does.
                await PlainTextResponse("Only programs on this machine may call.", 403)(scope, receive, send)
                return
        await self._inner(scope, receive, send)


def create(state_dir: Path | str) -> Receivers:
    """Receivers over `messages.sqlite` in a folder; calling it again goes on with what arrived before.

    Paths: `/slack/api/*`, `/slack/hook/*`, `/pagerduty/v2/enqueue`, `/pagerduty/incidents`,
    `/messages` (page), `/messages.json`, `/messages/faults` (knob for tests).
    """
    return Receivers(Inbox(Path(state_dir) / "messages.sqlite"))


def _routes(inbox: Inbox) -> list[Route]:
    templates = Environment(loader=FileSystemLoader(_HERE / "templates"), autoescape=True)

    def chosen(request: Request) -> list[Message]:
        query = request.query_params
        after = query.get("after", "0")
        return inbox.find(
            kind=query.get("kind", ""), channel=query.get("channel", ""), words=query.get("q", ""),
            after=int(after) if after.isdigit() else 0,
        )  # fmt: skip

    async def as_json(request: Request) -> Response:
        """Oldest first; narrowed by `kind`, `channel`, `q` (words) and `after` (an id). DELETE empties the inbox."""
        if request.method == "DELETE":
            inbox.clear()
        return JSONResponse([message.__dict__ for message in chosen(request)])

    async def as_page(request: Request) -> Response:
        page = templates.get_template("messages.html").render(
            messages=chosen(request)[::-1],
            incidents=inbox.incidents()[::-1],
            kinds=KINDS,
            kind=request.query_params.get("kind", ""),
        )
        return HTMLResponse(page, headers=_POLICY)

    async def style(_: Request) -> Response:
        return Response((_HERE / "templates" / "messages.css").read_text(), media_type="text/css")

    async def faults(request: Request) -> Response:
        """POST rules as for the GitHub emulator; `SMTP <recipients>` is what a mail is matched by. GET, DELETE."""
        try:
            if request.method == "DELETE":
                inbox.faults.clear()
            if request.method == "POST":
                given = await request.json()
                inbox.faults.add([Rule.parse(each) for each in (given if isinstance(given, list) else [given])])
        except ValueError as wrong:
            return JSONResponse({"message": str(wrong)}, 422)
        return JSONResponse({"rules": [rule.shape() for rule in inbox.faults.rules]})

    return [
        *slack.routes(inbox),
        *pagerduty.routes(inbox),
        Route("/messages", as_page),
        Route("/messages.json", as_json, methods=["GET", "DELETE"]),
        Route("/messages/style.css", style),
        Route("/messages/faults", faults, methods=["GET", "POST", "DELETE"]),
    ]
