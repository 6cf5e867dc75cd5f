"""A receiver of spans, as the twin has one, and this process sending to it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from mlops.telemetry import exporting, ids, tracing
from twin.aws.traces import Traces

RUN_KEY = "gh-4242-7-0123456789ab"


@pytest.fixture
def traces(tmp_path) -> Iterator[Traces]:
    store = Traces(tmp_path / "traces.db")
    yield store
    store.close()


@pytest.fixture
def address(traces: Traces) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            reply = traces.receive(self.headers["Content-Type"], body)
            self.send_response(reply.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1/traces"
    server.shutdown()


@pytest.fixture
def recording(address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A provider of its own: OpenTelemetry's global one can be set once in a process."""
    provider = exporting.provider("mlops-test", address)
    monkeypatch.setattr(tracing, "_tracer", provider.get_tracer("mlops"))
    monkeypatch.setattr(tracing, "_address", address)
    yield provider
    provider.shutdown()


@pytest.fixture
def seen(recording: Any, traces: Traces) -> Callable[[], dict[str, dict[str, Any]]]:
    """The spans of the run by name, once all that ended has arrived."""

    def look() -> dict[str, dict[str, Any]]:
        recording.force_flush()
        return {each["name"]: each for each in traces.of(ids.xray(ids.trace_id(RUN_KEY)))}

    return look
