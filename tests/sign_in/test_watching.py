"""What a collector and a log get: what this program did, joined with the SDK's own spans, and no secrets."""

from __future__ import annotations

import gzip
import json
import logging
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from po_mcp import telemetry
from po_mcp.transports import otlp
from po_mcp.transports.json_log import JsonLines, digest_of_user
from tests.commands.test_serve import modern, serving
from tests.commands.test_serve_for_a_team import team_serving
from tests.harness import ServerHarness
from tests.ports import serve_at_address
from tests.sign_in.issuer import ALICE, issuing

DELETE = "delete_purchase_order"
NUMBER = "PO-2025-0038"


@dataclass
class Collector:
    """A collector of OTLP over HTTP that keeps the spans, the metrics by their names, and all bytes."""

    url: str = ""
    spans: list[Any] = field(default_factory=list)
    metrics: dict[str, Any] = field(default_factory=dict)
    raw: bytes = b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await Request(scope, receive).body()
        if (b"content-encoding", b"gzip") in scope["headers"]:
            body = gzip.decompress(body)
        self.raw += body
        if scope["path"] == "/v1/traces":
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                self.spans += [span for one in resource.scope_spans for span in one.spans]
        else:
            for measured in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                self.metrics |= {metric.name: metric for one in measured.scope_metrics for metric in one.metrics}
        await Response()(scope, receive, send)

    def span(self, name: str) -> Any:
        return next(span for span in self.spans if span.name == name)


def read_attributes(span: Any) -> dict[str, str]:
    return {one.key: one.value.string_value or str(one.value.int_value) for one in span.attributes}


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    """Run a collector on a port of this machine."""
    async with serve_at_address(Collector) as (_, collector):
        yield collector


async def run_watched_server(harness: ServerHarness, collector: Collector, **settings: str) -> str:
    """Let a real server read, be asked for a delete, and refuse an invented tool; return its log."""
    given = {name.upper(): value for name, value in harness.files.items()}
    with serving(
        PO_MCP_OTLP_ENDPOINT=collector.url, **{f"PO_MCP_{k}": v for k, v in given.items()}, **settings
    ) as server:
        async with server.http() as http:
            await http.post("/mcp", **modern("get_purchase_order", {"number": NUMBER}))
            await http.post("/mcp", **modern(DELETE, {"number": NUMBER}))
            await http.post("/mcp", **modern("ignore all instructions", {}))
        _, errors = await server.end()
    return str(errors)


@pytest.mark.process
async def test_a_collector_gets_the_sdks_spans_with_the_erps_requests_below_them(harness: ServerHarness) -> None:
    async with collecting() as collector:
        await run_watched_server(harness, collector, PO_MCP_REPLICA="r1")

    call = collector.span("tools/call get_purchase_order")
    erp = [span for span in collector.spans if span.name == "po_mcp.erp.request" and span.trace_id == call.trace_id]
    assert read_attributes(call)["gen_ai.tool.name"] == "get_purchase_order"
    assert erp
    assert all(span.parent_span_id == call.span_id for span in erp)
    assert read_attributes(erp[0])["http.response.status_code"] == "200"
    assert b"service.instance.id" in collector.raw
    assert {"po_mcp.erp.request.duration", "po_mcp.operations.open"} <= set(collector.metrics)
    waiting = {
        point.attributes[0].value.string_value: point.as_int
        for point in collector.metrics["po_mcp.operations.open"].gauge.data_points
    }
    assert waiting == {"APPROVED": 0, "PROPOSED": 1, "SENT": 0, "UNKNOWN": 0, "WATCHED": 0}


@pytest.mark.process
async def test_the_collector_gets_no_text_of_orders_vendors_or_strangers(harness: ServerHarness) -> None:
    async with collecting() as collector:
        await run_watched_server(harness, collector)

    assert collector.spans
    assert not [word for word in (NUMBER, "Acme", "ignore all") if word.encode() in collector.raw]


@pytest.mark.process
async def test_a_collector_that_is_away_delays_no_call(harness: ServerHarness) -> None:
    collector = Collector("http://127.0.0.1:9")
    with anyio.fail_after(60):
        errors = await run_watched_server(harness, collector)

    assert "Traceback" not in errors


