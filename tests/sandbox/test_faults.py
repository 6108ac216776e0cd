"""Every fault, over real sockets: what a plain client sees, and whether the ERP applied it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest

from po_mcp.sandbox.faults import FAULTS, Relay, parse_fault
from tests.sandbox.sandbox_server import PARTIAL, SandboxServer, finalize, serve_sandbox

STATUSES = (401, 403, 404, 408, 409, 429, 500, 502, 503)
BODIES = (
    "garbled-2xx",
    "truncated-json-2xx",
    "html-2xx",
    "empty-2xx",
    "wrong-order",
    "unknown-status",
    "nulls",
    "extra-fields",
    "long-number",
    "nan",
    "duplicate-keys",
    "deep-nesting",
    "gzip-bomb",
    "bom",
    "stale",
)
SEEN = {
    "refused": ("ConnectError", False),
    "reset-before-read": ("ReadError", False),
    "reset-after-read": ("ReadError", False),
    "hang": ("ReadTimeout", False),
    "late-apply": ("ReadError", True),
    "late-apply-hang": ("ReadTimeout", True),
    "lost-answer": ("ReadError", True),
    "lost-answer-fin": ("RemoteProtocolError", True),
    "lost-answer-hang": ("ReadTimeout", True),
    "half-headers": ("RemoteProtocolError", True),
    "half-body": ("RemoteProtocolError", True),
    "slow-drip": ("200", True),
    "endless": ("200 without end", True),
    "429-absurd": ("429", False),
    "429-date": ("429", False),
    "429-negative": ("429", False),
    "redirect": ("302", False),
    "redirect-307": ("307", False),
    **{f"{status}": (f"{status}", False) for status in STATUSES},
    **{f"{status}-applied": (f"{status}", True) for status in STATUSES},
    **dict.fromkeys(BODIES, ("200", True)),
}
"""Kind -> what the client of a write sees, and whether the order is finalized in the end."""
QUICK = {"late-apply": ":0.01", "late-apply-hang": ":0.01", "slow-drip": ":0.001"}


@pytest.fixture
async def erp() -> AsyncIterator[SandboxServer]:
    async with serve_sandbox() as erp:
        yield erp


def test_every_fault_is_tried_here_and_has_a_sentence() -> None:
    assert set(SEEN) == set(FAULTS)
    assert all(fault.kind == kind and fault.description.endswith(".") for kind, fault in FAULTS.items())


@pytest.mark.parametrize("kind", SEEN)
async def test_a_fault_has_its_documented_effect_on_client_and_order(erp: SandboxServer, kind: str) -> None:
    sees, applied = SEEN[kind]

    async with erp.open_relay(
        f"{kind}@1{QUICK.get(kind, '')}", patience=0.5 if sees == "ReadTimeout" else 60
    ) as opened:
        relay, client = opened
        seen = await finalize(client)
        await relay.wait_for_late_requests()
        async with asyncio.timeout(60):  # the client may give up before the relay has forwarded the request
            while applied and not erp.is_finalized:  # noqa: ASYNC110 - the book has no event
                await asyncio.sleep(0.01)

    assert (seen, erp.is_finalized) == (sees, applied)
    assert [exchange.forwarded for exchange in relay.exchanges] == ([] if kind == "refused" else [applied])


async def test_a_fault_applies_to_its_request_and_no_other(erp: SandboxServer) -> None:
    async with erp.open_relay("500@2", "503@3") as (relay, client):
        statuses = [(await client.get("/api/v1/Location")).status_code for _ in range(4)]

    assert statuses == [200, 500, 503, 200]
    assert [(exchange.n, exchange.fault, exchange.forwarded) for exchange in relay.exchanges] == [
        (1, "", True),
        (2, "500@2", False),
        (3, "503@3", False),
        (4, "", True),
    ]


async def test_a_fault_without_a_number_applies_to_every_request(erp: SandboxServer) -> None:
    async with erp.open_relay("502", "409@2") as (_, client):
        statuses = [(await client.get("/api/v1/Location")).status_code for _ in range(3)]

    assert statuses == [502, 409, 502]


async def test_a_fault_of_a_write_passes_over_reads_and_sign_ins(erp: SandboxServer) -> None:
    async with erp.open_relay("502@write2", "500@write", "503@5") as (relay, client):
        await client.get("/api/v1/Location")
        await client.post("/api/v1/Token", data={})
        writes = [await finalize(client) for _ in range(3)]

    assert writes == ["500", "502", "503"]
    assert [one.fault for one in relay.exchanges] == ["", "", "500@write", "502@write2", "503@5"]


async def test_the_plan_may_be_added_to_while_the_relay_runs(erp: SandboxServer) -> None:
    async with erp.open_relay() as (relay, client):
        before = (await client.get("/api/v1/Location")).status_code
        await relay.add(parse_fault(f"500@{relay.count + 1}"))
        after = (await client.get("/api/v1/Location")).status_code
        await relay.add(parse_fault(f"refused@{relay.count + 1}"))
        at_last = await finalize(client)

    assert (before, after, at_last) == (200, 500, "ConnectError")


async def test_the_relay_records_requests_and_answers(erp: SandboxServer) -> None:
    async with erp.open_relay() as (relay, client):
        await finalize(client)

    (exchange,) = relay.exchanges
    assert (exchange.method, exchange.target) == ("POST", "/api/v1/PurchaseOrder/Finalize")
    assert PARTIAL.encode() in exchange.body
    assert (exchange.status, exchange.fault) == (200, "")


async def test_a_connection_carries_many_requests(erp: SandboxServer) -> None:
    async with erp.open_relay() as (relay, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
        request = b"GET /api/v1/Location HTTP/1.1\r\nHost: erp\r\n\r\n"
        writer.write(request * 2 + request.replace(b"erp\r\n", b"erp\r\nConnection: close\r\n"))
        answers = await reader.read()
        writer.close()

    assert answers.count(b"HTTP/1.1 401 Unauthorized") == 3
    assert len(relay.exchanges) == 3


async def test_a_body_in_chunks_reaches_the_erp_whole(erp: SandboxServer) -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b'{"poNumber": "PO-2025-0037",'
        yield b' "createBackorder": false}'

    async with erp.open_relay() as (_, client):
        answer = await client.post("/api/v1/PurchaseOrder/Finalize", content=parts())

    assert (answer.status_code, erp.is_finalized) == (200, True)


async def test_a_client_that_waits_for_100_continue_gets_the_status(erp: SandboxServer) -> None:
    async with erp.open_relay() as (relay, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
        writer.write(b"POST /x HTTP/1.1\r\nHost: erp\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        interim = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"{}")
        answer = await reader.readline()
        writer.close()

    assert interim.startswith(b"HTTP/1.1 100")
    assert answer.startswith(b"HTTP/1.1 404")


async def test_a_request_that_is_not_http_is_reset(erp: SandboxServer) -> None:
    async with erp.open_relay() as (relay, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
        writer.write(b"\x16\x03\x01 hello\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()


async def test_an_erp_that_is_gone_is_a_reset_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    async with Relay(port) as relay:
        reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: erp\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()


async def test_connections_are_refused_until_the_relay_listens_again(erp: SandboxServer) -> None:
    async with erp.open_relay("refused@2") as (relay, client):
        seen = [await finalize(client), await finalize(client), await finalize(client)]
        await relay.listen()
        again = (await client.get(f"/api/v1/PurchaseOrder/{PARTIAL}")).status_code

    assert seen == ["200", "ConnectError", "ConnectError"]
    assert again == 200
    assert [exchange.n for exchange in relay.exchanges] == [1, 3]


async def test_connections_are_refused_for_as_long_as_the_fault_says(erp: SandboxServer) -> None:
    async with erp.open_relay("refused@1:1") as (_, client), asyncio.timeout(60):
        seen = [await finalize(client)]
        while seen[-1] == "ConnectError":
            seen.append(await finalize(client))

    assert (seen[0], seen[-1]) == ("ConnectError", "200")


async def test_a_late_request_is_not_applied_before_its_time(erp: SandboxServer) -> None:
    async with erp.open_relay("late-apply@1:30") as (relay, client):
        seen = await finalize(client)
        assert (seen, relay.exchanges[0].forwarded) == ("ReadError", False)

    assert not erp.is_finalized


async def test_a_reset_before_the_read_waits_for_a_single_byte(erp: SandboxServer) -> None:
    async with erp.open_relay("reset-before-read@1") as (relay, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
        writer.write(b"P")
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()

    assert [(exchange.method, exchange.fault) for exchange in relay.exchanges] == [("", "reset-before-read@1")]


async def test_a_reset_after_the_read_follows_the_whole_request(erp: SandboxServer) -> None:
    async with erp.open_relay("reset-after-read@1") as (relay, client):
        await finalize(client)

    assert PARTIAL.encode() in relay.exchanges[0].body


async def test_consecutive_faults_are_applied_in_order(erp: SandboxServer) -> None:
    async with erp.open_relay("refused@1:0.02", "refused@2:0.02", "hang@3", patience=0.3) as (relay, client):
        seen = [await finalize(client)]
        while seen[-1] == "ConnectError":
            seen.append(await finalize(client))

    assert (seen[-1], relay.exchanges[0].n, erp.is_finalized) == ("ReadTimeout", 3, False)


async def test_a_drip_sends_single_bytes(erp: SandboxServer) -> None:
    async with erp.open_relay("slow-drip@1:0.02") as (relay, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
        writer.write(b"GET /api/v1/Location HTTP/1.1\r\nHost: erp\r\n\r\n")
        arrived = [await reader.read(100) for _ in range(8)]
        writer.close()

    assert arrived == [bytes([byte]) for byte in b"HTTP/1.1"]


async def test_leaving_the_relay_ends_a_client_that_hangs() -> None:
    arrived = asyncio.Event()
    async with Relay(9, [parse_fault("hang")], on_exchange=lambda _: arrived.set()) as relay:
        reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: erp\r\n\r\n")
        await arrived.wait()

    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()


async def test_a_redirect_names_a_port_that_is_never_called(erp: SandboxServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.settimeout(0)
        port = trap.getsockname()[1]
        async with erp.open_relay(f"redirect@1:{port}", f"redirect-307@2:{port}") as (_, client):
            answers = [await client.get("/api/v1/Location") for _ in range(2)]
        with pytest.raises(BlockingIOError):
            trap.accept()

    assert [answer.headers["Location"] for answer in answers] == [f"http://127.0.0.1:{port}/"] * 2
    assert [answer.status_code for answer in answers] == [302, 307]


@pytest.mark.parametrize(
    ("kind", "wait"), [("429", "1"), ("429-applied", "1"), ("429-absurd", "31536000"), ("429-negative", "-5")]
)
async def test_too_many_requests_says_how_long_to_wait(erp: SandboxServer, kind: str, wait: str) -> None:
    async with erp.open_relay(kind) as (_, client):
        assert (await client.get("/api/v1/Location")).headers["Retry-After"] == wait


async def test_too_many_requests_may_say_a_date(erp: SandboxServer) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    async with erp.open_relay("429-date") as (_, client):
        answer = await client.get("/api/v1/Location")

    date = parsedate_to_datetime(answer.headers["Retry-After"])
    assert before <= date - timedelta(seconds=2) <= datetime.now(UTC)
