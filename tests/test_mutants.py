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
from mcp import MCPError
from mcp.types import ElicitRequestFormParams, InputRequiredResult

from po_mcp import orders
from po_mcp.approvals import elicitation
from po_mcp.desk import approval_flow, guarded_writes
from po_mcp.erp import Connection
from po_mcp.errors import InvalidInput, JournalUnavailable, OutcomeUnknown, Refused, TooManyQuestions
from po_mcp.orders import OrderLine
from po_mcp.server import request_params
from po_mcp.server.tool import PurchasingTool
from po_mcp.writes import comparison, forms, order_questions, order_text, reconcile, verdict
from po_mcp.writes.executor import Executor
from po_mcp.writes.forms import FormAnswer, Question
from po_mcp.writes.journal import Claim, JournalStore, Similar, moves, proposals, queries
from po_mcp.writes.journal.database import Transaction
from po_mcp.writes.journal.rows import read_row
from po_mcp.writes.journal.sqlite import SqliteFile
from po_mcp.writes.kinds import Applied, cancel, delete, finalize, snapshots
from po_mcp.writes.kinds.create import Create
from po_mcp.writes.operation import Operation, Recorded
from po_mcp.writes.policy import SettlementPolicy
from po_mcp.writes.reconcile import Reconciler
from tests.harness import ERAS, Reply, ScriptedPerson, ServerHarness, accept, call_raw, no, outcome, yes
from tests.writes.erp import Bench
from tests.writes.making import (
    BOB,
    CONNECTION,
    Clock,
    create,
    draft,
    guarded_operation,
    order,
    propose,
    state_of,
    store_as_asked,
    take_to,
)

DELETE, FINALIZE, CANCEL = "delete_purchase_order", "finalize_purchase_order", "cancel_purchase_order"
Patch = pytest.MonkeyPatch
Harm = Callable[[ServerHarness], Awaitable[bool]]

YES = accept(decision="backorder")


async def finalize_of_an_order_that_changed(harness: ServerHarness) -> bool:
    """Goods arrive while the person is asked. Harm: the order is finalized all the same."""

    def arrive(params: ElicitRequestFormParams) -> Reply:
        harness.change(lambda book: book.receive("PO-2025-0037", {2: Decimal(10)}))
        return YES

    async with harness.client(person=ScriptedPerson(arrive)) as client:
        await client.call_tool(FINALIZE, {"number": "PO-2025-0037"})
    return len(harness.wire.writes) > 0


async def the_same_answer_given_twice(harness: ServerHarness) -> bool:
    """Harm: two writes for one approval."""
    arguments = {"number": "PO-2025-0036"}
    async with harness.client(person=ScriptedPerson(YES)) as client:
        question = await client.session.call_tool(FINALIZE, arguments, allow_input_required=True)
        assert isinstance(question, InputRequiredResult)
        for _ in range(2):
            await client.session.call_tool(
                FINALIZE, arguments, input_responses={"approval": YES}, request_state=question.request_state
            )
    return len(harness.wire.writes) > 1


async def an_option_that_was_not_offered(harness: ServerHarness) -> bool:
    """Harm: the text "false" is taken for a yes."""
    async with harness.client(person=ScriptedPerson(accept(decision="false"))) as client:
        await client.call_tool(FINALIZE, {"number": "PO-2025-0037"})
    return len(harness.wire.writes) > 0


async def the_number_of_another_order(harness: ServerHarness) -> bool:
    """Harm: a client that accepts everything, with any text, deletes."""
    async with harness.client(person=ScriptedPerson(accept(order_number="yes"))) as client:
        await client.call_tool(DELETE, {"number": "PO-2025-0038"})
    return harness.order("PO-2025-0038") is None


async def an_answer_before_the_question(harness: ServerHarness) -> bool:
    """Harm: an answer that nobody was asked for carries the write."""
    async with harness.client(person=ScriptedPerson(YES)) as client:
        await client.session.call_tool(
            FINALIZE, {"number": "PO-2025-0037"}, input_responses={"approval": YES}, allow_input_required=True
        )
    return len(harness.wire.writes) > 0


