"""The door: which part answers a request, faults on demand, and errors that the SDKs understand."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable
from http.client import responses
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from twin.aws import buckets, functions, http_apis, mwaa, operations, shapes, shelf, traces
from twin.aws.admin import Admin
from twin.aws.cloud import Cloud
from twin.aws.faults import CALL_FAULTS, REPLY_FAULTS, error_of
from twin.aws.function_process import RUNTIME_PATH
from twin.aws.functions import Functions
from twin.aws.invoke import Invoker
from twin.aws.listener import LostReply
from twin.aws.twin import Twin
from twin.aws.wire import AwsError, Reply, json_error, json_reply, not_implemented, s3_error, xml_error

log = logging.getLogger(__name__)

Environ = dict[str, Any]


class Application:
    def __init__(self, twin: Twin, cloud: Cloud, invoker: Invoker, admin: Admin, lambdas: Functions):
        self._twin, self._cloud, self._invoker, self._admin = twin, cloud, invoker, admin
        self._functions, self._apis = lambdas, http_apis.HttpApis(twin, lambdas)
        self._mwaa = mwaa.Mwaa(twin)

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        try:
            _refuse_strangers(environ.get("HTTP_HOST", ""), environ.get("HTTP_ORIGIN"))
            reply = self._elsewhere(environ, path) or self._on_record(environ)
        except AwsError as refused:
            reply = json_error(refused)
        start_response(f"{reply.status} {responses.get(reply.status, 'Unknown')}", list(reply.headers.items()))
        return [reply.body]

    def _elsewhere(self, environ: Environ, path: str) -> Reply | None:
        """What is no call of AWS's models: our own pages, functions' processes, addresses of HTTP APIs, spans."""
        if path.startswith(RUNTIME_PATH):
            return self._functions.runtime(path, _peek(environ))
        if path.startswith(http_apis.PATH):
            return self._apis.answer(environ, _peek(environ))
        if path == traces.PATH and environ["REQUEST_METHOD"] == "POST":
            return self._twin.traces.receive(environ.get("CONTENT_TYPE", ""), _peek(environ))
        return self._admin.answer(environ) if path.startswith("/twin/") else None

    def invocation(self, path: str, headers: Any, body: bytes) -> Reply:
        try:
            _refuse_strangers(headers.get("Host", ""), headers.get("Origin"))
        except AwsError as refused:
            return json_error(refused)
        self._twin.trail.invoked(headers.get("Authorization", ""), unquote(path.split("/")[2]))
        if not self._twin.faults.list():
            return self._invoker.invoke(path, headers, body)
        name = path.split("/")[2]
        return self._with_faults(
            "sagemaker", "InvokeEndpoint", name, lambda: self._invoker.invoke(path, headers, body), json_error
        )

    def _on_record(self, environ: Environ) -> Reply:
        service, status = _service(environ), 0
        operation = _what(environ, service)[0]
        body = b"" if service == "s3" else _peek(environ)
        try:
            reply = self._answer(environ)
            status = reply.status
            return reply
        finally:
            self._twin.trail.heard(environ, service, operation, body, status)

    def _answer(self, environ: Environ) -> Reply:
        service = _service(environ)
        error: Callable[[AwsError], Reply] = json_error
        if service == "s3":
            error = s3_error
        elif _is_query(environ):
            error = xml_error
        operation, name, request = _what(environ, service)
        if service == "sagemaker" and operation:
            return self._with_faults(
                service, operation, name, lambda: self._sagemaker(environ, operation, request), error
            )
        if service == "airflow" and operation == "InvokeRestApi":
            return self._with_faults(service, operation, name, lambda: self._mwaa.answer(operation, request), error)
        if service == "lambda" and functions.is_invoke(environ):
            return self._with_faults(
                service, "Invoke", name, lambda: self._functions.answer(environ, _peek(environ)), error
            )
        if service == "s3" and buckets.is_tiering(environ):
            return self._with_faults(
                service, operation, name, lambda: buckets.tiering(self._twin, environ, _peek(environ)), error
            )
        if kept := shelf.answers(service, environ):
            called, in_path = kept
            return self._with_faults(
                service, called, in_path.get("Name", ""),
                lambda: shelf.answer(self._twin, service, called, environ, in_path, _peek(environ)), error,
            )  # fmt: skip
        if environ["PATH_INFO"].startswith("/endpoints/") and service == "sagemaker":
            return error(not_implemented(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"))
        return self._with_faults(
            service, operation, name, lambda: self._cloud.answer(environ, service, operation), error
        )

    def _with_faults(
        self, service: str, operation: str, name: str, act: Callable[[], Reply], error: Callable[[AwsError], Reply]
    ) -> Reply:
        names = (operation, f"{service}:{operation}")
        faults = self._twin.faults
        if rule := faults.strike(CALL_FAULTS, name, *names):
            return error(error_of(rule))
        late = faults.strike(REPLY_FAULTS, name, *names)
        try:
            reply = act()
        except AwsError as refused:
            reply = error(refused)
        except NotImplementedError as missing:
            reply = error(not_implemented(operation or "this call", str(missing)))
        except Exception as failed:
            log.exception("%s:%s failed in the twin", service, operation)
            reply = error(AwsError("InternalFailure", f"The twin failed: {type(failed).__name__}: {failed}", 500))
        if late and late.fault == "lost_reply":
            raise LostReply
        if late and late.fault == "500_after_effect":
            return error(AwsError("InternalFailure", "We encountered an internal error. Please try again.", 500))
        if late:
            time.sleep(late.delay_s)
        return reply

    def _sagemaker(self, environ: Environ, operation: str, request: Any) -> Reply:
        shapes.check_request("sagemaker", operation, request)
        if operation in operations.PRETENDED:
            raise not_implemented(operation, "Nothing would run.")
        if operations.answers(operation, request):
            return json_reply(operations.answer(self._twin, operation, request))
        return self._cloud.answer(environ, "sagemaker", operation)


def _refuse_strangers(host: str, origin: str | None) -> None:
    """Jobs run commands: no web page that a browser on this machine shows may reach them.

    A page of another origin says so in `Origin`; one that had its own name resolve to us shows it in `Host`.
    """
    here = {"127.0.0.1", "localhost", "::1", ""}
    for address in (host, (urlsplit(origin).netloc or origin) if origin else ""):
        name = urlsplit(f"//{address}").hostname or ""
        if name not in here and not name.endswith(".localhost"):
            raise AwsError("AccessDeniedException", f"Requests by way of {name} are refused; use 127.0.0.1.", 403)


def _service(environ: Environ) -> str:
    """The service of the signature's scope; unsigned and presigned requests are S3's, as moto takes them."""
    for word in environ.get("HTTP_AUTHORIZATION", "").split():
        scope = word.removeprefix("Credential=").rstrip(",").split("/")
        if len(scope) == 5:
            return scope[3].lower()
    return "s3"


def _what(environ: Environ, service: str) -> tuple[str, str, Any]:
    """Operation, resource name and decoded request, as far as they are needed (fault rules, SageMaker)."""
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if service == "sagemaker":
        body = _peek(environ)
        try:
            request = json.loads(body or b"{}")
        except ValueError:
            raise AwsError("SerializationException", "The request is not JSON.") from None
        return target.rpartition(".")[2], operations.resource_name(request), request
    if service == "airflow":
        operation, request = mwaa.read_request(environ)
        return operation, str(request.get("Name", "")), request
    if target:
        return target.rpartition(".")[2], "", None
    if _is_query(environ):
        return parse_qs(_peek(environ).decode("utf-8", "replace")).get("Action", [""])[0], "", None
    if service == "s3":
        return f"{environ['REQUEST_METHOD']}", environ["PATH_INFO"].lstrip("/"), None
    return "", environ["PATH_INFO"], None


def _is_query(environ: Environ) -> bool:
    """The protocol of SQS of old, SNS, IAM, STS, CloudWatch, ...: form in, XML out."""
    form = environ.get("CONTENT_TYPE", "").startswith("application/x-www-form")
    return form and "HTTP_X_AMZ_TARGET" not in environ


def _peek(environ: Environ) -> bytes:
    stream = environ["wsgi.input"]
    body = stream.read()
    stream.seek(0)
    return body
