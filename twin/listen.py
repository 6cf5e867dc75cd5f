"""Serve an ASGI application on a local port: in the foreground, or in a thread of this process."""

from __future__ import annotations

import errno
import socket
import threading
import time
from types import TracebackType

import uvicorn
from starlette.types import ASGIApp


class PortTaken(Exception):
    """Somebody else listens there."""


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises PortTaken, in words for a person."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        # Listening now, a client that is told the port never meets a closed one.
        sock.listen(2048)
    except OSError as taken:
        sock.close()
        if taken.errno == errno.EADDRINUSE:
            raise PortTaken(
                f"Port {port} on {host} is in use by another program; choose another with --port."
            ) from taken
        raise
    return sock


def server(app: ASGIApp) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            app, log_level="warning", access_log=False, server_header=False, lifespan="on",
            # An emulator with a clock of its own writes Date itself.
            date_header=not getattr(app, "writes_date", False),
            # A client in the middle of a request cannot hold up the end.
            timeout_graceful_shutdown=2,
        )
    )  # fmt: skip


class Listening:
    """An application served from a thread; `stop()` or leaving the `with` block ends it."""

    def __init__(self, app: ASGIApp, host: str = "127.0.0.1", port: int = 0) -> None:
        self._socket = bind(host, port)
        self.url = f"http://{host}:{self._socket.getsockname()[1]}"
        self._server = server(app)
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), daemon=True, name=f"listen {self.url}"
        )
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(0.005)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()

    def __enter__(self) -> Listening:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def run(app: ASGIApp, host: str, port: int, greeting: str) -> None:
    """Serve until Ctrl-C or SIGTERM. Raises PortTaken. `greeting` may use `{url}`."""
    sock = bind(host, port)
    print(greeting.format(url=f"http://{host}:{sock.getsockname()[1]}"), flush=True)
    server(app).run([sock])
