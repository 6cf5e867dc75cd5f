"""Spans of a run, in whatever process its work is done, sent by OTLP over HTTP where `MLOPS_TRACES_URL` says where to.

Without that address nothing is recorded, and the context still travels: log lines of all processes carry the trace.
Whatever happens here never fails and never holds up the work: a bounded queue, one try of a second, a rest after it.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from opentelemetry import baggage, propagate, trace
from opentelemetry import context as otel
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from mlops.telemetry import ids

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span

log = logging.getLogger(__name__)

URL = "MLOPS_TRACES_URL"
"""Variable with the whole address of a receiver, e.g. `http://127.0.0.1:4318/v1/traces`; `Settings.traces_url`."""
EXPORT_S = 1.0
"""Seconds that one try to send may take; a task's process ends at most that much later."""
_REST_S = 30.0
"""After a failure spans are dropped for so long: a receiver that is away costs one try, not one a batch."""
_QUEUE = 2048
_FACTS = ("run_key", "phase", "agent")
_CAUSES = ("task", "task_began", "sensor", "sensed")
"""Who asks for a run: a task and its beginning, the sensor before it and the moments of what that saw."""
_SENSOR = ("sensor",)
_QUIET = otel.create_key("mlops-quiet")
_ROOT = otel.create_key("mlops-root")
_CHOSEN = otel.create_key("mlops-span-id")
_MOMENT = re.compile(r"[0-9]{9,10}(?:\.[0-9]{1,6})?")
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")

_starting = threading.Lock()
_address = ""
"""Where spans are sent to; empty: nothing is recorded."""
_tracer = trace.get_tracer("mlops")


# -- the work at hand --------------------------------------------------------------------------------------------------
def facts() -> dict[str, str]:
    """What a log line says of the work at hand: run key, phase, agent, trace and span, as far as they are known."""
    known = {name: value for name in _FACTS if (value := _fact(name))}
    here = trace.get_current_span().get_span_context()
    if here.is_valid:
        known |= {"trace_id": f"{here.trace_id:032x}", "span_id": f"{here.span_id:016x}"}
    return known


def _fact(name: str, context: Context | None = None) -> str:
    # Baggage comes from whoever called: what is no plain name is not repeated.
    value = baggage.get_baggage(name, context)
    return value if isinstance(value, str) and _PLAIN.fullmatch(value) else ""


def below(run_key: str, *names: str, **about: str) -> Context:
    """A context at work on a run, below the span that `names` name; nothing of the present context is kept.

    `about` is what else is known of the work: phase, agent, task.
    """
    parent = SpanContext(
        ids.trace_id(run_key), ids.span_id(run_key, *names), is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED)
    )
    return _about(trace.set_span_in_context(NonRecordingSpan(parent), otel.Context()), run_key=run_key, **about)


def _about(context: Context, **facts: str) -> Context:
    for name, value in facts.items():
        if value:
            context = baggage.set_baggage(name, value, context)
    return context


@contextmanager
def within(context: Context) -> Iterator[None]:
    """Be at work in that context."""
    token = otel.attach(context)
    try:
        yield
    finally:
        otel.detach(token)


@contextmanager
def joined(name: str, run_key: object, agent: str = "", *, recorded: bool = True) -> Iterator[None]:
    """Answer a call: as part of the caller's span where that is of the same run, else as a span of the run itself.

    Args:
        run_key: what the caller says; may be anything.
        recorded: False: a stranger's call leaves no span, only the trace in its log lines.
    """
    known = run_key if isinstance(run_key, str) and _PLAIN.fullmatch(run_key) else ""
    here = trace.get_current_span()
    if known and here.get_span_context().trace_id != ids.trace_id(known):
        with within(otel.set_value(_QUIET, not recorded, below(known, agent=agent))), span(name):
            yield
        return
    told = {"run_key": known, "agent": agent}
    here.set_attributes(_told(told))
    with within(_about(otel.get_current(), **told)):
        yield


@contextmanager
def told_by(message: Mapping[str, Any]) -> Iterator[None]:
    """Be at work on what the sender of a message says in its `baggage`, beside whatever span is current."""
    said = propagate.extract({"baggage": str(message.get("baggage", ""))}, otel.Context())
    with within(_about(otel.get_current(), **{name: _fact(name, said) for name in (*_FACTS, *_CAUSES)})):
        yield


@contextmanager
def sensed(sensor: str, began: float, ended: float) -> Iterator[None]:
    """Be at work on what a sensor found between two moments (seconds since 1970)."""
    with within(_about(otel.get_current(), sensor=sensor, sensed=f"{began:.3f}-{ended:.3f}")):
        yield


