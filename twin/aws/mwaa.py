"""Amazon MWAA: `InvokeRestApi`, handed on to the local Airflow as the service hands it on to its own."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import httpx

from twin.aws import shapes
from twin.aws.twin import Twin
from twin.aws.wire import AwsError, Reply, not_implemented, plain_json

_TIMEOUT_S = 10.0
"""As on MWAA."""


class Mwaa:
    """One environment, whatever its name: the Airflow that the options name."""

    def __init__(self, twin: Twin):
        self._twin = twin
        self._http = httpx.Client(timeout=_TIMEOUT_S, trust_env=False)
        self._token = ""
        self._lock = threading.Lock()
        self.operations: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {"InvokeRestApi": self._invoke}

    def answer(self, operation: str, request: dict[str, Any]) -> Reply:
        """Raises AwsError."""
        shapes.check_request("mwaa", operation, request)
        if operation not in self.operations:
            raise not_implemented(operation)
        response = self.operations[operation](request)
        if self._twin.options.check_responses:
            shapes.check_response("mwaa", operation, response)
        return plain_json(response)

    def _invoke(self, request: dict[str, Any]) -> dict[str, Any]:
        reply = self._call(request)
        if reply.status_code == 401:
            self._token = ""
            reply = self._call(request)
        try:
            content = reply.json() if reply.content else {}
        except ValueError:
            content = {"detail": reply.text[:300]}
        answer = {
            "RestApiStatusCode": reply.status_code,
            "RestApiResponse": content if isinstance(content, dict) else {"items": content},
        }
        if reply.status_code < 400:
            return answer
        fault = "RestApiServerException" if reply.status_code >= 500 else "RestApiClientException"
        raise AwsError(fault, f"Airflow answered {reply.status_code}.", 400, **answer)

    def _call(self, request: dict[str, Any]) -> httpx.Response:
        try:
            return self._http.request(
                request["Method"],
                f"{self._twin.options.airflow_url}/api/v2{request['Path']}",
                params=request.get("QueryParameters"),
                json=request.get("Body"),
                headers={"Authorization": f"Bearer {self._bearer()}"},
            )
        except httpx.HTTPError as away:
            raise AwsError("InternalServerException", f"Airflow did not answer: {type(away).__name__}", 500) from away

    def _bearer(self) -> str:
        """MWAA signs its calls with the caller's role; here it is Airflow's own administrator."""
        options = self._twin.options
        with self._lock:
            if not self._token:
                login = {"username": options.airflow_user, "password": options.airflow_password}
                reply = self._http.post(f"{options.airflow_url}/auth/token", json=login)
                self._token = str(reply.json().get("access_token", "")) if reply.is_success else ""
            return self._token


def read_request(environ: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Operation and members of a request, by the service model's own routes; an unknown one has no operation."""
    stream = environ["wsgi.input"]
    body = stream.read()
    stream.seek(0)
    for name in shapes.service("mwaa").operation_names:
        model = shapes.service("mwaa").operation_model(name)
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", model.http["requestUri"])
        found = re.fullmatch(pattern, environ["PATH_INFO"])
        if found and environ["REQUEST_METHOD"] == model.http["method"]:
            try:
                members = json.loads(body or b"{}")
            except ValueError:
                raise AwsError("SerializationException", "The request is not JSON.") from None
            return name, {**members, **{key: unquote(value) for key, value in found.groupdict().items()}}
    return "", {}
