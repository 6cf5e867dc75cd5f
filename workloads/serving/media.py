"""Media types: what a caller sends, what it wants back."""

from __future__ import annotations

from functools import lru_cache
from http import HTTPStatus

from workloads.serving.answers import Refusal


@lru_cache(maxsize=64)  # callers send the same few words again and again
def is_csv(content_type: bytes) -> bool:
    """CSV, or else JSON. Raises Refusal (415)."""
    kind = bare(content_type)
    if kind not in (b"application/json", b"text/csv"):
        raise unsupported("Content-Type", kind, "Send application/json or text/csv.")
    return kind == b"text/csv"


@lru_cache(maxsize=64)
def wants_csv(accept: bytes) -> bool:
    """The first media type we can answer decides; SageMaker's clients send one. Raises Refusal (406)."""
    if not accept:
        return False
    for kind in map(bare, accept.split(b",")):
        if kind in _JSON:
            return False
        if kind in (b"text/csv", b"text/*"):
            return True
    raise _not_acceptable(accept, "Accept application/json or text/csv.")


@lru_cache(maxsize=64)
def check_wants_json(accept: bytes) -> None:
    """Raises Refusal (406) where JSON is not among what the caller accepts."""
    if accept and not any(bare(part) in _JSON for part in accept.split(b",")):
        raise _not_acceptable(accept, "Accept application/json.")


_JSON = (b"application/json", b"*/*", b"application/*", b"")


def bare(content_type: bytes) -> bytes:
    """The type without its parameters, in lower case."""
    return content_type.partition(b";")[0].strip().lower()


def unsupported(header: str, value: bytes, remedy: str) -> Refusal:
    message = f"{header} {value[:100].decode('latin-1')!r} is not supported"
    return Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message, remedy)


def _not_acceptable(accept: bytes, remedy: str) -> Refusal:
    message = f"{accept[:100].decode('latin-1')} cannot be answered"
    return Refusal(HTTPStatus.NOT_ACCEPTABLE, "not_acceptable", message, remedy)
