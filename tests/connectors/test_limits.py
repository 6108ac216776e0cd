"""What a hostile ERP can cost: memory, measured in a process of its own, and time."""

from __future__ import annotations

import asyncio
import gzip
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
import pytest

from po_mcp.connectors.http import response_body
from po_mcp.errors import ERPError, OutcomeUnknown, Unreachable
from tests.connectors.calls import LIST, READS, TIMEOUT_S, Read, Write, every_read, every_write
from tests.connectors.raw_peer import Deadlines, Reply, control_deadlines, raw_peer, reply

MEGABYTE = 1024 * 1024
MAY_GROW = response_body.MAX_BODY_BYTES + 16 * MEGABYTE

CLIENT = """
import asyncio, resource, sys
from po_mcp.connectors.inventory_pro import InventoryPro
from po_mcp.errors import BadAnswer
from po_mcp.orders import OrderQuery

def peak():
    if sys.platform == "linux":  # ru_maxrss would begin at the peak of the process that started this one
        lines = open("/proc/self/status").read().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

async def main():
    erp = InventoryPro(sys.argv[1], "client", "secret", timeout=30)
    await erp.scan_orders(OrderQuery())
    before = peak()
    try:
        await erp.scan_orders(OrderQuery())
    except BadAnswer:
        print(peak() - before)
    await erp.aclose()

asyncio.run(main())
"""


def head(*fields: str) -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", *fields, "", ""]).encode()


HOSTILE = {
    "a bomb of 300 MB": reply(200, None, "Content-Encoding: gzip", raw=gzip.compress(b"\0" * 300_000_000)),
    "a bomb that says it is endless": Reply(
        head("Content-Encoding: gzip", "Content-Length: 999999999999") + gzip.compress(b"[" * 300_000_000)
    ),
    "a plain body of 64 MB": reply(200, None, raw=b" " * (64 * MEGABYTE)),
    "nothing but brackets": reply(200, None, raw=b"[" * response_body.MAX_BODY_BYTES),
    "nothing but empty lists": reply(200, None, raw=b"[" + b"[]," * (response_body.MAX_BODY_BYTES // 3 - 1) + b"[]]"),
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
async def test_no_answer_costs_more_memory_than_the_limit_and_a_little(hostile: Reply) -> None:
    async with raw_peer(reply(200, LIST), hostile) as peer:
        client = await anyio.run_process([sys.executable, "-c", CLIENT, peer.url])

    grown = int(client.stdout)
    print(f"peak memory grew by {grown / MEGABYTE:.1f} MB")  # noqa: T201
    assert grown <= MAY_GROW, f"the peak grew by {grown / MEGABYTE:.1f} MB of {MAY_GROW / MEGABYTE:.0f} MB"


@dataclass
class Dripping:
    """A peer that answers byte by byte; `drops` counts the bytes of the bodies."""

    deadlines: Deadlines
    url: str = ""
    drops: int = 0


@asynccontextmanager
async def dripping(most: int | None = None) -> AsyncIterator[Dripping]:
    """Answer requests for a token at once, and every other one byte by byte, at most `most` bytes.

    The deadline of the client passes after the third byte.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            if b"oken " in request.split(b"\r\n", 1)[0]:
                writer.write(reply(200, {"access_token": "token-1", "expires_in": 3600}, "Connection: close").raw)
                return
            writer.write(head("Content-Type: application/json"))
            while not writer.is_closing() and peer.drops != most:
                writer.write(b" ")
                await writer.drain()
                peer.drops += 1
                if peer.drops == 3:
                    peer.deadlines.expire()
                await asyncio.sleep(0.01)
        except ConnectionError:
            pass
        finally:
            writer.close()

    with control_deadlines() as deadlines:
        peer = Dripping(deadlines)
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        peer.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield peer
        finally:
            server.close()
            await server.wait_closed()


@every_read
async def test_a_slow_drip_ends_a_read_at_its_deadline(read: Read) -> None:
    async with dripping() as peer:
        await fail(read, peer.url, Unreachable)

    assert peer.deadlines.timeouts == [TIMEOUT_S] * 2  # of the read, and of the sign-in inside it


@every_write
async def test_a_slow_drip_ends_a_write_at_its_deadline_and_in_doubt(write: Write) -> None:
    async with dripping() as peer:
        await fail(write, peer.url, OutcomeUnknown)

    assert peer.deadlines.timeouts == [TIMEOUT_S] * 2  # of the sign-in and of the write


async def test_the_deadline_of_a_read_covers_its_sign_in() -> None:
    async with raw_peer(Reply(after="hang")) as peer:
        peer.gives_tokens = False
        await fail(READS["inventory-pro list"], peer.url, Unreachable)

    assert len(peer.requests) == 1
    assert peer.deadlines.timeouts[0] == TIMEOUT_S


async def fail(call: Read, url: str, error: type[ERPError]) -> None:
    connect, act = call
    erp = connect(url)
    with pytest.raises(error):
        await act(erp)
    await erp.aclose()
