"""Forms that only our own pages can send: a cookie, and a token in each form that belongs to it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response

COOKIE = "twin_session"


class Forged(Exception):
    """A form without the token of its session."""


def session_of(request: Request) -> str:
    return request.cookies.get(COOKIE, "") or secrets.token_urlsafe(24)


def form_token(key: str, session: str) -> str:
    return hmac.new(key.encode(), session.encode(), hashlib.sha256).hexdigest()


def keep(response: Response, session: str) -> None:
    response.set_cookie(COOKIE, session, httponly=True, samesite="strict", path="/")


async def read_form(request: Request, key: str) -> dict[str, list[str]]:
    """The form's members. Raises Forged."""
    body = (await request.body()).decode("utf-8", "replace")
    # Browsers send line ends as CR LF; the API of GitHub's pages does the same.
    form = parse_qs(body, keep_blank_values=True, max_num_fields=200)
    session = request.cookies.get(COOKIE, "")
    given = (form.pop("form_token", [""]))[0]
    if not session or not hmac.compare_digest(given, form_token(key, session)):
        raise Forged
    return form
