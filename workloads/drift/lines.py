"""One line of SageMaker's data capture: what was asked, and what was answered."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

_BROKEN = (ValueError, KeyError, TypeError, AttributeError)


class LeftOut(Exception):
    """A line that is no traffic, or cannot be read. The message is the reason it is counted under."""


@dataclass(frozen=True)
class Exchange:
    """A request and its answer."""

    asked: bytes
    asked_kind: str
    """Content type in lower case; the encoding's name where none was seen."""
    answered: bytes | None
    """None where it was not captured, or cannot be read."""
    answered_kind: str = ""
    moment: str = ""
    """When, as the endpoint wrote it (UTC, ISO 8601); empty where it did not."""
    attributes: str = ""
    """`X-Amzn-SageMaker-Custom-Attributes` of the request."""


def capture_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def read_exchange(line: bytes, own_requests: str = "") -> Exchange:
    """Raises LeftOut: `own_request` (its inference id begins with `own_requests`) or `broken_line`."""
    try:
        event = orjson.loads(line)
        about: dict[str, Any] = event.get("eventMetadata") or {}
        if own_requests and str(about.get("inferenceId", "")).startswith(own_requests):
            raise LeftOut("own_request")
        capture = event["captureData"]
        asked, kind = _body(capture["endpointInput"])
        moment = str(about.get("inferenceTime") or "")
        attributes = ";".join(str(one) for one in about.get("customAttributes") or ())
    except _BROKEN as broken:
        raise LeftOut("broken_line") from broken
    try:
        answered, answered_kind = _body(capture["endpointOutput"])
    except _BROKEN:
        return Exchange(asked, kind, None, "", moment, attributes)
    return Exchange(asked, kind, answered, answered_kind, moment, attributes)


def _body(part: dict[str, Any]) -> tuple[bytes, str]:
    data = part["data"]
    raw = base64.b64decode(data, validate=True) if part.get("encoding") == "BASE64" else data.encode()
    return raw, str(part.get("observedContentType") or part.get("encoding") or "").lower()


def find_input(folder: Path, name: str) -> Path:
    """`name` in the folder or below it: an input may be mounted one level higher."""
    found = sorted(folder.rglob(name))
    if not found:
        raise FileNotFoundError(f"input {folder.name!r} holds no {name}")
    return found[0]
