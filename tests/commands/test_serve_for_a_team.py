"""`po-mcp serve` behind a balancer: where it listens, what it answers a balancer, how it hands over."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import anyio
import httpx2
import pytest
from click.testing import CliRunner

from po_mcp.commands import serve
from po_mcp.errors import Unreachable
from po_mcp.transports.health import FRESH_S, Health
from po_mcp.writes.journal import Journal, JournalStore
from tests.commands.slow_erp import slow_erp
from tests.commands.test_serve import (
    BEGINS,
    CREATE,
    HEADERS,
    HELLO,
    NEW,
    Serving,
    call,
    modern,
    read_greeting,
    serving,
    settings_of,
    start,
)
from tests.harness import ServerHarness
from tests.sign_in.issuer import issuing

WITHOUT_EXTRA = """
import sys
sys.modules |= {"httptools": None, "uvloop": None}
from po_mcp.cli import main
main()
"""
ISSUER = {
    "PO_MCP_ISSUER": "https://login.example.com",
    "PO_MCP_PUBLIC_URL": "https://po.example.com",
    "PO_MCP_KEYS": "0123456789abcdef" * 4,
}


# Where it listens


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "::1"])
def test_with_sign_in_any_address_is_served(host: str) -> None:
    with serving("--host", host, **ISSUER) as server:
        port = int(server.greeting.partition(", port ")[2].partition(")")[0])
        near = "::1" if ":" in host else "127.0.0.1"
        with socket.create_connection((near, port)) as connection:
            connection.sendall(b"GET /mcp HTTP/1.1\r\nhost: po.example.com\r\n\r\n")
            answer = connection.recv(4096)

    assert server.greeting == (
        f"po-mcp serves MCP at https://po.example.com/mcp (listening on {host}, port {port}).\n"
        "Sign-in: https://login.example.com\n"
        "Approval page: off. To turn it on, set PO_MCP_SIGN_IN_CLIENT_ID. "
        "An administrator decides with po-mcp approve.\n"
        "Ctrl-C stops it.\n"
    )
    assert answer.startswith(b"HTTP/1.1 401 ")


def test_a_name_is_no_address_to_listen_on() -> None:
    shown = CliRunner().invoke(serve.command, ["--host", "po.example.com"], env=ISSUER)

    assert shown.exit_code == 2
    assert shown.stderr == (
        "po-mcp: --host po.example.com must be an address of this computer, such as 0.0.0.0 or ::.\n"
    )


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"PO_MCP_PUBLIC_URL": "https://po.example.com"}, "PO_MCP_ISSUER is not set; PO_MCP_PUBLIC_URL needs it"),
        ({"PO_MCP_ISSUER": "https://login.example.com"}, "PO_MCP_PUBLIC_URL is not set; PO_MCP_ISSUER needs it"),
        ({"PO_MCP_AUDIENCE": "x"}, "PO_MCP_ISSUER is not set; PO_MCP_AUDIENCE needs it"),
        (ISSUER | {"PO_MCP_PUBLIC_URL": "http://po.example.com"}, "PO_MCP_PUBLIC_URL must start with https://"),
        (ISSUER | {"PO_MCP_PUBLIC_URL": "https://example.com/po"}, "PO_MCP_PUBLIC_URL must be an address without a pa"),
        (ISSUER | {"PO_MCP_ISSUER": "http://login.example.com"}, "PO_MCP_ISSUER must start with https://"),
        (ISSUER | {"PO_MCP_ISSUER": "https://a.example/?x=1"}, "PO_MCP_ISSUER must not contain a user name, query"),
        (
            {"PO_MCP_ISSUER": "https://login.example.com", "PO_MCP_PUBLIC_URL": "https://po.example.com"},
            "PO_MCP_KEYS is not set; --host 0.0.0.0 needs it.",
        ),
        ({"PO_MCP_JOURNAL": "postgresql://po@/po"}, "PO_MCP_KEYS is not set; a PO_MCP_JOURNAL in PostgreSQL needs it"),
        ({"PO_MCP_REPLICA": "r1.x"}, "PO_MCP_REPLICA must be a short name of letters, digits and hyphens"),
    ],
    ids=str,
)
def test_half_a_sign_in_stops_the_start(settings: dict[str, str], said: str) -> None:
    with start("--host", "0.0.0.0", **settings) as process:
        _, errors = process.communicate(timeout=60)

    assert process.returncode == 2
    assert errors.startswith(f"po-mcp: {said}")
    assert errors.count("\n") == 1


# What a balancer asks


async def test_a_balancer_gets_one_word_whatever_address_it_uses() -> None:
    with serving() as server:
        async with server.http() as http:
            there = {"host": "10.0.0.7:8765"}
            answers = [await http.get(path, headers=there) for path in ("/healthz", "/readyz")]
            head = await http.head("/healthz")
            post = await http.post("/readyz")

    assert [(one.status_code, one.text) for one in answers] == [(200, "ok"), (200, "ready")]
    assert (head.status_code, post.status_code) == (200, 405)


async def test_a_server_without_its_journal_or_erp_is_not_ready_and_does_not_say_why(tmp_path: Path) -> None:
    gone = {
        "PO_MCP_ERP": "inventory-pro",
        "PO_MCP_BASE_URL": "http://127.0.0.1:9",
        "PO_MCP_CLIENT_ID": "me",
        "PO_MCP_CLIENT_SECRET": "mine",
    }
    broken = tmp_path / "journal.db"
    broken.write_bytes(b"no database" * 100)
    answers = []
    for settings in (gone, {"PO_MCP_JOURNAL": str(broken)}):
        with serving(**{"PO_MCP_JOURNAL": str(tmp_path / "none.db"), **settings}) as server:
            async with server.http() as http:
                ready, live = await http.get("/readyz"), await http.get("/healthz")
            _, errors = await server.end()
        answers.append((ready.status_code, ready.text, live.status_code, "not ready: " in errors))

    assert answers == [(503, "unavailable", 200, True)] * 2


class CountingErp:
    """The one method of an ERP that readiness calls."""

    def __init__(self) -> None:
        self.probes = 0
        self.is_away = False

    async def probe(self) -> None:
        self.probes += 1
        if self.is_away:
            raise Unreachable("The ERP gave no answer.")


async def test_readiness_asks_the_erp_once_in_a_while_however_often_it_is_asked() -> None:
    erp, now = CountingErp(), [1000.0]
    health = Health(Journal(JournalStore()), erp, lambda: False, lambda: now[0])  # type: ignore[arg-type]
    transport = httpx2.ASGITransport(health.ready)
    async with httpx2.AsyncClient(transport=transport, base_url="http://here") as http:

        async def ask() -> None:
            await http.get("/readyz")

        async with anyio.create_task_group() as tasks:
            for _ in range(50):
                tasks.start_soon(ask)
        first = erp.probes
        erp.is_away = True
        meanwhile = await http.get("/readyz")
        now[0] += FRESH_S
        then = await http.get("/readyz")

    assert (first, erp.probes) == (1, 2)
    assert (meanwhile.text, then.text) == ("ready", "unavailable")


# Sessions by replica


async def test_the_id_of_a_session_begins_with_the_replicas_name(harness: ServerHarness) -> None:
    with (
        serving(PO_MCP_REPLICA="r1", **settings_of(harness)) as first,
        serving(PO_MCP_REPLICA="r2", **settings_of(harness)) as second,
    ):
        async with first.http() as one, second.http() as two:
            hello = await one.post("/mcp", json=call("initialize", HELLO))
            name = hello.headers["mcp-session-id"]
            session = {"mcp-session-id": name, "mcp-protocol-version": "2025-11-25"}
            here = await one.post("/mcp", headers=session, json=call("ping", {}))
            there = await two.post("/mcp", headers=session, json=call("ping", {}))
            bare = session | {"mcp-session-id": name.removeprefix("r1.")}
            elsewhere = await two.post("/mcp", headers=bare, json=call("ping", {}))
            stateless = await one.post("/mcp", **modern("list_purchase_orders", {}))

    assert re.fullmatch(r"r1\.[0-9a-f]{32}", name)
    assert [one.status_code for one in (here, there, elsewhere, stateless)] == [200, 404, 404, 200]
    assert "mcp-session-id" not in stateless.headers


# How it hands over


@contextmanager
def team_serving(issuer: str, **settings: str) -> Iterator[Serving]:
    with closing(socket.create_server(("127.0.0.1", 0))) as sock:
        port = sock.getsockname()[1]
    origin = f"http://127.0.0.1:{port}"
    given = {"PO_MCP_ISSUER": issuer, "PO_MCP_PUBLIC_URL": origin, **settings}
    with start("--port", str(port), **given) as process:
        try:
            yield Serving(process, read_greeting(process))
        finally:
            process.kill()


async def test_a_server_that_ends_answers_what_still_comes_and_ends_each_connection_with_it() -> None:
    async with issuing() as issuer:
        with team_serving(issuer.url) as server:
            token = issuer.sign(issuer.claims(f"{server.origin}/mcp"))
            async with server.http() as http:
                http.headers["authorization"] = f"Bearer {token}"
                await http.post("/mcp", **modern("list_purchase_orders", {}))
                server.process.send_signal(signal.SIGTERM)
                await knock_until_refused(server.origin)
                last = await http.get("/readyz")
            _, errors = await anyio.to_thread.run_sync(lambda: server.process.communicate(timeout=60))

    assert (last.text, last.status_code, last.headers["connection"]) == ("ending", 503, "close")
    assert (server.process.returncode, errors) == (0, "")


async def knock_until_refused(origin: str) -> None:
    """Connect again and again until nobody listens there any more."""
    with anyio.fail_after(30), contextlib.suppress(httpx2.TransportError):
        while True:
            async with httpx2.AsyncClient(base_url=origin, timeout=60, trust_env=False) as http:
                await http.get("/healthz")


async def create(http: httpx2.AsyncClient) -> None:
    """Create an order: it is answered within the handover, or the client learns to ask what came of it."""
    answer = await http.post("/mcp", **modern(CREATE, NEW))
    assert "done" in answer.text if answer.status_code == 200 else "get_operation" in answer.text


@pytest.mark.parametrize("program", [("-m", "po_mcp"), ("-c", WITHOUT_EXTRA)], ids=["with extra", "without"])
async def test_a_write_under_way_is_recorded_before_it_ends(harness: ServerHarness, program: tuple[str, ...]) -> None:
    async with slow_erp(harness.book) as erp, issuing() as issuer:
        with closing(socket.create_server(("127.0.0.1", 0))) as sock:
            port = sock.getsockname()[1]
        origin = f"http://127.0.0.1:{port}"
        team = {"PO_MCP_ISSUER": issuer.url, "PO_MCP_PUBLIC_URL": origin, "PO_MCP_JOURNAL": str(harness.journal)}
        bearer = {"authorization": f"Bearer {issuer.sign(issuer.claims(f'{origin}/mcp'))}"}
        with start("--port", str(port), program=program, **team, **erp.settings) as process:
            read_greeting(process)
            async with (
                httpx2.AsyncClient(base_url=origin, headers=HEADERS | bearer, timeout=60) as http,
                anyio.create_task_group() as tasks,
            ):
                tasks.start_soon(create, http)
                with anyio.fail_after(60):
                    await erp.has_written.wait()
                process.send_signal(signal.SIGTERM)
                await knock_until_refused(origin)
                running = process.poll()
                erp.may_answer.set()
                _, errors = await anyio.to_thread.run_sync(lambda: process.communicate(timeout=60))
    with closing(sqlite3.connect(harness.journal)) as journal:
        states = journal.execute("SELECT state FROM write_operations").fetchall()

    assert running is None
    assert (process.returncode, errors) == (0, "")
    assert states == [("DONE",)]


# Without the extra


@contextmanager
def serving_without_extra() -> Iterator[Serving]:
    with start("--port", "0", program=("-c", WITHOUT_EXTRA)) as process:
        try:
            yield Serving(process, read_greeting(process))
        finally:
            process.kill()


@pytest.mark.parametrize("begin", BEGINS.values(), ids=BEGINS)
async def test_silent_connections_shut_nobody_out_without_the_extra(begin: bytes) -> None:
    with serving_without_extra() as server, contextlib.ExitStack() as stack:
        port = int(server.origin.rpartition(":")[2])
        for _ in range(300):
            with contextlib.suppress(ConnectionError):
                stack.enter_context(socket.create_connection(("127.0.0.1", port))).sendall(begin)
        async with server.http() as http:
            answers = [await http.post("/mcp", json=call("initialize", HELLO)) for _ in range(3)]
            large = await http.post("/mcp", content=b'{"x": "' + b"a" * 2_000_000 + b'"}')

    assert [answer.status_code for answer in answers] == [200] * 3
    assert large.status_code == 413


ENDLESS = {
    "headers": b"x-padding: " + b"a" * 1000 + b"\r\n",
    "a path": b"a" * 1000,
    "trailers": b"x-trailer: " + b"a" * 1000 + b"\r\n",
    "a chunk's extension": b"a" * 1000,
}
OPENINGS = {
    "headers": b"POST /mcp HTTP/1.1\r\nhost: localhost\r\n",
    "a path": b"GET /",
    "trailers": b"POST /mcp HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n0\r\n",
    "a chunk's extension": b"POST /mcp HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n5;",
}


WITHOUT_LIMIT = """
from po_mcp.cli import main
from po_mcp.transports import connection_limits
connection_limits._MAX_HEAD_BYTES = connection_limits._MAX_ARRIVING_BYTES = 10**12
main()
"""
ENOUGH_BYTES = 16_000_000


@pytest.mark.parametrize("program", [("-m", "po_mcp"), ("-c", WITHOUT_EXTRA)], ids=["with extra", "without"])
@pytest.mark.parametrize("what", OPENINGS)
def test_a_request_without_end_is_cut_off_by_its_bytes(what: str, program: tuple[str, ...]) -> None:
    assert send_without_end(what, program) < ENOUGH_BYTES


@pytest.mark.parametrize("what", ["headers", "a path", "trailers"])
def test_a_request_without_end_goes_on_where_its_bytes_are_not_counted(what: str) -> None:
    assert send_without_end(what, ("-c", WITHOUT_LIMIT)) >= ENOUGH_BYTES


def send_without_end(what: str, program: tuple[str, ...]) -> int:
    """Send on and on; return the bytes that were taken before the connection was closed."""
    sent = 0
    with start("--port", "0", program=program) as process:
        try:
            port = int(Serving(process, read_greeting(process)).origin.rpartition(":")[2])
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", port), timeout=60) as connection,
            ):
                connection.sendall(OPENINGS[what])
                while sent < ENOUGH_BYTES:
                    connection.sendall(ENDLESS[what] * 64)
                    sent += len(ENDLESS[what]) * 64
        finally:
            process.kill()
    return sent
