"""S3's settings of buckets that moto forgets: that EventBridge is told, and archive tiers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from moto.s3.responses import S3Response

from twin.aws.twin import Twin
from twin.aws.wire import AwsError, Reply, request_id

_notification = S3Response.get_bucket_notification
_EVENT_BRIDGE = "<EventBridgeConfiguration></EventBridgeConfiguration>"


def _with_event_bridge(self: Any) -> Any:
    answer = _notification(self)
    configuration = self.backend.get_bucket_notification_configuration(self.bucket_name)
    if configuration is None or configuration.event_bridge is None:
        return answer
    status, headers, body = answer
    text = body.decode() if isinstance(body, bytes) else body
    text = re.sub(r"<(NotificationConfiguration\w*)([^>]*)/>", r"<\1\2></\1>", text)
    return status, headers, re.sub(r"</(NotificationConfiguration\w*)>\s*$", rf"{_EVENT_BRIDGE}</\1>", text)


def mend_notifications() -> None:
    S3Response.get_bucket_notification = _with_event_bridge  # type: ignore[method-assign]


def is_tiering(environ: Mapping[str, Any]) -> bool:
    return "intelligent-tiering" in parse_qs(environ["QUERY_STRING"], keep_blank_values=True)


def tiering(twin: Twin, environ: Mapping[str, Any], body: bytes) -> Reply:
    """`?intelligent-tiering&id=`: kept as it came. Nothing is moved to another tier. Raises AwsError."""
    bucket = environ["PATH_INFO"].strip("/").partition("/")[0]
    if bucket not in twin.storage.backend.buckets:
        raise AwsError("NoSuchBucket", "The specified bucket does not exist", 404)
    chosen = parse_qs(environ["QUERY_STRING"]).get("id", [""])[0]
    name = f"{bucket}/{chosen}"
    headers = {**request_id(), "Content-Type": "application/xml"}
    if environ["REQUEST_METHOD"] == "PUT":
        twin.store.put("tiering", name, {"xml": body.decode()})
        return Reply(200, b"", headers)
    record = twin.store.get("tiering", name)
    if record is None:
        raise AwsError("NoSuchConfiguration", "The specified configuration does not exist.", 404)
    if environ["REQUEST_METHOD"] == "DELETE":
        twin.store.delete("tiering", name)
        return Reply(204, b"", headers)
    return Reply(200, record["xml"].encode(), headers)
