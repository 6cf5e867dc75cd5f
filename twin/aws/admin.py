"""The twin's own addresses below `/twin/`: health, log of effects, faults."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

from twin.aws.twin import Twin
from twin.aws.wire import AwsError, Reply, json_error, plain_json


class Admin:
    """GET /twin/health; GET /twin/effects?operation=&name=; GET /twin/trail; GET, POST, DELETE /twin/faults;
    POST /twin/flush.
    """

    def __init__(self, twin: Twin, flush: Any):
        self._twin = twin
        self._flush = flush

    def answer(self, environ: dict[str, Any]) -> Reply:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"].removeprefix("/twin/").rstrip("/")
        query = {key: values[0] for key, values in parse_qs(environ["QUERY_STRING"]).items()}
        try:
            match method, path:
                case "GET", "health":
                    return plain_json(self._health())
                case "GET", "effects":
                    return plain_json(self._twin.effects.list(query.get("operation"), query.get("name")))
                case "GET", "trail":
                    return plain_json(self._twin.trail.entries())
                case "GET", "faults":
                    return plain_json(self._twin.faults.list())
                case "POST", "faults":
                    return plain_json(self._add_faults(environ["wsgi.input"].read()))
                case "DELETE", "faults":
                    self._twin.faults.clear()
                    return plain_json([])
                case "POST", "flush":
                    self._flush()
                    return plain_json({"flushed": True})
        except AwsError as error:
            return json_error(error)
        return plain_json({"error": f"No {method} /twin/{path} here"}, 404)

    def _add_faults(self, body: bytes) -> list[dict[str, Any]]:
        try:
            wanted = json.loads(body)
        except ValueError as wrong:
            raise AwsError("BadRule", "The body is not JSON.") from wrong
        return [self._twin.faults.add(rule) for rule in (wanted if isinstance(wanted, list) else [wanted])]

    def _health(self) -> dict[str, Any]:
        return {
            "status": "ok",
            "running_jobs": sorted(name for _, name in list(self._twin.jobs)),
            "endpoints": {each["EndpointName"]: each["EndpointStatus"] for each in self._twin.store.all("endpoint")},
        }
