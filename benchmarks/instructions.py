"""How many instructions a get over stdio takes, and its reference: counts that nothing else on the machine disturbs.

    python -m benchmarks.instructions

Needs valgrind. Each program runs twice, with more calls the second time, so that its start cancels out.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.processes import BARE, PO_MCP, StdioServer, erp, python, settings_for
from benchmarks.reads import NUMBER
from tests.homes import nobodys_home

FEW, MANY = 40, 140
"""Calls of the two runs."""
_REQUESTS = """
import asyncio, sys, httpx2
async def ask(port, times, number):
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}/api/v1") as http:
        for _ in range(int(times)):
            await http.get(f"/PurchaseOrder/{number}", headers={"Authorization": "Bearer t"})
asyncio.run(ask(*sys.argv[1:]))
"""


def main() -> None:
    """Print the millions of instructions of a call."""
    with erp() as port, settings_for(port) as settings:
        own = (_count_calls(PO_MCP, settings, MANY) - _count_calls(PO_MCP, settings, FEW)) / (MANY - FEW)
        bare = python(BARE)
        echo = (_count_calls(bare, {}, MANY) - _count_calls(bare, {}, FEW)) / (MANY - FEW)
        request = (_count_requests(port, MANY) - _count_requests(port, FEW)) / (MANY - FEW)
    print(
        f"get over stdio {own / 1e6:.2f} million; a bare echo {echo / 1e6:.2f}, the request by httpx2 "
        f"{request / 1e6:.2f}: {own / (echo + request):.2f} of their sum"
    )


def _count_calls(command: list[str], settings: Mapping[str, str], calls: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        counts = Path(folder) / "counts"
        server = StdioServer([*_counted(counts), *command], {**os.environ, **settings, "PYTHONHASHSEED": "0"})
        for _ in range(calls):
            server.call("get_purchase_order", number=NUMBER)
        server.process.communicate()
        return _read(counts)


def _count_requests(port: int, times: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        counts = Path(folder) / "counts"
        command = [*_counted(counts), *python(_REQUESTS, str(port), str(times), NUMBER)]
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL, env=environment)
        return _read(counts)


def _counted(counts: Path) -> list[str]:
    return ["valgrind", "--tool=cachegrind", "--cache-sim=no", f"--cachegrind-out-file={counts}"]


def _read(counts: Path) -> int:
    found = re.search(r"^summary: ([\d,]+)", counts.read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1].replace(",", ""))


if __name__ == "__main__":
    with nobodys_home():
        main()
