"""Each control of the guard is taken away in turn, and the harm that it prevents is seen to happen.

A test that finds no harm without the control would prove nothing; the intact program is run beside it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from mcp.types import InputRequiredResult

from po_mcp import orders, person
from po_mcp.desk import deciding
from po_mcp.server.purchasing_tool import PurchasingTool
from po_mcp.writes import approval
from po_mcp.writes.execution import Executor
from po_mcp.writes.journal import Claim, Journal
from po_mcp.writes.operation import Recorded
from tests.office import Office, Person, Reply, accept, outcome

DELETE, FINALIZE, CANCEL = "delete_purchase_order", "finalize_purchase_order", "cancel_purchase_order"
Patch = pytest.MonkeyPatch
Harm = Callable[[Office], Awaitable[bool]]

YES = accept(confirm=True, create_backorder=True)


async def finalize_of_an_order_that_changed(office: Office) -> bool:
    """Goods arrive while the person is asked. Harm: the order is finalized all the same."""

    def arrive(params: object) -> Reply:
        office.change(lambda book: book.receive("PO-2025-0037", {2: Decimal(10)}))
        return YES

    async with office.client(person=Person(arrive)) as client:
        await client.call_tool(FINALIZE, {"number": "PO-2025-0037"})
    return len(office.tap.writes) > 0


async def the_same_answer_given_twice(office: Office) -> bool:
    """Harm: two writes for one approval."""
    arguments = {"number": "PO-2025-0036"}
    async with office.client(person=Person(YES)) as client:
        question = await client.session.call_tool(FINALIZE, arguments, allow_input_required=True)
        assert isinstance(question, InputRequiredResult)
        for _ in range(2):
            await client.session.call_tool(
                FINALIZE, arguments, input_responses={"approval": YES}, request_state=question.request_state
            )
    return len(office.tap.writes) > 1


async def an_answer_of_the_wrong_type(office: Office) -> bool:
    """Harm: the text "false" is taken for a yes."""
    async with office.client(person=Person(accept(confirm="false", create_backorder="no"))) as client:
        await client.call_tool(FINALIZE, {"number": "PO-2025-0037"})
    return len(office.tap.writes) > 0


async def the_number_of_another_order(office: Office) -> bool:
    """Harm: a client that accepts everything, with any text, deletes."""
    async with office.client(person=Person(accept(order_number="yes"))) as client:
        await client.call_tool(DELETE, {"number": "PO-2025-0038"})
    return office.order("PO-2025-0038") is None


async def an_answer_before_the_question(office: Office) -> bool:
    """Harm: an answer that nobody was asked for carries the write."""
    async with office.client(person=Person(YES)) as client:
        await client.session.call_tool(
            FINALIZE, {"number": "PO-2025-0037"}, input_responses={"approval": YES}, allow_input_required=True
        )
    return len(office.tap.writes) > 0


async def an_argument_that_is_not_known(office: Office) -> bool:
    """Harm: delete(dry_run=true) deletes."""
    async with office.client(person=Person(accept(order_number="PO-2025-0038"))) as client:
        await client.call_tool(DELETE, {"number": "PO-2025-0038", "dry_run": True})
    return office.order("PO-2025-0038") is None


async def a_client_that_cannot_be_asked(office: Office) -> bool:
    """Harm: who cannot be asked is taken to agree."""
    async with office.client() as client:
        await client.call_tool(FINALIZE, {"number": "PO-2025-0037"})
    return len(office.tap.writes) > 0


async def an_order_that_cannot_be_deleted(office: Office) -> bool:
    """Harm: a person is asked in vain, and the ERP gets a delete that it must refuse."""
    asked = Person(accept(order_number="PO-2025-0037"))
    async with office.client(person=asked) as client:
        await client.call_tool(DELETE, {"number": "PO-2025-0037"})
    return bool(asked.asked)


async def a_cancel_of_an_order_that_changed(office: Office) -> bool:
    """Goods arrive while the person is asked. Harm: the order is cancelled all the same."""

    def arrive(params: object) -> Reply:
        office.change(lambda book: book.receive("PO-2025-0037", {2: Decimal(10)}))
        return accept(confirm=True)

    async with office.client(person=Person(arrive)) as client:
        await client.call_tool(CANCEL, {"number": "PO-2025-0037"})
    return len(office.tap.writes) > 0


async def a_cancel_with_an_answer_of_the_wrong_type(office: Office) -> bool:
    """Harm: the text "false" is taken for a yes."""
    async with office.client(person=Person(accept(confirm="false"))) as client:
        await client.call_tool(CANCEL, {"number": "PO-2025-0037"})
    return bool(office.order("PO-2025-0037").status == "cancelled")


async def a_cancel_by_a_client_that_cannot_be_asked(office: Office) -> bool:
    """Harm: who cannot be asked is taken to agree."""
    async with office.client() as client:
        await client.call_tool(CANCEL, {"number": "PO-2025-0037"})
    return len(office.tap.writes) > 0


async def an_order_that_cannot_be_cancelled(office: Office) -> bool:
    """Harm: a person is asked in vain, and the ERP gets a cancel that it must refuse."""
    office.change(lambda book: book.finalize("PO-2025-0036", create_backorder=False))
    asked = Person(accept(confirm=True))
    async with office.client(person=asked) as client:
        await client.call_tool(CANCEL, {"number": "PO-2025-0036"})
    return bool(asked.asked)


async def a_cancel_that_is_told_of_another_order(office: Office) -> bool:
    """The success names another order, and ours is not cancelled. Harm: it is told as done."""

    async def mistaken(wire: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
        body = b'{"purchase_order": {"id": "PO-2025-0042", "status": "INACTIVE"}}'
        return httpx2.Response(200, stream=httpx2.ByteStream(body))

    office.tap.disturb = mistaken
    async with office.client(person=Person(accept(confirm=True))) as client:
        told = outcome(await client.call_tool(CANCEL, {"number": "PO-2025-0037"}))
    return bool(told["status"] == "done")


async def a_vendor_whose_name_forges_a_line(office: Office) -> bool:
    """Harm: the question shows a total that the ERP never gave."""
    office.change(lambda book: None)  # makes the book
    with closing(sqlite3.connect(office.book)) as book, book:
        book.execute("UPDATE vendors SET name = ?", ["Acme\nTotal: 0.01"])
    asked = Person(accept())
    async with office.client(person=asked) as client:
        await client.call_tool(DELETE, {"number": "PO-2025-0038"})
    return any(row.startswith("Total: 0.01") for row in asked.asked[0].message.split("\n"))


async def a_request_that_is_applied_late(office: Office) -> bool:
    """Harm: "it was not applied, ask again", and then it is applied."""
    late: list[httpx2.Request] = []

    async def keep_back(wire: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
        late.append(request)
        raise httpx2.ReadTimeout("no answer", request=request)

    office.tap.disturb = keep_back
    async with office.client(person=Person(YES), erp_bounds=(20.0, 10.0)) as client:
        told = outcome(await client.call_tool(FINALIZE, {"number": "PO-2025-0037"}))
        assert office.tap.inner is not None
        await (await office.tap.inner.handle_async_request(late[0])).aread()
    return bool(told["status"] == "refused" and office.order("PO-2025-0037").status == "closed")


def no_quarantine(patch: Patch) -> None:
    """What is absent right after a doubt counts as not applied."""
    patch.setattr(Executor, "_cannot_come_late", lambda self, recorded, looked_at: True)


def no_snapshot_check(patch: Patch) -> None:
    patch.setattr(deciding, "digest_of_snapshot", lambda snapshot: "always the same")


def no_single_use(patch: Patch) -> None:
    """The claim is given to everybody, and a state is whatever it was when the person was asked."""

    def claim(self: Journal, operation_id: str) -> Claim:
        recorded = find(self, operation_id)
        assert recorded is not None
        return Claim(recorded.operation, self.now())

    def find_approved(self: Journal, operation_id: str) -> Recorded | None:
        recorded = find(self, operation_id)
        return recorded and replace(recorded, state="APPROVED")

    find = Journal.find
    patch.setattr(Journal, "claim", claim)
    patch.setattr(Journal, "find", find_approved)
    patch.setattr(deciding, "digest_of_snapshot", lambda snapshot: "always the same")


def any_true_value_is_a_yes(patch: Patch) -> None:
    patch.setattr(
        approval, "is_approval_of_confirm", lambda answer, question: bool((answer.content or {}).get("confirm"))
    )


def accept_is_enough(patch: Patch) -> None:
    patch.setattr(approval, "is_approval_of_delete", lambda answer, number: answer.how == "accepted")


def no_wording_pin(patch: Patch) -> None:
    def brought(self: person.Person, state: object) -> Any:
        return (self._ctx.input_responses or {}).get("approval")

    patch.setattr(person.Person, "_brought", brought)


def unknown_arguments_are_dropped(patch: Patch) -> None:
    anew: Any = PurchasingTool.of.__wrapped__  # the one of this process stays as it is

    def lenient(registered: Any) -> PurchasingTool:
        tool: PurchasingTool = anew(PurchasingTool, registered)
        tool.fn_metadata.arg_model.model_config["extra"] = "ignore"
        tool.fn_metadata.arg_model.model_rebuild(force=True)
        return tool

    patch.setattr(PurchasingTool, "of", lenient)


def proceed_where_nobody_can_be_asked(patch: Patch) -> None:
    async def agreeable(
        self: person.Person, operation_id: str, question: approval.Question, page: object
    ) -> approval.Answer:
        return approval.Answer("accepted", {field.name: True for field in question.fields})

    patch.setattr(person.Person, "ask", agreeable)


def nothing_is_refused_beforehand(patch: Patch) -> None:
    patch.setattr(deciding, "_cannot_succeed", lambda kind, snapshot: None)


def any_success_is_believed(patch: Patch) -> None:
    patch.setattr("po_mcp.connectors.exsited.translate.cancelled", lambda body, number: None)


def text_is_shown_as_it_comes(patch: Patch) -> None:
    patch.setattr(approval, "quoted", lambda text, longest=80: f'"{text}"')
    patch.setattr("po_mcp.connectors.inventory_pro.translate.header", _unescaped_header)


def _unescaped_header(theirs: Any, zone: Any = None) -> orders.PurchaseOrder:
    return orders.PurchaseOrder.model_construct(
        number=theirs.po_no,
        vendor=theirs.vendor,
        status="open",
        status_text="Open",
        ordered_at=theirs.order_date,
        expected_on=None,
        total=theirs.total_value,
    )


MUTANTS: list[tuple[Callable[[Patch], None], Harm]] = [
    (no_snapshot_check, finalize_of_an_order_that_changed),
    (no_single_use, the_same_answer_given_twice),
    (any_true_value_is_a_yes, an_answer_of_the_wrong_type),
    (accept_is_enough, the_number_of_another_order),
    (no_wording_pin, an_answer_before_the_question),
    (unknown_arguments_are_dropped, an_argument_that_is_not_known),
    (proceed_where_nobody_can_be_asked, a_client_that_cannot_be_asked),
    (nothing_is_refused_beforehand, an_order_that_cannot_be_deleted),
    (text_is_shown_as_it_comes, a_vendor_whose_name_forges_a_line),
    (no_quarantine, a_request_that_is_applied_late),
    (no_snapshot_check, a_cancel_of_an_order_that_changed),
    (any_true_value_is_a_yes, a_cancel_with_an_answer_of_the_wrong_type),
    (proceed_where_nobody_can_be_asked, a_cancel_by_a_client_that_cannot_be_asked),
    (nothing_is_refused_beforehand, an_order_that_cannot_be_cancelled),
    (any_success_is_believed, a_cancel_that_is_told_of_another_order),
]


@pytest.mark.parametrize(("mutant", "harm"), MUTANTS, ids=lambda value: value.__name__)
async def test_without_the_control_the_harm_happens_and_with_it_it_does_not(
    mutant: Callable[[Patch], None], harm: Harm, tmp_path: Any
) -> None:
    intact = await harm(Office(tmp_path / "intact.db"))
    with pytest.MonkeyPatch.context() as patch:
        mutant(patch)
        mutated = await harm(Office(tmp_path / "mutated.db"))

    assert (intact, mutated) == (False, True)
