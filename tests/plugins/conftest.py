"""An MCP server whose tools a test scripts, on a port of its own, and the connection that leads to it."""

from __future__ import annotations

import json
import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from mlops.identity import key_for_airflow_run

# Airflow makes its folder when it is imported: nobody's own may be touched.
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="airflow-"))

AGENTS = ("training", "deployment", "issue_detector", "history_writer", "evaluation", "retrain", "monitor")
RUN_ID = "gh-4242-7-0123456789ab"


class Server:
    """An ASGI application, made anew for each start and served from a thread; a restart keeps the port."""

    def __init__(self, make: Callable[[], Any]):
        self._make = make
        self._port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        import uvicorn

        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", self._port))
        self._port = self._socket.getsockname()[1]
        config = uvicorn.Config(self._make(), log_config=None, access_log=False, timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=10)
        self._socket.close()


class Script:
    """What the tools of the scripted bridge answer, and what they were asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, list[Any]] = {}

    def on(self, tool: str, *answers: Any) -> None:
        """The answers one after the other; the last one stays. An exception is raised."""
        self.answers[tool] = list(answers)

    def answer(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        self.asked.append((tool, arguments))
        left = self.answers[tool]
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def keys_of(self, tool: str) -> list[str]:
        return [arguments["idempotency_key"] for name, arguments in self.asked if name == tool]


def scripted(script: Script) -> Callable[[], Any]:
    from mcp.server import MCPServer

    def application() -> Any:
        server = MCPServer("scripted", log_level="ERROR")
        for tool in TOOLS:
            server.add_tool(_tool(script, tool, TOOLS[tool]), name=tool)
        return server.streamable_http_app(stateless_http=True)

    return application


TOOLS: dict[str, tuple[str, ...]] = {
    "start_training": ("run_key", "idempotency_key"),
    "collect_training": ("run_key", "idempotency_key"),
    "follow_job": ("name", "kind", "log_cursor"),
    "stop_job": ("name", "kind", "idempotency_key"),
    "start_deployment": ("run_key", "idempotency_key"),
    "follow_deployment": ("run_key", "idempotency_key"),
    "confirm_deployment": ("run_key", "idempotency_key"),
    "intake_cursor": (),
    "admit_issues": ("numbers", "cursor", "idempotency_key"),
    "list_watched": (),
    "record_verdict": ("run_key", "verdict", "idempotency_key"),
    "report_failure": ("run_key", "phase", "reason", "fault", "idempotency_key"),
    "close_run": ("run_key", "idempotency_key"),
    "get_run": ("run_key",),
    "consider_new_data": ("keys", "event_id", "idempotency_key"),
}


def _tool(script: Script, name: str, arguments: tuple[str, ...]) -> Callable[..., dict[str, Any]]:
    import inspect

    def tool(**given: Any) -> dict[str, Any]:
        return script.answer(name, given)

    keyword = inspect.Parameter.KEYWORD_ONLY
    tool.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(argument, keyword, annotation=Any) for argument in arguments],
        return_annotation=dict[str, Any],
    )
    return tool


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def bridge_server(script: Script, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    server = Server(scripted(script))
    extra = {"url": f"{server.url}/mcp", "tokens": dict.fromkeys(AGENTS, "a token")}
    monkeypatch.setenv("AIRFLOW_CONN_MLOPS_MCP", json.dumps({"conn_type": "http", "extra": extra}))
    yield server
    server.stop()


@pytest.fixture
def context() -> dict[str, Any]:
    """As much of Airflow's context as our operators read."""
    task = SimpleNamespace(
        dag_id="lifecycle", task_id="train.train_model", run_id=RUN_ID, map_index=-1, try_number=1, xcoms={}
    )
    task.xcom_pull = lambda task_ids: task.xcoms[task_ids]
    return {"ti": task, "run_id": key_for_airflow_run(RUN_ID)}


@pytest.fixture
def serve() -> Iterator[Callable[[Any], Server]]:
    """Serve an ASGI application until the test ends."""
    servers: list[Server] = []

    def start(application: Any) -> Server:
        servers.append(Server(lambda: application))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """No scheduler stands behind these triggers: nothing has to settle."""
    from triggers import polling

    monkeypatch.setattr(polling, "SETTLE_S", 0.0)
