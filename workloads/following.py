"""A job's and a server's place in the trace of a run. Where nothing is traced, nothing of it is even imported."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType

URL = "MLOPS_TRACES_URL"

_tracing: ModuleType | None = None


def start(service: str) -> ModuleType | None:
    """`mlops.telemetry.tracing`, recording for this process; None where no address is set or it cannot be had."""
    global _tracing
    if os.environ.get(URL):
        try:
            from mlops.telemetry import tracing
        except ImportError:
            return None  # an image without OpenTelemetry does its work all the same
        _tracing = tracing if tracing.start(service, os.environ[URL]) else None
    return _tracing


def facts() -> dict[str, str]:
    """Trace and span of the work at hand, for log lines."""
    known = _tracing.facts() if _tracing else {}
    return {name: known[name] for name in ("trace_id", "span_id") if name in known}


@contextmanager
def job(name: str, **attributes: str) -> Iterator[Callable[[int], None]]:
    """The span of a whole job, below whoever started it; the function given takes its exit status."""
    tracing = start("job")
    if tracing is None:
        yield lambda code: None
        return
    with tracing.within(tracing.from_variables(os.environ)), tracing.span(name, **attributes) as span:

        def note(code: int) -> None:
            if code:
                span.set_status(tracing.Status(tracing.StatusCode.ERROR, f"exit status {code}"))

        yield note
    flush()


def flush() -> None:
    """Send what is waiting; for a process that ends."""
    if _tracing:
        _tracing.flush()


Observer = Callable[[bytes, int, float], None]
"""(custom attributes, status, seconds) of a request that was answered."""


def observer(run_key: str, version: str) -> Observer | None:
    """Makes a span of each request that says it belongs to a trace; None where nothing is traced."""
    tracing = start("endpoint")
    if tracing is None:
        return None

    def observe(attributes: bytes, status: int, seconds: float) -> None:
        found = attributes.partition(b"traceparent=")[2].partition(b";")[0]
        if found:
            tracing.observed(
                "invocations", found.decode("latin-1"), run_key, time.time() - seconds, status=status, version=version
            )

    return observe
