"""A write through the tools of a real server: sent once, reported truly, and settled by reading."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import partial
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client

from po_mcp import bootstrap
from po_mcp.connectors.sandbox import Sandbox
from po_mcp.server import lifespan
from po_mcp.writes.journal import MAX_OPEN_QUESTIONS, sqlite
from po_mcp.writes.local_time import THIS_MACHINE
from po_mcp.writes.policy import SettlementPolicy
from tests.harness import ERAS, ScriptedPerson, ServerHarness, WriteFault, accept, no, outcome, text, yes

LINE = {"item": "BOLT-M8-30", "quantity": "1000", "unit_price": "0.45", "warehouse": "1"}
CALLS: dict[str, tuple[dict[str, Any], Any]] = {
    "create_purchase_order": ({"number": "PO-2025-0043", "vendor": "12", "lines": [LINE]}, accept()),
    "finalize_purchase_order": ({"number": "PO-2025-0037"}, accept(decision="backorder")),
    "delete_purchase_order": ({"number": "PO-2025-0038"}, accept(order_number="PO-2025-0038")),
    "cancel_purchase_order": ({"number": "PO-2025-0041"}, yes),
}
every_write = pytest.mark.parametrize("tool", CALLS)
KEPT = {"number": "PO-2025-0099", "vendor": "15", "lines": [{**LINE, "item": "WSHR-M8"}]}
"""An order that resembles no other."""


@pytest.fixture(autouse=True)
def quick_second_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Second looks follow at once; `test_refusals.py` holds the time between them."""
    monkeypatch.setattr(bootstrap, "SettlementPolicy", partial(SettlementPolicy, second_look=0.02, foreign_gap=0.02))


