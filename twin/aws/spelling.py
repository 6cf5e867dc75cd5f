"""Requests and answers of JSON services, read and written as their service models say."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote

from botocore.model import OperationModel

from twin.aws import shapes
from twin.aws.wire import AwsError, Reply, request_id

Environ = Mapping[str, Any]


def operation_of(environ: Environ, service: str) -> tuple[str, dict[str, str]]:
    """The operation's name and what its path says; an empty name where no operation of the service is meant."""
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if target:
        return target.rpartition(".")[2], {}
    path = environ.get("RAW_URI") or environ["PATH_INFO"]
    path = re.sub(r"^https?://[^/]*", "", path.partition("?")[0])
    for method, pattern, name in _routes(service):
        if method == environ["REQUEST_METHOD"] and (match := pattern.fullmatch(path)):
            return name, {key: unquote(value) for key, value in match.groupdict().items()}
    return "", {}


@cache
def _routes(service: str) -> list[tuple[str, re.Pattern[str], str]]:
    """Method, path and operation; paths with fewer blanks first, so that a fixed word wins over any name."""
    model = shapes.service(service)
    found = []
    for name in model.operation_names:
        http = model.operation_model(name).http
        uri = http["requestUri"].partition("?")[0].rstrip("/")
        pattern = re.sub(r"\\\{(\w+)\\\+\\\}", r"(?P<\1>.+)", re.escape(uri))
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", pattern)
        # A path without a word of its own (JSON-RPC services) is no route.
        if uri:
            found.append((uri.count("{"), http["method"], re.compile(pattern + "/?"), name))
    return [each[1:] for each in sorted(found, key=lambda each: each[0])]


def request_of(environ: Environ, service: str, name: str, in_path: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """The request's members by the model's names. Raises AwsError where the body is no JSON object."""
    model = shapes.operation(service, name)
    shape: Any = model.input_shape if model else None
    try:
        content = json.loads(body or b"{}")
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise AwsError("SerializationException", "The request is not a JSON object.")
    if shape is None or environ.get("HTTP_X_AMZ_TARGET"):
        return content
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    request: dict[str, Any] = {}
    for member, of in shape.members.items():
        wire = of.serialization.get("name", member)
        match of.serialization.get("location"):
            case "uri":
                value: Any = in_path.get(wire)
            case "querystring":
                value = query.get(wire)
                value = value[0] if value and of.type_name != "list" else value
                value = int(value) if value and of.type_name in {"integer", "long"} else value
            case "header" | "headers":
                value = environ.get("HTTP_" + wire.upper().replace("-", "_"))
            case _:
                value = _from_wire(of, content.get(wire))
        if value is not None:
            request[member] = value
    return request


def reply_of(service: str, name: str, answer: Any) -> Reply:
    model: OperationModel | None = shapes.operation(service, name)
    assert model is not None
    shape = model.output_shape
    body = b"{}" if shape is None else json.dumps(_to_wire(shape, answer)).encode()
    version = shapes.service(service).metadata.get("jsonVersion")
    kind = f"application/x-amz-json-{version}" if version else "application/json"
    return Reply(int(model.http.get("responseCode", 200)), body, {**request_id(), "Content-Type": kind})


def _from_wire(shape: Any, value: Any) -> Any:
    if value is None:
        return None
    if shape.type_name == "structure" and isinstance(value, dict):
        known = {of.serialization.get("name", member): (member, of) for member, of in shape.members.items()}
        return {
            known[wire][0] if wire in known else wire: _from_wire(known[wire][1], item) if wire in known else item
            for wire, item in value.items()
            if item is not None
        }
    if shape.type_name == "list" and isinstance(value, list):
        return [_from_wire(shape.member, item) for item in value]
    return value


def _to_wire(shape: Any, value: Any) -> Any:
    if shape.type_name == "structure" and isinstance(value, dict):
        return {
            of.serialization.get("name", member): _to_wire(of, value[member])
            for member, of in shape.members.items()
            if value.get(member) is not None
        }
    if shape.type_name == "list" and isinstance(value, list):
        return [_to_wire(shape.member, item) for item in value]
    return value
