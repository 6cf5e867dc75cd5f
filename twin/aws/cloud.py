"""Every service that is moto's: called under its lock, and never with moto's own way of failing."""

from __future__ import annotations

from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from twin.aws.twin import Twin
from twin.aws.wire import Reply, not_implemented


class Cloud:
    def __init__(self, twin: Twin):
        self._twin = twin
        self._moto = DomainDispatcherApplication(create_backend_app)

    def answer(self, environ: dict[str, Any], service: str, operation: str) -> Reply:
        """moto's reply. Raises NotImplementedError for what moto does not know."""
        if service == "monitoring":
            self._twin.metrics.flush()
        if operation == "ReceiveMessage":
            # Long polling: it may wait for seconds, and must not hold up those who send.
            return self._call(environ, service)
        with self._twin.locks.changing(service):
            return self._call(environ, service)

    def _call(self, environ: dict[str, Any], service: str) -> Reply:
        reply = Reply()

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
            reply.status = int(status.split(" ", 1)[0])
            reply.headers = dict(headers)

        try:
            app = self._moto.get_application(environ)
        except (KeyError, AttributeError, TypeError, ImportError) as unknown:
            raise not_implemented(f"the service {service}") from unknown
        reply.body = b"".join(app(environ, start_response))
        return reply