async def an_answer_that_fits_no_schema(harness: ServerHarness) -> bool:
    """Harm: the whole call is refused, and its model looks for a fault in the arguments."""
    async with harness.client(person=ScriptedPerson(YES)) as client:
        try:
            await call_raw(client, DELETE, {"number": "PO-2025-0038"}, inputResponses={"approval": {"action": "ok"}})
        except MCPError:
            return True
    return False


async def an_argument_that_is_not_known(harness: ServerHarness) -> bool:
    """Harm: delete(dry_run=true) deletes."""
    async with harness.client(person=ScriptedPerson(accept(order_number="PO-2025-0038"))) as client:
        await client.call_tool(DELETE, {"number": "PO-2025-0038", "dry_run": True})
    return harness.order("PO-2025-0038") is None


async def a_client_that_cannot_be_asked(harness: ServerHarness) -> bool:
    """Harm: who cannot be asked is taken to agree."""
    async with harness.client() as client:
        await client.call_tool(FINALIZE, {"number": "PO-2025-0037"})
    return len(harness.wire.writes) > 0


async def an_order_that_cannot_be_deleted(harness: ServerHarness) -> bool:
    """Harm: a person is asked in vain, and the ERP gets a delete that it must refuse."""
    asked = ScriptedPerson(accept(order_number="PO-2025-0037"))
    async with harness.client(person=asked) as client:
        await client.call_tool(DELETE, {"number": "PO-2025-0037"})
    return bool(asked.asked)


async def a_cancel_of_an_order_that_changed(harness: ServerHarness) -> bool:
    """Goods arrive while the person is asked. Harm: the order is cancelled all the same."""

    def arrive(params: ElicitRequestFormParams) -> Reply:
        harness.change(lambda book: book.receive("PO-2025-0037", {2: Decimal(10)}))
        return yes(params)

    async with harness.client(person=ScriptedPerson(arrive)) as client:
        await client.call_tool(CANCEL, {"number": "PO-2025-0037"})
    return len(harness.wire.writes) > 0


async def the_label_of_the_safe_option(harness: ServerHarness) -> bool:
    """A client that draws a text box sends the label. Harm: the order is closed."""
    async with harness.client(person=ScriptedPerson(accept(decision="No, leave the order open"))) as client:
        await client.call_tool(FINALIZE, {"number": "PO-2025-0037"})
    return len(harness.wire.writes) > 0


async def pressing_enter(harness: ServerHarness) -> bool:
    """A client marks the first option, and its user presses Enter. Harm: the order is closed."""
    async with harness.client(person=ScriptedPerson(no)) as client:
        await client.call_tool(FINALIZE, {"number": "PO-2025-0037"})
    return len(harness.wire.writes) > 0


async def a_cancel_with_an_option_that_was_not_offered(harness: ServerHarness) -> bool:
    """Harm: the text "false" is taken for a yes."""
    async with harness.client(person=ScriptedPerson(accept(decision="false"))) as client:
        await client.call_tool(CANCEL, {"number": "PO-2025-0037"})
    return bool(harness.order("PO-2025-0037").status == "cancelled")


async def a_cancel_by_a_client_that_cannot_be_asked(harness: ServerHarness) -> bool:
    """Harm: who cannot be asked is taken to agree."""
    async with harness.client() as client:
        await client.call_tool(CANCEL, {"number": "PO-2025-0037"})
    return len(harness.wire.writes) > 0


async def an_order_that_cannot_be_cancelled(harness: ServerHarness) -> bool:
    """Harm: a person is asked in vain, and the ERP gets a cancel that it must refuse."""
    harness.change(lambda book: book.finalize("PO-2025-0036", create_backorder=False))
    asked = ScriptedPerson(yes)
    async with harness.client(person=asked) as client:
        await client.call_tool(CANCEL, {"number": "PO-2025-0036"})
    return bool(asked.asked)


