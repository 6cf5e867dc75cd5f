"""One API request: who calls, which repository, what was sent, and how the answer is put together."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import urlencode

import orjson

from twin.github.hub import Hub
from twin.github.models import Issue, Repository, Role, User
from twin.github.problems import Problem, not_found, requires_authentication, unprocessable
from twin.github.shapes import Shapes

Item = TypeVar("Item")


@dataclass
class Answer:
    """What goes back: a document (or bytes), its status, more headers."""

    data: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    modified: str | None = None
    """ISO 8601; becomes `Last-Modified`."""

    def content(self) -> bytes:
        if isinstance(self.data, bytes):
            return self.data
        return b"" if self.status == 204 else orjson.dumps(self.data)


@dataclass
class Call:
    """A request as its handler sees it. `params` are the variable parts of the path."""

    hub: Hub
    method: str
    path: str
    params: dict[str, str]
    query: dict[str, str]
    headers: dict[str, str]
    """Names in lower case."""
    raw: bytes
    caller: User | None

    @cached_property
    def shapes(self) -> Shapes:
        return self.hub.shapes

    @property
    def actor(self) -> User:
        """Raises Problem 401 for a call without a token."""
        if self.caller is None:
            raise requires_authentication()
        return self.caller

    @cached_property
    def repository(self) -> Repository:
        """Raises Problem 404 where the caller may not see it: a private repository is not even admitted to exist."""
        found = self.hub.repository(self.params["owner"], self.params["repo"])
        if found is None or self.hub.role(self.caller, found) < Role.READ:
            raise not_found()
        return found

    @cached_property
    def issue(self) -> Issue:
        sql = "SELECT * FROM issues WHERE repository_id = ? AND number = ?"
        found = self.hub.store.one(Issue, sql, self.repository.id, self.number("number"))
        if found is None:
            raise not_found()
        return found

    def require(self, role: Role, message: str | None = None) -> None:
        self.hub.require(self.actor, self.repository, role, message)

    def number(self, name: str) -> int:
        text = self.params[name]
        if not text.isascii() or not text.isdigit() or len(text) > 18:
            raise not_found()
        return int(text)

    @cached_property
    def body(self) -> dict[str, Any]:
        """Raises Problem 400 for text that is no JSON, or JSON that is no object."""
        if not self.raw:
            return {}
        document = self._document()
        if not isinstance(document, dict):
            raise Problem(400, "Body should be a JSON object")
        return document

    @cached_property
    def listed(self) -> list[Any] | dict[str, Any]:
        """A body that may be a bare list, as for labels."""
        document = self._document() if self.raw else {}
        if not isinstance(document, list | dict):
            raise Problem(400, "Body should be a JSON object")
        return document

    def _document(self) -> Any:
        try:
            return json.loads(self.raw)
        except (ValueError, RecursionError) as wrong:
            raise Problem(400, "Problems parsing JSON") from wrong

    def text(self, name: str) -> str:
        """A required text of the body. Raises Problem 422."""
        value = self.body.get(name)
        if not isinstance(value, str) or not value:
            raise unprocessable(f'Invalid request.\n\n"{name}" wasn\'t supplied.')
        return value

    # --- pages

    @property
    def page_size(self) -> int:
        return min(100, _positive(self.query.get("per_page"), 30))

    @property
    def offset(self) -> int:
        return (_positive(self.query.get("page"), 1) - 1) * self.page_size

    @property
    def since(self) -> str:
        """`since` in the store's form, "" without. Raises Problem 422."""
        given = self.query.get("since")
        if not given:
            return ""
        try:
            at = datetime.fromisoformat(given)
        except ValueError as wrong:
            raise unprocessable(f"Invalid since: {given!r} is no ISO 8601 time") from wrong
        return at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def page(self, items: list[Any], total: int, wrap: Callable[[list[Any]], Any] = lambda items: items) -> Answer:
        """One page that was already cut, with the Link header that leads to the others."""
        current, last = self.offset // self.page_size + 1, max(1, -(-total // self.page_size))
        links: dict[str, int] = {}
        if current > 1:
            links.update(prev=min(current - 1, last), first=1)
        if current < last:
            links.update(next=current + 1, last=last)
        order = [name for name in ("prev", "next", "last", "first") if name in links]
        link = ", ".join(f'<{self._address(links[name])}>; rel="{name}"' for name in order)
        return Answer(wrap(items), headers={"Link": link} if link else {})

    def cut(self, items: Sequence[Item], shape: Callable[[Item], Any]) -> Answer:
        """A page cut out of a whole list."""
        part = items[self.offset : self.offset + self.page_size]
        return self.page([shape(item) for item in part], len(items))

    def _address(self, page: int) -> str:
        query = {**self.query, "page": str(page)}
        return f"{self.hub.url}{self.path}?{urlencode(query)}"


Handler = Callable[[Call], Awaitable[Answer]]
Routes = list[tuple[str, str, Handler]]


def _positive(text: str | None, default: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and 0 < int(text) < 10**9 else default
