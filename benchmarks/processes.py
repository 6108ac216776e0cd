"""Processes that are measured: po-mcp, bare servers on the same SDK, the ERP; and what they used."""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "benchmark", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
BARE = '''
from mcp.server import MCPServer
server = MCPServer("bare")
@server.tool()
async def get_purchase_order(number: str) -> str:
    """Get one purchase order."""
    return number
server.run()
'''
"""A server of one tool, as its author would write it."""
BARE_HTTP = '''
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
"""The same over HTTP, with the request to the ERP that po-mcp makes."""
CALLS_A_TURN = 100
PO_MCP = [sys.executable, "-m", "po_mcp"]


def python(code: str, *arguments: str) -> list[str]:
    """Return the command that runs this code."""
    return [sys.executable, "-c", code, *arguments]


class StdioServer:
    """A server over stdio, asked line by line."""

    def __init__(self, command: list[str], settings: Mapping[str, str]) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=settings)
        self._last_id = 0

    def ask(self, method: str, *, meta: Mapping[str, Any] = META, **params: Any) -> dict[str, Any]:
        """Return the result of a request."""
        self.send(method, meta=meta, **params)
        return self.receive()

    def send(self, method: str, *, meta: Mapping[str, Any] = META, **params: Any) -> None:
        """Send a request, and do not wait for its answer."""
        assert self.process.stdin is not None
        self._last_id += 1
        request = {"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": {**params, "_meta": meta}}
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()

    def receive(self) -> dict[str, Any]:
        """Return the result of the next answer; what the server says of its own accord is passed by."""
        assert self.process.stdout is not None
        answer: dict[str, Any] = {}
        while "id" not in answer:
            answer = json.loads(self.process.stdout.readline())
        result: dict[str, Any] = answer["result"]
        return result

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Return the result of a tool, which must be no error."""
        result = self.ask("tools/call", name=tool, arguments=arguments)
        assert not result.get("isError"), result
        return result


@contextmanager
def stdio_server(command: list[str], settings: Mapping[str, str]) -> Iterator[StdioServer]:
    """Run a server over stdio."""
    server = StdioServer(command, {**os.environ, **settings})
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait()


@contextmanager
def listening(command: list[str], port: int, settings: Mapping[str, str] | None = None) -> Iterator[int]:
    """Run a program that listens at a port, and yield its process id."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, env={**os.environ, **(settings or {})}, stdout=quiet, stderr=quiet)
    try:
        wait_for_port(port)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


@contextmanager
def erp(delay_ms: float = 1.0, orders: int = 28, items: int = 30) -> Iterator[int]:
    """Run the ERP, and yield its port."""
    port = find_free_port()
    command = [sys.executable, "-m", "benchmarks.erp", str(port), str(delay_ms), str(orders), str(items)]
    with listening(command, port):
        yield port


@contextmanager
def settings_for(port: int) -> Iterator[dict[str, str]]:
    """Yield the settings that lead po-mcp to the ERP, with a journal and a data folder of their own."""
    with tempfile.TemporaryDirectory() as folder:
        yield {
            "HOME": folder,
            "XDG_DATA_HOME": folder,
            "XDG_CACHE_HOME": folder,
            "PO_MCP_ERP": "inventory-pro",
            "PO_MCP_BASE_URL": f"http://127.0.0.1:{port}",
            "PO_MCP_CLIENT_ID": "c",
            "PO_MCP_CLIENT_SECRET": "s",
            "PO_MCP_JOURNAL": str(Path(folder) / "journal.db"),
        }


def find_free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port


def wait_for_port(port: int) -> None:
    """Wait until somebody listens there."""
    for _ in range(1200):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"nobody listens at port {port}")


def median_ms(call: Callable[[], object], times: int = CALLS_A_TURN) -> float:
    """Return the median milliseconds of a call."""
    found = []
    for _ in range(times):
        begun = time.perf_counter()
        call()
        found.append(1000 * (time.perf_counter() - begun))
    return statistics.median(found)


def resident_mb(process: int) -> float:
    """Return the resident memory of a process (Linux)."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