async def lose_the_answer(wire: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
    """The ERP carries it out, and the connection is gone before its answer."""
    response = await wire.handle_async_request(request)
    await response.aread()
    raise httpx2.ReadError("connection reset", request=request)


async def lose_the_request(wire: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
    """The connection is gone before the ERP has read it."""
    raise httpx2.ReadError("connection reset", request=request)


async def fail(wire: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
    return httpx2.Response(502, stream=httpx2.ByteStream(b"<html>"))


async def fail_after_applying(wire: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
    response = await wire.handle_async_request(request)
    await response.aread()
    return httpx2.Response(502, stream=httpx2.ByteStream(b"<html>"))


async def garble(wire: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
    response = await wire.handle_async_request(request)
    await response.aread()
    return httpx2.Response(200, stream=httpx2.ByteStream(b'{"poNo": "PO-'))


async def refuse_to_connect(wire: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
    raise httpx2.ConnectError("refused", request=request)


async def call(client: Client, tool: str) -> Any:
    return outcome(await client.call_tool(tool, CALLS[tool][0]))


def is_applied(harness: ServerHarness, tool: str) -> bool:
    """Whether the book shows the effect."""
    match tool:
        case "create_purchase_order":
            return harness.order("PO-2025-0043") is not None
        case "finalize_purchase_order":
            return bool(harness.order("PO-2025-0037").status == "closed")
        case "cancel_purchase_order":
            return bool(harness.order("PO-2025-0041").status == "cancelled")
        case _:
            return harness.order("PO-2025-0038") is None


async def say_that_it_clashes(wire: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
    """Answer as both ERPs would where the number is taken, or the order closed; neither is seen by reading."""
    body = b'{"statusCode": 409, "error": "conflict", "errors": [{"code": 409, "message": "no"}]}'
    return httpx2.Response(409, stream=httpx2.ByteStream(body))


@pytest.mark.parametrize("disturb", [lose_the_answer, fail_after_applying, garble], ids=lambda f: f.__name__)
@every_write
async def test_an_effect_that_is_seen_settles_a_lost_answer_at_once(
    harness: ServerHarness, tool: str, disturb: WriteFault
) -> None:
    harness.wire.on_write = disturb
    async with harness.client(person=ScriptedPerson(CALLS[tool][1])) as client:
        said = await call(client, tool)
        again = await call(client, tool)

    assert (said["status"], said["do_not_repeat"]) == ("done", False)
    assert "confirmed by reading it back" in said["message"]
    assert (again["status"], again["replayed"]) == ("done", True)
    assert is_applied(harness, tool)
    assert len(harness.wire.writes) == 1
    if tool == "finalize_purchase_order":
        assert said["backorder_number"] == "PO-2025-0037-BO1"


@pytest.mark.parametrize("disturb", [lose_the_request, fail], ids=lambda f: f.__name__)
@every_write
async def test_an_effect_that_is_not_seen_is_not_known_and_is_never_sent_again(
    harness: ServerHarness, tool: str, disturb: WriteFault
) -> None:
    harness.wire.on_write = disturb
    async with harness.client(person=ScriptedPerson(CALLS[tool][1]), erp_bounds=(None, None)) as client:
        said = [await call(client, tool) for _ in range(3)]
        listed = outcome(await client.call_tool("get_operation", {}))["operations"]

    assert {(one["status"], one["do_not_repeat"]) for one in [*said, *listed]} == {("unknown", True)}
    assert "Do not repeat the call" in said[0]["next_step"]
    assert "po-mcp journal settle" in said[0]["message"]
    assert {one["operation_id"] for one in said} == {listed[0]["operation_id"]}
    assert len(harness.wire.writes) == 1
    assert not is_applied(harness, tool)


@every_write
async def test_an_unknown_write_that_was_applied_late_is_settled_by_the_next_look(
    harness: ServerHarness, tool: str
) -> None:
    late: list[httpx2.Request] = []

    async def keep_back(wire: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
        late.append(request)
        raise httpx2.ReadTimeout("no answer", request=request)

    harness.wire.on_write = keep_back
    async with harness.client(person=ScriptedPerson(CALLS[tool][1]), erp_bounds=(None, None)) as client:
        said = await call(client, tool)
        assert harness.wire.inner is not None
        await (await harness.wire.inner.handle_async_request(late[0])).aread()
        looked = outcome(await client.call_tool("get_operation", {"operation_id": said["operation_id"]}))

    assert said["status"] == "unknown"
    assert [one["status"] for one in looked["operations"]] == ["done"]
    assert is_applied(harness, tool)


@every_write
async def test_absence_settles_it_only_after_the_bounds_that_the_operator_set(
    harness: ServerHarness, tool: str
) -> None:
    clock = [1_767_323_045.0]  # 2026-01-02: the orders of the book are older
    person = ScriptedPerson(CALLS[tool][1])
    async with harness.client(person=person, erp_bounds=(20.0, 10.0), clock=lambda: clock[0]) as client:
        # An ERP that has kept a number of ours keeps others, too.
        await client.call_tool("create_purchase_order", KEPT)
        harness.wire.on_write = lose_the_request
        statuses = [(await call(client, tool))["status"]]
    harness.wire.on_write = None
    async with harness.client(person=person, erp_bounds=(20.0, 10.0), clock=lambda: clock[0]) as client:
        clock[0] += 60 + 60 + 20 + 10
        statuses.append((await call(client, tool))["status"])
        clock[0] += 1
        settled = await call(client, tool)
        again = await call(client, tool)

    assert statuses == ["unknown", "unknown"]
    assert settled["status"] == "refused"
    assert "It can be requested again." in settled["message"]
    assert (again["status"], again["replayed"]) == ("done", False)
    assert len(harness.wire.writes) == 3


@every_write
async def test_a_refusal_is_reported_with_the_time_until_which_it_is_checked(harness: ServerHarness, tool: str) -> None:
    clock = [1_767_323_045.0]  # 2026-01-02 03:04:05 UTC
    harness.wire.on_write = say_that_it_clashes
    person = ScriptedPerson(CALLS[tool][1])
    async with harness.client(person=person, erp_bounds=(None, None), clock=lambda: clock[0]) as client:
        refused = await call(client, tool)
        harness.wire.on_write = None
        clock[0] += 31
        done = await call(client, tool)

    assert (refused["status"], refused["do_not_repeat"]) == ("refused", False)
    assert f"this is checked again until {THIS_MACHINE.time(1_767_323_075.0, seconds=True)}." in refused["message"]
    assert refused["not_before"] == "2026-01-02T03:04:35Z"
    assert (done["status"], done["replayed"]) == ("done", False)
    assert len(harness.wire.writes) == 2


@pytest.mark.parametrize("read", ["get_purchase_order", "list_purchase_orders", "get_operation"])
async def test_an_effect_that_shows_after_a_refusal_is_reported_by_the_next_answer(
    harness: ServerHarness, read: str
) -> None:
    harness.wire.on_write = say_that_it_clashes
    arguments = {"number": "PO-2025-0042"} if read == "get_purchase_order" else {}
    tool = "finalize_purchase_order"
    async with harness.client(person=ScriptedPerson(CALLS[tool][1]), erp_bounds=(None, None)) as client:
        refused = await call(client, tool)
        harness.change(lambda book: book.finalize("PO-2025-0037", create_backorder=True))
        answers = [text(await client.call_tool(read, arguments)) for _ in range(2)]

    assert refused["status"] == "refused"
    assert ["Late: order PO-2025-0037 " in answer for answer in answers] == [True, False]


async def test_an_effect_that_shows_after_the_last_look_stands_in_the_answer_that_says_it_was_refused(
    harness: ServerHarness,
) -> None:
    """That answer names the operation, so the news was taken for said, and nobody was told that it was done."""
    tool, reads = "finalize_purchase_order", 0
    harness.wire.on_write = say_that_it_clashes
    async with harness.client(person=ScriptedPerson(CALLS[tool][1]), erp_bounds=(None, None)) as client:
        before = len(harness.wire.seen)
        await client.call_tool(tool, {"number": "PO-2025-0041"})
        # After the write come two looks, and the one for late news.
        after_write = len(harness.wire.seen) - harness.wire.seen.index(harness.wire.writes[0], before) - 1
        looks, rest = divmod(after_write, 3)

        async def finalize_before_the_third_look(
            wire: httpx2.AsyncBaseTransport, request: httpx2.Request
        ) -> httpx2.Response:
            nonlocal reads
            reads += len(harness.wire.writes) == 2
            if reads == 2 * looks + 1:
                harness.change(lambda book: book.finalize("PO-2025-0037", create_backorder=True))
            return await wire.handle_async_request(request)

        harness.wire.on_read = finalize_before_the_third_look
        refused = await client.call_tool(tool, {"number": "PO-2025-0037"})
        after = await client.call_tool("list_purchase_orders", {"limit": 1})

    assert (looks > 0, rest) == (True, 0)
    assert outcome(refused)["status"] == "refused"
    assert "Late: order PO-2025-0037 was reported as not closed, and it was." in text(refused)
    assert "Late:" not in text(after)


async def test_a_refusal_for_which_a_reason_is_seen_is_one(harness: ServerHarness) -> None:
    async def invoice_it_first(wire: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
        harness.change(lambda book: book.invoice("PO-2025-0038"))
        return await wire.handle_async_request(request)

    harness.wire.on_write = invoice_it_first
    async with harness.client(person=ScriptedPerson(CALLS["delete_purchase_order"][1])) as client:
        refused = await call(client, "delete_purchase_order")

    assert (refused["status"], refused["do_not_repeat"]) == ("refused", False)
    assert harness.order("PO-2025-0038") is not None


@every_write
async def test_a_write_that_was_never_sent_is_refused_and_may_be_asked_for_again(
    harness: ServerHarness, tool: str
) -> None:
    harness.wire.on_write = refuse_to_connect
    async with harness.client(person=ScriptedPerson(CALLS[tool][1])) as client:
        refused = await call(client, tool)
        harness.wire.on_write = None
        done = await call(client, tool)

    assert (refused["status"], refused["do_not_repeat"]) == ("refused", False)
    assert "Nothing was sent" in refused["message"]
    assert (done["status"], done["replayed"]) == ("done", False)


@every_write
async def test_a_call_that_is_cancelled_while_it_is_sent_does_not_lose_its_outcome(
    harness: ServerHarness, tool: str
) -> None:
    sending, left = anyio.Event(), anyio.Event()

    async def slowly(wire: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
        sending.set()
        await left.wait()
        return await wire.handle_async_request(request)

    harness.wire.on_write = slowly
    async with harness.client(person=ScriptedPerson(CALLS[tool][1])) as client:
        async with anyio.create_task_group() as calls:
            calls.start_soon(call, client, tool)
            await sending.wait()
            calls.cancel_scope.cancel()
            left.set()
        again = await call(client, tool)

    assert (again["status"], again["replayed"]) == ("done", True)
    assert len(harness.wire.writes) == 1


@every_write
async def test_two_servers_of_one_user_send_once_between_them(harness: ServerHarness, tool: str) -> None:
    said: list[Any] = []
    person = ScriptedPerson(CALLS[tool][1])
    twin = ServerHarness(harness.book)
    async with harness.client(person=person) as one, twin.client(person=person) as other:

        async def ask(client: Client) -> None:
            said.append(await call(client, tool))

        async with anyio.create_task_group() as calls:
            for client in (one, other) * 5:
                calls.start_soon(ask, client)

    assert {one["status"] for one in said} == {"done"}
    assert [one["replayed"] for one in said].count(False) == 1
    assert len(harness.wire.writes + twin.wire.writes) == 1


@pytest.mark.parametrize("tool", [tool for tool in CALLS if tool != "create_purchase_order"])
async def test_a_reading_that_is_older_than_another_servers_write_asks_nobody(
    harness: ServerHarness, tool: str
) -> None:
    was_read, was_done = anyio.Event(), anyio.Event()

    async def late(wire: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
        response = await wire.handle_async_request(request)
        content = await response.aread()
        was_read.set()
        await was_done.wait()
        return httpx2.Response(response.status_code, stream=httpx2.ByteStream(content))

    said: list[Any] = []
    person = ScriptedPerson(CALLS[tool][1])
    twin = ServerHarness(harness.book)
    twin.wire.on_read = late
    async with harness.client(person=person) as one, twin.client(person=person) as other:

        async def ask_the_other() -> None:
            said.append(await call(other, tool))

        async with anyio.create_task_group() as calls:
            calls.start_soon(ask_the_other)
            await was_read.wait()
            said.append(await call(one, tool))
            was_done.set()

    assert [(one["status"], one["replayed"]) for one in said] == [("done", False), ("done", True)]
    assert len(person.asked) == 1


@pytest.mark.parametrize("era", ERAS)
async def test_the_same_order_under_another_number_is_put_to_the_person(harness: ServerHarness, era: str) -> None:
    first, _ = CALLS["create_purchase_order"]
    person = ScriptedPerson(yes)
    async with harness.client(era, person) as client:
        await client.call_tool("create_purchase_order", first)
        done = outcome(await client.call_tool("create_purchase_order", {**first, "number": "PO-2025-0044"}))

    assert done["status"] == "done"
    assert "It may be a duplicate of PO-2025-0043, created a few minutes ago." in person.asked[0].message
    assert len(harness.wire.writes) == 2


async def test_the_question_of_a_like_order_takes_no_more_requests_the_more_there_are(harness: ServerHarness) -> None:
    first, _ = CALLS["create_purchase_order"]
    person = ScriptedPerson(yes)
    requests = []
    async with harness.client(ERAS[0], person) as client:
        for place in range(12):
            before = len(harness.wire.seen)
            done = outcome(
                await client.call_tool("create_purchase_order", {**first, "number": f"PO-2025-01{place:02}"})
            )
            requests.append(len(harness.wire.seen) - before)
            assert done["status"] == "done"

    assert person.asked[-1].message.count("It may be a duplicate of") == 5
    assert requests[-1] == requests[-4], requests
    assert requests[-1] < 2 * requests[1], requests


@pytest.mark.parametrize("era", ERAS)
async def test_a_likely_duplicate_that_nobody_can_be_asked_about_is_not_created(
    harness: ServerHarness, era: str
) -> None:
    first, _ = CALLS["create_purchase_order"]
    async with harness.client(era) as client:
        await client.call_tool("create_purchase_order", first)
        said = outcome(await client.call_tool("create_purchase_order", {**first, "number": "PO-2025-0044"}))

    assert said["status"] == "approval_required"
    assert harness.order("PO-2025-0044") is None


async def test_an_order_whose_journal_was_lost_is_not_created_again(harness: ServerHarness) -> None:
    async with harness.client() as client:
        await call(client, "create_purchase_order")
    for path in harness.journal.parent.glob("*journal.db*"):
        path.unlink()
    async with harness.client() as client:
        again = await call(client, "create_purchase_order")

    assert again["status"] == "refused"
    assert "already exists" in again["message"]
    assert len(harness.wire.writes) == 1


async def test_a_journal_that_is_gone_stops_writes_and_says_the_way_out(harness: ServerHarness) -> None:
    async with harness.client() as client:
        await call(client, "create_purchase_order")
        harness.journal.unlink()
        refused = await client.call_tool(
            "create_purchase_order", {**CALLS["create_purchase_order"][0], "number": "X-1"}
        )
        read = await client.call_tool("get_purchase_order", {"number": "PO-2025-0042"})

    assert refused.is_error
    assert "removed or replaced" in text(refused)
    assert "po-mcp journal adopt" in text(refused)
    assert not read.is_error
    assert len(harness.wire.writes) == 1


async def test_another_operation_on_an_order_that_is_not_settled_is_refused_and_named(harness: ServerHarness) -> None:
    harness.wire.on_write = lose_the_request
    arguments = {"number": "PO-2025-0038"}
    async with harness.client(
        person=ScriptedPerson(accept(order_number="PO-2025-0038")), erp_bounds=(None, None)
    ) as client:
        unknown = outcome(await client.call_tool("delete_purchase_order", arguments))
        result = await client.call_tool("finalize_purchase_order", arguments)

    assert result.is_error
    assert unknown["operation_id"] in text(result)
    assert "get_operation" in text(result)


async def test_a_journal_that_cannot_be_used_stops_writes_and_lets_reads_go_on(harness: ServerHarness) -> None:
    async with harness.client(person=ScriptedPerson(CALLS["delete_purchase_order"][1])) as client:
        harness.journal.mkdir()
        read = await client.call_tool("get_purchase_order", {"number": "PO-2025-0042"})
        for tool, (arguments, _) in CALLS.items():
            written = await client.call_tool(tool, arguments)
            assert written.is_error
            assert "is no file, so it cannot be the journal" in text(written)
            assert "PO_MCP_JOURNAL" in text(written)

    assert not read.is_error
    assert harness.wire.writes == []


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(("reply", "status"), [(yes, "done"), (no, "declined")])
async def test_a_large_order_is_put_to_the_person_where_the_operator_says_so(
    harness: ServerHarness, era: str, reply: Any, status: str
) -> None:
    person = ScriptedPerson(reply)
    async with harness.client(era, person, create_approval_over="449.99") as client:
        said = await call(client, "create_purchase_order")

    assert said["status"] == status
    assert "above your limit of 449.99" in person.asked[0].message
    assert "\n1) 1,000 EA at 0.45 = 450.00: BOLT-M8-30, M8 x 30mm Hex Bolt" in person.asked[0].message
    assert is_applied(harness, "create_purchase_order") == (status == "done")


async def test_an_order_of_just_that_amount_is_not(harness: ServerHarness) -> None:
    person = ScriptedPerson(no)
    async with harness.client(person=person, create_approval_over="450.00") as client:
        said = await call(client, "create_purchase_order")

    assert (said["status"], person.asked) == ("done", [])


@pytest.mark.parametrize(
    ("currency", "limits", "reason"),
    [
        ("USD", "USD=449.99, EUR=1000", "above your limit of 449.99 USD"),
        ("USD", "USD=450", None),
        ("JPY", "USD=450", "no limit set for JPY"),
        (None, "USD=450", "currency not given"),
        (None, "450", None),
    ],
)
async def test_a_limit_is_that_of_the_orders_currency(
    harness: ServerHarness, monkeypatch: pytest.MonkeyPatch, currency: str | None, limits: str, reason: str | None
) -> None:
    vendors = Sandbox.vendors

    async def price_vendors(self: Sandbox) -> Any:
        return tuple(one.model_copy(update={"currency": currency}) for one in await vendors(self))

    monkeypatch.setattr(Sandbox, "vendors", price_vendors)
    person = ScriptedPerson(no)
    async with harness.client(person=person, create_approval_over=limits) as client:
        said = await call(client, "create_purchase_order")

    assert said["status"] == ("done" if reason is None else "declined")
    assert [reason in question.message for question in person.asked if reason] == [True] * bool(reason)


async def test_a_large_order_of_a_client_that_cannot_be_asked_is_not_created(harness: ServerHarness) -> None:
    async with harness.client(create_approval_over="0") as client:
        said = await call(client, "create_purchase_order")

    assert said["status"] == "approval_required"
    assert "Every new order needs approval." in said["message"]
    assert harness.wire.writes == []


async def test_a_person_is_not_flooded_with_questions(harness: ServerHarness) -> None:
    async with harness.client() as client:
        page = outcome(await client.call_tool("list_purchase_orders", {"limit": 50}))
        numbers = [order["number"] for order in page["orders"]]
        said = [await client.call_tool("finalize_purchase_order", {"number": number}) for number in numbers]

    waiting = [result for result in said if not result.is_error]
    assert len(numbers) == 28
    assert len(waiting) == MAX_OPEN_QUESTIONS
    assert "20 requests are already waiting for approval. Nothing was changed." in text(said[-1])


@every_write
@pytest.mark.parametrize("disturb", [lose_the_answer, None], ids=["lost answer", "answered"])
async def test_a_journal_that_fails_after_the_send_does_not_make_the_answer_a_lie(
    harness: ServerHarness, tool: str, disturb: WriteFault | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process holds the journal from the moment of the write on, longer than this one waits."""
    monkeypatch.setattr(sqlite, "BUSY_S", 0.1)
    monkeypatch.setattr(sqlite, "BUSY_AGAIN_S", 0.02)
    monkeypatch.setattr(lifespan, "_FIRST_RECOVERY_DELAY_S", 0.05)  # the next call waits for it
    with closing(sqlite3.connect(harness.journal, isolation_level=None)) as holder:

        async def hold(wire: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
            holder.execute("BEGIN IMMEDIATE")
            if disturb is not None:
                return await disturb(wire, request)
            return await wire.handle_async_request(request)

        harness.wire.on_write = hold
        async with harness.client(person=ScriptedPerson(CALLS[tool][1])) as client:
            said = await call(client, tool)
        holder.execute("ROLLBACK")
    harness.wire.on_write = None
    async with harness.client(person=ScriptedPerson(CALLS[tool][1])) as client:
        again = await call(client, tool)

    assert said["status"] == ("done" if disturb is None else "unknown")
    assert said["do_not_repeat"] == (disturb is not None)
    assert (again["status"], again["replayed"]) == ("done", True)
    assert len(harness.wire.writes) == 1
    assert is_applied(harness, tool)


BOLT = {**LINE, "quantity": "200"}
REPEATS: dict[str, dict[str, Any]] = {
    "under another number": {"vendor": "12", "lines": [LINE, BOLT], "number": "PO-2025-0060"},
    "with its lines in another order": {"vendor": "12", "lines": [BOLT, LINE]},
    "with its lines merged": {"vendor": "12", "lines": [{**LINE, "quantity": "1200"}]},
    "with one common item alone": {"vendor": "12", "lines": [{**LINE, "quantity": "5"}]},
}


@pytest.mark.usefixtures("book_of_today")
@pytest.mark.parametrize("repeat", REPEATS.values(), ids=REPEATS)
@pytest.mark.parametrize("era", ERAS)
async def test_a_repeat_of_what_is_not_known_is_put_to_the_person(
    harness: ServerHarness, era: str, repeat: dict[str, Any]
) -> None:
    """Each of them was created beside the first, and nobody was asked."""
    first = {"vendor": "12", "lines": [LINE, BOLT]}
    asked = ScriptedPerson(no)
    harness.wire.on_write = lose_the_request
    async with harness.client(era, asked, erp_bounds=(None, None)) as client:
        unknown = outcome(await client.call_tool("create_purchase_order", first))
        harness.wire.on_write = None
        again = outcome(await client.call_tool("create_purchase_order", repeat))

    assert (unknown["status"], again["status"]) == ("unknown", "declined")
    assert "is not known" in asked.asked[0].message
    assert len(harness.wire.writes) == 1


@pytest.mark.usefixtures("book_of_today")
async def test_three_calls_of_one_order_that_a_gateway_refuses_after_applying_make_one(harness: ServerHarness) -> None:
    """Each retry of an order that was called refused ordered again."""

    async def apply_and_refuse(wire: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
        await (await wire.handle_async_request(request)).aread()
        return await say_that_it_clashes(wire, request)

    harness.wire.on_write = apply_and_refuse
    call_ = {"vendor": "12", "lines": [LINE]}
    async with harness.client(person=ScriptedPerson(no), erp_bounds=(None, None)) as client:
        answers = [outcome(await client.call_tool("create_purchase_order", call_)) for _ in range(3)]

    assert [(one["status"], one["replayed"]) for one in answers] == [("done", False), ("done", True), ("done", True)]
    assert len(harness.wire.writes) == 1


@pytest.mark.parametrize("era", ERAS)
async def test_a_person_says_in_the_chat_that_an_unknown_write_happened(harness: ServerHarness, era: str) -> None:
    person = ScriptedPerson(yes)
    harness.wire.on_write = lose_the_request
    async with harness.client(era, person, erp_bounds=(None, None)) as client:
        unknown = await call(client, "finalize_purchase_order")
        said = outcome(await client.call_tool("get_operation", {"operation_id": unknown["operation_id"]}))

    assert [one["status"] for one in said["operations"]] == ["done"]
    assert "PO-2025-0037: did it happen? It was sent once." in person.asked[-1].message
    assert "Seen now: the order is partly received" in person.asked[-1].message
    assert len(harness.wire.writes) == 1


@pytest.mark.parametrize("reply", [no, accept(decision="did not happen"), accept(decision=True), accept(confirm=True)])
async def test_any_other_answer_leaves_it_open(harness: ServerHarness, reply: Any) -> None:
    """That it did not happen would let a second one go: the chat is no place for it."""
    harness.wire.on_write = lose_the_request
    async with harness.client(person=ScriptedPerson(yes), erp_bounds=(None, None)) as one:
        unknown = await call(one, "finalize_purchase_order")
    async with harness.client(person=ScriptedPerson(reply), erp_bounds=(None, None)) as other:
        said = outcome(await other.call_tool("get_operation", {"operation_id": unknown["operation_id"]}))

    assert [one["status"] for one in said["operations"]] == ["unknown"]
