"""The four addresses of an endpoint, and what each answers."""

from __future__ import annotations

import logging
from functools import lru_cache
from http import HTTPStatus

from workloads.serving import replies
from workloads.serving.answers import CSV, JSON, TEXT, Answer, Refusal
from workloads.serving.hub import Request
from workloads.serving.metrics import Metrics
from workloads.serving.model import Model

log = logging.getLogger(__name__)

METHODS = {
    b"/invocations": (b"POST",),
    b"/ping": (b"GET", b"HEAD"),
    b"/openapi.json": (b"GET", b"HEAD"),
    b"/metrics": (b"GET", b"HEAD"),
}


class Routes:
    """The application behind the connections. `model` is None until it is loaded and has predicted a row."""

    def __init__(self) -> None:
        self.model: Model | None = None
        self.metrics = Metrics()

    def count(self, path: bytes, status: int, seconds: float) -> None:
        self.metrics.count(path, status, seconds)

    def answer(self, request: Request) -> Answer:
        """The answer to any request; what goes wrong becomes an answer, too."""
        try:
            path = request.path = request.path.partition(b"?")[0]
            if path == b"/invocations" and request.method == b"POST":
                return self._invoke(request)
            if request.method not in METHODS.get(path, (request.method,)):
                raise _method_not_allowed(request.method, METHODS[path])
            return self._look_up(path)
        except Refusal as refusal:
            if refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                log.error("%s: %s", refusal.code, refusal.message)
            return refusal.answer()
        except Exception:
            log.exception("A request failed")
            return Refusal(
                HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "the server failed", "Report the time of this request."
            ).answer()

    def _look_up(self, path: bytes) -> Answer:
        if path == b"/ping":
            self._ready()
            return Answer(200, JSON, b"{}")
        if path == b"/metrics":
            return Answer(200, TEXT, self.metrics.text(self.model.version if self.model else "none"))
        if path == b"/openapi.json" and (openapi := self._ready().openapi):
            return Answer(200, JSON, openapi)
        raise Refusal(
            HTTPStatus.NOT_FOUND,
            "not_found",
            f"{path[:100].decode('latin-1')} is not here",
            "There are GET /ping, POST /invocations, GET /openapi.json and GET /metrics.",
        )

    def _invoke(self, request: Request) -> Answer:
        model, headers = self._ready(), request.headers
        if headers.get(b"content-encoding", b"identity").lower() != b"identity":
            raise _unsupported("Content-Encoding", headers[b"content-encoding"], "Send the body as it is.")
        gives_csv = _is_csv(headers.get(b"content-type", b"application/json"))
        wants_csv = _wants_csv(headers.get(b"accept", b""))
        predictions = model.predict_csv(request.body) if gives_csv else model.predict_json(request.body)
        if wants_csv:
            return Answer(200, CSV, replies.as_csv(predictions))
        return Answer(200, JSON, replies.as_json(predictions, model.version))

    def _ready(self) -> Model:
        if self.model is None:
            raise Refusal(
                HTTPStatus.SERVICE_UNAVAILABLE, "model_not_ready", "the model is not loaded yet", "Try again shortly."
            )
        return self.model


@lru_cache(maxsize=64)  # callers send the same few words again and again
def _is_csv(content_type: bytes) -> bool:
    """CSV, or else JSON. Raises Refusal (415)."""
    kind = content_type.partition(b";")[0].strip().lower()
    if kind not in (b"application/json", b"text/csv"):
        raise _unsupported("Content-Type", kind, "Send application/json or text/csv.")
    return kind == b"text/csv"


@lru_cache(maxsize=64)
def _wants_csv(accept: bytes) -> bool:
    """The first media type we can answer decides; SageMaker's clients send one. Raises Refusal (406)."""
    if not accept:
        return False
    for part in accept.lower().split(b","):
        kind = part.partition(b";")[0].strip()
        if kind in (b"application/json", b"*/*", b"application/*", b""):
            return False
        if kind in (b"text/csv", b"text/*"):
            return True
    raise Refusal(
        HTTPStatus.NOT_ACCEPTABLE,
        "not_acceptable",
        f"{accept[:100].decode('latin-1')} cannot be answered",
        "Accept application/json or text/csv.",
    )


def _unsupported(header: str, value: bytes, remedy: str) -> Refusal:
    message = f"{header} {value[:100].decode('latin-1')!r} is not supported"
    return Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message, remedy)


def _method_not_allowed(method: bytes, allowed: tuple[bytes, ...]) -> Refusal:
    names = b", ".join(allowed)
    return Refusal(
        HTTPStatus.METHOD_NOT_ALLOWED,
        "method_not_allowed",
        f"{method.decode('latin-1')} is not allowed here",
        f"Use {names.decode()}.",
        headers=b"Allow: %b\r\n" % names,
    )
