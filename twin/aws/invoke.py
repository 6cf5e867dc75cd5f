"""InvokeEndpoint: a variant by weight, the container's answer or AWS's error, metrics and capture on the way."""

from __future__ import annotations

import random
import time
from typing import Any
from urllib.parse import unquote

from twin.aws import shapes
from twin.aws.calls import ServerReply
from twin.aws.capture import Capture
from twin.aws.fleet import Fleet, Server
from twin.aws.metrics import Series
from twin.aws.twin import Twin
from twin.aws.wire import AwsError, Reply, json_error, not_implemented, request_id

_LARGEST = 25 * 1024 * 1024
"""Bytes of a request or response, as InvokeEndpoint allows."""
_READY_S = 60.0
"""How long a call waits for a server that is starting anew."""
_HEADERS = {
    shape.serialization.get("locationName", member): member
    for member, shape in shapes.operation("sagemaker-runtime", "InvokeEndpoint").input_shape.members.items()  # type: ignore[union-attr]
    if shape.serialization.get("location") == "header"
}
"""Header -> member of the request."""
_PASSED = ("X-Amzn-SageMaker-Custom-Attributes", "X-Amzn-SageMaker-Inference-Id", "X-Amzn-SageMaker-Target-Model")
_NOT_HERE = (
    "X-Amzn-SageMaker-Inference-Component", "X-Amzn-SageMaker-Enable-Explanations",
    "X-Amzn-SageMaker-Target-Container-Hostname", "X-Amzn-SageMaker-Session-Id",
)  # fmt: skip


class Invoker:
    def __init__(self, twin: Twin, capture: Capture):
        self._twin = twin
        self._capture = capture
        self._series: dict[tuple[str, str], dict[str, Series]] = {}

    def invoke(self, path: str, headers: Any, body: bytes) -> Reply:
        """`path` is `/endpoints/{name}/invocations`; `headers` any mapping that ignores case."""
        started = time.perf_counter()
        name = unquote(path.split("/")[2])
        try:
            fleet = self._fleet(name)
            if len(body) > _LARGEST:
                raise AwsError("ValidationError", f"The request has {len(body)} bytes; the limit is {_LARGEST}.", 413)
            _check(name, headers)
            server = self._choose(name, fleet, headers.get("X-Amzn-SageMaker-Target-Variant"))
            return self._exchange(name, fleet, server, headers, body, started)
        except AwsError as error:
            return json_error(error)

    def _fleet(self, name: str) -> Fleet:
        fleet = self._twin.fleets.get(name)
        if fleet is None:
            raise AwsError("ValidationError", f"Endpoint {name} of account {self._twin.options.account} not found.")
        return fleet

    def _choose(self, name: str, fleet: Fleet, target: str | None) -> Server:
        if target:
            if target not in fleet.servers:
                raise AwsError("ValidationError", f"Variant {target} was not found for Endpoint {name}.")
            return fleet.servers[target]
        if len(fleet.servers) == 1:
            return next(iter(fleet.servers.values()))
        names = list(fleet.weights)
        return fleet.servers[random.choices(names, [fleet.weights[each] for each in names])[0]]  # noqa: S311

    def _exchange(
        self, endpoint: str, fleet: Fleet, server: Server, headers: Any, body: bytes, started: float
    ) -> Reply:
        sent = {name: value for name in _PASSED if (value := headers.get(name))}
        sent["Content-Type"] = headers.get("Content-Type") or "application/octet-stream"
        sent["Accept"] = headers.get("Accept") or "*/*"
        called = time.perf_counter()
        reply = self._ask(server, body, sent)
        answered = time.perf_counter()
        self._measure(endpoint, server.name, reply, answered - called, called - started)
        if reply is None or reply.status >= 400:
            raise self._model_error(endpoint, reply)
        kind = reply.headers.get("Content-Type") or "application/octet-stream"
        self._capture.offer(endpoint, server.name, fleet.config, sent, body, kind, reply.body)
        answer = {**request_id(), "Content-Type": kind, "x-Amzn-Invoked-Production-Variant": server.name}
        if attributes := reply.headers.get("X-Amzn-SageMaker-Custom-Attributes"):
            answer["X-Amzn-SageMaker-Custom-Attributes"] = attributes
        return Reply(200, reply.body, answer)

    def _ask(self, server: Server, body: bytes, headers: dict[str, str]) -> ServerReply | None:
        """The container's reply, or None where it does not answer in time or at all."""
        if not server.wait_healthy(_READY_S):
            return None
        try:
            return server.calls.call("POST", "/invocations", body, headers, self._twin.options.invoke_timeout_s)
        except OSError:
            return None

    def _model_error(self, endpoint: str, reply: ServerReply | None) -> AwsError:
        options = self._twin.options
        status = reply.status if reply else 0
        text = (
            reply.body.decode("utf-8", "replace")[:8192]
            if reply
            else "Your invocation timed out while waiting for a response from container primary. Review the latency "
            "metrics for each container in Amazon CloudWatch, resolve the issue, and try again."
        )
        side = "client" if 400 <= status < 500 else "server"
        group = f"/aws/sagemaker/Endpoints/{endpoint}"
        return AwsError(
            "ModelError",
            f'Received {side} error ({status}) from primary with message "{text}". See '
            f"https://{options.region}.console.aws.amazon.com/cloudwatch/home?region={options.region}"
            f"#logEventViewer:group={group} in account {options.account} for more information.",
            424,
            OriginalStatusCode=status or 500,
            OriginalMessage=text,
            LogStreamArn=f"arn:aws:logs:{options.region}:{options.account}:log-group:{group}",
        )

    def _measure(
        self, endpoint: str, variant: str, reply: ServerReply | None, model_s: float, overhead_s: float
    ) -> None:
        series = self._series.get((endpoint, variant)) or self._series.setdefault(
            (endpoint, variant), _series(endpoint, variant)
        )
        status = reply.status if reply else 500
        self._twin.metrics.add_all([
            (series["Invocations"], 1.0),
            (series["InvocationsPerInstance"], 1.0),
            (series["Invocation4XXErrors"], float(400 <= status < 500)),
            (series["Invocation5XXErrors"], float(status >= 500)),
            (series["ModelLatency"], model_s * 1e6),
            (series["OverheadLatency"], overhead_s * 1e6),
        ])  # fmt: skip


def _check(endpoint: str, headers: Any) -> None:
    """Hold the headers against the service model. Raises AwsError."""
    for header in _NOT_HERE:
        if headers.get(header):
            raise not_implemented(f"InvokeEndpoint with {header}")
    request = {"EndpointName": endpoint, "Body": b""}
    for header, member in _HEADERS.items():
        if (value := headers.get(header)) is not None:
            request[member] = value
    try:
        shapes.check_request("sagemaker-runtime", "InvokeEndpoint", request)
    except AwsError as wrong:
        raise AwsError("ValidationError", wrong.message) from wrong


def _series(endpoint: str, variant: str) -> dict[str, Series]:
    dimensions = (("EndpointName", endpoint), ("VariantName", variant))
    units = {
        "Invocations": "None", "InvocationsPerInstance": "None", "Invocation4XXErrors": "None",
        "Invocation5XXErrors": "None", "ModelLatency": "Microseconds", "OverheadLatency": "Microseconds",
    }  # fmt: skip
    return {name: ("AWS/SageMaker", name, dimensions, unit) for name, unit in units.items()}
