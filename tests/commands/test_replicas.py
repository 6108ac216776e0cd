"""Several `po-mcp serve` on one PostgreSQL: one order is sent once, whichever replica is asked or dies."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp.types import InputRequiredResult

from po_mcp.writes.journal import JournalStore
from po_mcp.writes.journal.approver_pin import hash_pin
from tests.approvals.page_harness import browser
from tests.commands.slow_erp import SlowErp, slow_erp
from tests.commands.test_serve import CREATE, FINALIZE, NEW, PIN, Serving, read_greeting, start
from tests.harness import ERAS, MODES, ScriptedPerson, ServerHarness, accept, outcome
from tests.postgres import Cluster
from tests.server.test_notifications import Heard, listening

pytestmark = pytest.mark.postgres

KEY, OLD_KEY = "0123456789abcdef" * 4, "fedcba9876543210" * 4
YES = accept(decision="backorder")


@contextmanager
def team(count: int, erp: SlowErp, address: str, *keys: str, **settings: str) -> Iterator[list[Serving]]:
    """Start replicas, all at once; each has the keys of its place, or the last ones."""
    given = [keys[min(place, len(keys) - 1)] if keys else KEY for place in range(count)]
    with ExitStack() as stack:
        processes = []
        for place, key in enumerate(given):
            own = {"PO_MCP_KEYS": key, "PO_MCP_REPLICA": f"r{place}", "PO_MCP_JOURNAL": address}
            processes.append(stack.enter_context(start("--port", "0", **own, **erp.settings, **settings)))
            stack.callback(processes[-1].kill)
        yield [Serving(process, read_greeting(process)) for process in processes]


@pytest.fixture
def address(postgres: Cluster) -> str:
    return postgres.new_schema()


def events_of(address: str) -> list[list[str]]:
    """What happened to each operation; the log holds."""
    with closing(JournalStore(address)) as store:
        assert store.upkeep.verify() == []
        return [[event.event for event in store.events(one.operation.id)] for one in store.all()]


async def ask(server: Serving, tool: str, arguments: Mapping[str, Any]) -> InputRequiredResult:
    async with server.client(ERAS[0], ScriptedPerson(YES)) as client:
        asked = await client.session.call_tool(tool, dict(arguments), allow_input_required=True)
    assert isinstance(asked, InputRequiredResult), asked
    return asked


async def answer(server: Serving, tool: str, arguments: Mapping[str, Any], state: str | None) -> Mapping[str, Any]:
    async with server.client(ERAS[0], ScriptedPerson(YES)) as client:
        return outcome(
            await client.session.call_tool(
                tool, dict(arguments), input_responses={"approval": YES}, request_state=state
            )
        )


async def test_a_question_of_one_replica_is_answered_at_another(harness: ServerHarness, address: str) -> None:
    arguments = {"number": "PO-2025-0037"}
    async with slow_erp(harness.book) as erp:
        erp.may_answer.set()
        with team(2, erp, address) as (first, second):
            asked = await ask(first, FINALIZE, arguments)
            done = await answer(second, FINALIZE, arguments, asked.request_state)
            again = await answer(first, FINALIZE, arguments, asked.request_state)

    assert (done["status"], again["status"]) == ("done", "done")
    assert len(erp.writes) == 1
    assert events_of(address) == [["PROPOSED", "APPROVED", "SENT", "DONE"]]


async def test_a_question_of_one_replica_is_approved_at_a_second_and_reported_at_a_third(
    harness: ServerHarness, address: str
) -> None:
    with closing(JournalStore(address)) as store:
        store.upkeep.set_approver_pin(hash_pin(PIN), None, "PIN set")
    async with slow_erp(harness.book) as erp:
        erp.may_answer.set()
        with team(3, erp, address) as (first, second, third):
            async with first.client(ERAS[1]) as client:
                asked = outcome(await client.call_tool(FINALIZE, {"number": "PO-2025-0037"}))
            link = asked["approve_at"].replace(first.origin, second.origin)
            async with browser(link) as person:
                answered = await person.send("approve", create_backorder="yes", pin=PIN)
            async with third.client(ERAS[0]) as client:
                said = outcome(await client.call_tool("get_operation", {"operation_id": asked["operation_id"]}))

    assert (asked["status"], answered.status_code) == ("approval_required", 303)
    assert [one["status"] for one in said["operations"]] == ["done"]
    assert len(erp.writes) == 1


async def test_keys_are_changed_without_losing_an_open_question(harness: ServerHarness, address: str) -> None:
    async with slow_erp(harness.book) as erp:
        erp.may_answer.set()
        rings = (OLD_KEY, f"{OLD_KEY},{KEY}", f"{KEY},{OLD_KEY}")
        with team(3, erp, address, *rings) as (old, both, new):
            states = {
                number: (await ask(server, FINALIZE, {"number": number})).request_state
                for number, server in {"PO-2025-0036": old, "PO-2025-0037": new}.items()
            }
            first = await answer(new, FINALIZE, {"number": "PO-2025-0036"}, states["PO-2025-0036"])
            second = await answer(both, FINALIZE, {"number": "PO-2025-0037"}, states["PO-2025-0037"])

    assert (first["status"], second["status"]) == ("done", "done")


async def test_a_replica_that_is_killed_in_a_write_is_recovered_by_another(
    harness: ServerHarness, address: str
) -> None:
    async with slow_erp(harness.book) as erp:
        with team(2, erp, address, PO_MCP_TIMEOUT="5") as (first, second):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(create_in_vain, first)
                with anyio.fail_after(60):
                    await erp.has_written.wait()
                first.process.send_signal(signal.SIGKILL)
                erp.may_answer.set()
            async with second.client(ERAS[0]) as client:
                again = outcome(await client.call_tool(CREATE, NEW))

    assert again["status"] == "done"
    assert len(erp.writes) == 1
    assert events_of(address)[0][:2] == ["APPROVED", "SENT"]
    assert events_of(address)[0][-1] == "DONE"


async def create_in_vain(server: Serving) -> None:
    """Ask for an order at a replica that will be gone before it can answer."""
    try:
        async with server.client(ERAS[0]) as client:
            await client.call_tool(CREATE, NEW)
    except Exception:  # the connection breaks, or the client says so in its own way
        return


async def test_the_same_call_at_three_replicas_at_once_makes_one_order(harness: ServerHarness, address: str) -> None:
    said: list[str] = []

    async def create(server: Serving) -> None:
        async with server.client(ERAS[0]) as client:
            said.append(outcome(await client.call_tool(CREATE, NEW))["status"])

    async with slow_erp(harness.book) as erp:
        erp.may_answer.set()
        with team(3, erp, address) as servers:
            async with anyio.create_task_group() as calls:
                for server in servers * 4:
                    calls.start_soon(create, server)

    assert said == ["done"] * 12
    assert len(erp.writes) == 1
    assert events_of(address) == [["APPROVED", "SENT", "DONE"]]


@pytest.mark.parametrize("era", ERAS)
async def test_subscribers_of_every_replica_are_notified_of_a_write_once(
    harness: ServerHarness, address: str, era: str
) -> None:
    uris = ["po://orders/PO-2025-0050", "po://orders/open"]
    heard = Heard()
    async with slow_erp(harness.book) as erp:
        erp.may_answer.set()
        with team(2, erp, address) as (first, second):
            async with (
                Client(f"{second.origin}/mcp", mode=MODES[era], message_handler=heard) as subscriber,
                listening(subscriber, era, heard, uris),
                first.client(ERAS[0]) as writer,
            ):
                await anyio.sleep(1)  # its connection to the database may take a moment
                assert outcome(await writer.call_tool(CREATE, NEW))["status"] == "done"
                await heard.wait(lambda: len(heard.uris) >= len(uris))
                await anyio.sleep(0.2)  # one too many would come now

    assert sorted(heard.uris) == uris
