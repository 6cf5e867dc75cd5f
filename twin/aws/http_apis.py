"""API Gateway's HTTP APIs: a request to an API's address reaches the function behind its route (payload 2.0)."""

from __future__ import annotations

import base64
import json
import re
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from moto.apigatewayv2.models import apigatewayv2_backends

from twin.aws.functions import Functions
from twin.aws.twin import Twin
from twin.aws.wire import AwsError, Reply

PATH = "/_aws/execute-api/"
"""Then `{api id}/...`: a laptop has no `{api id}.execute-api.us-east-1.amazonaws.com`."""
_CALLER = "apigateway.amazonaws.com"
_FUNCTION = re.compile(r"arn:[^:]+:lambda:[^:/]+:\d+:function:[\w-]+")
_TEXT = re.compile(r"^(text/.*|application/(json|javascript|xml|.*\+json|.*\+xml))(;|$)")
_PAYLOAD_LIMIT = 10 * 1024 * 1024


class HttpApis:
    def __init__(self, twin: Twin, functions: Functions):
        self._twin, self._functions = twin, functions

    def answer(self, environ: dict[str, Any], body: bytes) -> Reply:
        api_id, _, rest = environ["PATH_INFO"].removeprefix(PATH).partition("/")
        options = self._twin.options
        with self._twin.locks.reading("apigatewayv2"):
            api = apigatewayv2_backends[options.account][options.region].apis.get(api_id)
            if api is None or "$default" not in api.stages:
                return _message(404, "Not Found")
            method, path = environ["REQUEST_METHOD"], f"/{rest}"
            keys = (f"{method} {path}", f"ANY {path}", "$default")
            routes = {route.route_key: route for route in api.routes.values()}
            route = next((routes[key] for key in keys if key in routes), None)
            if route is None:
                return _message(404, "Not Found")
            integration = api.integrations[route.target.removeprefix("integrations/")]
            function = _FUNCTION.search(integration.integration_uri)
        if len(body) > _PAYLOAD_LIMIT:
            return _message(413, "Request Entity Too Large")
        source = f"arn:aws:execute-api:{options.region}:{options.account}:{api_id}/$default/{method}{path}"
        event = _event(environ, body, api_id, route.route_key, path, options.account)
        return self._called(function.group() if function else "", source, event)

    def _called(self, function: str, source: str, event: dict[str, Any]) -> Reply:
        try:
            if not self._functions.may_be_called(function, _CALLER, source):
                return _message(500, "Internal Server Error")
            outcome = self._functions.invoke(function, json.dumps(event).encode())
        except AwsError:
            return _message(500, "Internal Server Error")
        return _message(500, "Internal Server Error") if outcome.error else _reply(json.loads(outcome.payload))


def _event(
    environ: dict[str, Any], body: bytes, api_id: str, route_key: str, path: str, account: str
) -> dict[str, Any]:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html"""
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_") or name in {"CONTENT_TYPE", "CONTENT_LENGTH"}
    }
    text = bool(_TEXT.match(headers.get("content-type", "").lower()))
    now = datetime.now(UTC)
    return {
        "version": "2.0", "routeKey": route_key, "rawPath": path, "rawQueryString": environ["QUERY_STRING"],
        "headers": headers, "isBase64Encoded": not text,
        "body": body.decode("utf-8", "replace") if text else base64.b64encode(body).decode(),
        "requestContext": {
            "accountId": account, "apiId": api_id, "routeKey": route_key, "stage": "$default",
            "requestId": str(uuid.uuid4()), "time": f"{now:%d/%b/%Y:%H:%M:%S +0000}",
            "timeEpoch": round(time.time() * 1000),
            "http": {
                "method": environ["REQUEST_METHOD"], "path": path, "protocol": "HTTP/1.1",
                "sourceIp": environ.get("REMOTE_ADDR", ""), "userAgent": headers.get("user-agent", ""),
            },
        },
    }  # fmt: skip


def _reply(answer: Any) -> Reply:
    """What a function answers without a status is the body of a 200."""
    if not isinstance(answer, dict) or "statusCode" not in answer:
        return Reply(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})
    text = str(answer.get("body") or "")
    body = base64.b64decode(text) if answer.get("isBase64Encoded") else text.encode()
    headers = {str(name): str(value) for name, value in (answer.get("headers") or {}).items()}
    return Reply(int(answer["statusCode"]), body, headers)


def _message(status: int, text: str) -> Reply:
    return Reply(status, json.dumps({"message": text}).encode(), {"Content-Type": "application/json"})
