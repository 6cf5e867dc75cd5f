"""How spans leave a process: which are kept, under which ids, and to whom they are sent."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult

from mlops.telemetry import tracing

if TYPE_CHECKING:
    import requests
    from opentelemetry.context import Context

log = logging.getLogger(__name__)

_XRAY = re.compile(r"https://xray\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/")


def provider(service: str, url: str) -> TracerProvider:
    """A tracer provider that sends spans of runs to `url`. Raises ImportError where X-Ray needs botocore to sign."""
    # The exporter's own complaints repeat what `Bounded` says once.
    logging.getLogger("opentelemetry.exporter").setLevel(logging.CRITICAL)
    made = TracerProvider(
        sampler=OfRuns(), id_generator=Chosen(), resource=Resource({"service.name": service}),
        # Events hold the text of errors, and those what was asked of us.
        span_limits=SpanLimits(max_events=0, max_attributes=32, max_attribute_length=256),
        # Whoever started the process flushes; a hook at its end could wait for a receiver that is away.
        shutdown_on_exit=False,
    )  # fmt: skip
    made.add_span_processor(Named())
    exporter = OTLPSpanExporter(endpoint=url, timeout=tracing.EXPORT_S, session=_session(url))
    made.add_span_processor(
        BatchSpanProcessor(
            Bounded(exporter), max_queue_size=tracing._QUEUE, schedule_delay_millis=1000, max_export_batch_size=256
        )
    )
    return made


def _session(url: str) -> requests.Session | None:
    if not (found := _XRAY.match(url)):
        return None
    import requests

    from mlops.telemetry.signing import Signed

    session = requests.Session()
    session.auth = Signed("xray", found["region"])
    return session


class OfRuns(Sampler):
    """Every span below a run's, none of anything else. MCP's own talk (initialize, listings) is left out."""

    def should_sample(
        self, parent_context: Context | None, trace_id: int, name: str, kind: Any = None, attributes: Any = None,
        links: Any = None, trace_state: Any = None,
    ) -> SamplingResult:  # fmt: skip
        parent = trace.get_current_span(parent_context).get_span_context()
        followed = parent.is_valid and parent.trace_flags.sampled
        talk = (attributes or {}).get("mcp.method.name", "tools/call") != "tools/call"
        quiet = otel.get_value(tracing._QUIET, parent_context)
        kept = (followed and not talk and not quiet) or otel.get_value(tracing._ROOT, parent_context)
        return SamplingResult(Decision.RECORD_AND_SAMPLE if kept else Decision.DROP, attributes)

    def get_description(self) -> str:
        return "spans of runs"


class Chosen(RandomIdGenerator):
    """Ids that the run key decides, where `record` asks for them."""

    def generate_span_id(self) -> int:
        return otel.get_value(tracing._CHOSEN) or super().generate_span_id()  # type: ignore[return-value]

    def generate_trace_id(self) -> int:
        return otel.get_value(tracing._ROOT) or super().generate_trace_id()  # type: ignore[return-value]


class Named(SpanProcessor):
    """Each span says of which run it is, also those that libraries make."""

    def on_start(self, span: Any, parent_context: Context | None = None) -> None:
        span.set_attributes({name: value for name in tracing._FACTS if (value := tracing._fact(name, parent_context))})


class Bounded(SpanExporter):
    """Tries once; after a failure it drops what comes for a while, and says so once."""

    def __init__(self, inner: SpanExporter):
        self._inner = inner
        self._rests_until = 0.0
        self._told = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if time.monotonic() < self._rests_until:
            return SpanExportResult.FAILURE
        try:
            result = self._inner.export(spans)
        except Exception as defect:  # whatever it is, the work goes on
            log.debug("Spans were lost", exc_info=defect)
            result = SpanExportResult.FAILURE
        if result is not SpanExportResult.SUCCESS:
            self._rests_until = time.monotonic() + tracing._REST_S
            if not self._told:
                log.warning("Traces have gaps: their receiver did not take %d spans", len(spans))
            self._told = True
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()
