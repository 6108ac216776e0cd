"""A replica that is paused in the midst of a write, as a virtual machine that is moved, and goes on afterwards."""

from __future__ import annotations

import signal
from contextlib import closing
from pathlib import Path

import anyio
import pytest

from po_mcp.sandbox import Book
from po_mcp.writes.journal import JournalStore
from tests.commands.slow_erp import slow_erp
from tests.commands.test_serve import FINALIZE, serving
from tests.harness import ERAS, ScriptedPerson, accept, outcome, text
from tests.postgres import running_cluster

KEY = "0123456789abcdef" * 4
NUMBER = "PO-2025-0037"


@pytest.mark.parametrize("era", ERAS)
async def test_a_replica_paused_in_a_write_sends_nothing_twice_and_reports_its_outcome(
    era: str, tmp_path: Path
) -> None:
    with closing(Book.open(tmp_path / "book.db")):
        pass
    outcomes = []
    with running_cluster() as cluster:
        address = cluster.new_schema()
        async with slow_erp(tmp_path / "book.db") as erp:
            settings = {**erp.settings, "PO_MCP_SANDBOX": "", "PO_MCP_JOURNAL": address, "PO_MCP_KEYS": KEY}
            with serving(**settings) as first, serving(**settings) as second:

                async def ask_the_first() -> None:
                    async with first.client(era, ScriptedPerson(accept(decision="close"))) as client:
                        outcomes.append(outcome(await client.call_tool(FINALIZE, {"number": NUMBER})))

                async with anyio.create_task_group() as calls:
                    calls.start_soon(ask_the_first)
                    await erp.has_written.wait()
                    first.process.send_signal(signal.SIGSTOP)
                    erp.may_answer.set()
                    async with second.client(era) as client:
                        meanwhile = text(await client.call_tool("get_operation", {}))
                        again = text(await client.call_tool(FINALIZE, {"number": NUMBER}))
                        first.process.send_signal(signal.SIGCONT)
        with closing(JournalStore(address)) as store:
            states, faults = [one.state for one in store.all()], store.upkeep.verify()

    assert meanwhile.startswith(f"done: Order {NUMBER} was closed, confirmed by reading it back")
    assert again.startswith("done: ")
    assert "Already done by an earlier call; nothing was sent again." in again
    assert [one["message"] for one in outcomes] == [f"Order {NUMBER} was closed. No backorder was created."]
    assert len(erp.writes) == 1
    assert (states, faults) == (["DONE"], [])
