"""The same write asked for again: what is replayed, what is asked again, and what is never done twice."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import anyio
import httpx2
import pytest

from po_mcp.approvals.elicitation import Elicitor
from po_mcp.writes.operation import Recorded, Requester
from po_mcp.writes.reconcile import Reconciler
from tests.harness import ERAS, ScriptedPerson, ServerHarness, accept, no, outcome, text, yes

pytestmark = pytest.mark.usefixtures("book_of_today")
both_eras = pytest.mark.parametrize("era", ERAS)
BOLTS = {"item": "BOLT-M8-30", "quantity": "1000", "unit_price": "0.45", "warehouse": "1"}
WASHERS = {"item": "WSHR-M8", "quantity": "500", "unit_price": "0.12", "warehouse": "1"}
ORDER: dict[str, Any] = {"vendor": "12", "lines": [BOLTS, WASHERS]}
YES = yes


async def create(client: Any, **changes: Any) -> Any:
    return outcome(await client.call_tool("create_purchase_order", {**ORDER, **changes}))


def count_created(harness: ServerHarness) -> int:
    """How many orders were sent."""
    return len(harness.wire.writes)


@both_eras
async def test_a_cancel_of_an_order_that_is_active_again_asks_again(harness: ServerHarness, era: str) -> None:
    person = ScriptedPerson(YES)
    async with harness.client(era, person) as client:
        first = outcome(await client.call_tool("cancel_purchase_order", {"number": "PO-2025-0041"}))
        harness.change(lambda book: book.reactivate("PO-2025-0041"))
        second = outcome(await client.call_tool("cancel_purchase_order", {"number": "PO-2025-0041"}))

    assert [one["status"] for one in (first, second)] == ["done", "done"]
    assert not second["replayed"]
    assert len(person.asked) == 2
    assert len(harness.wire.writes) == 2


@both_eras
async def test_new_orders_that_are_asked_about_at_once_have_a_number_each(harness: ServerHarness, era: str) -> None:
    """Each question was given the next number: the last one replaced the others, whose yes then came to nothing."""
    made: list[Any] = []
    all_asked = anyio.Event()

    class Patient(ScriptedPerson):
        async def __call__(self, context: Any, params: Any) -> Any:
            answer = await super().__call__(context, params)
            if len(self.asked) == 3:
                all_asked.set()
            await all_asked.wait()
            return answer

    async with (
        harness.client(era, Patient(yes), create_approval_over="0") as client,
        anyio.create_task_group() as calls,
    ):
        for units in ("11", "12", "13"):
            calls.start_soon(_create_into, made, client, [{**BOLTS, "quantity": units}])

    numbers = {one["order"]["number"] for one in made if one["status"] == "done"}
    assert len(numbers) == len(harness.wire.writes) == 3


async def _create_into(made: list[Any], client: Any, lines: list[Any]) -> None:
    made.append(await create(client, lines=lines))


async def test_a_reading_that_began_before_the_effect_makes_nobody_wait(
    harness: ServerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[Recorded] = []

    async def note_wait(self: Reconciler, done: Recorded) -> bool:
        waits.append(done)
        return True

    monkeypatch.setattr(Reconciler, "wait_out_lag", note_wait)
    first_bodies: dict[str, bytes] = {}
    late: list[str] = []

    async def answer(inner: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
        """Answer as the ERP does now; once, where a path is late, as it did at first."""
        response = await inner.handle_async_request(request)
        body = await response.aread()
        first = first_bodies.setdefault(request.url.path, body)
        if request.url.path in late:
            late.remove(request.url.path)
            body = first
        return httpx2.Response(response.status_code, stream=httpx2.ByteStream(body))

    harness.wire.on_read = answer
    async with harness.client(person=ScriptedPerson(YES), erp_bounds=(None, None)) as client:
        first = outcome(await client.call_tool("cancel_purchase_order", {"number": "PO-2025-0041"}))
        late += [path for path in first_bodies if path.endswith("PO-2025-0041")]
        assert late
        second = outcome(await client.call_tool("cancel_purchase_order", {"number": "PO-2025-0041"}))

    assert (first["status"], second["status"], second["replayed"]) == ("done", "done", True)
    assert waits == []


@both_eras
async def test_the_very_same_create_without_a_number_is_the_same_call(harness: ServerHarness, era: str) -> None:
    async with harness.client(era) as client:
        first, second = await create(client), await create(client)

    assert (second["status"], second["replayed"]) == ("done", True)
    assert second["operation_id"] == first["operation_id"]
    assert count_created(harness) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"lines": [WASHERS, BOLTS]},
        {"lines": [{**BOLTS, "quantity": "400"}, WASHERS, {**BOLTS, "quantity": "600"}]},
        {"number": "PO-2025-0099"},
    ],
    ids=["other order of lines", "a line split", "a number"],
)
async def test_an_order_of_the_same_content_is_put_to_the_person(
    harness: ServerHarness, changes: dict[str, Any]
) -> None:
    person = ScriptedPerson(no)
    async with harness.client(person=person) as client:
        first = await create(client)
        second = await create(client, **changes)

    assert second["status"] == "declined"
    [question] = person.asked
    assert first["order"]["number"] in question.message
    assert count_created(harness) == 1


async def test_an_order_of_other_prices_is_another_one(harness: ServerHarness) -> None:
    async with harness.client() as client:
        await create(client)
        second = await create(client, lines=[{**BOLTS, "unit_price": "0.46"}, WASHERS])

    assert (second["status"], count_created(harness)) == ("done", 2)


async def test_the_person_may_want_the_like_order_too(harness: ServerHarness) -> None:
    async with harness.client(person=ScriptedPerson(YES)) as client:
        await create(client)
        second = await create(client, number="PO-2025-0099")

    assert (second["status"], second["replayed"], count_created(harness)) == ("done", False, 2)


async def test_an_order_with_a_common_item_is_put_to_the_person_while_one_is_not_known(harness: ServerHarness) -> None:
    async def lose_the_request(wire: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ReadError("connection reset", request=request)

    harness.wire.on_write = lose_the_request
    person = ScriptedPerson(no)
    async with harness.client(person=person, erp_bounds=(None, None)) as client:
        unknown = await create(client)
        harness.wire.on_write = None
        other = await create(client, lines=[{**BOLTS, "quantity": "7"}], note=None)
        unlike = await create(client, lines=[{**WASHERS, "item": "BRG-6205-2RS"}])

    assert (unknown["status"], other["status"]) == ("unknown", "declined")
    [question] = person.asked
    assert "is not known" in question.message
    assert unlike["status"] == "done"


async def test_another_users_equal_order_is_no_replay(harness: ServerHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    person = ScriptedPerson(no)
    async with harness.client(person=person) as client:
        await create(client)
        monkeypatch.setattr(Elicitor, "requester", property(lambda self: Requester("somebody else")))
        second = await create(client)

    assert second["status"] == "declined"
    assert len(person.asked) == 1
    assert count_created(harness) == 1


@both_eras
async def test_many_noes_lock_no_user_out(harness: ServerHarness, era: str) -> None:
    refusals = ScriptedPerson(no)
    async with harness.client(era) as reader:
        page = outcome(await reader.call_tool("list_purchase_orders", {"limit": 50}))
    numbers = [order["number"] for order in page["orders"] if order["status"] == "open"]
    async with harness.client(era, ScriptedPerson(accept(order_number="no"))) as client:
        for number in numbers:
            await client.call_tool("delete_purchase_order", {"number": number})
    async with harness.client(era, refusals) as client:
        reply = await client.call_tool("cancel_purchase_order", {"number": "PO-2025-0041"})

    assert outcome(reply)["status"] == "declined"
    assert len(refusals.asked) == 1


async def test_a_client_that_asks_without_end_does_not_grow_the_journal_without_end(harness: ServerHarness) -> None:
    async with harness.client(clock=lambda: 1_800_000_000.0) as client:  # all of it within one moment
        reply = [
            await client.call_tool(
                "finalize_purchase_order", {"number": "PO-2025-0037", "create_backorder": bool(n % 2)}
            )
            for n in range(104)  # four more than are recorded in a minute
        ]

    assert reply[-2].is_error
    assert "within 1 min" in text(reply[-2])
    with closing(sqlite3.connect(harness.journal)) as db:
        [events] = db.execute("SELECT COUNT(*) FROM audit_log").fetchone()
    assert events < 250
