"""Servers that tests of the control plane talk to over HTTP: any ASGI application, and a stand-in for Airflow's API."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp


class ServerThread:
    """An ASGI application on a free port of this machine."""

    def __init__(self, app: ASGIApp):
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="on", ws="none"))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)

    def __enter__(self) -> ServerThread:
        self._thread.start()
        while not self._server.started:
            time.sleep(0.005)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=5)
        self._socket.close()


class AirflowStandIn:
    """As much of Airflow's API v2 as we call, with its status codes; `creates` counts the effects."""

    def __init__(self) -> None:
        self.runs: dict[str, dict[str, Any]] = {}
        self.creates: list[str] = []
        self.logins = 0
        self.token = "first"
        self.fail_after_effect = 0
        """So many of the next creates take effect and answer 500."""
        self.down = False
        self.app = Starlette(
            routes=[
                Route("/auth/token", self._login, methods=["POST"]),
                Route("/api/v2/dags/{dag}/dagRuns", self._create, methods=["POST"]),
                Route("/api/v2/dags/{dag}/dagRuns", self._list, methods=["GET"]),
                Route("/api/v2/dags/{dag}/dagRuns/{run:path}", self._one, methods=["GET", "PATCH"]),
            ]
        )

    async def _login(self, request: Request) -> JSONResponse:
        body = await request.json()
        self.logins += 1
        if body != {"username": "admin", "password": "secret"}:
            return JSONResponse({"detail": "Invalid credentials"}, 401)
        return JSONResponse({"access_token": self.token}, 201)

    def _refused(self, request: Request) -> JSONResponse | None:
        if self.down:
            return JSONResponse({"detail": "starting"}, 503)
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return JSONResponse({"detail": "Invalid JWT token"}, 401)
        return None

    async def _create(self, request: Request) -> JSONResponse:
        if refused := self._refused(request):
            return refused
        body = await request.json()
        if "logical_date" not in body:
            return JSONResponse({"detail": [{"msg": "Field required"}]}, 422)
        if request.path_params["dag"] != "lifecycle":
            return JSONResponse({"detail": "Dag not found"}, 404)
        run_id = body["dag_run_id"]
        if run_id in self.runs:
            return JSONResponse({"detail": {"reason": "Unique constraint violation"}}, 409)
        self.creates.append(run_id)
        self.runs[run_id] = {"dag_run_id": run_id, "state": "queued", "conf": body["conf"]}
        if self.fail_after_effect:
            self.fail_after_effect -= 1
            return JSONResponse({"detail": "lost"}, 500)
        return JSONResponse(self.runs[run_id])

    async def _list(self, request: Request) -> JSONResponse:
        if refused := self._refused(request):
            return refused
        state = request.query_params.get("state")
        prefix = request.query_params.get("run_id_prefix_pattern", "")
        chosen = [
            run
            for run in self.runs.values()
            if state in {None, run["state"]} and str(run["dag_run_id"]).startswith(prefix)
        ]
        return JSONResponse({"dag_runs": chosen, "total_entries": len(chosen)})

    async def _one(self, request: Request) -> JSONResponse:
        if refused := self._refused(request):
            return refused
        run = self.runs.get(request.path_params["run"])
        if run is None:
            return JSONResponse({"detail": "not found"}, 404)
        if request.method == "PATCH":
            run["state"] = (await request.json())["state"]
        return JSONResponse(run)
