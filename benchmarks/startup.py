"""Time from spawn to the first answered tools/list, against a bare one-tool server on the same SDK.

    python benchmarks/startup.py [rounds]

Both servers are spawned in turn, and the ratio is taken pair by pair, because machines are noisy.
The bare server is measured as its author would write it, with MCPServer and stdio. Both have their
bytecode, as installed programs do: a first round of each, which does not count, writes it.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BARE = '''
from mcp.server import MCPServer
server = MCPServer("bare")
@server.tool()
async def get_purchase_order(number: str) -> str:
    """Get one purchase order."""
    return number
server.run()
'''
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "benchmark", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
REQUEST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": META}}


def first_list(command: list[str], environment: dict[str, str]) -> float:
    """Seconds from spawn to the answer of the first tools/list."""
    begun = time.perf_counter()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps(REQUEST).encode() + b"\n")
        server.stdin.flush()
        answer = json.loads(server.stdout.readline())
        seconds = time.perf_counter() - begun
        server.stdin.close()
    assert answer["result"]["tools"], answer
    return seconds


def measure(rounds: int) -> tuple[float, float, float]:
    """Return the median seconds of po-mcp and of the bare server, and the median of their ratios."""
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder) / "bare.py"
        bare.write_text(BARE)
        environment = {**os.environ, "PO_MCP_SANDBOX": ":memory:"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        ours = [sys.executable, "-m", "po_mcp"]
        theirs = [sys.executable, str(bare)]
        for command in (ours, theirs):
            first_list(command, environment)
        pairs = [(first_list(ours, environment), first_list(theirs, environment)) for _ in range(rounds)]
    ratio = statistics.median(a / b for a, b in pairs)
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs), ratio


if __name__ == "__main__":
    count = int(sys.argv[1]) if sys.argv[1:] else 11
    own, other, quotient = measure(count)
    print(f"{count} pairs: po-mcp {own:.3f} s, bare server {other:.3f} s, ratio {quotient:.3f} (medians)")
