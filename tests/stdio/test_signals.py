"""Signals while a write is under way: the process stays until what came of it is recorded."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest

from tests.commands.slow_erp import slow_erp
from tests.commands.test_serve import CREATE, NEW
from tests.stdio.test_process import MODERN_META, RawClient, hangups, server

IMPATIENT = [signal.SIGINT, signal.SIGINT]
A_HOST = [signal.SIGTERM, signal.SIGTERM]
A_CLOSED_TERMINAL = [signal.SIGHUP, signal.SIGHUP]
BOTH = [signal.SIGINT, signal.SIGTERM, signal.SIGINT, signal.SIGTERM]

SECOND_SIGNAL_IS_NOT_RECEIVED = """
import signal

import anyio

from po_mcp.cli import main
from po_mcp.transports import signals

async def receive_once(end, *, task_status):
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as received:
        task_status.started()
        async for _ in received:
            await end()
            return

signals._receive = receive_once
main()
"""
HANGUP_IS_NOT_RECEIVED = """
import signal

from po_mcp.cli import main
from po_mcp.transports import signals

signals.ending_signals = lambda: [signal.SIGINT, signal.SIGTERM]
main()
"""
INTACT, MUTATED = ("-m", "po_mcp"), ("-c", SECOND_SIGNAL_IS_NOT_RECEIVED)


@dataclass
class End:
    """How the process ended: whether it was there after the last signal, what it left, and what the journal says."""

    was_waiting: bool
    status: int
    errors: str
    states: list[tuple[str]]


async def end_by(
    tmp_path: Path,
    signals: Sequence[signal.Signals],
    *,
    program: Sequence[str] = INTACT,
    is_answered: bool = True,
    **settings: str,
) -> End:
    """Send the signals while the ERP, which has done the write, keeps its answer back."""
    journal = tmp_path / "journal.db"
    async with slow_erp(tmp_path / "book.db") as erp:
        with hangups(), server(program=program, PO_MCP_JOURNAL=str(journal), **erp.settings, **settings) as client:
            params = {"name": CREATE, "arguments": NEW, "_meta": MODERN_META}
            client.send({"id": 1, "method": "tools/call", "params": params})
            with anyio.fail_after(60):
                await erp.has_written.wait()
            for signum in signals:
                client.process.send_signal(signum)
                await anyio.sleep(0.3)
            was_waiting = client.process.poll() is None
            if is_answered:
                erp.may_answer.set()
            status, errors = await anyio.to_thread.run_sync(_wait_for, client)
            erp.may_answer.set()
    with closing(sqlite3.connect(journal)) as db:
        return End(was_waiting, status, errors, db.execute("SELECT state FROM write_operations").fetchall())


def _wait_for(client: RawClient) -> tuple[int, str]:
    """Wait for a process whose stdin stays open, as a host leaves it."""
    status = client.process.wait(timeout=60)
    assert client.process.stderr is not None
    return status, client.process.stderr.read().decode()


@pytest.mark.parametrize(
    "signals", [IMPATIENT, A_HOST, A_CLOSED_TERMINAL, BOTH], ids=["SIGINT", "SIGTERM", "SIGHUP", "both"]
)
async def test_further_signals_do_not_end_it_before_the_outcome_of_a_write_is_recorded(
    tmp_path: Path, signals: list[signal.Signals]
) -> None:
    assert await end_by(tmp_path, signals) == End(True, 0, "", [("DONE",)])


async def test_an_answer_that_never_comes_is_looked_for_in_the_erp_before_it_ends(tmp_path: Path) -> None:
    assert await end_by(tmp_path, BOTH, is_answered=False, PO_MCP_TIMEOUT="3") == End(True, 0, "", [("DONE",)])


@pytest.mark.parametrize("signals", [IMPATIENT, A_HOST], ids=["SIGINT", "SIGTERM"])
async def test_if_only_the_first_signal_were_received_the_second_would_lose_the_outcome(
    tmp_path: Path, signals: list[signal.Signals]
) -> None:
    end = await end_by(tmp_path, signals, program=MUTATED)

    assert (end.was_waiting, end.states) == (False, [("SENT",)])


async def test_if_a_hangup_were_not_received_it_would_lose_the_outcome(tmp_path: Path) -> None:
    end = await end_by(tmp_path, A_CLOSED_TERMINAL, program=("-c", HANGUP_IS_NOT_RECEIVED))

    assert (end.was_waiting, end.status, end.states) == (False, -signal.SIGHUP, [("SENT",)])


async def test_a_server_that_is_to_outlive_its_terminal_does() -> None:
    with hangups(signal.SIG_IGN), server(PO_MCP_SANDBOX=":memory:") as client:
        tools = client.request("tools/list", {"_meta": MODERN_META})
        client.process.send_signal(signal.SIGHUP)
        again = client.request("tools/list", {"_meta": MODERN_META})
        client.process.send_signal(signal.SIGTERM)
        status, _ = await anyio.to_thread.run_sync(_wait_for, client)

    assert tools["result"] == again["result"]
    assert status == 0
