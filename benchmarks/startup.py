"""From spawn to the first answered tools/list, in both eras, and the commands of a terminal.

Two programs are spawned in turn, and the ratio is taken pair by pair, because machines are noisy. All have their
bytecode, as installed programs do: a first round, which does not count, writes it.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import fastmcp
from benchmarks.processes import BARE, META, PO_MCP, python
from benchmarks.report import Row

INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "benchmark", "version": "1"},
}
ERAS: dict[str, list[dict[str, Any]]] = {
    "2026-07-28": [{"id": 1, "method": "tools/list", "params": {"_meta": META}}],
    "2025-11-25": [
        {"id": 0, "method": "initialize", "params": INITIALIZE},
        {"method": "notifications/initialized"},
        {"id": 1, "method": "tools/list"},
    ],
}
_RUN = """
import sys
from po_mcp.__main__ import main
sys.argv = ["po-mcp", *sys.argv[1:]]
try:
    main()
finally:
    print("\\n".join(sys.modules), file=sys.stderr)
"""
"""Runs a command, and names the modules that it has imported at its end."""
_IMPORT = """
import contextlib, importlib, sys
for name in sys.argv[1:]:
    with contextlib.suppress(ImportError):
        importlib.import_module(name)
"""


def measure(rounds: int) -> Iterator[Row]:
    """Yield the start of a server beside a bare one, and the commands beside their imports."""
    settings = {"PO_MCP_SANDBOX": ":memory:"}
    for era, messages in ERAS.items():
        ours, bare, ratio = _in_turn(
            partial(first_list, PO_MCP, messages, settings),
            partial(first_list, python(BARE), messages, settings),
            rounds,
        )
        yield Row(f"start to tools/list, {era}", ours, "s", bare, "bare one-tool server", ratio, 1.05)
    yield from _commands(rounds)


def measure_beside_fastmcp(interpreter: str, rounds: int) -> Row:
    """Return the start of a server beside that of FastMCP, which this interpreter has."""
    messages, settings = ERAS["2025-11-25"], {"PO_MCP_SANDBOX": ":memory:"}
    ours, other, ratio = _in_turn(
        partial(first_list, PO_MCP, messages, settings),
        partial(first_list, [interpreter, "-c", fastmcp.SERVER], messages, settings),
        rounds,
    )
    against = f"FastMCP {fastmcp.read_version(interpreter)}"
    return Row("start to tools/list, beside FastMCP", ours, "s", other, against, ratio, 0.6)


def first_list(command: list[str], messages: list[dict[str, Any]], settings: Mapping[str, str]) -> float:
    """Return the seconds from spawn to the answer of the first tools/list."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    pipe, begun = subprocess.PIPE, time.perf_counter()
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env={**environment, **settings}
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        for message in messages:
            server.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        server.stdin.flush()
        answer: dict[str, Any] = {}
        while answer.get("id") != 1:
            answer = json.loads(server.stdout.readline())
        seconds = time.perf_counter() - begun
        server.stdin.close()
    assert answer["result"]["tools"], answer
    return seconds


def _commands(rounds: int) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        places = {"SANDBOX": "book.db", "JOURNAL": "journal.db"}
        settings = {"HOME": folder, **{f"PO_MCP_{name}": str(Path(folder) / file) for name, file in places.items()}}
        commands = {
            "call": ["call", "get_purchase_order", "number=PO-2025-0042"],
            "journal list": ["journal", "list"],
            "doctor": ["doctor"],
        }
        for name, arguments in commands.items():
            imports = _find_imports(arguments, settings)
            ours, bare, ratio = _in_turn(
                partial(_seconds, [*PO_MCP, *arguments], settings),
                partial(_seconds, python(_IMPORT, *imports), settings),
                rounds,
            )
            yield Row(f"po-mcp {name}", ours, "s", bare, f"its {len(imports)} imports alone", ratio, 1.3)


def _find_imports(arguments: list[str], settings: Mapping[str, str]) -> list[str]:
    """Return the names of the modules that a command has imported at its end, in its order."""
    names = _run(python(_RUN, *arguments), settings).splitlines()
    return [name for name in names if re.fullmatch(r"[a-z]\w*(\.\w+)*", name)]


def _seconds(command: list[str], settings: Mapping[str, str]) -> float:
    begun = time.perf_counter()
    _run(command, settings)
    return time.perf_counter() - begun


def _run(command: list[str], settings: Mapping[str, str]) -> str:
    """Run a program to its end, and return what it wrote to stderr."""
    done = subprocess.run(command, env={**os.environ, **settings}, capture_output=True, check=True, text=True)
    return done.stderr


def _in_turn(ours: Callable[[], float], other: Callable[[], float], rounds: int) -> tuple[float, float, float]:
    """Return the medians of both and of their ratios; a first round writes bytecode and does not count."""
    ours(), other()
    pairs = [(ours(), other()) for _ in range(rounds)]
    return (
        statistics.median(own for own, _ in pairs),
        statistics.median(its for _, its in pairs),
        statistics.median(own / its for own, its in pairs),
    )
