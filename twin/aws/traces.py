"""Traces as X-Ray keeps them: segment documents, put by PutTraceSegments or made of spans that come by OTLP."""

from __future__ import annotations

import json
import re
import sqlite3
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from twin.aws.store import Document
from twin.aws.wire import AwsError, Reply

PATH = "/v1/traces"
"""As of the OTLP address of X-Ray itself."""
_ANNOTATED = ("run_key", "phase", "agent")
"""Attributes that become annotations, by which X-Ray searches; the rest is metadata."""
_NOT_IN_NAMES = re.compile(r"[^\w\s.:/%&#=+\\@-]")
_ERROR = 2
"""`STATUS_CODE_ERROR` of OTLP."""


class Traces:
    """Segments by trace and id; one that comes again replaces the one before. Safe for threads."""

    def __init__(self, path: Path):
        self._lock = threading.Lock()
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=NORMAL")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS segments "
            "(trace TEXT, id TEXT, run_key TEXT, began REAL, body TEXT, PRIMARY KEY (trace, id))"
        )
        self._database.execute("CREATE INDEX IF NOT EXISTS of_a_run ON segments (run_key)")

    def put(self, segments: Iterable[Document]) -> None:
        rows = [
            (
                each["trace_id"], each["id"], each.get("annotations", {}).get("run_key", ""), each["start_time"],
                json.dumps(each),
            )
            for each in segments
        ]  # fmt: skip
        with self._lock:
            self._database.execute("BEGIN")
            self._database.executemany("INSERT OR REPLACE INTO segments VALUES (?, ?, ?, ?, ?)", rows)
            self._database.execute("COMMIT")

    def of(self, trace: str) -> list[Document]:
        """Segments of one trace, by the moment they began."""
        with self._lock:
            found = self._database.execute("SELECT body FROM segments WHERE trace = ? ORDER BY began", (trace,))
            return [json.loads(body) for (body,) in found]

    def of_run(self, run_key: str) -> list[str]:
        """Traces in which something is annotated with that key."""
        with self._lock:
            found = self._database.execute("SELECT DISTINCT trace FROM segments WHERE run_key = ?", (run_key,))
            return [trace for (trace,) in found]

    def receive(self, content_type: str, body: bytes) -> Reply:
        """ExportTraceServiceRequest in protobuf. Raises AwsError."""
        if not content_type.startswith("application/x-protobuf"):
            raise AwsError("UnsupportedMediaTypeException", "Spans are taken as application/x-protobuf here.", 415)
        request = ExportTraceServiceRequest()
        try:
            request.ParseFromString(body)
        except DecodeError as wrong:
            raise AwsError("ValidationException", f"No ExportTraceServiceRequest: {wrong}") from wrong
        self.put(
            segment(span, _attributes(one.resource.attributes).get("service.name", ""))
            for one in request.resource_spans
            for scope in one.scope_spans
            for span in scope.spans
        )
        return Reply(200, b"", {"Content-Type": "application/x-protobuf"})

    def close(self) -> None:
        with self._lock:
            self._database.close()


def last_moment(segments: Iterable[Document]) -> float:
    """When the last of them ended, or began where it has not ended."""
    return max(float(each.get("end_time") or each["start_time"]) for each in segments)


def segment(span: Any, service: str) -> Document:
    """A span of OTLP as X-Ray's segment document."""
    told = _attributes(span.attributes)
    digits = span.trace_id.hex()
    made: Document = {
        "trace_id": f"1-{digits[:8]}-{digits[8:]}",
        "id": span.span_id.hex(),
        "name": _NOT_IN_NAMES.sub("_", span.name)[:200],
        "start_time": span.start_time_unix_nano / 1e9,
        "end_time": span.end_time_unix_nano / 1e9,
        "annotations": {name: told[name] for name in _ANNOTATED if name in told},
        "metadata": {"default": {name: value for name, value in told.items() if name not in _ANNOTATED}},
        "service": {"name": service},
    }
    if span.parent_span_id:
        made["parent_id"] = span.parent_span_id.hex()
    if span.status.code == _ERROR:
        made["fault"] = True
        made["metadata"]["default"]["error"] = span.status.message
    return made


def _attributes(pairs: Iterable[Any]) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, str(pair.value.WhichOneof("value")), "") for pair in pairs}
