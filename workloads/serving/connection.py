"""HTTP/1.1 on one connection: bytes in, requests to the application, answers out in order, limits kept.

A bare asyncio protocol costs half the CPU of an ASGI server for a model that answers in 7 µs
(`python -m benchmarks serving`), and needs only what SageMaker's contract needs: keep-alive, pipelining,
chunked bodies, `Expect: 100-continue`, and a 4xx for everything else.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from http import HTTPStatus
from time import perf_counter

import httptools

from workloads.serving.answers import Answer, Refusal
from workloads.serving.hub import ATTRIBUTES, Hub, Request

_KEPT_HEADERS = frozenset({
    b"content-type", b"accept", b"content-encoding", b"content-length", b"expect", ATTRIBUTES
})  # fmt: skip
_NEVER = float("inf")
_WRITE_AT = 64 * 1024  # answers are joined up to this size, then written

log = logging.getLogger(__name__)


class Connection(asyncio.Protocol):
    """One client. Callbacks of httptools (`on_*`) collect a request; `_serve` answers it."""

    def __init__(self, hub: Hub, loop: asyncio.AbstractEventLoop):
        self._hub, self._loop, self.limits = hub, loop, hub.limits
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport = None  # type: ignore[assignment]  # set by connection_made
        self._request: Request | None = None  # the one being received
        self._in_headers = False
        self._head_size = 0
        self._chunks: list[bytes] = []
        self._body_size = 0
        self._queue: deque[Request] = deque()  # received while an earlier one is worked on, or nobody reads
        self._in_thread = False
        self._paused = False
        self._out: list[bytes] = []  # answers of one read, written at once
        self._out_size = 0
        self._ended = False  # nothing more will be read from this client
        self.deadline = _NEVER

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        full = len(self._hub.connections) >= self.limits.connections
        self._hub.connections.add(self)
        self.deadline = self._loop.time() + self.limits.idle_s
        if full or self._hub.draining:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "overloaded", "no connection is free", "Try again shortly.")

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        self._hub.connections.discard(self)
        self._queue.clear()

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return  # a refused client that is still sending
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._end()  # its request has been answered; the other protocol is not spoken here
        except httptools.HttpParserCallbackError:
            log.exception("A request broke the connection's own code")
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "the server failed", "Report this defect.")
        except httptools.HttpParserError:
            self._refuse(
                HTTPStatus.BAD_REQUEST, "malformed_http", "this is not HTTP/1.1", "Send a well-formed HTTP/1.1 request."
            )
        if self._in_headers:
            self._head_size += len(data)  # httptools holds an unfinished line back: count it here
            self._check_head()
        self._flush()

    def eof_received(self) -> bool:
        # A client may half-close and wait for its answers; without any under way this is the end.
        self._ended = True
        return self._in_thread or bool(self._queue)

    def pause_writing(self) -> None:
        self._paused = True  # a client that does not read gets no more answers
        self._transport.pause_reading()
        self.deadline = self._loop.time() + self.limits.request_s

    def resume_writing(self) -> None:
        self._paused = False
        if not self._in_thread and not self._transport.is_closing():
            self._transport.resume_reading()
            self._advance()

    # httptools

    def on_message_begin(self) -> None:
        self._request = Request()
        self._in_headers = True
        self._head_size = self._body_size = 0
        self._chunks = []
        self.deadline = self._loop.time() + self.limits.request_s

    def on_url(self, url: bytes) -> None:
        self._request.path += url  # type: ignore[union-attr]

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_size += len(name) + len(value)
        name = name.lower()
        if name in _KEPT_HEADERS:
            self._request.headers[name] = value  # type: ignore[union-attr]

    def on_headers_complete(self) -> None:
        request = self._request
        assert request is not None
        self._in_headers = False
        self._head_size += len(request.path)
        self._check_head()
        request.method = self._parser.get_method()
        length = request.headers.get(b"content-length")
        if length is not None and int(length) > self.limits.body_bytes:
            self._refuse_body()
        elif request.headers.get(b"expect", b"").lower() == b"100-continue" and not self._ended:
            self._out.append(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._body_size += len(body)
        if self._body_size <= self.limits.body_bytes:
            self._chunks.append(body)
        else:
            self._refuse_body()

    def on_message_complete(self) -> None:
        request = self._request
        assert request is not None
        self._request = None
        if self._ended:
            return
        chunks = self._chunks
        request.body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        request.keep_alive = self._parser.should_keep_alive() and self._parser.get_http_version() == "1.1"
        request.started = perf_counter()
        self.deadline = self._loop.time() + self.limits.idle_s
        if self._in_thread or self._paused:
            self._queue.append(request)
        else:
            self._serve(request)

    # answering

    def _serve(self, request: Request) -> None:
        if len(request.body) <= self.limits.inline_bytes:
            answer = self._hub.application.answer(request)
            if isinstance(answer, Answer):
                self._send(request, answer)
                return
        else:
            answer = self._loop.run_in_executor(self._hub.executor, self._hub.application.answer, request)  # type: ignore[arg-type,assignment]
        self._in_thread = True
        self.deadline = _NEVER
        self._transport.pause_reading()
        answer.add_done_callback(lambda done: self._resume(request, done))

    def _resume(self, request: Request, done: asyncio.Future[Answer]) -> None:
        """Back from the thread: answer, then what was pipelined behind it."""
        self._in_thread = False
        if done.cancelled() or self._transport.is_closing():
            self._transport.abort()
            return
        if not self._paused:
            self._transport.resume_reading()
        self.deadline = self._loop.time() + self.limits.idle_s
        self._send(request, done.result())
        self._advance()

    def _advance(self) -> None:
        """Answer what was queued, as far as it goes."""
        while self._queue and not self._in_thread and not self._paused:
            self._serve(self._queue.popleft())
        self._flush()
        if self._ended and not self._in_thread and not self._queue:
            self._transport.close()

    def _send(self, request: Request, answer: Answer) -> None:
        keep = request.keep_alive and not self._hub.draining
        self._write(answer, keep, body=request.method != b"HEAD")
        seconds = perf_counter() - request.started
        self._hub.application.count(request.path, answer.status, seconds)
        if self._hub.observe and ATTRIBUTES in request.headers:
            self._hub.observe(request.headers[ATTRIBUTES], answer.status, seconds)
        if not keep:
            self._end()

    def _write(self, answer: Answer, keep: bool, body: bool = True) -> None:
        status, content_type, content, headers = answer
        end = b"\r\n" if keep else b"Connection: close\r\n\r\n"
        head = self._hub.head(status, content_type)
        self._out.append(b"%b%d\r\n%b%b%b" % (head, len(content), headers, end, content if body else b""))
        self._out_size += len(content)
        if self._out_size > _WRITE_AT:
            self._flush()

    def _flush(self) -> None:
        if self._out:
            if not self._transport.is_closing():
                self._transport.write(self._out[0] if len(self._out) == 1 else b"".join(self._out))
            self._out.clear()
            self._out_size = 0

    # ending

    def _check_head(self) -> None:
        if self._head_size > self.limits.header_bytes:
            self._refuse(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                "headers_too_large",
                f"request line and headers exceed {self.limits.header_bytes} bytes",
                "Send shorter headers.",
            )

    def _refuse_body(self) -> None:
        self._refuse(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "body_too_large",
            f"the body exceeds {self.limits.body_bytes} bytes",
            self.limits.smaller,
        )

    def _refuse(self, status: HTTPStatus, code: str, message: str, remedy: str) -> None:
        """Answer what is wrong with the connection itself, and end it; at most once."""
        if self._ended:
            return
        if self._in_thread or self._queue:
            self._ended = True  # earlier requests are answered first; the close that follows says enough
            return
        self._write(Refusal(status, code, message, remedy).answer(), keep=False)
        self._hub.application.count(b"", int(status), 0.0)
        self._end()

    def _end(self) -> None:
        """Say that nothing follows, and let the client finish sending so that it can read its answer."""
        self._ended = True
        self._queue.clear()
        self._flush()
        self.deadline = self._loop.time() + self.limits.linger_s
        if self._transport.can_write_eof() and not self._transport.is_closing():
            self._transport.write_eof()

    def expire(self) -> None:
        """Called when `deadline` has passed."""
        if self._request is not None and not self._ended and not self._paused:
            self._refuse(
                HTTPStatus.REQUEST_TIMEOUT,
                "request_timeout",
                f"the request did not arrive within {self.limits.request_s:g} s",
                "Send it in one piece.",
            )
        elif self._ended or self._transport.get_write_buffer_size():
            self._transport.abort()
        else:
            self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

    def close_if_idle(self) -> None:
        if self._request is None and not self._in_thread and not self._ended:
            self._transport.close()