async def a_cancel_that_is_told_of_another_order(harness: ServerHarness) -> bool:
    """The success names another order, and ours is not cancelled. Harm: it is reported as done."""

    async def mistaken(wire: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
        body = b'{"purchase_order": {"id": "PO-2025-0042", "status": "INACTIVE"}}'
        return httpx2.Response(200, stream=httpx2.ByteStream(body))

    harness.wire.on_write = mistaken
    async with harness.client(person=ScriptedPerson(yes)) as client:
        said = outcome(await client.call_tool(CANCEL, {"number": "PO-2025-0037"}))
    return bool(said["status"] == "done")


async def a_vendor_whose_name_reverses_the_text_behind_it(harness: ServerHarness) -> bool:
    """A bidirectional override is in the name. Harm: the question shows what stands behind it the wrong way round."""
    harness.change(lambda book: None)  # makes the book
    with closing(sqlite3.connect(harness.book)) as book, book:
        book.execute("UPDATE vendors SET name = ?", ["Acme \u202e10.0 latoT"])
    asked = ScriptedPerson(accept())
    async with harness.client(person=asked) as client:
        await client.call_tool(DELETE, {"number": "PO-2025-0038"})
    return "\u202e" in asked.asked[0].message


async def a_request_that_is_applied_late(harness: ServerHarness) -> bool:
    """Harm: "it was not applied, ask again", and then it is applied."""
    late: list[httpx2.Request] = []

    async def keep_back(wire: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
        late.append(request)
        raise httpx2.ReadTimeout("no answer", request=request)

    harness.wire.on_write = keep_back
    async with harness.client(person=ScriptedPerson(YES), erp_bounds=(20.0, 10.0)) as client:
        said = outcome(await client.call_tool(FINALIZE, {"number": "PO-2025-0037"}))
        assert harness.wire.inner is not None
        await (await harness.wire.inner.handle_async_request(late[0])).aread()
    return bool(said["status"] == "refused" and harness.order("PO-2025-0037").status == "closed")


async def a_cancel_whose_order_is_active_again(harness: ServerHarness) -> bool:
    """The ERP made it active again. Harm: the same call is reported as done, and nothing is sent."""
    async with harness.client(person=ScriptedPerson(yes)) as client:
        await client.call_tool(CANCEL, {"number": "PO-2025-0041"})
        with closing(sqlite3.connect(harness.book)) as book, book:
            book.execute("UPDATE orders SET status = 'open' WHERE number = 'PO-2025-0041'")
        again = outcome(await client.call_tool(CANCEL, {"number": "PO-2025-0041"}))
    return bool(again["status"] == "done" and again["replayed"])


# What an executor alone shows, over an ERP in memory


def bench_of(harness: ServerHarness, clock: Clock | None = None, policy: SettlementPolicy | None = None) -> Bench:
    store = JournalStore(harness.journal, 600, clock or Clock())
    bench = Bench(store) if policy is None else Bench(store, policy)
    bench.erp.orders["PO-1"] = order()
    return bench


async def an_order_that_stands_under_the_number_already(harness: ServerHarness) -> bool:
    """An ERP answers the create with 200 and a colleague's equal order. Harm: it is reported as ours."""
    bench = bench_of(harness)
    operation_id = take_to(bench.store, create(), "APPROVED")
    bench.erp.orders["PO-9"] = store_as_asked(draft())

    async def keep_what_is_there(apply: object) -> None:
        return None

    bench.erp.answer = keep_what_is_there
    return (await bench.execute(operation_id)).status == "done"


async def a_colleagues_order_with_one_common_item(harness: ServerHarness) -> bool:
    """It comes under our number while ours is refused. Harm: it is reported as ours."""
    bench = bench_of(harness)
    operation_id = take_to(bench.store, create(), "APPROVED")

    async def refuse(apply: object) -> None:
        bench.erp.orders["PO-9"] = store_as_asked(draft(), lines=(OrderLine(item="BOLT", quantity=Decimal(500)),))
        raise Refused("It exists already.")

    bench.erp.answer = refuse
    return (await bench.execute(operation_id)).status == "done"


async def execute_refused(bench: Bench, operation: Operation) -> str:
    """Execute an operation that the ERP refuses."""
    operation_id = take_to(bench.store, operation, "APPROVED")

    async def refuse(apply: object) -> None:
        raise Refused("It exists already.")

    bench.erp.answer = refuse
    await bench.execute(operation_id)
    bench.erp.answer = None
    return operation_id


async def an_order_that_shows_after_its_refusal(harness: ServerHarness) -> bool:
    """A gateway sent it twice and reads lag. Harm: the same order again under another number, and nobody is asked."""
    bench = bench_of(harness)
    await execute_refused(bench, create())
    return not isinstance(bench.store.propose(create("PO-10"), {}, approved=True), Similar)


async def an_effect_that_the_second_look_shows(harness: ServerHarness) -> bool:
    """Harm: refused, though the order is there within the second."""
    bench = bench_of(harness)

    def late() -> None:
        if bench.erp.writes and len(bench.erp.calls) > bench.erp.calls.index(bench.erp.writes[0]) + 2:
            bench.erp.set_status("PO-1", "closed")

    bench.erp.on_read = late
    return state_of(bench.store, await execute_refused(bench, guarded_operation("finalize"))) != "DONE"


async def an_effect_that_shows_while_it_is_watched(harness: ServerHarness) -> bool:
    """Harm: what was called refused and was done is never reported."""
    bench = bench_of(harness)
    await execute_refused(bench, guarded_operation("finalize"))
    bench.erp.set_status("PO-1", "closed")
    return await bench.executor.reconciler.find_late_news() == []


async def a_yes_for_another_instance_on_the_same_host(harness: ServerHarness) -> bool:
    """Harm: what a person approved in the test instance is sent in production."""
    bench = bench_of(harness)
    production = replace(CONNECTION, address="https://erp.example.com/prod")
    operation = guarded_operation(connection=bench.store.join(CONNECTION))
    operation_id = take_to(bench.store, operation, "APPROVED")
    bench.erp.connection = production
    await bench.execute(operation_id)
    return bool(bench.erp.writes)


async def a_sleep_between_the_claim_and_the_bytes(harness: ServerHarness) -> bool:
    """Harm: it is sent, however old the yes is."""
    clock = Clock()
    bench = bench_of(harness, clock)
    operation_id = take_to(bench.store, guarded_operation(), "APPROVED")

    def sleep() -> None:
        clock.now += 3600

    bench.erp.before_bytes = sleep
    await bench.execute(operation_id)
    return bool(bench.erp.writes)


async def the_same_create_of_another_user(harness: ServerHarness) -> bool:
    """Harm: it is taken for the call of the first, and "done"."""
    bench = bench_of(harness)
    first = take_to(bench.store, create(), "DONE")
    result = bench.store.propose(create(requester=BOB), {})
    return isinstance(result, Recorded) and result.operation.id == first


async def an_equal_order_under_another_number(harness: ServerHarness) -> bool:
    """Harm: it is created, and nobody is asked."""
    bench = bench_of(harness)
    take_to(bench.store, create(), "UNKNOWN")
    return isinstance(bench.store.propose(create("PO-10"), {}, approved=True), Recorded)


async def a_clock_that_is_set_back(harness: ServerHarness) -> bool:
    """Harm: a yes that was given a day ago is still good."""
    clock = Clock()
    bench = bench_of(harness, clock)
    operation_id = take_to(bench.store, guarded_operation(), "APPROVED")
    clock.now -= 86_400
    return bench.store.claim(operation_id, CONNECTION) is not None


async def a_row_that_cannot_be_read(harness: ServerHarness) -> bool:
    """Harm: nothing of the journal can be read any more."""
    bench = bench_of(harness)
    operation_id = take_to(bench.store, guarded_operation(), "UNKNOWN")
    with closing(sqlite3.connect(harness.journal)) as db, db:
        db.execute("UPDATE write_operations SET payload = 'x' WHERE id = ?", (operation_id,))
    try:
        return bench.store.live(None) != []
    except ValueError:
        return True


async def a_journal_that_is_removed_under_a_server(harness: ServerHarness) -> bool:
    """Harm: it goes on in a file that nobody sees, and a second server sends the same."""
    bench = bench_of(harness)
    take_to(bench.store, guarded_operation(), "SENT")
    for path in harness.journal.parent.glob("journal.db*"):
        path.unlink()
    try:
        return bool(take_to(bench.store, guarded_operation(number="PO-2"), "SENT"))
    except JournalUnavailable:
        return False


async def a_journal_that_is_an_older_copy(harness: ServerHarness) -> bool:
    """Harm: what was sent after the copy is sent again."""
    bench = bench_of(harness)
    operation_id = take_to(bench.store, guarded_operation(), "APPROVED")
    bench.store.close()
    copy = harness.journal.read_bytes()
    bench.store.claim(operation_id, CONNECTION)
    bench.store.close()
    harness.journal.write_bytes(copy)
    try:
        return JournalStore(harness.journal, 600, Clock()).claim(operation_id, CONNECTION) is not None
    except JournalUnavailable:
        return False


async def a_loop_that_asks(harness: ServerHarness) -> bool:
    """Harm: it fills the journal."""
    bench = bench_of(harness)
    try:
        for place in range(500):
            propose(bench.store, guarded_operation("finalize", arguments=str(place % 2)))
    except TooManyQuestions:
        return False
    return True


async def a_person_who_says_too_early_that_it_did_not_happen(harness: ServerHarness) -> bool:
    """Harm: a second send is let go while the first may still arrive."""
    bench = bench_of(harness)
    operation_id = take_to(bench.store, guarded_operation("finalize"), "APPROVED")

    async def lose(apply: object) -> None:
        raise OutcomeUnknown("The connection broke.")

    bench.erp.answer = lose
    await bench.execute(operation_id)
    recorded = bench.store.find(operation_id)
    assert recorded is not None
    try:
        await verdict.record_verdict(bench.executor.reconciler, recorded, happened=False, detail={})
    except InvalidInput:
        return False
    return state_of(bench.store, operation_id) == "NOT_APPLIED"


async def one_not_found_after_a_delete(harness: ServerHarness) -> bool:
    """Harm: the delete is reported as done, and the order is open."""
    bench = bench_of(harness, policy=SettlementPolicy(timeout=20.0, read_lag=60.0))
    operation_id = take_to(bench.store, guarded_operation(), "UNKNOWN")
    bench.erp.remove("PO-1")
    return await bench.reconcile(operation_id) == "DONE"


def no_quarantine(patch: Patch) -> None:
    """What is absent right after a doubt counts as not applied."""
    patch.setattr(Reconciler, "_cannot_come_late", lambda self, recorded, looked_at: True)


def no_snapshot_check(patch: Patch) -> None:
    for module in (snapshots, guarded_writes):
        patch.setattr(module, "digest_of_snapshot", lambda snapshot: "always the same")


def no_single_use(patch: Patch) -> None:
    """The claim is given to everybody, and a state is whatever it was when the person was asked."""

    def claim(self: JournalStore, operation_id: str, connection: Connection) -> Claim:
        recorded = find(self, operation_id)
        assert recorded is not None
        return Claim(recorded.operation, self.now())

    def find_approved(self: JournalStore, operation_id: str) -> Recorded | None:
        recorded = find(self, operation_id)
        return recorded and replace(recorded, state="APPROVED")

    def begin_approved(self: JournalStore, *given: Any) -> tuple[Operation, Recorded | None] | None:
        begun = begin(self, *given)
        return begun and (begun[0], begun[1] and replace(begun[1], state="APPROVED"))

    find, begin = JournalStore.find, JournalStore.begin_call
    patch.setattr(JournalStore, "claim", claim)
    patch.setattr(JournalStore, "find", find_approved)
    patch.setattr(JournalStore, "begin_call", begin_approved)
    no_snapshot_check(patch)


def all_but_the_safe_value_is_a_yes(patch: Patch) -> None:
    def read(answer: FormAnswer, question: Question) -> str | None:
        safe, yes = question.fields[0].choices[:2]
        given = (answer.content or {}).get("decision")
        return None if given in (None, safe[0]) else yes[0]

    for module in (cancel, finalize):
        patch.setattr(module, "read_decision", read)
    patch.setattr(approval_flow, "is_no", lambda answer, question: False)


def the_safe_option_comes_last(patch: Patch) -> None:
    finalize_options = order_questions._finalize_options
    patch.setattr(order_questions, "_finalize_options", lambda *given: finalize_options(*given)[::-1])
    patch.setattr(approval_flow, "is_no", lambda answer, question: False)


def accept_is_enough(patch: Patch) -> None:
    def answer(self: delete.Delete, operation: Operation, answer: FormAnswer) -> Any:
        return operation.payload if answer.how == "accepted" else None

    patch.setattr(delete.Delete, "answer", answer)


def no_wording_pin(patch: Patch) -> None:
    def brought(self: elicitation.Elicitor, state: object) -> Any:
        return (self._ctx.input_responses or {}).get("approval")

    patch.setattr(elicitation.Elicitor, "_find_answer", brought)


def unknown_arguments_are_dropped(patch: Patch) -> None:
    make: Any = PurchasingTool.of.__wrapped__  # the one of this process stays as it is

    def lenient(registered: Any) -> PurchasingTool:
        tool: PurchasingTool = make(PurchasingTool, registered)
        tool.fn_metadata.arg_model.model_config["extra"] = "ignore"
        tool.fn_metadata.arg_model.model_rebuild(force=True)
        return tool

    patch.setattr(PurchasingTool, "of", lenient)


def proceed_where_nobody_can_be_asked(patch: Patch) -> None:
    async def agreeable(
        self: elicitation.Elicitor, operation_id: str, question: forms.Question, page: object
    ) -> forms.FormAnswer:
        return forms.FormAnswer("accepted", forms.approval_content(question, with_backorder=True))

    patch.setattr(elicitation.Elicitor, "ask", agreeable)


def nothing_is_refused_beforehand(patch: Patch) -> None:
    for kind in (cancel.Cancel, delete.Delete):
        patch.setattr(kind, "forbid", lambda self, erp, snapshot: None)


def any_success_is_believed(patch: Patch) -> None:
    patch.setattr("po_mcp.connectors.exsited.translate.check_cancelled", lambda body, number: None)


def text_is_shown_as_it_comes(patch: Patch) -> None:
    patch.setattr(order_text, "shown", lambda text, width: text)
    patch.setattr("po_mcp.connectors.inventory_pro.translate.convert_header", _read_unescaped)


def _read_unescaped(header: Any, zone: Any = None) -> orders.PurchaseOrder:
    return orders.PurchaseOrder.model_construct(
        number=header.po_no,
        vendor=header.vendor,
        status="open",
        status_text="Open",
        ordered_at=header.order_date,
        expected_on=None,
        total=header.total_value,
    )


def the_number_is_not_looked_up(patch: Patch) -> None:
    async def find_change(self: Create, erp: object, operation: Operation) -> None:
        return None

    patch.setattr(Create, "find_change", find_change)


def one_common_item_makes_it_ours(patch: Patch) -> None:
    patch.setattr(comparison, "missing_lines", lambda asked, stored: [])


def a_refusal_is_final_at_once(patch: Patch) -> None:
    patch.setattr(SettlementPolicy, "watches_for", 0.0)


def one_look_at_a_refusal(patch: Patch) -> None:
    async def look_once(self: Executor, claim: Claim) -> Any:
        return await self.reconciler.look(Recorded(claim.operation, "WATCHED", 0.0, claim.sent_at))

    patch.setattr(Executor, "_look_twice", look_once)


def late_news_is_not_noted(patch: Patch) -> None:
    def finish(self: JournalStore, *arguments: Any, is_late: bool = False, **more: Any) -> bool:
        return intact(self, *arguments, **more)

    intact = JournalStore.finish
    patch.setattr(JournalStore, "finish", finish)


def a_connection_is_its_host(patch: Patch) -> None:
    patch.setattr(Connection, "key", property(lambda self: f"{self.erp} {self.address.split('/')[2]}"))


def a_kind_hands_on_no_deadline(patch: Patch) -> None:
    async def send(self: delete.Delete, erp: Any, operation: Operation, before_send: object) -> Applied:
        await erp.delete_order(operation.number)
        return Applied()

    patch.setattr(delete.Delete, "send", send)


def whose_call_it_is_does_not_matter(patch: Patch) -> None:
    def same_create(db: Transaction, operation: Operation, since: float, until: float) -> Recorded | None:
        same = "SELECT * FROM write_operations WHERE connection = ? AND kind = ? AND arguments = ?"
        rows = db.execute(same, (operation.connection, operation.kind, operation.arguments))
        return next(queries.readable(rows), None)

    patch.setattr(queries, "same_create", same_create)


def similar_orders_are_not_looked_for(patch: Patch) -> None:
    patch.setattr(proposals, "find_similar", lambda db, operation, names, known, since: None)


def the_clock_is_believed(patch: Patch) -> None:
    patch.setattr(moves, "notice_clock", lambda db, latest, now: None)


def every_row_must_be_readable(patch: Patch) -> None:
    patch.setattr(queries, "readable", lambda rows: map(read_row, rows))


def the_path_is_not_looked_at_again(patch: Patch) -> None:
    patch.setattr(SqliteFile, "_need_same_file", lambda self: None)


def the_mark_is_not_read(patch: Patch) -> None:
    patch.setattr(SqliteFile, "_need_mark", lambda self, db: None)


def every_answer_is_handed_on(patch: Patch) -> None:
    patch.setattr(request_params, "_fits", lambda sent, kind: True)


def nobody_is_asked_too_much(patch: Patch) -> None:
    patch.setattr(proposals, "refuse_flood", lambda db, operation, now, **more: None)


def a_person_is_believed_at_any_time(patch: Patch) -> None:
    patch.setattr(verdict, "need_time", lambda *given: None)


def one_reading_proves_an_absence(patch: Patch) -> None:
    patch.setattr(reconcile, "NEEDS_TWO_READINGS", frozenset())


def what_was_done_is_still_done(patch: Patch) -> None:
    patch.setattr(cancel.Cancel, "is_still_applied", lambda self, order: True)


async def a_request_that_was_declined_before(harness: ServerHarness) -> bool:
    """A model asks again after a no. Harm: in none of the ways to a person stands that it was declined."""
    person = ScriptedPerson(no)
    async with harness.client(person=person) as client:
        for _ in range(2):
            await client.call_tool(FINALIZE, {"number": "PO-2025-0037"})
    async with harness.client() as client:
        said = outcome(await client.call_tool(FINALIZE, {"number": "PO-2025-0037"}))["message"]
    return not all("it was requested again" in text for text in (person.asked[-1].message, said))


async def a_fourth_number_typed(harness: ServerHarness) -> bool:
    """A program guesses. Harm: it goes on as long as it likes, and the order is deleted."""
    person = ScriptedPerson(lambda params: accept(order_number=f"PO-2025-00{34 + len(person.asked)}"))
    async with harness.client(ERAS[1], person) as client:
        await client.call_tool(DELETE, {"number": "PO-2025-0038"})
    return harness.order("PO-2025-0038") is None


async def a_number_mistyped_once(harness: ServerHarness) -> bool:
    """Harm: the person who mistypes is not asked again, and nothing of what they want is done."""
    person = ScriptedPerson(lambda params: accept(order_number=f"PO-2025-00{36 + len(person.asked)}"))
    async with harness.client(ERAS[1], person) as client:
        await client.call_tool(DELETE, {"number": "PO-2025-0038"})
    return harness.order("PO-2025-0038") is not None


def no_earlier_no_is_looked_for(patch: Patch) -> None:
    async def nothing(self: Executor, recorded: Recorded) -> str:
        return ""

    patch.setattr(Executor, "say_earlier_no", nothing)


def numbers_are_typed_without_end(patch: Patch) -> None:
    patch.setattr(forms, "MAX_TRIES", 1_000)


def a_number_is_typed_once(patch: Patch) -> None:
    patch.setattr(forms, "MAX_TRIES", 1)


MUTANTS: list[tuple[Callable[[Patch], None], Harm]] = [
    (no_earlier_no_is_looked_for, a_request_that_was_declined_before),
    (numbers_are_typed_without_end, a_fourth_number_typed),
    (a_number_is_typed_once, a_number_mistyped_once),
    (no_snapshot_check, finalize_of_an_order_that_changed),
    (no_single_use, the_same_answer_given_twice),
    (all_but_the_safe_value_is_a_yes, an_option_that_was_not_offered),
    (all_but_the_safe_value_is_a_yes, the_label_of_the_safe_option),
    (the_safe_option_comes_last, pressing_enter),
    (accept_is_enough, the_number_of_another_order),
    (no_wording_pin, an_answer_before_the_question),
    (every_answer_is_handed_on, an_answer_that_fits_no_schema),
    (unknown_arguments_are_dropped, an_argument_that_is_not_known),
    (proceed_where_nobody_can_be_asked, a_client_that_cannot_be_asked),
    (nothing_is_refused_beforehand, an_order_that_cannot_be_deleted),
    (text_is_shown_as_it_comes, a_vendor_whose_name_reverses_the_text_behind_it),
    (no_quarantine, a_request_that_is_applied_late),
    (no_snapshot_check, a_cancel_of_an_order_that_changed),
    (all_but_the_safe_value_is_a_yes, a_cancel_with_an_option_that_was_not_offered),
    (proceed_where_nobody_can_be_asked, a_cancel_by_a_client_that_cannot_be_asked),
    (nothing_is_refused_beforehand, an_order_that_cannot_be_cancelled),
    (any_success_is_believed, a_cancel_that_is_told_of_another_order),
    (what_was_done_is_still_done, a_cancel_whose_order_is_active_again),
    (the_number_is_not_looked_up, an_order_that_stands_under_the_number_already),
    (one_common_item_makes_it_ours, a_colleagues_order_with_one_common_item),
    (a_refusal_is_final_at_once, an_order_that_shows_after_its_refusal),
    (one_look_at_a_refusal, an_effect_that_the_second_look_shows),
    (late_news_is_not_noted, an_effect_that_shows_while_it_is_watched),
    (a_connection_is_its_host, a_yes_for_another_instance_on_the_same_host),
    (a_kind_hands_on_no_deadline, a_sleep_between_the_claim_and_the_bytes),
    (whose_call_it_is_does_not_matter, the_same_create_of_another_user),
    (similar_orders_are_not_looked_for, an_equal_order_under_another_number),
    (the_clock_is_believed, a_clock_that_is_set_back),
    (every_row_must_be_readable, a_row_that_cannot_be_read),
    (the_path_is_not_looked_at_again, a_journal_that_is_removed_under_a_server),
    (the_mark_is_not_read, a_journal_that_is_an_older_copy),
    (nobody_is_asked_too_much, a_loop_that_asks),
    (a_person_is_believed_at_any_time, a_person_who_says_too_early_that_it_did_not_happen),
    (one_reading_proves_an_absence, one_not_found_after_a_delete),
]


@pytest.mark.parametrize(("mutant", "harm"), MUTANTS, ids=lambda value: value.__name__)
async def test_an_attack_succeeds_only_without_its_control(
    mutant: Callable[[Patch], None], harm: Harm, tmp_path: Any
) -> None:
    folders = [tmp_path / "intact", tmp_path / "mutated"]
    for folder in folders:
        folder.mkdir()
    intact = await harm(ServerHarness(folders[0] / "book.db"))
    with pytest.MonkeyPatch.context() as patch:
        mutant(patch)
        mutated = await harm(ServerHarness(folders[1] / "book.db"))

    assert (intact, mutated) == (False, True)
