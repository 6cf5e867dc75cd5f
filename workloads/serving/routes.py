"""The four addresses of an endpoint, and what each answers."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Protocol

from workloads.serving import media
from workloads.serving.answers import JSON, TEXT, Answer, Refusal
from workloads.serving.hub import Pending, Request
from workloads.serving.limits import Limits
from workloads.serving.metrics import Metrics

log = logging.getLogger(__name__)

METHODS = {
    b"/invocations": (b"POST",),
    b"/ping": (b"GET", b"HEAD"),
    b"/openapi.json": (b"GET", b"HEAD"),
    b"/metrics": (b"GET", b"HEAD"),
}


class Predictor(Protocol):
    """What answers `/invocations`: a tabular `Model`, or a `Detector` of boxes in images."""

    version: str
    openapi: bytes | None

    def limits(self, given: Limits) -> Limits:
        """What its clients may cost."""

    def answer(self, request: Request) -> Answer | Pending:
        """The predictions, now or later. Raises Refusal."""

    def check(self) -> None:
        """Raises Refusal (503) once the endpoint should be replaced."""

    def metrics(self) -> Sequence[str]:
        """Further lines of `/metrics`."""

    def close(self) -> None:
        """No further request will come."""


class Routes:
    """The application behind the connections. `model` is None until it is loaded and has proved that it predicts."""

    def __init__(self) -> None:
        self.model: Predictor | None = None
        self.metrics = Metrics()

    def count(self, path: bytes, status: int, seconds: float) -> None:
        self.metrics.count(path, status, seconds)

    def answer(self, request: Request) -> Answer | Pending:
        """The answer to any request, or a promise of one; what goes wrong becomes an answer, too."""
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
            self._ready().check()
            return Answer(200, JSON, b"{}")
        if path == b"/metrics":
            version, more = (self.model.version, self.model.metrics()) if self.model else ("none", ())
            return Answer(200, TEXT, self.metrics.text(version, more))
        if path == b"/openapi.json" and (openapi := self._ready().openapi):
            return Answer(200, JSON, openapi)
        raise Refusal(
            HTTPStatus.NOT_FOUND,
            "not_found",
            f"{path[:100].decode('latin-1')} is not here",
            "There are GET /ping, POST /invocations, GET /openapi.json and GET /metrics.",
        )

    def _invoke(self, request: Request) -> Answer | Pending:
        model, headers = self._ready(), request.headers
        if headers.get(b"content-encoding", b"identity").lower() != b"identity":
            raise media.unsupported("Content-Encoding", headers[b"content-encoding"], "Send the body as it is.")
        return model.answer(request)

    def _ready(self) -> Predictor:
        if self.model is None:
            raise Refusal(
                HTTPStatus.SERVICE_UNAVAILABLE, "model_not_ready", "the model is not loaded yet", "Try again shortly."
            )
        return self.model


def _method_not_allowed(method: bytes, allowed: tuple[bytes, ...]) -> Refusal:
    names = b", ".join(allowed)
    return Refusal(
        HTTPStatus.METHOD_NOT_ALLOWED,
        "method_not_allowed",
        f"{method.decode('latin-1')} is not allowed here",
        f"Use {names.decode()}.",
        headers=b"Allow: %b\r\n" % names,
    )