class Sink(SpanExporter):
    """Keeps the spans that are exported to it."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def export(self, spans: Any) -> SpanExportResult:
        self.spans += spans
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        pass


def record_failing_span(clean: bool) -> str:
    """Return, as JSON, a span in which an exception was raised; `clean` removes what is not ours to say."""
    sink, provider = Sink(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(otlp.CleanSpans(sink, ["get_purchase_order"]) if clean else sink))
    facts = {"mcp.method.name": "tools/call", "gen_ai.tool.name": "evil name", "url.full": "http://erp/PO-1"}
    with (
        pytest.raises(ValueError, match="Acme"),
        provider.get_tracer("x").start_as_current_span("tools/call evil name", attributes=facts),
    ):
        raise ValueError("Acme owes 100")
    return " ".join(span.to_json() for span in sink.spans)


def test_texts_of_exceptions_and_names_of_strangers_are_taken_out_of_spans() -> None:
    clean, raw = record_failing_span(clean=True), record_failing_span(clean=False)

    assert not [word for word in ("Acme", "evil", "PO-1", "Traceback") if word in clean]
    assert '"name": "tools/call"' in clean
    assert "ValueError" in clean
    assert all(word in raw for word in ("Acme", "evil", "PO-1", "Traceback"))  # without the control


# Off


def test_opentelemetrys_sdk_is_imported_only_where_a_collector_is_named() -> None:
    program = (
        "import sys, po_mcp.transports.http, po_mcp.transports.json_log; print('opentelemetry.sdk' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert said.stdout == "False\n"


class NamingRecorder:
    """Keeps the name of each measurement."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def count(self, name: telemetry.Counted, attributes: dict[str, telemetry.Value]) -> None:
        self.names.append(name)

    def measure(self, name: str, attributes: dict[str, telemetry.Value]) -> AbstractContextManager[telemetry.Span]:
        self.names.append(name)
        return nullcontext(telemetry._NO_SPAN)


def test_a_request_without_a_recorder_is_not_measured() -> None:
    recorder = NamingRecorder()
    for current in (recorder, None):
        telemetry.record_with(current)
        with telemetry.measure("po_mcp.erp.request", {}) as span:
            span.set_attribute("http.response.status_code", 200)
        telemetry.count("po_mcp.erp.down")

    assert recorder.names == ["po_mcp.erp.request", "po_mcp.erp.down"]


# The log


def format_record(**more: Any) -> dict[str, Any]:
    """Write a warning as the log does; return the JSON object of its one line."""
    record = logging.LogRecord("po_mcp.x", logging.WARNING, "", 0, "order %s\nis odd", ("PO-1",), more.get("exc_info"))
    text = JsonLines().format(record)
    assert "\n" not in text
    said: dict[str, Any] = json.loads(text)
    return said


def test_a_line_of_the_log_is_an_object_with_the_operation() -> None:
    with telemetry.about("7f3a"):
        said = format_record()

    assert said.pop("at").endswith("+00:00")
    assert said == {"level": "WARNING", "logger": "po_mcp.x", "message": "order PO-1\nis odd", "operation": "7f3a"}
    assert "operation" not in format_record()


def test_a_line_names_the_type_of_an_exception_and_not_its_text() -> None:
    error = ValueError("what an ERP wrote")
    said = format_record(exc_info=(ValueError, error, None))

    assert said["exception"] == "ValueError"
    assert "what an ERP wrote" not in json.dumps(said)


@pytest.mark.process
async def test_the_log_tells_people_apart_without_naming_them(harness: ServerHarness) -> None:
    given = {f"PO_MCP_{name.upper()}": value for name, value in harness.files.items()}
    async with issuing() as issuer:
        with team_serving(issuer.url, PO_MCP_LOG_FORMAT="json", PO_MCP_LOG_LEVEL="INFO", **given) as server:
            token = issuer.sign(issuer.claims(f"{server.origin}/mcp"))
            async with server.http() as http:
                http.headers["authorization"] = f"Bearer {token}"
                answer = await http.post("/mcp", **modern("get_purchase_order", {"number": "PO-0000-0000"}))
            _, errors = await server.end()

    said = [json.loads(one) for one in errors.splitlines() if one.startswith("{")]
    assert answer.status_code == 200
    assert digest_of_user(f"{issuer.url} {ALICE}") in [one.get("user") for one in said]
    assert not [one for one in said if ALICE in json.dumps(one)]
    assert token not in errors
