"""The guard: nothing destructive is sent without a person's yes to exactly what they were shown.

Every case is tried in both protocol eras, on every guarded tool, against a server in this process
and against a real one over stdio.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client, MCPError
from mcp.types import ElicitResult, ErrorData, InputRequiredResult

from po_mcp.bootstrap import build_server
from po_mcp.config import Settings
from po_mcp.connectors.exsited import Exsited
from po_mcp.sandbox import Book
from po_mcp.sandbox.records import LIVE, LineDraft, OrderDraft
from tests.harness import (
    ERAS,
    IN_MEMORY,
    MODES,
    Reply,
    ScriptedPerson,
    ServerHarness,
    Transport,
    accept,
    outcome,
    text,
    yes,
)

DELETE, FINALIZE, CANCEL = "delete_purchase_order", "finalize_purchase_order", "cancel_purchase_order"
NUMBER = {DELETE: "PO-2025-0038", FINALIZE: "PO-2025-0037", CANCEL: "PO-2025-0041"}
YES = {
    DELETE: accept(order_number="PO-2025-0038"),
    FINALIZE: accept(decision="backorder"),
    CANCEL: accept(decision="cancel"),
}
TOOLS = (DELETE, FINALIZE, CANCEL)
both_eras = pytest.mark.parametrize("era", ERAS)
every_tool = pytest.mark.parametrize("tool", TOOLS)
both_transports = pytest.mark.parametrize("transport", ["memory", "stdio"])


def is_untouched(harness: ServerHarness, tool: str) -> bool:
    order = harness.order(NUMBER[tool])
    backorder = harness.order(f"{NUMBER[tool]}-BO1")
    return order is not None and order.status in LIVE and backorder is None


@both_transports
@every_tool
@both_eras
async def test_a_yes_carries_it_out_once(harness: ServerHarness, era: str, tool: str, transport: Transport) -> None:
    person = ScriptedPerson(YES[tool])

    async with harness.client(era, person, transport) as client:
        done = outcome(await client.call_tool(tool, {"number": NUMBER[tool]}))

    assert done["status"] == "done"
    assert len(person.asked) == 1
    assert person.asked[0].message.startswith("SANDBOX: ")
    assert done["message"].startswith("SANDBOX: ")
    assert not is_untouched(harness, tool)
    if tool == FINALIZE:
        assert done["backorder_number"] == "PO-2025-0037-BO1"
        assert harness.order("PO-2025-0037-BO1") is not None
        assert harness.order("PO-2025-0037-BO2") is None
    if tool == CANCEL:
        assert done["order"]["status"] == "cancelled"
        assert "can be reactivated there" in done["message"]
    if transport == "memory":
        assert len(harness.wire.writes) == 1


NOT_A_YES: dict[str, dict[str, Reply]] = {
    DELETE: {
        "declined": ElicitResult(action="decline"),
        "cancelled": ElicitResult(action="cancel"),
        "wrong number": accept(order_number="PO-2025-0042"),
        "the word no": accept(order_number=" No "),
        "ill-typed": accept(order_number=True),
        "no content": ElicitResult(action="accept"),
        "empty content": accept(),
        "a no beside it": accept(order_number="PO-2025-0038", confirm=False),
        "the other form": accept(decision="close"),
        "declined with the number": ElicitResult(action="decline", content={"order_number": "PO-2025-0038"}),
    },
    FINALIZE: {
        "declined": ElicitResult(action="decline"),
        "cancelled": ElicitResult(action="cancel"),
        "the safe option": accept(decision="keep"),
        "ill-typed": accept(decision=True),
        "a number": accept(decision=1),
        "no option": accept(decision="yes"),
        "no content": ElicitResult(action="accept"),
        "another field": accept(confirm="close"),
        "a no beside it": accept(decision="close", confirm=False),
    },
    CANCEL: {
        "declined": ElicitResult(action="decline"),
        "cancelled": ElicitResult(action="cancel"),
        "the safe option": accept(decision="keep"),
        "ill-typed": accept(decision=True),
        "a number": accept(decision=1),
        "no content": ElicitResult(action="accept"),
        "empty content": accept(),
        "more than was asked": accept(decision="close"),
        "the other form": accept(number="PO-2025-0041"),
        "declined with a yes": ElicitResult(action="decline", content={"decision": "cancel"}),
    },
}


@both_transports
@pytest.mark.parametrize(("tool", "case"), [(tool, case) for tool in TOOLS for case in NOT_A_YES[tool]])
@both_eras
async def test_an_answer_other_than_a_yes_sends_nothing(
    harness: ServerHarness, era: str, tool: str, case: str, transport: Transport
) -> None:
    async with harness.client(era, ScriptedPerson(NOT_A_YES[tool][case]), transport) as client:
        response = outcome(await client.call_tool(tool, {"number": NUMBER[tool]}))

    is_no = case.startswith(("declined", "the safe option", "the word no"))
    assert response["status"] == ("declined" if is_no else "approval_required")
    assert ("approve_at" in response) != is_no
    assert is_untouched(harness, tool)
    assert harness.wire.writes == []


@both_transports
@every_tool
@both_eras
async def test_a_client_that_cannot_be_asked_gets_no_write(
    harness: ServerHarness, era: str, tool: str, transport: Transport
) -> None:
    async with harness.client(era, None, transport) as client:
        response = outcome(await client.call_tool(tool, {"number": NUMBER[tool]}))

    assert response["status"] == "approval_required"
    assert "Nothing has been changed yet" in response["message"]
    assert not any(word in response["message"].lower() for word in ("confirm", "true", "token", "call again"))
    assert is_untouched(harness, tool)
    assert harness.wire.writes == []


@every_tool
async def test_a_client_that_fails_to_ask_gets_no_write(harness: ServerHarness, tool: str) -> None:
    broken = ScriptedPerson(ErrorData(code=-32603, message="no dialog"))

    async with harness.client("2025-11-25", broken) as client:
        response = outcome(await client.call_tool(tool, {"number": NUMBER[tool]}))
    async with harness.client("2026-07-28", broken) as client:
        with pytest.raises(MCPError):
            await client.call_tool(tool, {"number": NUMBER[tool]})

    assert response["status"] == "approval_required"
    assert harness.wire.writes == []


CHANGES: dict[str, Any] = {
    "received": lambda book: book.receive("PO-2025-0037", {2: Decimal(10)}),
    "cancelled": lambda book: book.cancel("PO-2025-0037"),
    "finalized by another": lambda book: book.finalize("PO-2025-0037", create_backorder=True),
    "invoiced": lambda book: book.invoice("PO-2025-0037"),
}


@both_eras
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("tool", [FINALIZE, CANCEL])
async def test_an_order_that_changed_while_the_person_was_asked_is_stale(
    harness: ServerHarness, era: str, tool: str, change: str
) -> None:
    def while_asked(params: object) -> Reply:
        harness.change(CHANGES[change])
        return YES[tool]

    async with harness.client(era, ScriptedPerson(while_asked)) as client:
        response = outcome(await client.call_tool(tool, {"number": NUMBER[FINALIZE]}))

    assert response["status"] == "stale"
    assert "changed after it was approved, so nothing was done" in response["message"]
    assert harness.wire.writes == []


@both_eras
async def test_an_order_deleted_and_created_again_during_the_question_is_stale(
    harness: ServerHarness, era: str
) -> None:
    def recreate(book: Book) -> None:
        old = book.order("PO-2025-0038")
        book.delete(old.number)
        lines = [
            LineDraft(("short_id", line.item.short_id), line.quantity, line.price, ("id", line.warehouse.id))
            for line in old.lines
        ]
        book.create(OrderDraft(("id", old.vendor.id), tuple(lines), number=old.number, ordered_at=old.ordered_at))

    def while_asked(params: object) -> Reply:
        harness.change(recreate)
        return YES[DELETE]

    async with harness.client(era, ScriptedPerson(while_asked)) as client:
        response = outcome(await client.call_tool(DELETE, {"number": NUMBER[DELETE]}))

    assert response["status"] == "stale"
    assert harness.order("PO-2025-0038") is not None
    assert harness.wire.writes == []


@every_tool
async def test_an_answer_without_a_question_is_not_taken_for_one(harness: ServerHarness, tool: str) -> None:
    async with harness.client(person=ScriptedPerson(YES[tool])) as client:
        for key in ("approval", "confirm", "approval_required"):
            result = await client.session.call_tool(
                tool, {"number": NUMBER[tool]}, input_responses={key: YES[tool]}, allow_input_required=True
            )
            assert isinstance(result, InputRequiredResult)

    assert is_untouched(harness, tool)
    assert harness.wire.writes == []


async def ask(client: Any, tool: str, arguments: dict[str, Any]) -> InputRequiredResult:
    """Make the first leg of a guarded call, and return the question."""
    result = await client.session.call_tool(tool, arguments, allow_input_required=True)
    assert isinstance(result, InputRequiredResult)
    return result


@every_tool
async def test_the_same_answer_twice_sends_once(harness: ServerHarness, tool: str) -> None:
    arguments = {"number": NUMBER[tool]}
    async with harness.client(person=ScriptedPerson(YES[tool])) as client:
        question = await ask(client, tool, arguments)
        response = []

        async def answer() -> None:
            result = await client.session.call_tool(
                tool, arguments, input_responses={"approval": YES[tool]}, request_state=question.request_state
            )
            response.append(outcome(result))

        async with anyio.create_task_group() as calls:
            for _ in range(20):
                calls.start_soon(answer)
        for _ in range(5):
            await answer()

    assert [one["status"] for one in response] == ["done"] * 25
    assert sorted(one["replayed"] for one in response) == [False] + [True] * 24
    assert len(harness.wire.writes) == 1


@every_tool
async def test_an_answer_that_was_no_does_not_end_the_question(harness: ServerHarness, tool: str) -> None:
    """Some clients decline without showing anything, so a later yes to the same question counts."""
    arguments = {"number": NUMBER[tool]}
    async with harness.client(person=ScriptedPerson(YES[tool])) as client:
        question = await ask(client, tool, arguments)
        statuses = []
        for reply in (ElicitResult(action="decline"), YES[tool]):
            result = await client.session.call_tool(
                tool, arguments, input_responses={"approval": reply}, request_state=question.request_state
            )
            statuses.append(outcome(result)["status"])

    assert statuses == ["declined", "done"]
    assert len(harness.wire.writes) == 1


@both_eras
@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (accept(order_number="no"), "You said no to this ("),
        (ElicitResult(action="decline"), "This was declined ("),
    ],
    ids=["no", "decline"],
)
async def test_a_question_asked_again_after_a_no_says_so(
    harness: ServerHarness, era: str, reply: Reply, said: str
) -> None:
    arguments = {"number": NUMBER[DELETE]}
    again = ScriptedPerson(YES[DELETE])
    async with harness.client(era, ScriptedPerson(reply)) as client:
        first = outcome(await client.call_tool(DELETE, arguments))
    async with harness.client(era) as client:
        waiting = outcome(await client.call_tool(DELETE, arguments))
    async with harness.client(era, again) as client:
        done = outcome(await client.call_tool(DELETE, arguments))

    assert (first["status"], waiting["status"], done["status"]) == ("declined", "approval_required", "done")
    for reported in (waiting["message"], again.asked[0].message):
        assert said in reported
        assert ", in the chat); it was requested again." in reported
    assert again.asked[0].message.split("\n")[0].startswith("SANDBOX: Delete order PO-2025-0038 permanently?")
    assert again.asked[0].requested_schema["properties"]["order_number"]["description"].startswith("Declined before.")


async def test_a_no_to_another_request_is_not_mentioned(harness: ServerHarness) -> None:
    person = ScriptedPerson(accept(decision="keep"))
    async with harness.client(person=person) as client:
        for backorder in (True, False):
            await client.call_tool(FINALIZE, {"number": NUMBER[FINALIZE], "create_backorder": backorder})

    assert len(person.asked) == 2
    assert not any("requested again" in asked.message for asked in person.asked)


async def test_an_approval_is_good_for_its_order_tool_and_arguments_only(harness: ServerHarness) -> None:
    calls: list[tuple[str, dict[str, Any]]] = [
        (DELETE, {"number": "PO-2025-0038"}),
        (DELETE, {"number": "PO-2025-0042"}),
        (FINALIZE, {"number": "PO-2025-0037"}),
        (FINALIZE, {"number": "PO-2025-0037", "create_backorder": True}),
        (FINALIZE, {"number": "PO-2025-0042"}),
        (CANCEL, {"number": "PO-2025-0037"}),
        (CANCEL, {"number": "PO-2025-0042"}),
    ]
    async with harness.client(person=ScriptedPerson(ElicitResult(action="decline"))) as client:
        questions = [await ask(client, *call) for call in calls]
        rejected = 0
        for i, question in enumerate(questions):
            for j, (tool, arguments) in enumerate(calls):
                if i == j:
                    continue
                with pytest.raises(MCPError, match="nothing was sent with it"):
                    await client.session.call_tool(
                        tool,
                        arguments,
                        input_responses={"approval": YES[tool]},
                        request_state=question.request_state,
                    )
                rejected += 1

    assert rejected == 42
    assert harness.wire.writes == []


async def test_a_state_that_was_tampered_with_is_refused(harness: ServerHarness) -> None:
    arguments = {"number": NUMBER[DELETE]}
    async with harness.client(person=ScriptedPerson(YES[DELETE])) as client:
        state = (await ask(client, DELETE, arguments)).request_state
        assert state is not None
        for place in range(0, len(state), 7):
            forged = state[:place] + ("A" if state[place] != "A" else "B") + state[place + 1 :]
            with pytest.raises(MCPError, match="nothing was sent with it"):
                await client.session.call_tool(
                    DELETE, arguments, input_responses={"approval": YES[DELETE]}, request_state=forged
                )

    assert harness.wire.writes == []


CONFIRM_LIKE: list[dict[str, Any]] = [
    {name: value}
    for name in ("confirm", "approved", "token", "order_number", "answer", "operation_id", "force", "yes", "dry_run")
    for value in (True, "PO-2025-0038")
] + [{"_meta": {"approved": True}}, {"ctx": {}}, {"Number": "PO-2025-0038"}, {"numbers": ["PO-2025-0038"]}]


@every_tool
@both_eras
async def test_no_argument_stands_for_a_yes(harness: ServerHarness, era: str, tool: str) -> None:
    async with harness.client(era) as client:
        schema = next(t for t in (await client.list_tools()).tools if t.name == tool).input_schema
        for extra in CONFIRM_LIKE:
            result = await client.call_tool(tool, {"number": NUMBER[tool], **extra})
            assert result.is_error
            assert "unknown argument, leave it out" in text(result)

    assert set(schema["properties"]) <= {"number", "create_backorder"}
    assert harness.wire.seen == []


@both_eras
@pytest.mark.parametrize(
    ("tool", "number", "why"),
    [
        (DELETE, "PO-2025-0037", "item receipt IR-"),
        (FINALIZE, "closed", "is already closed"),
        (CANCEL, "closed", "is closed and cannot be cancelled"),
        (CANCEL, "cancelled", "is already cancelled"),
    ],
)
async def test_a_write_that_cannot_succeed_is_refused_before_the_question(
    harness: ServerHarness, era: str, tool: str, number: str, why: str
) -> None:
    if number == "closed":
        harness.change(lambda book: book.finalize("PO-2025-0036", create_backorder=False))
        number = "PO-2025-0036"
    if number == "cancelled":
        harness.change(lambda book: book.cancel("PO-2025-0036"))
        number = "PO-2025-0036"
    person = ScriptedPerson(YES[tool])

    async with harness.client(era, person) as client:
        response = outcome(await client.call_tool(tool, {"number": number}))

    assert response["status"] == "refused"
    assert why in response["message"]
    assert person.asked == []
    assert harness.wire.writes == []


@both_eras
async def test_an_invoiced_order_is_refused_with_the_invoice_named(harness: ServerHarness, era: str) -> None:
    harness.change(lambda book: book.invoice("PO-2025-0042"))
    person = ScriptedPerson(accept(order_number="PO-2025-0042"))

    async with harness.client(era, person) as client:
        response = outcome(await client.call_tool(DELETE, {"number": "PO-2025-0042"}))

    assert response["status"] == "refused"
    assert "purchase invoice PI-" in response["message"]
    assert person.asked == []


@both_eras
@pytest.mark.parametrize(
    ("choice", "backorder"), [(True, "PO-2025-0037-BO1"), (False, None)], ids=["with backorder", "without"]
)
async def test_a_backorder_that_the_caller_chose_is_shown_and_not_asked_for(
    harness: ServerHarness, era: str, choice: bool, backorder: str | None
) -> None:
    person = ScriptedPerson(yes)

    async with harness.client(era, person) as client:
        done = outcome(await client.call_tool(FINALIZE, {"number": "PO-2025-0037", "create_backorder": choice}))

    assert done["status"] == "done"
    assert done.get("backorder_number") == backorder
    assert ("with a backorder?" if choice else "without a backorder?") in person.asked[0].message
    [field] = person.asked[0].requested_schema["properties"].values()
    assert [option["const"] for option in field["oneOf"]] == ["keep", "backorder" if choice else "close"]


@both_eras
async def test_a_person_may_choose_against_a_backorder(harness: ServerHarness, era: str) -> None:
    async with harness.client(era, ScriptedPerson(accept(decision="close"))) as client:
        done = outcome(await client.call_tool(FINALIZE, {"number": "PO-2025-0037"}))

    assert (done["status"], done.get("backorder_number")) == ("done", None)
    assert harness.order("PO-2025-0037-BO1") is None


@both_eras
async def test_two_calls_at_once_both_approved_send_once(harness: ServerHarness, era: str) -> None:
    person = ScriptedPerson(YES[FINALIZE])
    response = []
    async with harness.client(era, person) as client:

        async def call() -> None:
            response.append(outcome(await client.call_tool(FINALIZE, {"number": "PO-2025-0037"})))

        async with anyio.create_task_group() as calls:
            for _ in range(5):
                calls.start_soon(call)

    assert {one["status"] for one in response} == {"done"}
    assert [one["replayed"] for one in response].count(False) == 1
    assert len(harness.wire.writes) == 1
    assert harness.order("PO-2025-0037-BO2") is None


@both_eras
async def test_the_question_of_a_cancel_shows_the_order_and_what_was_received(harness: ServerHarness, era: str) -> None:
    person = ScriptedPerson(YES[CANCEL])

    async with harness.client(era, person) as client:
        await client.call_tool(CANCEL, {"number": NUMBER[CANCEL]})

    shown = person.asked[0].message.splitlines()
    assert shown[0] == "SANDBOX: Cancel order PO-2025-0041? It can be reactivated in the sandbox."
    assert "goods received on 4 of 8 lines" in shown[1]
    assert shown[2].startswith("Vendor: ")
    [field] = person.asked[0].requested_schema["properties"].values()
    assert [option["const"] for option in field["oneOf"]] == ["keep", "cancel"]


@both_eras
async def test_a_cancel_asked_for_again_is_replayed_while_the_order_is_cancelled(
    harness: ServerHarness, era: str
) -> None:
    arguments = {"number": NUMBER[CANCEL]}
    person = ScriptedPerson(YES[CANCEL])
    async with harness.client(era, person) as client:
        done, again = [outcome(await client.call_tool(CANCEL, arguments)) for _ in range(2)]
        harness.change(lambda book: book.reactivate(NUMBER[CANCEL]))
        third = outcome(await client.call_tool(CANCEL, arguments))

    assert [(one["status"], one["replayed"]) for one in (done, again, third)] == [
        ("done", False),
        ("done", True),
        ("done", False),
    ]
    assert (done["operation_id"] == again["operation_id"], done["operation_id"] == third["operation_id"]) == (
        True,
        False,
    )
    assert (len(person.asked), len(harness.wire.writes)) == (2, 2)


@both_eras
@pytest.mark.parametrize("reason", ["received", "invoiced"])
async def test_an_order_that_cannot_be_deleted_can_be_cancelled_as_the_answer_says(
    harness: ServerHarness, era: str, reason: str
) -> None:
    number = "PO-2025-0037" if reason == "received" else "PO-2025-0042"
    if reason == "invoiced":
        harness.change(lambda book: book.invoice(number))

    async with harness.client(era, ScriptedPerson(YES[CANCEL])) as client:
        refused = outcome(await client.call_tool(DELETE, {"number": number}))
        done = outcome(await client.call_tool(CANCEL, {"number": number}))

    assert refused["status"] == "refused"
    assert refused["message"].endswith("Nothing was changed.")
    assert refused["next_step"] == f"It can be cancelled instead: offer the user cancel_purchase_order({number})."
    assert done["status"] == "done"
    assert harness.order(number).status == "cancelled"


@both_eras
@pytest.mark.parametrize("state", ["closed", "cancelled"])
async def test_no_cancel_is_offered_where_it_would_be_refused_too(harness: ServerHarness, era: str, state: str) -> None:
    def end(book: Book) -> None:
        if state == "closed":
            book.finalize("PO-2025-0037", create_backorder=False)
        else:
            book.cancel("PO-2025-0037")

    harness.change(end)
    async with harness.client(era, ScriptedPerson(YES[DELETE])) as client:
        refused = outcome(await client.call_tool(DELETE, {"number": "PO-2025-0037"}))

    assert refused["status"] == "refused"
    assert "item receipt IR-" in refused["message"]
    assert "cancel_purchase_order" not in refused["next_step"]


async def test_a_delete_that_the_erp_refuses_offers_a_cancel(harness: ServerHarness) -> None:
    """What the vendor calls used in reporting cannot be seen before the ERP says it."""

    async def refuse(wire: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(409, stream=httpx2.ByteStream(b'{"errors": [{"code": 409}]}'))

    harness.wire.on_write = refuse
    async with harness.client(person=ScriptedPerson(YES[DELETE])) as client:
        refused = outcome(await client.call_tool(DELETE, {"number": NUMBER[DELETE]}))

    assert refused["status"] == "refused"
    assert "It can be cancelled instead: offer the user cancel_purchase_order(PO-2025-0038)" in refused["next_step"]
    assert is_untouched(harness, DELETE)


@pytest.mark.parametrize("status", [403, 404, 429])
async def test_no_cancel_is_offered_for_a_delete_that_was_refused_for_no_reason_of_the_order(
    harness: ServerHarness, status: int
) -> None:
    """A missing right, a path that is not there, too many requests: none of them is a reason to cancel."""

    async def refuse(wire: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
        body = f'{{"errors": [{{"code": {status}}}]}}'.encode()
        return httpx2.Response(status, stream=httpx2.ByteStream(body))

    harness.wire.on_write = refuse
    async with harness.client(person=ScriptedPerson(YES[DELETE])) as client:
        refused = outcome(await client.call_tool(DELETE, {"number": NUMBER[DELETE]}))

    assert refused["status"] == "refused"
    assert "cancel_purchase_order" not in refused["next_step"]
    assert is_untouched(harness, DELETE)


async def test_an_order_whose_last_write_ended_at_this_very_moment_is_read_a_few_times_and_no_more(
    harness: ServerHarness,
) -> None:
    """The clock stands still, as one that was set back does: every reading looks older than the write's end."""
    person = ScriptedPerson(accept(decision="cancel"))
    async with harness.client(person=person, clock=lambda: 1_800_000_000.0) as client:
        assert outcome(await client.call_tool(CANCEL, {"number": "PO-2025-0042"}))["status"] == "done"
        reads = len(harness.wire.seen)
        with anyio.fail_after(30):
            result = await client.call_tool(DELETE, {"number": "PO-2025-0042"})

    assert result.is_error
    assert len(harness.wire.seen) - reads < 30
    assert len(person.asked) == 1


