"""HTTP to a model server: kept connections, so that a call costs a fraction of a millisecond."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass


class _Connection(http.client.HTTPConnection):
    def connect(self) -> None:
        super().connect()
        # Headers and body are two writes; without this each request waits for a delayed acknowledgement.
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


@dataclass(frozen=True)
class ServerReply:
    status: int
    headers: http.client.HTTPMessage
    body: bytes


class Calls:
    """The connections to one server at `port`."""

    def __init__(self) -> None:
        self.port = 0
        self._idle: deque[_Connection] = deque()
        self._active: set[int] = set()
        """Threads with a call under way."""

    def call(self, method: str, path: str, body: bytes, headers: dict[str, str], timeout_s: float) -> ServerReply:
        """One HTTP exchange over a kept connection. Raises OSError (TimeoutError where it takes too long)."""
        me = threading.get_ident()
        self._active.add(me)
        try:
            return self._call(method, path, body, headers, timeout_s)
        finally:
            self._active.discard(me)

    def _call(self, method: str, path: str, body: bytes, headers: dict[str, str], timeout_s: float) -> ServerReply:
        while True:
            try:
                connection, fresh = self._idle.pop(), False
            except IndexError:
                connection, fresh = _Connection("127.0.0.1", self.port, timeout=timeout_s), True
            try:
                if connection.sock:
                    connection.sock.settimeout(timeout_s)
                connection.request(method, path, body, headers)
                answer = connection.getresponse()
                reply = ServerReply(answer.status, answer.headers, answer.read())
            except TimeoutError:
                connection.close()
                raise
            except (http.client.HTTPException, OSError) as broken:
                connection.close()
                if fresh:
                    raise OSError(str(broken)) from broken
                continue  # A kept connection that the server closed meanwhile: nothing was done with it.
            if answer.will_close:
                connection.close()
            else:
                self._idle.append(connection)
            return reply

    def drain(self, timeout_s: float) -> None:
        """Wait until the calls under way have their answers."""
        deadline = time.monotonic() + timeout_s
        while self._active and time.monotonic() < deadline:
            time.sleep(0.02)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()


_handed_out: deque[int] = deque(maxlen=64)


def free_port() -> int:
    """A port nobody listens on, and that was not handed out lately."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if port not in _handed_out:
            _handed_out.append(port)
            return port
