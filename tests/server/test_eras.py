"""The era of a connection over stdio: decided by the first request, as the SDK itself decides it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.server._otel import OpenTelemetryMiddleware
from mcp.types import JSONRPCMessage, JSONRPCRequest, jsonrpc_message_adapter

from po_mcp.bootstrap import build_server
from po_mcp.config import Settings
from po_mcp.server import eras
from po_mcp.server.eras import serve_client
from po_mcp.server.lines import Arriving, Leaving
from tests.harness import REAL

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
HANDSHAKE = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}


def ask(number: int, method: str, **params: Any) -> dict[str, Any]:
    return {"id": number, "method": method, "params": params}


def tell(method: str, **params: Any) -> dict[str, Any]:
    return {"method": method, "params": params}


class Lines:
    """A client that ends when its requests are answered."""

    def __init__(self, sent: list[dict[str, Any]]) -> None:
        self.sent: list[JSONRPCMessage] = [
            jsonrpc_message_adapter.validate_python({"jsonrpc": "2.0", **one}) for one in sent
        ]
        self.answers: dict[int, Any] = {}
        self._answered = anyio.Event()

    async def __aiter__(self) -> AsyncIterator[JSONRPCMessage]:
        for one in self.sent:
            yield one
        while len(self.answers) < sum(isinstance(one, JSONRPCRequest) for one in self.sent):
            self._answered = anyio.Event()
            await self._answered.wait()

    async def write(self, text: str) -> None:
        answer = json.loads(text)
        self.answers[answer["id"]] = answer.get("result", answer.get("error"))
        self._answered.set()


OPENINGS = {
    "modern": [ask(1, "tools/list", _meta=META), ask(2, "initialize", **HANDSHAKE)],
    "handshake": [
        ask(1, "initialize", **HANDSHAKE),
        tell("notifications/initialized"),
        ask(2, "tools/list"),
        ask(3, "tools/list", _meta=META),
    ],
    "handshake with an envelope": [ask(1, "initialize", **HANDSHAKE, _meta=META), ask(2, "ping")],
    "half an envelope": [ask(1, "tools/list", _meta={"io.modelcontextprotocol/protocolVersion": "2026-07-28"})],
    "a version that nobody has": [
        ask(1, "tools/list", _meta={**META, "io.modelcontextprotocol/protocolVersion": "2099-01-01"})
    ],
    "no handshake": [ask(1, "tools/list"), ask(2, "ping")],
    "notifications before": [tell("notifications/initialized"), ask(1, "tools/list"), ask(2, "ping")],
    "many before": [*[tell("notifications/progress", progressToken=1, progress=1)] * 20, ask(1, "ping", _meta=META)],
    "nothing": [],
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(**{**REAL, "journal": str(tmp_path / "journal.db")})


@pytest.mark.parametrize("opening", OPENINGS)
async def test_a_connection_is_answered_as_the_sdk_answers_it(opening: str, settings: Settings) -> None:
    ours, its = Lines(OPENINGS[opening]), Lines(OPENINGS[opening])
    with anyio.fail_after(30):
        await serve_client(build_server(settings)._lowlevel_server, ours)
        server = build_server(settings)._lowlevel_server
        await server.run(Arriving((), aiter(its)), Leaving(its), server.create_initialization_options())

    assert ours.answers == its.answers
    assert len(ours.answers) == sum("id" in one for one in OPENINGS[opening])


async def test_messages_before_the_first_request_are_kept_to_a_limit() -> None:
    lines = Lines([*[tell(f"notifications/{place}") for place in range(20)], ask(1, "ping"), ask(2, "ping")])

    held = await eras._read_to_request(aiter(lines))

    assert held == [*lines.sent[:8], lines.sent[20]]


@pytest.mark.parametrize("opens_spans", [False, True])
async def test_a_server_whose_spans_nobody_takes_opens_none(opens_spans: bool, settings: Settings) -> None:
    server = build_server(settings)

    await server.run_on(Lines([ask(1, "ping", _meta=META)]), opens_spans=opens_spans)

    opening = [one for one in server._lowlevel_server.middleware if isinstance(one, OpenTelemetryMiddleware)]
    assert len(opening) == opens_spans
