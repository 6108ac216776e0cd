"""Traces and metrics to an OpenTelemetry collector, by OTLP over HTTP; imported only where its address is set.

The SDK of MCP opens a span for every message once a provider of spans is set; those of the ERP's requests become its
children. Before a span leaves, what a stranger may have put into it is taken out: texts of exceptions, which may hold
text of an ERP, and names that are none of ours.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Span, SpanKind, Status

from po_mcp import __version__, telemetry
from po_mcp.telemetry import Counted, Value

_SCOPE = "po-mcp"
_KEPT = (
    "mcp.method.name",
    "mcp.protocol.version",
    "jsonrpc.request.id",
    "gen_ai.",
    "rpc.",
    "http.",
    "server.",
    "error.type",
    "po_mcp.",
)
"""Beginnings of the attributes that may leave. All others are dropped, whatever a later SDK adds."""
_NAMES = ("gen_ai.tool.name", "gen_ai.prompt.name")
"""Attributes that a client fills in: they leave only where they are a name of ours."""
_MAX_ID_CHARS = 64


class Telemetry:
    """The providers of one process, and the recorder of this program's own measurements.

    Args:
        spans: where spans go.
        reader: where metrics go.
        names: of the tools and prompts that are served.
        replica: the name of this replica, if it has one.
    """

    def __init__(
        self, spans: SpanExporter, reader: MetricReader, names: Collection[str], replica: str | None = None
    ) -> None:
        instance = {} if replica is None else {"service.instance.id": replica}
        resource = Resource.create({"service.name": _SCOPE, "service.version": __version__, **instance})
        self._traces = TracerProvider(resource=resource)
        self._traces.add_span_processor(BatchSpanProcessor(CleanSpans(spans, names)))
        self._meters = MeterProvider(metric_readers=[reader], resource=resource)
        trace.set_tracer_provider(self._traces)
        metrics.set_meter_provider(self._meters)
        self._tracer = self._traces.get_tracer(_SCOPE, __version__)
        self._meter = self._meters.get_meter(_SCOPE, __version__)
        self._counters: dict[str, metrics.Counter] = {}
        self._seconds: dict[str, metrics.Histogram] = {}

    def count(self, name: Counted, attributes: dict[str, Value]) -> None:
        """Add one."""
        if name not in self._counters:
            self._counters[name] = self._meter.create_counter(name)
        self._counters[name].add(1, attributes)

    @contextmanager
    def measure(self, name: str, attributes: dict[str, Value]) -> Iterator[Span]:
        """Measure the block, as a span and in the histogram `NAME.duration`."""
        began = time.monotonic()
        with self._tracer.start_as_current_span(name, kind=SpanKind.CLIENT, attributes=attributes) as span:
            try:
                yield span
            except BaseException as exc:
                span.set_attribute("error.type", type(exc).__name__)
                raise
            finally:
                # An id of its own for each operation would make as many time series.
                known: Mapping[str, object] = getattr(span, "attributes", None) or {}
                labels = {key: str(value) for key, value in known.items() if not key.endswith(".id")}
                self._histogram(name).record(time.monotonic() - began, labels)

    def observe(self, name: str, read: Callable[[], Mapping[str, int]], label: str) -> None:
        """Report numbers by their label, each time that metrics are sent."""

        def observations(options: CallbackOptions) -> Iterable[Observation]:
            return [Observation(value, {label: key}) for key, value in read().items()]

        self._meter.create_observable_gauge(name, callbacks=[observations])

    def close(self) -> None:
        """Send what is left."""
        # First: what is measured from now on has nowhere to go.
        telemetry.record_with(None)
        self._traces.shutdown()
        self._meters.shutdown()

    def _histogram(self, name: str) -> metrics.Histogram:
        if name not in self._seconds:
            self._seconds[name] = self._meter.create_histogram(f"{name}.duration", unit="s")
        return self._seconds[name]


class CleanSpans(SpanExporter):
    """Passes spans on without texts of exceptions, and without attributes that are not known to be harmless.

    Args:
        exporter: where they go.
        names: of tools and prompts that may stand in a span.
    """

    def __init__(self, exporter: SpanExporter, names: Collection[str]) -> None:
        self._exporter = exporter
        self._names = frozenset(names)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans."""
        return self._exporter.export([self._clean(span) for span in spans])

    def shutdown(self) -> None:
        """Close what they are sent with."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what waits."""
        return self._exporter.force_flush(timeout_millis)

    def _clean(self, span: ReadableSpan) -> ReadableSpan:
        given = span.attributes or {}
        attributes = {key: value for key, value in given.items() if self._may_leave(key, value)}
        method = given.get("mcp.method.name")
        is_known = method is None or all(key in attributes for key in _NAMES if key in given)
        return ReadableSpan(
            name=span.name if is_known and (method is None or _is_named(span.name, attributes)) else str(method),
            context=span.context,
            parent=span.parent,
            resource=span.resource,
            attributes=attributes,
            events=[Event(event.name, _type_alone(event), event.timestamp) for event in span.events],
            kind=span.kind,
            instrumentation_scope=span.instrumentation_scope,
            # Without its description, which is the text of an exception.
            status=Status(span.status.status_code),
            start_time=span.start_time,
            end_time=span.end_time,
        )

    def _may_leave(self, key: str, value: object) -> bool:
        if key in _NAMES:
            return value in self._names
        return key.startswith(_KEPT) and len(str(value)) <= _MAX_ID_CHARS


def _is_named(name: str, attributes: Mapping[str, object]) -> bool:
    """Tell whether a span of MCP is called by its method, with a known name at most."""
    method = attributes.get("mcp.method.name")
    return name in (method, *(f"{method} {attributes[key]}" for key in _NAMES if key in attributes))


def _type_alone(event: Event) -> dict[str, str]:
    kind = (event.attributes or {}).get("exception.type")
    return {} if kind is None else {"exception.type": str(kind)}


def start(endpoint: str, names: Collection[str], replica: str | None) -> Telemetry:
    """Send traces and metrics to a collector, whose headers and intervals are what OTEL_... variables say."""
    spans = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces")
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(endpoint=f"{endpoint}/v1/metrics"))
    recorder = Telemetry(spans, reader, names, replica)
    telemetry.record_with(recorder)
    return recorder
