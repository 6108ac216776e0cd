"""A terminal that is closed while a command sends: what came of it is recorded, though nobody reads it there."""

from __future__ import annotations

import os
import pty
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing

import anyio
import pytest

from tests.commands.pseudo_terminal import read_screen
from tests.commands.slow_erp import SlowErp, slow_erp
from tests.harness import ServerHarness
from tests.stdio.test_process import environment, hangups

CREATE = [
    "create_purchase_order",
    "number=PO-2025-0050",
    "vendor=12",
    'lines=[{"item": "NUT-M8", "quantity": "3", "unit_price": "0.22", "warehouse": "1"}]',
]
INTACT = ("-m", "po_mcp")
DEAF = """
import signal
from po_mcp.cli import main
from po_mcp.commands import _interrupted

_interrupted.ending_signals = lambda: [signal.SIGINT, signal.SIGTERM]
signal.SIGHUP = signal.SIGUSR2  # is ignored in its place
main()
"""


async def states_after_hanging_up(
    harness: ServerHarness, erp: SlowErp, arguments: Sequence[str], answer: bytes, program: Sequence[str]
) -> list[str]:
    """Close the terminal of a command while the ERP keeps its answer back; return what the journal says then."""
    variables = environment(PO_MCP_JOURNAL=str(harness.journal), TERM="dumb", **erp.settings)
    with hangups():
        process, keyboard = pty.fork()
        if process == 0:
            os.execve(sys.executable, [sys.executable, *program, *arguments], variables)
    with anyio.fail_after(60):
        screen = b""
        while answer and not screen.endswith(b": "):
            screen += await anyio.to_thread.run_sync(read_screen, keyboard)
        os.write(keyboard, answer)
        await erp.has_written.wait()
        os.close(keyboard)
        await anyio.sleep(0.2)
        os.kill(process, signal.SIGHUP)  # the shell sends it to its jobs, too
        await anyio.sleep(0.5)
        erp.may_answer.set()
        await anyio.to_thread.run_sync(os.waitpid, process, 0)
    with closing(sqlite3.connect(harness.journal)) as db:
        return [state for (state,) in db.execute("SELECT state FROM write_operations")]


async def call(harness: ServerHarness, program: Sequence[str]) -> list[str]:
    async with slow_erp(harness.book) as erp:
        return await states_after_hanging_up(harness, erp, ["call", *CREATE], b"", program)


async def approve(harness: ServerHarness, program: Sequence[str]) -> list[str]:
    async with slow_erp(harness.book) as erp:
        more = {"PO_MCP_JOURNAL": str(harness.journal), "PO_MCP_CREATE_APPROVAL_OVER": "0", **erp.settings}
        asked = [sys.executable, *INTACT, "call", *CREATE]
        await anyio.run_process(asked, env=environment(**more), stdin=subprocess.DEVNULL, check=False)
        return await states_after_hanging_up(harness, erp, ["approve", "PO-2025-0050"], b"yes\r", program)


Play = Callable[[ServerHarness, Sequence[str]], Awaitable[list[str]]]
both = pytest.mark.parametrize("play", [call, approve])


@both
async def test_a_write_is_recorded_though_the_terminal_of_its_command_was_closed(
    harness: ServerHarness, play: Play
) -> None:
    assert await play(harness, INTACT) == ["DONE"]


@both
async def test_a_command_that_did_not_hear_of_it_would_lose_the_outcome(harness: ServerHarness, play: Play) -> None:
    assert await play(harness, ("-c", DEAF)) == ["SENT"]
