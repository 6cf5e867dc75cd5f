"""Airflow's public REST API: start a run once, ask after it, end it. Directly, or through MWAA's InvokeRestApi."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

import httpx

from mlops.errors import Conflict, RequestRefused, Unavailable

if TYPE_CHECKING:
    from mlops.aws import Cloud
    from mlops.settings import Settings

_TIMEOUT_S = 20.0
_TRIES = 4
_TOKEN_AGE_S = 1800.0
MWAA_PATH_LIMIT = 64
"""InvokeRestApi refuses a longer path."""
DISCARDED_STATES = frozenset({"failed", "success"})


@dataclass(frozen=True)
class Answer:
    status: int
    body: dict[str, Any]


class Transport(Protocol):
    def request(
        self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Mapping[str, Any] | None = None
    ) -> Answer:
        """One request below `/api/v2`; any HTTP status is an answer. Raises Unavailable without one."""
        ...


class AirflowApi:
    """Runs of DAGs by their ids. A run-create answered 409 means that the run exists: it is read and compared."""

    def __init__(self, transport: Transport):
        self._transport = transport

    @classmethod
    def from_settings(cls, settings: Settings, cloud: Cloud) -> AirflowApi:
        if settings.mwaa_environment:
            return cls(MwaaTransport(cloud, settings.mwaa_environment))
        return cls(HttpTransport(settings.airflow_api_url, settings.airflow_user, settings.airflow_password))

    def create_run(self, dag_id: str, run_id: str, conf: Mapping[str, Any], note: str = "") -> bool:
        """Start a run; True where this call made it, False where it existed with the same `conf`.

        `logical_date` stays empty: it is unique in each DAG, and two runs of one second would clash.

        Raises:
            Conflict: a run of that id exists with another `conf`.
            RequestRefused: Airflow refused the parameters, or does not know the DAG.
            Unavailable: Airflow did not answer.
        """
        body = {"dag_run_id": run_id, "logical_date": None, "conf": dict(conf), "note": note or None}
        answer = self._transport.request("POST", f"/dags/{dag_id}/dagRuns", body=body)
        if answer.status in {200, 201}:
            return True
        if answer.status == 409:
            known = self.get_run(dag_id, run_id)
            if known is None:
                raise Unavailable(f"Airflow says that run {run_id} exists, and does not find it; try again.")
            if (known.get("conf") or {}) != dict(conf):
                raise Conflict(f"Airflow holds a run {run_id} of {dag_id} with other parameters.")
            return False
        if answer.status == 404:
            # After a start or a deployment the DAG processor needs a moment to parse it.
            raise Unavailable(f"Airflow does not know DAG {dag_id} yet; try again.")
        raise _refused(f"start run {run_id} of {dag_id}", answer)

    def get_dag(self, dag_id: str) -> dict[str, Any] | None:
        """The DAG as Airflow describes it (`is_paused`, ...), or None where it was not parsed yet."""
        answer = self._transport.request("GET", f"/dags/{dag_id}")
        return None if answer.status == 404 else _checked(f"read DAG {dag_id}", answer).body

    def get_run(self, dag_id: str, run_id: str) -> dict[str, Any] | None:
        """The run as Airflow describes it (`state`, `conf`, `start_date`, ...), or None."""
        path = _run_path(dag_id, run_id)
        if len(path) > MWAA_PATH_LIMIT and isinstance(self._transport, MwaaTransport):
            return self._find_run(dag_id, run_id)
        answer = self._transport.request("GET", path)
        if answer.status == 404:
            return None
        return _checked(f"read run {run_id}", answer).body

    def _find_run(self, dag_id: str, run_id: str) -> dict[str, Any] | None:
        found = self._transport.request("GET", f"/dags/{dag_id}/dagRuns", query={"run_id_prefix_pattern": run_id})
        if found.status == 404:
            return None
        runs = _checked(f"find run {run_id}", found).body.get("dag_runs", [])
        return next((run for run in runs if run.get("dag_run_id") == run_id), None)

    def list_runs(self, dag_id: str, *, state: str = "", limit: int = 100) -> list[dict[str, Any]]:
        """Newest first."""
        query: dict[str, Any] = {"limit": limit, "order_by": "-run_after"}
        if state:
            query["state"] = state
        answer = self._transport.request("GET", f"/dags/{dag_id}/dagRuns", query=query)
        runs: list[dict[str, Any]] = _checked(f"list runs of {dag_id}", answer).body.get("dag_runs", [])
        return runs

    def end_run(self, dag_id: str, run_id: str) -> bool:
        """Mark a run failed, which ends its tasks; False where there is none. One that ended stays as it is."""
        known = self.get_run(dag_id, run_id)
        if known is None:
            return False
        if known.get("state") in DISCARDED_STATES:
            return True
        answer = self._transport.request("PATCH", _run_path(dag_id, run_id), body={"state": "failed"})
        _checked(f"end run {run_id}", answer)
        return True


def _run_path(dag_id: str, run_id: str) -> str:
    # Ids of runs started in the UI hold `:` and `+`.
    return f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}"


def _checked(action: str, answer: Answer) -> Answer:
    if answer.status >= 400:
        raise _refused(action, answer)
    return answer


def _refused(action: str, answer: Answer) -> Exception:
    detail = str(answer.body.get("detail") or answer.body.get("title") or "")[:500]
    text = f"Could not {action}: Airflow answered {answer.status} {detail}".rstrip()
    return Unavailable(text) if answer.status >= 500 or answer.status == 429 else RequestRefused(text)


class HttpTransport:
    """The API server, with a token fetched by login and again when it is refused."""

    def __init__(self, url: str, user: str, password: str):
        self._url = url.rstrip("/")
        self._login = {"username": user, "password": password}
        # The server is named by the operators; a proxy of the environment has no business between us.
        self._http = httpx.Client(timeout=_TIMEOUT_S, trust_env=False)
        self._token = ""
        self._token_at = 0.0
        self._lock = threading.Lock()

    def request(
        self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Mapping[str, Any] | None = None
    ) -> Answer:
        answer = self._send(method, path, query, body)
        if answer.status == 401:
            self._token = ""
            answer = self._send(method, path, query, body)
        return answer

    def _send(self, method: str, path: str, query: Mapping[str, Any] | None, body: Mapping[str, Any] | None) -> Answer:
        return self._try(
            lambda: self._http.request(
                method,
                f"{self._url}/api/v2{path}",
                params=dict(query or {}),
                json=body,
                headers={"Authorization": f"Bearer {self._bearer()}"},
            )
        )

    def _bearer(self) -> str:
        with self._lock:
            if not self._token or time.monotonic() - self._token_at > _TOKEN_AGE_S:
                answer = self._try(lambda: self._http.post(f"{self._url}/auth/token", json=self._login))
                if answer.status >= 400 or "access_token" not in answer.body:
                    raise _refused("log in to Airflow", answer)
                self._token, self._token_at = str(answer.body["access_token"]), time.monotonic()
            return self._token

    def _try(self, call: Any) -> Answer:
        """Repeated on 5xx and lost replies: every request here is safe to repeat, a create by its 409."""
        for attempt in range(_TRIES):
            try:
                reply = call()
            except httpx.HTTPError as error:
                if attempt == _TRIES - 1:
                    raise Unavailable(f"Airflow did not answer ({type(error).__name__}).") from error
            else:
                if reply.status_code < 500 and reply.status_code != 429:
                    return Answer(reply.status_code, _json(reply))
                if attempt == _TRIES - 1:
                    return Answer(reply.status_code, _json(reply))
            time.sleep(0.2 * 2**attempt)
        raise AssertionError


def _json(reply: httpx.Response) -> dict[str, Any]:
    try:
        value = reply.json()
    except ValueError:
        return {"detail": reply.text[:300]}
    return value if isinstance(value, dict) else {"items": value}


class MwaaTransport:
    """Amazon MWAA: signed by our own role, no password and no token of Airflow's."""

    def __init__(self, cloud: Cloud, environment: str):
        self._cloud = cloud
        self._environment = environment

    def request(
        self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Mapping[str, Any] | None = None
    ) -> Answer:
        if len(path) > MWAA_PATH_LIMIT:
            raise RequestRefused(f"MWAA takes paths of up to {MWAA_PATH_LIMIT} characters; {path} has {len(path)}.")
        from mlops.aws import error_code, translated

        request: dict[str, Any] = {"Name": self._environment, "Path": path, "Method": method}
        if query:
            request["QueryParameters"] = dict(query)
        if body is not None:
            request["Body"] = dict(body)
        with translated(f"call Airflow through MWAA {self._environment}"):
            try:
                reply = self._cloud.client("mwaa").invoke_rest_api(**request)
            except Exception as error:
                # Airflow's own refusals arrive as an error of MWAA, with Airflow's status and text inside.
                if error_code(error) not in {"RestApiClientException", "RestApiServerException"}:
                    raise
                response = getattr(error, "response", {})
                detail = response.get("RestApiResponse")
                inner = detail if isinstance(detail, dict) else {"detail": str(detail or "")}
                return Answer(int(response.get("RestApiStatusCode") or 500), inner)
        inner = reply.get("RestApiResponse")
        return Answer(int(reply.get("RestApiStatusCode") or 200), inner if isinstance(inner, dict) else {})
