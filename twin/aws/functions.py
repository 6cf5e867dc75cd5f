"""Lambda: the functions that moto keeps really run, each in a warm process that speaks Lambda's Runtime API."""

from __future__ import annotations

import json
import threading
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote

from moto.awslambda.exceptions import UnknownFunctionException
from moto.awslambda.models import LambdaFunction
from moto.awslambda.utils import get_backend

from twin.aws.function_process import RUNTIME_PATH, FunctionProcess, Outcome
from twin.aws.twin import Twin
from twin.aws.wire import AwsError, Reply, request_id

_INVOKE = ("/2015-03-31/functions/", "/invocations")


def is_invoke(environ: dict[str, Any]) -> bool:
    path = environ["PATH_INFO"]
    return environ["REQUEST_METHOD"] == "POST" and path.startswith(_INVOKE[0]) and path.endswith(_INVOKE[1])


class Functions:
    """One process a function: AWS would start a second one for a second call, here it waits for its turn."""

    def __init__(self, twin: Twin):
        self._twin = twin
        self._lock = threading.Lock()
        self._processes: dict[str, FunctionProcess] = {}

    def find(self, name: str) -> LambdaFunction:
        """By name or ARN. Raises AwsError."""
        options = self._twin.options
        with self._twin.locks.reading("awslambda"):
            try:
                return get_backend(options.account, options.region).get_function(name)
            except UnknownFunctionException as unknown:
                raise AwsError("ResourceNotFoundException", f"Function not found: {name}", 404) from unknown

    def may_be_called(self, name: str, by: str, source: str = "") -> bool:
        """True where the function's own policy lets the service `by` call it on behalf of the resource `source`."""
        for statement in self.find(name).policy.statements:
            principal, condition = statement.get("Principal") or {}, statement.get("Condition") or {}
            wanted = {**condition.get("ArnLike", {}), **condition.get("ArnEquals", {})}.get("AWS:SourceArn", "*")
            if isinstance(principal, dict) and principal.get("Service") == by and fnmatchcase(source, wanted):
                return True
        return False

    def invoke(self, name: str, event: bytes) -> Outcome:
        """Call the function and wait for its answer. Raises AwsError where there is none of that name."""
        function = self.find(name)
        outcome = self._process(function).call(event)
        self._twin.effects.record("Invoke", function.function_name, error=outcome.error)
        return outcome

    def answer(self, environ: dict[str, Any], body: bytes) -> Reply:
        """Lambda's own call, Invoke. Raises AwsError."""
        name = unquote(environ["PATH_INFO"].removeprefix(_INVOKE[0]).removesuffix(_INVOKE[1]))
        kind, event = environ.get("HTTP_X_AMZ_INVOCATION_TYPE", "RequestResponse"), body or b"{}"
        self.find(name)
        try:
            json.loads(event)
        except ValueError as wrong:
            message = f"Could not parse request body into json: {wrong}"
            raise AwsError("InvalidRequestContentException", message) from wrong
        if kind == "DryRun":
            return Reply(204, b"", request_id())
        if kind == "Event":
            self._twin.in_background(lambda: _drop(self.invoke(name, event)), f"invoke:{name}")
            return Reply(202, b"", request_id())
        outcome = self.invoke(name, event)
        headers = {**request_id(), "Content-Type": "application/json", "X-Amz-Executed-Version": "$LATEST"}
        return Reply(200, outcome.payload, headers | ({"X-Amz-Function-Error": outcome.error} if outcome.error else {}))

    def runtime(self, path: str, body: bytes) -> Reply:
        """A request of a function's process, below RUNTIME_PATH: `{process}/2018-06-01/runtime/...`."""
        process_id, _, rest = path.removeprefix(RUNTIME_PATH).partition("/2018-06-01/runtime/")
        process = next((each for each in list(self._processes.values()) if each.id == process_id), None)
        return process.said(rest, body) if process else Reply(410)

    def _process(self, function: LambdaFunction) -> FunctionProcess:
        with self._lock:
            known = self._processes.get(function.function_name)
            if known and known.serves(function):
                return known
            if known:
                known.stop()
            process = FunctionProcess(self._twin, function)
            self._processes[function.function_name] = process
            return process


def _drop(outcome: Outcome) -> None:
    """Nobody waits for the answer of an asynchronous call."""
