"""The load generator counts answers, and takes nothing but a 200 for one."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks.load import burst


@pytest.fixture
def answering():
    """A function (status) -> (port, bodies received) of a server that answers every POST alike."""
    servers = []

    def start(status):
        bodies = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(status)
                self.send_header("Content-Length", "5")
                self.end_headers()
                self.wfile.write(b"hello")

            def log_message(self, *arguments):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server.server_port, bodies

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_every_answer_is_counted_once(answering):
    port, bodies = answering(200)
    load = burst(port, b"row", connections=3, seconds=0.1)
    assert load.requests == len(bodies) == len(load.latencies_s) >= 3
    assert set(bodies) == {b"row"}
    assert 0 < load.percentile_ms(50) <= load.percentile_ms(99)


def test_refusal_ends_the_burst(answering):
    port, _ = answering(400)
    with pytest.raises(RuntimeError, match=r"answered b'HTTP/1\.1 400"):
        burst(port, b"row", connections=2, seconds=0.1)
