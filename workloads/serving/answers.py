"""What the server says: an answer, or a refusal that names what is wrong and what to do next."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, NamedTuple

import orjson

JSON = b"application/json"
CSV = b"text/csv; charset=utf-8"
TEXT = b"text/plain; version=0.0.4; charset=utf-8"


class Answer(NamedTuple):
    """One response, without its framing."""

    status: int
    content_type: bytes
    body: bytes
    headers: bytes = b""
    """Further header lines, each ending in CRLF."""


class Refusal(Exception):
    """The request cannot be answered with a prediction. Becomes `{"error": {code, message, remedy}}`."""

    def __init__(self, status: HTTPStatus, code: str, message: str, remedy: str, headers: bytes = b"",
                 more: dict[str, Any] | None = None):  # fmt: skip
        super().__init__(message)
        self.status, self.code, self.message, self.remedy, self.headers = status, code, message, remedy, headers
        self.more = more or {}
        """Members beside `error`."""

    def answer(self) -> Answer:
        # Text of the request may hold lone surrogates, which JSON cannot carry.
        safe = [str(text).encode("utf-8", "replace").decode() for text in (self.code, self.message, self.remedy)]
        error = dict(zip(("code", "message", "remedy"), safe, strict=True))
        return Answer(int(self.status), JSON, orjson.dumps({"error": error} | self.more), self.headers)


def bad_request(code: str, message: str, remedy: str) -> Refusal:
    """A body that is understood as HTTP and is wrong as a request for predictions."""
    return Refusal(HTTPStatus.BAD_REQUEST, code, message, remedy)
