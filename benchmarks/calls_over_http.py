"""How many get_purchase_order calls a second `po-mcp serve` answers, against a bare tool that makes the same request.

    python benchmarks/calls_over_http.py [CALLERS [TURNS]]

An ERP in a process of its own answers every request after a millisecond with one recorded order. Both servers are asked
in turn, a second each, by the same callers, and the ratio is taken turn by turn, because machines are noisy. The
processor time of each server per call, read from /proc on Linux, hardly depends on what else the machine does.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx2

NUMBER = "PO-2025-0042"
ERP = """
import asyncio, json, sys
ORDER = json.loads(sys.argv[2])
TOKEN = {"access_token": "t", "token_type": "bearer", "expires_in": 86400}
async def serve(reader, writer):
    try:
        while True:
            head = (await reader.readuntil(b"\\r\\n\\r\\n")).decode("latin-1")
            length = [line for line in head.split("\\r\\n") if line.lower().startswith("content-length:")]
            await reader.readexactly(int(length[0].split(":")[1]) if length else 0)
            await asyncio.sleep(0.001)
            body = json.dumps(TOKEN if "oken" in head.split(" ")[1] else ORDER).encode()
            kind = b"Content-Type: application/json\\r\\n"
            writer.write(b"HTTP/1.1 200 OK\\r\\n" + kind + b"Content-Length: %d\\r\\n\\r\\n" % len(body) + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()
asyncio.run(main())
"""
BARE = '''
import sys
import httpx2
from mcp.server import MCPServer
server = MCPServer("bare")
http = httpx2.AsyncClient(base_url=f"http://127.0.0.1:{sys.argv[2]}")
@server.tool()
async def get_purchase_order(number: str) -> dict:
    """Get one purchase order."""
    return (await http.get(f"/api/v1/PurchaseOrder/{number}", headers={"Authorization": "Bearer t"})).json()
server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
'''
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "benchmark", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
CALL = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {"name": "get_purchase_order", "arguments": {"number": NUMBER}, "_meta": META},
}
HEADERS = {
    "Accept": "application/json, text/event-stream",
    "MCP-Protocol-Version": "2026-07-28",
    "MCP-Method": "tools/call",
    "MCP-Name": "get_purchase_order",
}
TURN_S = 1.0


async def read_recorded_order() -> dict[str, object]:
    """Return the order as the sandbox answers it."""
    from po_mcp.sandbox import Book, create_app

    transport = httpx2.ASGITransport(create_app(Book.open(":memory:"), client_id="c", client_secret="s"))
    async with httpx2.AsyncClient(transport=transport, base_url="http://erp") as http:
        sign_in = {"grant_type": "client_credentials", "client_id": "c", "client_secret": "s"}
        token = (await http.post("/api/v1/Token", data=sign_in)).json()
        head = {"Authorization": f"Bearer {token['access_token']}"}
        answer = await http.get(f"/api/v1/PurchaseOrder/{NUMBER}", headers=head)
    order: dict[str, object] = answer.json()
    return order


def wait_for_port(port: int) -> None:
    """Wait until somebody listens there."""
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"nobody listens at port {port}")


async def count_calls(url: str, callers: int) -> tuple[int, float]:
    """Return how many calls the callers have answered within one turn, and its seconds."""
    done = 0
    limits = httpx2.Limits(max_connections=callers, max_keepalive_connections=callers)
    async with httpx2.AsyncClient(limits=limits, timeout=30) as http:
        end = time.perf_counter() + TURN_S

        async def call_until_the_end() -> None:
            nonlocal done
            while time.perf_counter() < end:
                answer = await http.post(url, json=CALL, headers=HEADERS)
                assert NUMBER in answer.text, answer.text
                done += 1

        begun = time.perf_counter()
        await asyncio.gather(*(call_until_the_end() for _ in range(callers)))
        return done, time.perf_counter() - begun


@dataclass(frozen=True)
class Turn:
    """One turn of one server: calls a second, and milliseconds of processor time per call."""

    per_second: float
    milliseconds: float


def take_turn(port: int, process: int, callers: int) -> Turn:
    """Let the callers ask one server for a turn."""
    before = read_processor_seconds(process)
    calls, seconds = asyncio.run(count_calls(f"http://127.0.0.1:{port}/mcp", callers))
    spent = read_processor_seconds(process) - before
    return Turn(calls / seconds, 1000 * spent / calls)


def read_processor_seconds(process: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(callers: int, turns: int) -> list[tuple[Turn, Turn]]:
    """Return the turns of po-mcp and of the bare server, pair by pair."""
    order = json.dumps(asyncio.run(read_recorded_order()))
    erp, ours, bare = (_find_free_port() for _ in range(3))
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        settings = {
            "PO_MCP_ERP": "inventory-pro",
            "PO_MCP_BASE_URL": f"http://127.0.0.1:{erp}",
            "PO_MCP_CLIENT_ID": "c",
            "PO_MCP_CLIENT_SECRET": "s",
            "PO_MCP_JOURNAL": str(Path(folder) / "journal.db"),
        }
        commands = {
            erp: [sys.executable, "-c", ERP, str(erp), order],
            ours: [sys.executable, "-m", "po_mcp", "serve", "--port", str(ours)],
            bare: [sys.executable, "-c", BARE, str(bare), str(erp)],
        }
        output = stack.enter_context(Path(folder, "output").open("wb"))
        ids = {}
        for port, command in commands.items():
            process = subprocess.Popen(command, env={**os.environ, **settings}, stdout=output, stderr=output)
            stack.callback(_stop, process)
            ids[port] = process.pid
            wait_for_port(port)
        for port in (ours, bare):
            take_turn(port, ids[port], callers)
        return [(take_turn(ours, ids[ours], callers), take_turn(bare, ids[bare], callers)) for _ in range(turns)]


def _find_free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait()


if __name__ == "__main__":
    count = int(sys.argv[1]) if sys.argv[1:] else 16
    rounds = int(sys.argv[2]) if sys.argv[2:] else 7
    pairs = measure(count, rounds)
    for what, unit in (("per_second", "calls/s"), ("milliseconds", "ms of processor time per call")):
        own, other = ([getattr(turn, what) for turn in turns] for turns in zip(*pairs, strict=True))
        quotient = statistics.median(a / b for a, b in zip(own, other, strict=True))
        figures = f"po-mcp {statistics.median(own):.1f}, bare tool {statistics.median(other):.1f}, ratio {quotient:.2f}"
        print(f"{count} callers, {rounds} turns: {figures} {unit} (medians)")
