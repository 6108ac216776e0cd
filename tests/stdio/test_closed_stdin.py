"""Stdin that closes behind what was called: the calls are answered, and what nobody can answer is decided elsewhere."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from po_mcp.transports import stdio_lines
from tests.commands.slow_erp import SlowErp, slow_erp

from .test_process import INITIALIZE, RawClient, server, silent_erp

NEW = {
    "number": "PO-2025-0043",
    "vendor": "12",
    "lines": [{"item": "NUT-M8", "quantity": "3", "unit_price": "0.22", "warehouse": "1"}],
}


def begin(client: RawClient, tool: str, arguments: dict[str, Any]) -> None:
    client.request("initialize", INITIALIZE)
    client.send({"method": "notifications/initialized"})
    client.send({"id": "called", "method": "tools/call", "params": {"name": tool, "arguments": arguments}})


def close(client: RawClient) -> None:
    assert client.process.stdin is not None
    client.process.stdin.close()


def answer_of(client: RawClient) -> dict[str, Any]:
    """Return the answer to the call, behind what the server asks meanwhile."""
    while (message := client.receive()).get("id") != "called":
        assert message["method"] == "elicitation/create"
    return message


@asynccontextmanager
async def close_while_writing(folder: Path) -> AsyncIterator[tuple[SlowErp, RawClient]]:
    """Close stdin while the ERP has carried a new order out and keeps its answer back."""
    async with slow_erp(folder / "book.db") as erp:
        with server(PO_MCP_JOURNAL=str(folder / "journal.db"), **erp.settings) as client:
            await anyio.to_thread.run_sync(begin, client, "create_purchase_order", NEW)
            await erp.has_written.wait()
            close(client)
            yield erp, client


def test_calls_of_a_pipe_that_has_ended_are_answered() -> None:
    with server() as client:
        begin(client, "get_purchase_order", {"number": "PO-2025-0042"})
        client.send({"id": "n", "method": "tools/call", "params": {"name": "create_purchase_order", "arguments": NEW}})
        close(client)
        answers = [client.receive(), client.receive()]
        status = client.process.wait(timeout=60)

    found = {answer["id"]: answer["result"]["structuredContent"]["status"] for answer in answers}
    assert found == {"called": "open", "n": "done"}
    assert status == 0


def test_a_question_that_nobody_can_answer_any_more_names_where_it_is_decided(tmp_path: Path) -> None:
    settings = {"book": str(tmp_path / "book.db"), "PO_MCP_JOURNAL": str(tmp_path / "journal.db")}
    with server(**settings) as client:
        begin(client, "delete_purchase_order", {"number": "PO-2025-0038"})
        close(client)
        outcome = answer_of(client)["result"]["structuredContent"]
        with urllib.request.urlopen(outcome["approve_at"], timeout=30) as page:
            shown = page.read().decode()

    assert outcome["status"] == "approval_required"
    assert "PO-2025-0038" in shown


async def test_a_write_under_way_has_its_outcome_in_its_answer(tmp_path: Path) -> None:
    async with close_while_writing(tmp_path) as (erp, client):
        erp.may_answer.set()
        answer = await anyio.to_thread.run_sync(answer_of, client)

    assert answer["result"]["structuredContent"]["status"] == "done"
    assert erp.writes == ["POST /api/v1/PurchaseOrder"]


async def test_a_write_that_is_cut_off_is_not_said_to_have_failed(tmp_path: Path) -> None:
    async with close_while_writing(tmp_path) as (erp, client):
        await anyio.sleep(stdio_lines.WRITE_GRACE_S + 1)
        erp.may_answer.set()
        answer = await anyio.to_thread.run_sync(answer_of, client)

    assert answer["error"]["message"] == (
        "The server ended before the outcome was known. If this was a change, it may have been carried out: "
        "do not repeat it. Check with get_operation."
    )


def test_a_call_that_was_cancelled_is_not_waited_for() -> None:
    with server() as client:
        begin(client, "delete_purchase_order", {"number": "PO-2025-0038"})
        assert client.receive()["method"] == "elicitation/create"
        client.send({"method": "notifications/cancelled", "params": {"requestId": "called"}})
        begun = time.monotonic()
        close(client)
        status = client.process.wait(timeout=60)
        seconds = time.monotonic() - begun

    assert status == 0
    assert seconds < stdio_lines.WRITE_GRACE_S


def test_a_read_that_the_erp_does_not_answer_is_not_waited_for_long() -> None:
    with silent_erp() as (url, listener):
        real = {"PO_MCP_ERP": "inventory-pro", "PO_MCP_CLIENT_ID": "id", "PO_MCP_CLIENT_SECRET": "secret"}
        with server(PO_MCP_BASE_URL=url, **real) as client:
            begin(client, "get_purchase_order", {"number": "PO-1"})
            connection, _ = listener.accept()
            begun = time.monotonic()
            close(client)
            answer = answer_of(client)
            seconds = time.monotonic() - begun
            connection.close()

    assert answer["error"] == {"code": -32000, "message": "Connection closed"}
    assert seconds < stdio_lines.WRITE_GRACE_S


@pytest.mark.parametrize("its_id", ['a"b\\c', "«é»", 7])
def test_a_call_is_answered_whatever_its_id(its_id: str | int) -> None:
    with server() as client:
        client.request("initialize", INITIALIZE)
        client.send({"method": "notifications/initialized"})
        params = {"name": "get_purchase_order", "arguments": {"number": "PO-2025-0042"}}
        client.send({"id": its_id, "method": "tools/call", "params": params})
        begun = time.monotonic()
        close(client)
        answer = client.receive()
        client.process.wait(timeout=60)
        seconds = time.monotonic() - begun

    assert json.loads(json.dumps(answer))["id"] == its_id
    assert seconds < 30
