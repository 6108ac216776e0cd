"""A call that its client cancels after the person's yes: nothing is sent, and the yes counts for nothing later."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.types import ElicitRequestFormParams

from po_mcp.desk import approval_flow
from po_mcp.errors import JournalUnavailable
from po_mcp.writes.journal import Journal, JournalStore
from tests.harness import ERAS, Reply, ScriptedPerson, ServerHarness, accept, outcome, yes

NUMBER = "PO-2025-0038"
TOOLS = ("delete_purchase_order", "finalize_purchase_order", "cancel_purchase_order")
both_eras = pytest.mark.parametrize("era", ERAS)
every_tool = pytest.mark.parametrize("tool", TOOLS)


def approve(params: ElicitRequestFormParams) -> Reply:
    return accept(order_number=NUMBER) if "order_number" in str(params.requested_schema) else yes(params)


async def cancel_after_yes(harness: ServerHarness, client: Client, person: ScriptedPerson, tool: str) -> None:
    """Make a call, and cancel it while the order is read again: the last moment before it is sent."""
    reads = anyio.Event()

    async def slowly(wire: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
        if person.asked and NUMBER in str(request.url):
            reads.set()
            await anyio.sleep_forever()
        return await wire.handle_async_request(request)

    harness.wire.on_read = slowly
    async with anyio.create_task_group() as calls:
        calls.start_soon(client.call_tool, tool, {"number": NUMBER})
        with anyio.fail_after(20):
            await reads.wait()
        calls.cancel_scope.cancel()
    harness.wire.on_read = None


@asynccontextmanager
async def ask(harness: ServerHarness, era: str) -> AsyncIterator[tuple[Client, ScriptedPerson]]:
    person = ScriptedPerson(approve)
    async with harness.client(era, person) as client:
        yield client, person


def states(harness: ServerHarness) -> list[tuple[str, Any]]:
    """Return the state of every operation, and why it is there."""
    with closing(JournalStore(harness.journal)) as store:
        return [(one.state, store.events(one.operation.id)[-1].detail.get("because")) for one in store.all()]


@both_eras
@every_tool
async def test_a_yes_whose_call_is_cancelled_before_it_is_sent_is_taken_back(
    harness: ServerHarness, era: str, tool: str
) -> None:
    async with ask(harness, era) as (client, person):
        await cancel_after_yes(harness, client, person, tool)
        after = await wait_for_state(harness, "DECLINED")
        writes = list(harness.wire.writes)
        again = outcome(await client.call_tool(tool, {"number": NUMBER}))

    assert after == [("DECLINED", "the call was cancelled before it was sent")]
    assert writes == []
    assert again["status"] == "done"
    assert len(person.asked) == 2
    assert len(harness.wire.writes) == 1


async def wait_for_state(harness: ServerHarness, state: str) -> list[tuple[str, Any]]:
    """Return the states once one of them is this: a server goes on for a moment after its client has cancelled."""
    found = states(harness)
    with anyio.move_on_after(10):
        while state not in [one for one, _ in found]:
            await anyio.sleep(0.01)
            found = states(harness)
    return found


async def test_without_taking_back_the_next_call_would_send_and_ask_nobody(
    harness: ServerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    @asynccontextmanager
    async def change_nothing(*given: object) -> AsyncIterator[None]:
        yield

    monkeypatch.setattr(approval_flow, "_take_back_if_cancelled", change_nothing)
    async with ask(harness, ERAS[1]) as (client, person):
        await cancel_after_yes(harness, client, person, TOOLS[0])
        again = outcome(await client.call_tool(TOOLS[0], {"number": NUMBER}))

    assert again["status"] == "done"
    assert len(person.asked) == 1


async def test_a_cancel_that_comes_while_the_yes_is_recorded_takes_it_back(
    harness: ServerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, scopes = Journal.approve, list[anyio.CancelScope]()

    async def record_and_cancel(self: Journal, *given: Any) -> bool:
        recorded = await record(self, *given)
        scopes[0].cancel()
        await anyio.lowlevel.checkpoint()
        return recorded

    monkeypatch.setattr(Journal, "approve", record_and_cancel)
    async with ask(harness, ERAS[1]) as (client, _):
        with anyio.CancelScope() as scope:
            scopes.append(scope)
            await client.call_tool(TOOLS[0], {"number": NUMBER})
        after = await wait_for_state(harness, "DECLINED")

    assert after == [("DECLINED", "the call was cancelled before it was sent")]
    assert harness.wire.writes == []


async def test_a_yes_of_another_place_is_not_taken_back_with_a_call(harness: ServerHarness) -> None:
    async with harness.client() as without_form:
        waiting = outcome(await without_form.call_tool(TOOLS[0], {"number": NUMBER}))
    with closing(JournalStore(harness.journal)) as store:
        recorded = store.find(waiting["operation_id"])
        assert recorded is not None
        assert store.approve(recorded.operation.id, recorded.operation.payload, {"through": "terminal"})
    person = ScriptedPerson(approve, asked=[ElicitRequestFormParams(message="", requested_schema={})])
    async with harness.client(ERAS[1], person) as client:
        await cancel_after_yes(harness, client, person, TOOLS[0])
        [(state, _)] = states(harness)

    assert (state, harness.wire.writes) == ("APPROVED", [])


async def test_a_journal_that_fails_meanwhile_hides_no_cancel(
    harness: ServerHarness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(self: Journal, *given: Any) -> bool:
        raise JournalUnavailable("the disk is full")

    monkeypatch.setattr(Journal, "take_back", fail)
    async with ask(harness, ERAS[1]) as (client, person):
        await cancel_after_yes(harness, client, person, TOOLS[0])
        listed = await client.list_tools()

    assert len(listed.tools) == 8
    assert "its approval stands until it expires" in caplog.text
    assert harness.wire.writes == []