@contextmanager
def begun(run_key: str, name: str, **attributes: Any) -> Iterator[None]:
    """Start a run: a span in the trace of that run, below the task that asks for it and what that task's sensor saw.

    A sensor and a task that look at many issues have a trace of their own; each run that they start is told of them.
    """
    task, sensor = _fact("task"), _fact("sensor")
    task_began, seen = _moments("task_began"), _moments("sensed")
    parent = ("task", task) if task and len(task_began) == 1 else ()
    with within(below(run_key, *parent)), span(name, **attributes):
        yield
    if not parent:
        return
    above = _SENSOR if sensor and len(seen) == 2 else ()
    record(task, run_key, parent, above, task_began[0], time.time())
    if above:
        record(sensor, run_key, _SENSOR, (), seen[0], seen[1])


def _moments(name: str) -> list[float]:
    parts = _fact(name).split("-")
    return [float(part) for part in parts] if all(_MOMENT.fullmatch(part) for part in parts) else []


@contextmanager
def span(name: str, *, kind: SpanKind = SpanKind.INTERNAL, **attributes: Any) -> Iterator[Span]:
    """One piece of the work at hand. An error that leaves it marks it failed, by the error's type alone.

    Messages of errors may hold what was asked of us; traces are read by more people than logs.
    """
    with _tracer.start_as_current_span(
        name, kind=kind, attributes=_told(attributes), record_exception=False, set_status_on_exception=False
    ) as made:
        try:
            yield made
        except Exception as error:
            made.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise


@contextmanager
def quietly() -> Iterator[None]:
    """What is asked again and again leaves no span; its log lines still carry the trace."""
    with within(otel.set_value(_QUIET, True)):
        yield


def record(
    name: str, run_key: str, names: Sequence[str], parent: Sequence[str] | None, began: float, ended: float, *,
    failed: str = "", **attributes: Any,
) -> None:  # fmt: skip
    """A span that is over, under the id that `names` give; said twice, the later one counts.

    Args:
        parent: names of the span above it; empty: the run's own; None: this is the run's own.
        began, ended: seconds since 1970.
        failed: a word for what went wrong.
    """
    context = below(run_key, *(parent or ()))
    if parent is None:
        context = otel.set_value(_ROOT, ids.trace_id(run_key), trace.set_span_in_context(trace.INVALID_SPAN, context))
    with within(otel.set_value(_CHOSEN, ids.span_id(run_key, *names), context)):
        made = _tracer.start_span(name, attributes=_told(attributes), start_time=int(began * 1e9))
    if failed:
        made.set_status(Status(StatusCode.ERROR, failed))
    made.end(int(max(began, ended) * 1e9))


def _told(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if value not in (None, "")}


# -- across processes --------------------------------------------------------------------------------------------------
def carrier() -> str:
    """W3C's `traceparent` of the work at hand; empty where it belongs to no run or is not recorded."""
    here = trace.get_current_span().get_span_context()
    if not (_address and here.is_valid and here.trace_flags.sampled):
        return ""
    return f"00-{here.trace_id:032x}-{here.span_id:016x}-{int(here.trace_flags):02x}"


def variables() -> dict[str, str]:
    """The same for a process that is started, as OpenTelemetry spells it, with the run's key and where to send to."""
    parent = carrier()
    return {"TRACEPARENT": parent, "BAGGAGE": f"run_key={_fact('run_key')}", URL: _address} if parent else {}


def from_variables(environment: Mapping[str, str]) -> Context:
    """The context that `variables` made in the process before."""
    names = ("traceparent", "baggage")
    return propagate.extract({name: environment[name.upper()] for name in names if name.upper() in environment})


def observed(name: str, parent: str, run_key: str, began: float, *, status: int, **attributes: Any) -> None:
    """A request that was answered just now, below the `traceparent` that it came with; nothing where that is none.

    `run_key` is the run that made what answered; whose run asks, the trace says.
    """
    context = propagate.extract({"traceparent": parent}, otel.Context())
    asked = trace.get_current_span(context).get_span_context()
    ours = "run_key" if asked.trace_id == ids.trace_id(run_key) else "model_run_key"
    told = _told({ours: run_key, "http.response.status_code": status, **attributes})
    made = _tracer.start_span(name, context, kind=SpanKind.SERVER, attributes=told, start_time=int(began * 1e9))
    if status >= 500:
        made.set_status(Status(StatusCode.ERROR, str(status)))
    made.end()


# -- sending -----------------------------------------------------------------------------------------------------------
def start(service: str, url: str) -> bool:
    """Record this process's spans from now on and send them to `url`, as service `mlops-{service}`.

    False where nothing is recorded: no address, or the libraries that sign for it are not here. Safe to repeat.
    """
    global _address
    with _starting:
        if _address or not url:
            return bool(_address)
        try:
            from mlops.telemetry import exporting

            trace.set_tracer_provider(exporting.provider(f"mlops-{service}", url))
        except ImportError as missing:
            log.warning("Nothing is traced: %s", missing)
            return False
        _address = url
        return True


def flush() -> None:
    """Send what is waiting; returns within two seconds."""
    provider = trace.get_tracer_provider()
    if hasattr(provider, "force_flush"):
        sender = threading.Thread(target=provider.force_flush, daemon=True)
        sender.start()
        sender.join(2 * EXPORT_S)
