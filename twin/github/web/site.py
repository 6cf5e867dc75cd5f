"""What every page needs: templates, the person at the browser, the repository, the form token."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from twin.github import issues
from twin.github.hub import Hub
from twin.github.models import Label, Repository, Role, User
from twin.github.problems import Problem, not_found
from twin.github.web import session
from twin.github.web.markdown import render

HERE = Path(__file__).parent
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self' data:; style-src 'self'; style-src-attr 'unsafe-inline'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_STEPS = ((31_536_000, "year"), (2_592_000, "month"), (86_400, "day"), (3_600, "hour"), (60, "minute"))


class Site:
    """The pages of one emulator; whoever sits at this machine's browser acts as `person`."""

    def __init__(self, hub: Hub, person: str = "octocat") -> None:
        self.hub = hub
        self.login = person
        self.key = hub.store.setting("form key")
        self._templates = Environment(
            loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined
        )
        self._templates.trim_blocks = self._templates.lstrip_blocks = True
        self._templates.filters.update(ago=self.ago, chip=chip, size=size, plural=plural)
        self._templates.globals["icons"] = self._templates.get_template("icons.html").module

    @property
    def person(self) -> User:
        """Raises Problem 404 where the seed has nobody of that name."""
        user = self.hub.user_named(self.login)
        if user is None:
            raise not_found()
        return user

    def repository(self, request: Request) -> tuple[Repository, Role]:
        """The page's repository and the person's role in it. Raises Problem 404 where it may not be seen."""
        owner, name = request.path_params["owner"], request.path_params["repo"]
        found = self.hub.repository(owner, name)
        role = self.hub.role(self.person, found) if found else Role.NONE
        if found is None or role < Role.READ:
            raise not_found()
        return found, role

    def page(self, request: Request, template: str, /, status: int = 200, **values: Any) -> Response:
        """Render a template with what all of them use."""
        current = session.session_of(request)
        token = Markup('<input type="hidden" name="form_token" value="{}">').format(
            session.form_token(self.key, current)
        )
        html = self._templates.get_template(template).render(
            person=self.person, form_token=token, status=status, **values
        )
        response = HTMLResponse(html, status, HEADERS)
        session.keep(response, current)
        return response

    def markdown(self, repository: Repository, text: str, base: str = "") -> Markup:
        def known(reference: str) -> str | None:
            if reference.startswith("@"):
                user = self.hub.user_named(reference[1:])
                return f"/{user.login}" if user else None
            found = issues.find(self.hub, repository, int(reference[1:])) if reference[1:].isdigit() else None
            return f"/{repository.full_name}/issues/{found.number}" if found else None

        return Markup(render(text, known, base))  # noqa: S704 - `render` sanitises

    def ago(self, stamp: str) -> Markup:
        at = datetime.fromisoformat(stamp)
        passed = (self.hub.clock() - at).total_seconds()
        words = "now"
        for seconds, name in _STEPS:
            if passed >= seconds:
                count = int(passed // seconds)
                words = f"{count} {name}{'s' if count > 1 else ''} ago"
                break
        full = at.strftime("%b %d, %Y, %H:%M:%S UTC")
        return Markup('<time datetime="{}" title="{}">{}</time>').format(stamp[:19] + "Z", full, words)

    def endpoint(self, handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        """Wrap a page: a refusal becomes a page, too."""

        async def answer(request: Request) -> Response:
            self.hub.url = f"{request.url.scheme}://{request.headers.get('host', request.url.netloc)}"
            try:
                return await handler(request)
            except session.Forged:
                message = "This form is out of date. Go back, load the page again and send it once more."
                return self.page(request, "problem.html", status=403, message=message)
            except Problem as problem:
                details = "; ".join(f"{e.get('field')}: {e.get('message', e['code'])}" for e in problem.errors or [])
                return self.page(request, "problem.html", status=problem.status, message=details or problem.message)

        return answer


def go(address: str) -> Response:
    """After a form: the browser asks for the page anew."""
    return RedirectResponse(address, 303, HEADERS)


def chip(label: Label) -> Markup:
    """A label in its colour; the style sheet derives text and border from the three numbers."""
    red, green, blue = (int(label.color[at : at + 2], 16) for at in (0, 2, 4))
    light = (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255
    style = f"--r:{red};--g:{green};--b:{blue}"
    return Markup('<span class="chip {}" style="{}" title="{}">{}</span>').format(
        "chip-light" if light > 0.6 else "chip-dark", style, label.description or "", label.name
    )


def size(count: int) -> str:
    for unit in ("Bytes", "KB", "MB"):
        if count < 1024 or unit == "MB":
            return f"{count:.0f} {unit}" if unit == "Bytes" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1024  # type: ignore[assignment]
    return str(count)


def plural(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def avatar(login: str) -> str:
    """SVG: initials on a colour of the name's own."""
    hue = int(hashlib.sha256(login.encode()).hexdigest()[4:8], 16) % 360
    parts = [part for part in login.replace("_", "-").split("-") if part]
    initials = "".join(part[0] for part in parts[:2]).upper() if len(parts) > 1 else login[:2].upper()
    safe = "".join(char for char in initials if char.isalnum())
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40">'
        f'<rect width="40" height="40" fill="hsl({hue} 45% 45%)"/>'
        '<text x="20" y="21" font-family="system-ui,sans-serif" font-size="16" font-weight="600" fill="#fff" '
        f'text-anchor="middle" dominant-baseline="middle">{safe}</text></svg>'
    )
