"""Servers that tests of the control plane talk to over HTTP: the GitHub twin, and a stand-in for Airflow's API."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
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
        # Not waited for: the thread is a daemon, and a third of a second in each test adds up.
        self._server.should_exit = True


class Forge:
    """The GitHub twin on a port, and what its people do there."""

    def __init__(self, state_dir: Path):
        from twin.github.app import create

        self._server = ServerThread(create(state_dir))
        self.url = self._server.url
        self._http = httpx.Client(base_url=self.url, timeout=20, trust_env=False)

    def __enter__(self) -> Forge:
        self._server.__enter__()
        return self

    def __exit__(self, *exit: object) -> None:
        self._http.close()
        self._server.__exit__(*exit)

    def call(self, method: str, path: str, body: Any = None, login: str = "octocat") -> Any:
        """A REST call below the repository, as `login`; the reply's JSON."""
        reply = self._http.request(
            method,
            f"/api/v3/repos/acme/perception{path}",
            json=body,
            headers={"Authorization": f"token {TOKENS[login]}"},
        )
        assert reply.status_code < 400, f"{method} {path}: {reply.status_code} {reply.text}"
        return reply.json() if reply.content else None

    def file(
        self, body: str, labels: Sequence[str] = ("mlops:train",), login: str = "octocat", title: str = "Train"
    ) -> int:
        """A new issue; its labels are set by its author."""
        created = self.call("POST", "/issues", {"title": title, "body": body, "labels": list(labels)}, login)
        return int(created["number"])

    def label(self, number: int, label: str = "mlops:train", login: str = "octocat") -> None:
        self.call("POST", f"/issues/{number}/labels", {"labels": [label]}, login)

    def unlabel(self, number: int, label: str = "mlops:train", login: str = "octocat") -> None:
        self.call("DELETE", f"/issues/{number}/labels/{label}", None, login)

    def edit(self, number: int, login: str = "octocat", **changes: Any) -> None:
        self.call("PATCH", f"/issues/{number}", changes, login)

    def say(self, number: int, body: str, login: str = "octocat") -> int:
        return int(self.call("POST", f"/issues/{number}/comments", {"body": body}, login)["id"])

    def comments(self, number: int, by: str = "mlops-bot") -> list[str]:
        found = self.call("GET", f"/issues/{number}/comments?per_page=100")
        return [comment["body"] for comment in found if comment["user"]["login"] == by]

    def labels(self, number: int) -> set[str]:
        return {label["name"] for label in self.call("GET", f"/issues/{number}")["labels"]}

    def reactions(self, comment_id: int) -> set[str]:
        return {one["content"] for one in self.call("GET", f"/issues/comments/{comment_id}/reactions")}

    def knob(self, name: str, body: Any = None, method: str = "POST") -> Any:
        """One of the emulator's own addresses: `faults`, `effects`, `limits`, `users`."""
        reply = self._http.request(method, f"/twin/{name}", json=body)
        assert reply.status_code < 400, reply.text
        return reply.json()

    def effects(self, kind: str) -> list[dict[str, Any]]:
        """What truly happened, by the emulator's own log."""
        return list(self.knob(f"effects?kind={kind}", method="GET"))


TOKENS = {
    login: f"twin-{name}-token"
    for login, name in {
        "octocat": "octocat", "mlops-bot": "bot", "maintainer": "maintainer", "writer": "writer",
        "triager": "triager", "stranger": "stranger",
    }.items()
}  # fmt: skip


class AirflowStandIn:
    """As much of Airflow's API v2 as we call, with its status codes; `creates` counts the effects."""

    def __init__(self) -> None:
        self.runs: dict[str, dict[str, Any]] = {}
        self.creates: list[str] = []
        self.failures: list[dict[str, Any]] = []
        """What the state machine asked to report."""
        self.logins = 0
        self.token = "first"
        self.fail_after_effect = 0
        """So many of the next creates take effect and answer 500."""
        self.down = False
        self.unparsed = 0
        """So many of the next questions for a DAG come before it was parsed."""
        self.paused: set[str] = set()
        self.url = ""
        self.app = Starlette(
            routes=[
                Route("/auth/token", self._login, methods=["POST"]),
                Route("/api/v2/dags/{dag}", self._dag, methods=["GET"]),
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

    async def _dag(self, request: Request) -> JSONResponse:
        if refused := self._refused(request):
            return refused
        name = request.path_params["dag"]
        if self.unparsed:
            self.unparsed -= 1
            return JSONResponse({"detail": "Dag not found"}, 404)
        return JSONResponse({"dag_id": name, "is_paused": name in self.paused})

    async def _create(self, request: Request) -> JSONResponse:
        if refused := self._refused(request):
            return refused
        body = await request.json()
        if "logical_date" not in body:
            return JSONResponse({"detail": [{"msg": "Field required"}]}, 422)
        if request.path_params["dag"] == "workflow_failure":
            self.failures.append(body["conf"])
            return JSONResponse({"dag_run_id": body["dag_run_id"], "state": "queued", "conf": body["conf"]})
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


def mwaa_in_front_of(airflow: AirflowStandIn) -> ASGIApp:
    """MWAA's InvokeRestApi: passes a request on to Airflow and wraps the answer, a refusal as an error."""

    async def invoke(request: Request) -> JSONResponse:
        asked = await request.json()
        transport = httpx.ASGITransport(app=airflow.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://airflow") as http:
            reply = await http.request(
                asked["Method"],
                f"/api/v2{asked['Path']}",
                params=asked.get("QueryParameters"),
                json=asked.get("Body"),
                headers={"Authorization": f"Bearer {airflow.token}"},
            )
        answer = {"RestApiStatusCode": reply.status_code, "RestApiResponse": reply.json()}
        if reply.status_code < 400:
            return JSONResponse(answer)
        fault = "RestApiServerException" if reply.status_code >= 500 else "RestApiClientException"
        return JSONResponse(answer, 400, headers={"x-amzn-ErrorType": fault})

    return Starlette(routes=[Route("/restapi/{name}", invoke, methods=["POST"])])
