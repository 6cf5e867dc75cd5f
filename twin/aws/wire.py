"""Errors and replies as AWS spells them on the wire."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any


class AwsError(Exception):
    """An answer that a boto3 client raises as `ClientError` with this code and message."""

    def __init__(self, code: str, message: str, status: int = 400, **fields: Any):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.fields = fields
        """More members of the error shape, e.g. `OriginalStatusCode`."""


def invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)


def not_implemented(operation: str, remark: str = "") -> AwsError:
    """501 is not retried by the SDKs; moto's own answer, a page with status 500, is."""
    message = f"The twin does not implement {operation}. {remark}".strip()
    return AwsError("NotImplementedByTwin", message, 501)


@dataclass
class Reply:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def now() -> float:
    """Seconds since the epoch with milliseconds, as the JSON protocol writes times."""
    return round(time.time(), 3)


def json_reply(value: Any, status: int = 200) -> Reply:
    """JSON 1.1, as the SageMaker control plane answers."""
    return Reply(status, json.dumps(value).encode(), {**request_id(), "Content-Type": "application/x-amz-json-1.1"})


def plain_json(value: Any, status: int = 200) -> Reply:
    return Reply(status, json.dumps(value, indent=1).encode() + b"\n", {"Content-Type": "application/json"})


def json_error(error: AwsError) -> Reply:
    """The error in a shape that both the json and the rest-json parsers of the SDKs read."""
    body = {"__type": error.code, "message": error.message, "Message": error.message, **error.fields}
    reply = json_reply(body, error.status)
    reply.headers["x-amzn-ErrorType"] = error.code
    return reply


def xml_error(error: AwsError) -> Reply:
    """The error for services that speak XML (S3, SQS by query, IAM, CloudWatch, ...)."""
    from xml.sax.saxutils import escape

    inner = f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
    body = f"<ErrorResponse><Error>{inner}</Error><RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>"
    return Reply(error.status, body.encode(), {**request_id(), "Content-Type": "text/xml"})


def s3_error(error: AwsError) -> Reply:
    from xml.sax.saxutils import escape

    body = f"<Error><Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message></Error>"
    return Reply(error.status, body.encode(), {**request_id(), "Content-Type": "application/xml"})


def request_id() -> dict[str, str]:
    return {"x-amzn-RequestId": str(uuid.uuid4())}