@pytest.mark.parametrize(("answer", "seen"), [(204, False), (200, True), (202, True)])
async def test_a_cancel_that_was_answered_with_nothing_is_done_and_one_that_says_too_little_is_looked_after(
    harness: ServerHarness, answer: int, seen: bool
) -> None:
    async def silent(wire: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
        await (await wire.handle_async_request(request)).aread()
        return httpx2.Response(answer, stream=httpx2.ByteStream(b""))

    harness.wire.on_write = silent
    async with harness.client(person=ScriptedPerson(YES[CANCEL])) as client:
        done = outcome(await client.call_tool(CANCEL, {"number": NUMBER[CANCEL]}))

    assert (done["status"], "confirmed by reading it back" in done["message"]) == ("done", seen)
    assert len(harness.wire.writes) == 1


async def test_an_erp_without_a_cancel_lists_no_such_tool_and_neither_does_a_read_only_server(
    harness: ServerHarness,
) -> None:
    real = {"base_url": "http://localhost", "client_id": "id", "client_secret": "secret", "redirect_uri": "https://r"}
    listed = {}
    for erp in ("inventory-pro", "exsited"):
        settings = Settings.model_validate({"erp": erp, "journal": str(harness.journal), **real})
        async with Client(build_server(settings)) as client:
            listed[erp] = {tool.name for tool in (await client.list_tools()).tools}
    async with harness.client(read_only=True) as client:
        listed["read-only"] = {tool.name for tool in (await client.list_tools()).tools}

    assert {erp: CANCEL in names for erp, names in listed.items()} == {
        "inventory-pro": False,
        "exsited": True,
        "read-only": False,
    }


def exsited_showing(status: str) -> Exsited:
    """Exsited, whose one order stands so and was invoiced."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        one_page = {"pagination": {"records": 1, "limit": 100, "offset": 0}}
        line = {"uuid": "u", "item_id": "ITEM-0055", "item_quantity": "40.000000"}
        bodies: dict[str, Any] = {
            "token": {"access_token": "t", "expires_in": 3600},
            "purchase-invoices": {"purchase_invoices": [{"id": "PI-LHROM9-0001"}], **one_page},
            "item-receipts": {"purchase_order": {"item_receipts": [], "pagination": {"records": 0}}},
        }
        order = {"purchase_order": {"id": "PO-1", "uuid": "u", "status": status, "lines": [line]}}
        body = bodies.get(path.rpartition("/")[2], order)
        assert request.method == "GET" or "token" in path, "nothing may be written"
        return httpx2.Response(200, stream=httpx2.ByteStream(json.dumps(body).encode()))

    return Exsited("http://localhost", "id", "secret", "https://r", transport=httpx2.MockTransport(answer))


@both_eras
@pytest.mark.parametrize(
    ("status", "cancel", "offered"),
    [
        ("ACTIVE", None, True),
        ("DRAFT", None, True),
        ("INACTIVE", "Order PO-1 is already cancelled. Nothing was changed.", False),
        ("DELETED", "Order PO-1 is already deleted. Nothing was changed.", False),
        (
            "HELD",
            "Order PO-1 has a status that po-mcp does not know: HELD. Check it in the ERP. Nothing was changed.",
            False,
        ),
    ],
)
async def test_how_an_order_stands_in_exsited_decides_whether_a_person_is_asked_to_cancel_it(
    era: str, status: str, cancel: str | None, offered: bool
) -> None:
    person = ScriptedPerson(ElicitResult(action="decline"))
    server = build_server(IN_MEMORY, erp=exsited_showing(status))

    async with Client(server, mode=MODES[era], elicitation_callback=person) as client:
        deleting = outcome(await client.call_tool(DELETE, {"number": "PO-1"}))
        cancelling = outcome(await client.call_tool(CANCEL, {"number": "PO-1"}))

    assert deleting["status"] == "refused"
    assert ("cancel_purchase_order(PO-1)" in deleting["next_step"]) is offered
    assert len(person.asked) == (cancel is None)
    assert cancelling["status"] == ("declined" if cancel is None else "refused")
    assert cancel in (None, cancelling["message"])
