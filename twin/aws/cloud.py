"""Every service that is moto's: called under its lock, kept on disk, and never with moto's own way of failing."""

from __future__ import annotations

import contextlib
import json
import logging
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from flask import Flask
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from twin.aws.journal import READING, Journal
from twin.aws.locks import Locks
from twin.aws.object_store import ObjectStore
from twin.aws.replication import Replication, show
from twin.aws.snapshots import Snapshots
from twin.aws.table_history import TableHistory
from twin.aws.twin import Twin
from twin.aws.wire import Reply, not_implemented

log = logging.getLogger(__name__)

_REACHES = {
    "s3": ("sqs", "events", "sns", "logs"), "events": ("sqs", "sns", "logs"), "sns": ("sqs",),
    "logs": ("kinesis", "firehose"), "awslambda": ("awslambda_simple",), "lambda": ("awslambda_simple",),
    "elb": ("elbv2",), "apigateway": ("apigatewayv2",),
}  # fmt: skip
"""Services that moto changes on behalf of another, without a request of their own, or by another name."""
_OBJECT_DETAILS = {"tagging", "acl", "retention", "legal-hold", "restore"}


class Cloud:
    """moto, and its state in `folder`."""

    def __init__(self, twin: Twin, folder: Path):
        self._twin = twin
        self._locks: Locks = twin.locks
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._objects = ObjectStore(folder / "s3.db", twin.options.account)
        self._snapshots = Snapshots(folder / "services", twin.locks)
        self._journal = Journal(folder / "services", "dynamodb")
        self._tables = TableHistory(folder / "tables.db", twin.options.account, twin.options.region)
        self._snapshots.extra["dynamodb"] = self._journal.next_generation
        self._snapshots.committed["dynamodb"] = self._journal.rotate
        twin.storage.on_write = self._object_written
        self.replication = Replication(twin, self._objects.object_changed)
        self._objects.on_new = self.replication.noticed
        show(self.replication)

    def load(self) -> None:
        """Empty moto, then bring back what an earlier twin kept."""
        _empty_moto()
        self._objects.load()
        extras = self._snapshots.load()
        for environ in self._journal.begin(extras.get("dynamodb") or 0):
            reply = self._call(self._moto.get_application(environ), environ)
            if reply.status < 300:
                self._tables.again(*_dynamodb(environ, environ["wsgi.input"].getvalue()))
            else:
                log.error("A journalled write could not be repeated: %s", reply.body[:300])
        self._locks.take_dirty()

    def save(self, everything: bool = False) -> None:
        self._snapshots.save(everything)

    def close(self) -> None:
        self.save(everything=True)
        self._journal.close()
        self._tables.close()
        self._objects.close()
        _empty_moto()

    def answer(self, environ: dict[str, Any], service: str, operation: str) -> Reply:
        """moto's reply. Raises NotImplementedError for what moto does not know."""
        if service == "monitoring":
            self._twin.metrics.flush()
        try:
            app = self._moto.get_application(environ)
        except (KeyError, AttributeError, TypeError, ImportError, AssertionError) as unknown:
            raise not_implemented(f"the service {service}") from unknown
        if operation == "ReceiveMessage":
            # Long polling: it may wait for seconds, and must not hold up those who send.
            return self._call(app, environ)
        if operation.startswith(READING) or (not environ.get("HTTP_X_AMZ_TARGET") and _is_reading(environ)):
            with self._locks.reading(app.service):  # type: ignore[attr-defined]
                return self._call(app, environ)
        return self._change(app, environ)

    def _change(self, app: Flask, environ: dict[str, Any]) -> Reply:
        name: str = app.service  # type: ignore[attr-defined]
        with self._locks.changing(name):
            body = environ["wsgi.input"].getvalue()
            if name == "dynamodb":
                self._tables.before(*_dynamodb(environ, body))
            reply = self._call(app, environ)
            if reply.status < 300 and name == "dynamodb":
                self._journal.append(environ, body)
                self._tables.after(*_dynamodb(environ, body))
            if reply.status < 300 and name == "s3":
                self._write_through(environ)
        for other in _REACHES.get(name, ()):
            self._locks.mark(other)
        return reply

    def _write_through(self, environ: dict[str, Any]) -> None:
        bucket, _, key = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace").lstrip("/").partition("/")
        query = parse_qs(environ["QUERY_STRING"], keep_blank_values=True)
        if bucket not in self._objects_buckets() and "." in environ.get("HTTP_HOST", ""):
            # The bucket may be in the host's name: `bucket.localhost`.
            key, bucket = f"{bucket}/{key}".rstrip("/"), environ["HTTP_HOST"].partition(".")[0]
        if not key or "delete" in query:
            self._objects.bucket_changed(bucket)
        elif not query.keys() & {"uploads", "partNumber"}:
            self._objects.object_changed(bucket, key, details=bool(query.keys() & _OBJECT_DETAILS))

    def _objects_buckets(self) -> set[str]:
        return set(self._twin.storage.backend.buckets)

    def _object_written(self, bucket: str, key: str) -> None:
        self._objects.object_changed(bucket, key)
        for other in _REACHES["s3"]:
            self._locks.mark(other)

    def _call(self, app: Flask, environ: dict[str, Any]) -> Reply:
        reply = Reply()

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
            reply.status = int(status.split(" ", 1)[0])
            reply.headers = dict(headers)

        answer = app(environ, start_response)  # type: ignore[arg-type]
        reply.body = b"".join(answer)
        with contextlib.suppress(AttributeError):
            answer.close()  # type: ignore[attr-defined]
        return reply


def _dynamodb(environ: dict[str, Any], body: bytes) -> tuple[str, dict[str, Any]]:
    """Operation and request."""
    return environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2], json.loads(body or b"{}")


def _empty_moto() -> None:
    from moto.moto_api._internal import moto_api_backend

    moto_api_backend.reset()


def _is_reading(environ: dict[str, Any]) -> bool:
    return environ["REQUEST_METHOD"] in {"GET", "HEAD", "OPTIONS"}
