"""`po-mcp serve` as a process: MCP and the page under one port, what it refuses, how it ends."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import httpx2
import pytest
from click.testing import CliRunner
from mcp import Client

from po_mcp import bootstrap
from po_mcp.commands import serve
from po_mcp.config import Settings
from po_mcp.connectors import connect
from po_mcp.desk.context import Desk
from po_mcp.server import lifespan
from po_mcp.transports import http as http_transport
from po_mcp.transports.http_app import Address
from tests.approvals.page_harness import browser
from tests.commands.slow_erp import slow_erp
from tests.harness import ERAS, MODES, ScriptedPerson, ServerHarness, accept, outcome, set_pin, text
from tests.stdio.test_process import hangups

DELETE, FINALIZE, CREATE = "delete_purchase_order", "finalize_purchase_order", "create_purchase_order"
NEW = {
    "number": "PO-2025-0050",
    "vendor": "12",
    "lines": [{"item": "NUT-M8", "quantity": "3", "unit_price": "0.22", "warehouse": "1"}],
}
PIN = "correct horse"
HEADERS = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
MODERN = {"mcp-protocol-version": "2026-07-28"}
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "raw", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
HELLO = {
    "protocolVersion": "2025-11-25",
    "clientInfo": {"name": "raw", "version": "1"},
    "capabilities": {"elicitation": {}},
}
both_eras = pytest.mark.parametrize("era", ERAS)


def ignore_address(address: Address) -> None:
    """Print no greeting."""


@dataclass
class Serving:
    """The process, and what it said when it was there."""

    process: subprocess.Popen[str]
    greeting: str

    @property
    def origin(self) -> str:
        found = re.search(r"at (http://\S+)/mcp", self.greeting)
        assert found, self.greeting
        return found[1]

    @asynccontextmanager
    async def client(self, era: str, person: ScriptedPerson | None = None) -> AsyncIterator[Client]:
        async with Client(f"{self.origin}/mcp", mode=MODES[era], elicitation_callback=person) as client:
            yield client

    def http(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(base_url=self.origin, headers=HEADERS, timeout=60, trust_env=False)

    async def end(self, signum: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal; return the status and what it wrote after its greeting."""
        self.process.send_signal(signum)
        _, errors = await anyio.to_thread.run_sync(lambda: self.process.communicate(timeout=60))
        return self.process.returncode, errors


