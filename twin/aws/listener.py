"""A threaded HTTP/1.1 server with kept connections; werkzeug's own closes each one, and waits for it."""

from __future__ import annotations

import contextlib
import io
import logging
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import DechunkedInput, ThreadedWSGIServer

from twin.aws.wire import AwsError, Reply, json_error

log = logging.getLogger(__name__)

StartResponse = Callable[..., Any]


class PortTaken(Exception):
    """The port belongs to another program."""


class Front(Protocol):
    """What the listener serves."""

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]: ...

    def invocation(self, path: str, headers: Any, body: bytes) -> Reply:
        """`POST /endpoints/{name}/invocations`, without the detour over WSGI."""
        ...


class LostReply(Exception):
    """The client is to see a broken connection instead of an answer."""


class Handler(MotoRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    timeout = 120
    """Seconds until a silent kept connection is closed."""

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)  # type: ignore[attr-defined]

    def finish(self) -> None:
        self.server.connections.discard(self.connection)  # type: ignore[attr-defined]
        # Whoever hung up before the answer (a function's process that was ended) leaves it in the buffer.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            super().finish()

    def handle_expect_100(self) -> bool:
        self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.wfile.flush()
        return True

    def run_wsgi(self) -> None:
        body = self._body()
        front: Front = self.server.app  # type: ignore[assignment]
        try:
            if self.command == "POST" and self.path.startswith("/endpoints/") and self.path.endswith("/invocations"):
                reply = front.invocation(self.path, self.headers, body)
                self._send(reply.status, list(reply.headers.items()), reply.body)
            else:
                self._send(*self._call(front, body))
        except LostReply:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        except Exception as failed:
            log.exception("%s %s failed in the twin", self.command, self.path)
            failure = json_error(AwsError("InternalFailure", f"The twin failed: {failed}", 500))
            self._send(failure.status, list(failure.headers.items()), failure.body)

    def _body(self) -> bytes:
        # Read whole, whoever answers: what were left unread would be taken for the next request.
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return io.BufferedReader(DechunkedInput(self.rfile)).read()  # type: ignore[type-var, arg-type]
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _call(self, front: Front, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        environ = self.make_environ()
        environ["wsgi.input"] = io.BytesIO(body)
        environ["wsgi.errors"] = sys.stderr
        environ["CONTENT_LENGTH"] = str(len(body))
        environ.pop("wsgi.input_terminated", None)
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        answer: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
            answer[:] = [int(status.split(" ", 1)[0]), headers]

        content = b"".join(front(environ, start_response))
        return answer[0], answer[1], content

    def _send(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response(status)
        names = set()
        for name, value in headers:
            names.add(name.lower())
            self.send_header(name, value)
        # The answer to HEAD carries the length of what GET would send.
        if "content-length" not in names and status not in {204, 304} and status >= 200:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
        self.wfile.flush()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Silence: a line a request would drown everything else."""

    def log_error(self, format: str, *args: Any) -> None:
        """Timeouts of kept connections are no news."""


class Listener(ThreadedWSGIServer):
    daemon_threads = True
    request_queue_size = 512

    def __init__(self, host: str, port: int, front: Front):
        """Raises PortTaken, with the remedy."""
        self.connections: set[socket.socket] = set()
        with socket.socket() as bound:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                bound.bind((host, port))
            except OSError as taken:
                raise PortTaken(
                    f"Port {port} on {host} is in use by another program ({taken.strerror}). "
                    "Stop it, or choose another port."
                ) from taken
            bound.listen(self.request_queue_size)
            super().__init__(host, bound.getsockname()[1], front, Handler, fd=bound.fileno())  # type: ignore[arg-type]

    def serve_in_thread(self) -> threading.Thread:
        thread = threading.Thread(target=lambda: self.serve_forever(0.05), daemon=True, name="listener")
        thread.start()
        return thread

    def close(self) -> None:
        """Stop listening, and end the kept connections too."""
        self.shutdown()
        self.server_close()
        for connection in list(self.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
