"""What all connections of one server share: the application, the limits, and who is connected."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol, TypeAlias

from workloads.following import Observer
from workloads.serving.answers import Answer
from workloads.serving.limits import Limits

if TYPE_CHECKING:
    from workloads.serving.connection import Connection


ATTRIBUTES = b"x-amzn-sagemaker-custom-attributes"
"""The one header of a caller's own that InvokeEndpoint hands on, both ways."""
Pending: TypeAlias = "asyncio.Future[Answer]"
"""An answer that other threads are working on."""


class Request:
    """One request; `body` is filled when it has arrived whole."""

    __slots__ = ("body", "headers", "keep_alive", "method", "path", "started")

    def __init__(self) -> None:
        self.method = b""
        self.path = b""
        self.headers: dict[bytes, bytes] = {}
        self.body = b""
        self.keep_alive = True
        self.started = 0.0


class Application(Protocol):
    """What stands behind the connection."""

    def answer(self, request: Request) -> Answer | Pending:
        """Never raises, and neither does what is pending. What comes from a thread is never pending."""

    def count(self, path: bytes, status: int, seconds: float) -> None:
        """One request was answered; called in the event loop's thread only."""


class Hub:
    """What all connections of one server share."""

    def __init__(self, application: Application, limits: Limits, executor: Executor):
        self.application, self.limits, self.executor = application, limits, executor
        self.connections: set[Connection] = set()
        self.draining = False
        self.observe: Observer | None = None
        """Told of each answered request that came with custom attributes."""
        self._headers = b""
        self._heads: dict[tuple[int, bytes], bytes] = {}

    def name_version(self, version: str) -> None:
        """Tell `version` in every answer from now on."""
        self._headers = b"X-Model-Version: %b\r\n" % version.encode("ascii", "ignore")
        self._heads.clear()

    def set_limits(self, limits: Limits) -> None:
        """What a client may cost from now on; a model of images takes larger bodies than one of rows."""
        self.limits = limits
        for connection in self.connections:
            connection.limits = limits

    def head(self, status: int, content_type: bytes) -> bytes:
        """Status line and fixed headers, up to the value of Content-Length; spelled once per kind of answer."""
        head = self._heads.get((status, content_type))
        if head is None:
            reason = HTTPStatus(status).phrase.encode()
            head = b"HTTP/1.1 %d %b\r\n%bContent-Type: %b\r\n" % (status, reason, self._headers, content_type)
            head = self._heads[status, content_type] = head + b"Content-Length: "
        return head

    def sweep(self, now: float) -> None:
        """End connections whose time is up. One pass a second is cheaper than a timer per request."""
        for connection in [one for one in self.connections if one.deadline < now]:
            connection.expire()

    def drain(self) -> None:
        """Take no further requests; connections with one in flight close after its answer."""
        self.draining = True
        for connection in list(self.connections):
            connection.close_if_idle()