def start(*arguments: str, program: Sequence[str] = ("-m", "po_mcp"), **settings: str) -> subprocess.Popen[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PO_MCP_")}
    environment = {**kept, "PO_MCP_SANDBOX": ":memory:", **settings}
    command = [sys.executable, *program, "serve", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def read_greeting(process: subprocess.Popen[str]) -> str:
    """Return what a server says when a client can connect; what it said, if it ended."""
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if line.startswith("Ctrl-C"):
            break
    return "".join(lines)


@contextmanager
def serving(*arguments: str, **settings: str) -> Iterator[Serving]:
    with start("--port", "0", *arguments, **settings) as process:
        watchdog = threading.Timer(180, process.kill)  # a server that hangs fails the test, not the run
        watchdog.start()
        try:
            yield Serving(process, read_greeting(process))
        finally:
            watchdog.cancel()
            process.kill()


def settings_of(harness: ServerHarness) -> dict[str, str]:
    return {"PO_MCP_SANDBOX": str(harness.book), "PO_MCP_JOURNAL": str(harness.journal)}


def call(method: str, params: Mapping[str, Any], number: int = 1) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


def modern(tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A call of 2026, as what httpx2 takes."""
    headers = {**MODERN, "mcp-method": "tools/call", "mcp-name": tool}
    return {"headers": headers, "json": call("tools/call", {"name": tool, "arguments": arguments, "_meta": META})}


# What it serves


@both_eras
async def test_a_client_lists_the_tools_and_finalizes_with_the_persons_yes(harness: ServerHarness, era: str) -> None:
    person = ScriptedPerson(accept(decision="backorder"))
    with serving(**settings_of(harness)) as server:
        async with server.client(era, person) as client:
            tools = (await client.list_tools()).tools
            done = outcome(await client.call_tool(FINALIZE, {"number": "PO-2025-0037"}))
        ended = await server.end()

    assert (len(tools), len(person.asked)) == (8, 1)
    assert (done["status"], done["backorder_number"]) == ("done", "PO-2025-0037-BO1")
    assert harness.order("PO-2025-0037").status == "closed"
    assert ended == (0, "")


@pytest.mark.parametrize(
    ("era", "host"), [(ERAS[0], "127.0.0.1"), (ERAS[1], "127.0.0.1"), (ERAS[0], "::1"), (ERAS[1], "localhost")]
)
async def test_a_click_on_the_page_of_the_same_port_is_carried_through(
    harness: ServerHarness, era: str, host: str
) -> None:
    set_pin(harness.journal, PIN)
    with serving("--host", host, **settings_of(harness)) as server:
        async with server.client(era) as client:
            asked = outcome(await client.call_tool(DELETE, {"number": "PO-2025-0038"}))
            async with browser(asked["approve_at"]) as person:
                style = await person.client.get("/static/style.css")
                without = await person.send("approve", order_number="PO-2025-0038")
                before = harness.order("PO-2025-0038")
                right = await person.send("approve", order_number="PO-2025-0038", pin=PIN)
                listed = await person.client.get("/")
            done = outcome(await client.call_tool("get_operation", {"operation_id": asked["operation_id"]}))

    assert asked["status"] == "approval_required"
    assert asked["approve_at"].startswith(f"{server.origin}/approve/")
    assert "(PIN needed)" in server.greeting
    assert (style.status_code, without.status_code, right.status_code, listed.status_code) == (200, 422, 303, 200)
    assert before is not None
    assert [operation["status"] for operation in done["operations"]] == ["done"]
    assert harness.order("PO-2025-0038") is None


@both_eras
async def test_without_a_pin_there_is_no_page_and_the_terminal_is_named(harness: ServerHarness, era: str) -> None:
    with serving(**settings_of(harness)) as server:
        async with server.client(era) as client:
            asked = outcome(await client.call_tool(DELETE, {"number": "PO-2025-0038"}))
        path = f"/approve/{asked['operation_id']}"
        async with server.http() as http:
            own = {"origin": server.origin, "content-type": "application/x-www-form-urlencoded"}
            answers = [await http.get(place) for place in ("/", path, "/static/style.css")]
            answers.append(await http.post(path, content="decision=approve", headers=own))

    assert "approve_at" not in asked
    assert "po-mcp approve" in asked["message"]
    assert "http" not in asked["message"]
    assert "run po-mcp approve --set-pin" in server.greeting
    assert {(answer.status_code, answer.text) for answer in answers} == {(404, http_transport._NO_PAGE)}
    assert harness.order("PO-2025-0038") is not None


async def test_an_operation_of_one_client_is_there_for_the_next(harness: ServerHarness) -> None:
    with serving(PO_MCP_APPROVER_PIN=PIN) as server:  # all of it in memory: a second journal would know nothing
        async with server.client(ERAS[1]) as first:
            asked = outcome(await first.call_tool(DELETE, {"number": "PO-2025-0038"}))
        async with server.client(ERAS[1]) as second, server.client(ERAS[0]) as third:
            waits = [outcome(await client.call_tool("get_operation", {}))["operations"] for client in (second, third)]

    assert [[one["approve_at"] for one in shown] for shown in waits] == [[asked["approve_at"]]] * 2


async def test_the_process_has_one_desk_one_connector_and_one_recovery(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    init = Desk.__init__

    async def recover(executor: object) -> None:
        made.append("recovery")
        await anyio.sleep_forever()

    def note_connection(*given: Any) -> Any:
        made.append("connector")
        return connect(*given)

    def desk(self: Desk, *given: Any, **named: Any) -> None:
        made.append("desk")
        init(self, *given, **named)

    monkeypatch.setattr(lifespan, "recover_periodically", recover)
    monkeypatch.setattr(bootstrap, "connect", note_connection)
    monkeypatch.setattr(Desk, "__init__", desk)
    with closing(serve._listen("127.0.0.1", 0)) as sock:
        url = f"http://127.0.0.1:{sock.getsockname()[1]}/mcp"
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(http_transport.serve, Settings(sandbox=":memory:"), sock, ignore_address)
            for era in (*ERAS, *ERAS):
                async with Client(url, mode=MODES[era]) as client:
                    assert len((await client.list_tools()).tools) == 8
            signal.raise_signal(signal.SIGTERM)

    assert sorted(made) == ["connector", "desk", "recovery"]


# What it refuses


async def test_another_host_is_not_served() -> None:
    with serving(PO_MCP_APPROVER_PIN=PIN) as server:
        port = server.origin.rpartition(":")[2]
        hosts = ["evil.example", f"evil.example:{port}", "127.0.0.1", "127.0.0.1:1", f"127.0.0.1:{port}.evil.example"]
        async with server.http() as http:
            answers = [await http.get(path, headers={"host": host}) for host in hosts for path in ("/", "/static/x")]
            for host in hosts:
                answers.append(await http.post("/mcp", headers={"host": host}, json=call("initialize", HELLO)))
                asked = modern("list_purchase_orders", {})
                answers.append(await http.post("/mcp", **asked | {"headers": {**asked["headers"], "host": host}}))
            ours = await http.post("/mcp", headers={"host": f"localhost:{port}"}, json=call("initialize", HELLO))

    assert [answer.status_code for answer in answers] == [421] * 20
    assert not any("mcp-session-id" in answer.headers for answer in answers)
    assert ours.status_code == 200


async def test_a_website_can_use_neither_mcp_nor_the_page(harness: ServerHarness) -> None:
    set_pin(harness.journal, PIN)
    with serving(**settings_of(harness)) as server:
        async with server.client(ERAS[0]) as client:
            asked = outcome(await client.call_tool(DELETE, {"number": "PO-2025-0038"}))
        elsewhere = [
            {"origin": "https://evil.example"},
            {"origin": "null"},
            {"origin": "http://127.0.0.1:1"},
            {"origin": f"{server.origin}.evil.example"},
            {"origin": server.origin, "sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site"},
        ]
        async with server.http() as http, browser(asked["approve_at"]) as person:
            answers = []
            for headers in elsewhere:
                answers.append(await http.post("/mcp", headers=headers, json=call("initialize", HELLO)))
                new = modern(CREATE, NEW)
                answers.append(await http.post("/mcp", **new | {"headers": {**new["headers"], **headers}}))
                answers.append(await http.get("/mcp", headers=headers | {"accept": "text/event-stream"}))
                answers.append(await person.send("approve", headers, order_number="PO-2025-0038", pin=PIN))
            preflight = await http.options("/mcp", headers=elsewhere[0] | {"access-control-request-method": "POST"})
            state = await client_state(server, asked["operation_id"])

    posts = [answer for answer in answers if answer.request.method == "POST"]
    assert [answer.status_code for answer in posts] == [403] * 21
    assert {answer.status_code for answer in answers} == {403}
    assert not any(name.startswith("access-control") for name in preflight.headers)
    assert state == "approval_required"
    assert harness.order("PO-2025-0038") is not None


async def client_state(server: Serving, operation_id: str) -> str:
    async with server.client(ERAS[0]) as client:
        shown = outcome(await client.call_tool("get_operation", {"operation_id": operation_id}))
    return str(shown["operations"][0]["status"])


async def test_mcp_with_a_slash_is_mcp_and_any_other_address_names_the_right_one() -> None:
    others = ["/sse", "/MCP", "/mcp/x", "/register", "/.well-known/oauth-protected-resource"]
    with serving(PO_MCP_APPROVER_PIN=PIN) as server:
        async with server.http() as http:
            slash = await http.post("/mcp/", json=call("initialize", HELLO))
            session = {"mcp-session-id": slash.headers["mcp-session-id"]}
            ended = await http.delete("/mcp/", headers=session)
            answers = [await http.request(method, place) for place in others for method in ("GET", "POST", "PUT")]
            answers.append(await http.post("/", json=call("initialize", HELLO)))
            elsewhere = await http.post("/sse", headers={"host": "evil.example"})

    assert (slash.status_code, ended.status_code) == (200, 200)
    assert {(one.status_code, one.text) for one in answers} == {(404, f"Not found. MCP is at {server.origin}/mcp.")}
    assert (elsewhere.status_code, server.origin in elsewhere.text) == (421, False)


async def test_host_and_media_type_are_compared_without_regard_to_case() -> None:
    with serving(PO_MCP_APPROVER_PIN=PIN) as server:
        port = server.origin.rpartition(":")[2]
        async with server.http() as http:
            host = await http.post("/mcp", headers={"host": f"LOCALHOST:{port}"}, json=call("initialize", HELLO))
            kind = {"content-type": "APPLICATION/JSON; Charset=UTF-8"}
            media_type = await http.post("/mcp", headers=kind, content=json.dumps(call("initialize", HELLO)))
            page = await http.get("/", headers={"host": f"LocalHost:{port}"})
            other = await http.post("/mcp", headers={"content-type": "text/plain"}, content="{}")

    assert (host.status_code, media_type.status_code, other.status_code) == (200, 200, 400)
    assert page.status_code != 421


async def test_a_stream_that_a_client_resumes_begins_again() -> None:
    with serving() as server:
        async with server.http() as http:
            hello = await http.post("/mcp", json=call("initialize", HELLO))
            session = {"mcp-session-id": hello.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}
            resumed = {**session, "accept": "text/event-stream", "last-event-id": "7"}
            async with http.stream("GET", "/mcp", headers=resumed) as stream:
                begun = stream.status_code, stream.headers["content-type"].partition(";")[0]

    assert begun == (200, "text/event-stream")


async def test_a_read_whose_json_names_something_twice_is_answered_also_in_pieces() -> None:
    sent = modern("list_purchase_orders", {"limit": 1})
    asked = json.dumps(sent["json"]).replace('"limit"', '"limit": 2, "limit"')
    headers = {**HEADERS, **sent["headers"]}

    async def pieces() -> AsyncIterator[bytes]:
        for letter in asked:
            yield letter.encode()

    with serving() as server:
        async with server.http() as http:
            whole = await http.post("/mcp", headers=headers, content=asked)
            chunked = await http.post("/mcp", headers=headers, content=pieces())

    for answer in (whole, chunked):
        assert answer.status_code == 200, answer.text
        assert len(answer.json()["result"]["structuredContent"]["orders"]) == 1


BEGINS = {
    "idle": b"",
    "half a head": b"POST /mcp HTTP/1.1\r\nhost: 127",
    "half a body": b"POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{",
}


@pytest.mark.parametrize("begin", BEGINS.values(), ids=BEGINS)
async def test_connections_that_send_no_request_shut_nobody_out(begin: bytes) -> None:
    with serving(PO_MCP_APPROVER_PIN=PIN) as server, contextlib.ExitStack() as stack:
        port = int(server.origin.rpartition(":")[2])
        silent = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(300)]
        for connection in silent:
            with contextlib.suppress(ConnectionError):
                connection.sendall(begin)
        async with server.http() as http:
            answers = [await http.post("/mcp", json=call("initialize", HELLO)) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200] * 3


async def test_sessions_that_nobody_uses_make_room_for_new_ones() -> None:
    with serving() as server:
        async with server.http() as http:
            ids = []
            for _ in range(215):
                hello = await http.post("/mcp", json=call("initialize", HELLO))
                assert hello.status_code == 200, hello.text
                ids.append(hello.headers["mcp-session-id"])
            ping = call("ping", {}, 2)
            first, last = [
                await http.post("/mcp", headers={"mcp-session-id": one}, json=ping) for one in (ids[0], ids[-1])
            ]

    assert (first.status_code, last.status_code) == (404, 200)


async def test_a_session_that_is_listening_is_not_ended_for_new_ones() -> None:
    with serving() as server:
        async with server.http() as http:
            hello = await http.post("/mcp", json=call("initialize", HELLO))
            session = {"mcp-session-id": hello.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}
            listens = {**session, "accept": "text/event-stream"}
            async with http.stream("GET", "/mcp", headers=listens):
                for _ in range(215):
                    await http.post("/mcp", json=call("initialize", HELLO))
                pong = await http.post("/mcp", headers=session, json=call("ping", {}, 2))

    assert pong.status_code == 200


async def test_a_request_that_is_too_large_is_refused_and_the_largest_order_is_not() -> None:
    most = {**NEW, "lines": NEW["lines"] * 200}  # type: ignore[operator]
    with serving() as server:
        async with server.http() as http:
            large = await http.post("/mcp", headers=HEADERS, content=b'{"x": "' + b"a" * 2_000_000 + b'"}')
        async with server.client(ERAS[0]) as client:
            created = await client.call_tool(CREATE, most)

    assert large.status_code == 413
    assert outcome(created)["status"] == "done", text(created)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.20", "erp.example.com", "127.0.0.1.evil.example", ""])
def test_only_this_machine_is_served(host: str) -> None:
    shown = CliRunner().invoke(serve.command, ["--host", host])

    assert (shown.exit_code, shown.stdout) == (2, "")
    assert shown.stderr == (
        f"po-mcp: --host {host} is not possible: without sign-in (PO_MCP_ISSUER), only this computer may connect. "
        "Use 127.0.0.1 or ::1.\n"
    )


@pytest.mark.parametrize(
    ("address", "hosts"),
    [
        (Address("127.0.0.1", 8765), ("127.0.0.1:8765", "localhost:8765")),
        (Address("::1", 8765), ("[::1]:8765", "localhost:8765")),
        (Address("127.0.0.1", 80), ("127.0.0.1", "localhost")),
    ],
)
def test_the_hosts_that_are_ours_are_what_a_browser_sends(address: Address, hosts: tuple[str, str]) -> None:
    assert address.hosts == hosts
    assert address.origins == tuple(f"http://{host}" for host in hosts)


def test_a_port_that_is_taken_is_reported_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
        with start("--port", str(port)) as process:
            _, errors = process.communicate(timeout=60)

    assert process.returncode == 2
    said = f"port {port} is in use. Choose another with --port, or 0 for a free one."
    assert errors == f"po-mcp: {said}\n"


def test_a_wrong_setting_stops_the_start_with_one_line() -> None:
    with start(PO_MCP_APPROVER_PIN="123") as process:
        _, errors = process.communicate(timeout=60)

    assert process.returncode == 2
    assert errors == "po-mcp: PO_MCP_APPROVER_PIN must have at least 6 characters\n"


# How it ends


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_ends_it_while_a_person_is_asked_and_clients_are_connected(
    harness: ServerHarness, signum: signal.Signals
) -> None:
    set_pin(harness.journal, PIN)
    with hangups(), serving(**settings_of(harness)) as server:
        async with server.http() as http:
            hello = await http.post("/mcp", json=call("initialize", HELLO))
            session = {"mcp-session-id": hello.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}
            await http.post("/mcp", headers=session, json={"jsonrpc": "2.0", "method": "notifications/initialized"})
            asks = call("tools/call", {"name": DELETE, "arguments": {"number": "PO-2025-0038"}}, 2)
            async with (
                http.stream("GET", "/mcp", headers={**session, "accept": "text/event-stream"}) as listening,
                http.stream("POST", "/mcp", headers=session, json=asks) as answer,
            ):
                asked = await first_message(answer)
                with socket.create_connection(("127.0.0.1", int(server.origin.rpartition(":")[2]))):
                    begun = time.monotonic()
                    ended = await server.end(signum)
                    seconds = time.monotonic() - begun

    assert (listening.status_code, asked["method"]) == (200, "elicitation/create")
    assert ended == (0, "")
    assert seconds < 20
    assert harness.order("PO-2025-0038") is not None


async def first_message(answer: httpx2.Response) -> dict[str, Any]:
    async for row in answer.aiter_lines():
        if row.startswith("data: {"):
            message: dict[str, Any] = json.loads(row.removeprefix("data: "))
            return message
    raise AssertionError("the stream ended without a message")


@pytest.mark.parametrize(
    ("era", "signum"), [(ERAS[0], signal.SIGINT), (ERAS[1], signal.SIGTERM), (ERAS[1], signal.SIGHUP)]
)
async def test_a_write_under_way_has_its_outcome_before_a_signal_ends_it(
    harness: ServerHarness, era: str, signum: signal.Signals
) -> None:
    async with slow_erp(harness.book) as erp:
        with hangups(), serving(PO_MCP_JOURNAL=str(harness.journal), **erp.settings) as server:
            async with server.http() as http, anyio.create_task_group() as tasks:
                tasks.start_soon(send_a_write, http, era)
                with anyio.fail_after(60):
                    await erp.has_written.wait()
                server.process.send_signal(signum)
                await anyio.sleep(0.5)
                server.process.send_signal(signum)  # a second time, as a person who is impatient would
                await anyio.sleep(0.5)
                running = server.process.poll()
                erp.may_answer.set()
                _, errors = await anyio.to_thread.run_sync(lambda: server.process.communicate(timeout=60))
                status = server.process.returncode
    with closing(sqlite3.connect(harness.journal)) as journal:
        states = journal.execute("SELECT state FROM write_operations").fetchall()

    assert running is None
    assert (status, errors) == (0, "")
    assert states == [("DONE",)]


async def send_a_write(http: httpx2.AsyncClient, era: str) -> None:
    """Create an order; the answer may be cut off, and what counts is what is recorded."""
    if era == ERAS[0]:
        answer = await http.post("/mcp", **modern(CREATE, NEW))
        assert answer.status_code == 503
        assert "get_operation" in answer.text
        return
    hello = await http.post("/mcp", json=call("initialize", HELLO))
    session = {"mcp-session-id": hello.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}
    await http.post("/mcp", headers=session, json={"jsonrpc": "2.0", "method": "notifications/initialized"})
    try:
        await http.post("/mcp", headers=session, json=call("tools/call", {"name": CREATE, "arguments": NEW}, 2))
    except httpx2.TransportError:
        return
