"""The executor, built alone: nothing leaves without the re-read and the claim, and only what is known is reported."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from po_mcp.erp import Connection
from po_mcp.errors import (
    BadAnswer,
    Conflict,
    ConnectionNotAdopted,
    JournalUnavailable,
    OutcomeUnknown,
    Refused,
    Unreachable,
)
from po_mcp.orders import OrderLine, PurchaseOrder, Status, Vendor
from po_mcp.writes import executor as executor_module
from po_mcp.writes.journal import JournalStore
from po_mcp.writes.kinds import kind_of
from po_mcp.writes.local_time import THIS_MACHINE
from po_mcp.writes.operation import Operation, Recorded, State, WriteOutcome
from tests.writes.erp import EXACT, Bench, FakeERP
from tests.writes.making import (
    CONNECTION,
    Clock,
    create,
    draft,
    find,
    guarded_operation,
    order,
    state_of,
    store_as_asked,
    take_to,
)

GUARDED = ["finalize", "delete", "cancel"]
EVERY_KIND = ["create", *GUARDED]
every_kind = pytest.mark.parametrize("kind", EVERY_KIND)
every_guarded = pytest.mark.parametrize("kind", GUARDED)


@pytest.fixture
def bench(store: JournalStore) -> Bench:
    bench = Bench(store)
    bench.erp.orders["PO-1"] = order()
    return bench


def operation_of(kind: str) -> Operation:
    return create() if kind == "create" else guarded_operation(kind)


def approve(bench: Bench, kind: str) -> str:
    return take_to(bench.store, operation_of(kind), "APPROVED")


def has_effect(bench: Bench, kind: str) -> bool:
    if kind == "create":
        return "PO-9" in bench.erp.orders
    return bool(kind_of(kind).is_still_applied(bench.erp.orders.get("PO-1")))


def fail_to_record(*arguments: object, **more: object) -> bool:
    """Stand in the place of what writes to the journal."""
    raise JournalUnavailable("The disk is full.")


def raising(error: Exception) -> Callable[[Callable[[], None]], Any]:
    """An ERP that does nothing and answers so."""

    async def answer(apply: Callable[[], None]) -> None:
        raise error

    return answer


def apply_and_raise(error: Exception) -> Callable[[Callable[[], None]], Any]:
    """An ERP that does it and answers so."""

    async def answer(apply: Callable[[], None]) -> None:
        apply()
        raise error

    return answer


LOST = OutcomeUnknown("The connection broke.")


# Nothing leaves without the re-read


@every_kind
async def test_an_approved_operation_is_read_again_sent_once_and_recorded(bench: Bench, kind: str) -> None:
    operation_id = approve(bench, kind)

    outcome = await bench.execute(operation_id)

    assert (outcome.status, outcome.replayed) == ("done", False)
    number = "PO-9" if kind == "create" else "PO-1"
    assert bench.erp.calls[:2] == [f"get {number}", f"write {kind} {number}"]
    assert has_effect(bench, kind)
    assert state_of(bench.store, operation_id) == "DONE"
    assert [operation.id for operation, _ in bench.done] == [operation_id]


@every_guarded
async def test_an_order_that_changed_is_sent_by_no_caller(bench: Bench, kind: str) -> None:
    operation_id = approve(bench, kind)
    bench.erp.orders["PO-1"] = order(total="99999.00")

    outcome = await bench.execute(operation_id)

    assert outcome.status == "stale"
    assert "changed after it was approved" in outcome.message
    assert await bench.execute(operation_id) == outcome
    assert bench.erp.writes == []
    assert state_of(bench.store, operation_id) == "STALE"


@pytest.mark.parametrize(
    "changed",
    [
        {"expected_on": "2026-02-01"},
        {"vendor": "Acme Fasteners Ltd"},
        {"lines": (OrderLine(line=1, item="BOLT", description="of gold", quantity=10, received=4, outstanding=6),)},
    ],
    ids=["date", "vendor's name", "description"],
)
async def test_every_fact_that_the_person_was_shown_is_compared(bench: Bench, changed: dict[str, Any]) -> None:
    operation_id = approve(bench, "delete")
    bench.erp.orders["PO-1"] = order(**changed)

    assert (await bench.execute(operation_id)).status == "stale"
    assert bench.erp.writes == []


@every_guarded
async def test_an_order_that_is_gone_is_not_sent(bench: Bench, kind: str) -> None:
    operation_id = approve(bench, kind)
    bench.erp.remove("PO-1")

    assert (await bench.execute(operation_id)).status == "stale"
    assert bench.erp.writes == []


@every_kind
async def test_an_order_that_cannot_be_read_again_is_not_written_and_the_approval_holds(
    bench: Bench, kind: str
) -> None:
    operation_id = approve(bench, kind)
    bench.erp.unreadable = Unreachable("The ERP does not answer.")

    with pytest.raises(Unreachable):
        await bench.execute(operation_id)

    assert bench.erp.writes == []
    assert state_of(bench.store, operation_id) == "APPROVED"
    bench.erp.unreadable = None
    assert (await bench.execute(operation_id)).status == "done"


@pytest.mark.parametrize("name", ["PO-9", "po-9"])
async def test_a_number_that_was_taken_meanwhile_is_not_sent(bench: Bench, name: str) -> None:
    operation_id = approve(bench, "create")
    bench.erp.orders[name] = store_as_asked(draft(name))

    outcome = await bench.execute(operation_id)

    assert outcome.status == "refused"
    assert "already exists" in outcome.message
    assert outcome.order == bench.erp.orders[name]
    assert bench.erp.writes == []


@every_kind
@pytest.mark.parametrize("state", ["PROPOSED", "DECLINED", "REFUSED", "NOT_APPLIED", "CONFLICT"])
async def test_an_operation_that_is_not_approved_is_not_sent(bench: Bench, kind: str, state: State) -> None:
    operation_id = take_to(bench.store, operation_of(kind), state)

    await bench.execute(operation_id)

    assert bench.erp.writes == []


async def test_an_approval_that_is_too_old_is_not_sent(bench: Bench, clock: Clock) -> None:
    operation_id = approve(bench, "delete")
    clock.now += 600

    assert (await bench.execute(operation_id)).status == "expired"
    assert bench.erp.writes == []


async def test_an_operation_that_the_journal_does_not_have_is_not_sent_and_may_have_been(bench: Bench) -> None:
    """As where an old copy of the journal was put back while it was under way."""
    reported = await bench.execute("f" * 32)

    assert (reported.status, reported.do_not_repeat, bench.erp.writes) == ("unknown", True, [])
    assert reported.message == (
        "This operation is no longer recorded, so it is not known whether anything was changed. "
        "Check it in Fake before doing anything else with it."
    )


@every_kind
async def test_ten_callers_of_two_processes_send_once_and_get_the_same_outcome(bench: Bench, kind: str) -> None:
    operation_id = approve(bench, kind)
    executors, outcomes = [bench.executor, bench.another_executor()], []

    async def call(place: int) -> None:
        outcomes.append(await executors[place % 2].execute(operation_id))

    async with anyio.create_task_group() as calls:
        for place in range(10):
            calls.start_soon(call, place)

    assert len(bench.erp.writes) == 1
    assert {one.status for one in outcomes} == {"done"}
    assert len([one for one in outcomes if not one.replayed]) == 1


async def test_a_write_is_not_sent_with_the_credentials_of_another_connection(bench: Bench) -> None:
    """A yes given for the test instance was carried out in production on the same host."""
    operation_id = approve(bench, "delete")
    bench.erp.connection = Connection("exsited", "https://erp.example.com/prod", None, CONNECTION.credentials)

    assert (await bench.execute(operation_id)).status == "approved"
    assert bench.erp.writes == []


async def test_a_write_with_credentials_that_nobody_adopted_is_not_sent(bench: Bench) -> None:
    bench.store.join(CONNECTION)
    operation_id = approve(bench, "delete")
    bench.erp.connection = replace(CONNECTION, credentials="rotated")

    with pytest.raises(ConnectionNotAdopted):
        await bench.execute(operation_id)
    assert bench.erp.writes == []


async def test_a_write_that_the_journal_cannot_record_is_not_sent(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation_id = approve(bench, "delete")
    monkeypatch.setattr(bench.store, "claim", fail_to_record)

    with pytest.raises(JournalUnavailable):
        await bench.execute(operation_id)
    assert bench.erp.writes == []
    assert not bench.executor.reconciler.is_sending(operation_id)


# Right before the bytes


@every_kind
async def test_a_write_that_slept_since_its_claim_does_not_leave(bench: Bench, clock: Clock, kind: str) -> None:
    """A process was stopped while it signed in; the order changed; it went on and sent."""
    operation_id = approve(bench, kind)

    def sleep() -> None:
        clock.now += bench.policy.timeout + 1

    bench.erp.before_bytes = sleep
    outcome = await bench.execute(operation_id)

    assert (outcome.status, outcome.do_not_repeat) == ("refused", False)
    assert "interrupted for too long" in outcome.message
    assert outcome.next_step == "Try again."
    assert bench.erp.writes == []
    assert state_of(bench.store, operation_id) == "REFUSED"


async def test_a_sleep_that_the_wall_clock_does_not_show_is_seen_too(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation_id = approve(bench, "delete")
    now = [10.0**9]
    monkeypatch.setattr(executor_module, "time", SimpleNamespace(monotonic=lambda: now[0]))

    assert (await bench.execute(operation_id)).status == "refused"
    assert bench.erp.writes == []


async def test_a_sign_in_within_the_time_is_waited_for(bench: Bench, clock: Clock) -> None:
    operation_id = approve(bench, "delete")

    def sign_in() -> None:
        clock.now += bench.policy.timeout - 1

    bench.erp.before_bytes = sign_in

    assert (await bench.execute(operation_id)).status == "done"


async def test_a_sender_that_sent_nothing_says_so_though_others_recorded_unknown(bench: Bench, clock: Clock) -> None:
    """The sleeper said "nothing was sent" while the journal stayed UNKNOWN for ever."""
    operation_id = approve(bench, "delete")

    def sleep_while_others_look() -> None:
        clock.now += bench.policy.abandoned_after + 1
        bench.store.finish(operation_id, "SENT", "UNKNOWN", WriteOutcome(status="unknown", message="gone"), {})

    bench.erp.before_bytes = sleep_while_others_look
    outcome = await bench.execute(operation_id)

    assert outcome.status == "refused"
    assert state_of(bench.store, operation_id) == "NOT_APPLIED"


async def test_a_sender_that_was_answered_says_so_though_others_recorded_unknown(bench: Bench) -> None:
    operation_id = approve(bench, "delete")

    async def answer(apply: Callable[[], None]) -> None:
        bench.store.finish(operation_id, "SENT", "UNKNOWN", WriteOutcome(status="unknown", message="gone"), {})
        apply()

    bench.erp.answer = answer

    assert (await bench.execute(operation_id)).status == "done"
    assert state_of(bench.store, operation_id) == "DONE"
    assert len(bench.done) == 1


@pytest.mark.parametrize("answered", [LOST, Refused("No.")], ids=["answer lost", "refused"])
async def test_a_sender_without_a_success_says_what_others_recorded(bench: Bench, answered: Exception) -> None:
    operation_id = approve(bench, "delete")

    async def answer(apply: Callable[[], None]) -> None:
        bench.store.finish(
            operation_id, "SENT", "UNKNOWN", WriteOutcome(status="unknown", message="found by others"), {}
        )
        raise answered

    bench.erp.answer = answer

    assert (await bench.execute(operation_id)).message == "found by others"
    assert state_of(bench.store, operation_id) == "UNKNOWN"


async def test_the_number_that_a_sender_was_answered_outlives_what_others_recorded(
    store: JournalStore, clock: Clock
) -> None:
    """By its absence under our number alone it would be called not created, and sent again."""
    bench = Bench(store, EXACT)
    operation_id = approve(bench, "create")

    async def answer(apply: Callable[[], None]) -> None:
        clock.now += 5
        store.finish(operation_id, "SENT", "UNKNOWN", WriteOutcome(status="unknown", message="gone"), {})
        bench.erp.orders["OFFICE-7"] = order("OFFICE-7", status="open")
        raise OutcomeUnknown("It answered about another order.", answered_number="OFFICE-7")

    bench.erp.answer = answer
    outcome = await bench.execute(operation_id)

    assert (outcome.status, outcome.do_not_repeat) == ("unknown", True)
    assert await bench.reconcile(operation_id) == "UNKNOWN"
    again = await bench.executor.outcome_of(operation_id)
    assert "answered with order OFFICE-7: look there; its contents are not those requested" in again.message


async def test_a_refusal_whose_effect_others_saw_meanwhile_is_done(store: JournalStore) -> None:
    bench = Bench(store, EXACT)
    bench.erp.orders["PO-1"] = order()
    operation_id = approve(bench, "cancel")
    seen_by_others = WriteOutcome(status="done", message="seen by others")
    bench.erp.answer = raising(Conflict("Locked."))
    bench.erp.on_read = lambda: None if not bench.erp.writes else _finish(store, operation_id, seen_by_others)

    assert (await bench.execute(operation_id)).message == "seen by others"


def _finish(store: JournalStore, operation_id: str, outcome: WriteOutcome) -> None:
    store.finish(operation_id, "WATCHED", "DONE", outcome, {})


async def test_the_time_of_sending_that_is_reported_is_the_journals(bench: Bench, clock: Clock) -> None:
    clock.now = 1_767_323_045.0  # 2026-01-02 03:04:05 UTC
    operation_id = approve(bench, "finalize")
    bench.erp.answer = raising(LOST)

    assert f"({THIS_MACHINE.time(1_767_323_045.0, seconds=True)})" in (await bench.execute(operation_id)).message
    assert f"({THIS_MACHINE.time(1_767_323_045.0, seconds=True)})" in (await bench.execute(operation_id)).message


# What came at the same moment


def cancel_while_saving(bench: Bench, error: Exception | None = None, **changes: Any) -> None:
    """Let an ERP that checks no version take both."""

    async def answer(apply: Callable[[], None]) -> None:
        bench.erp.orders["PO-1"] = order(**changes)
        apply()
        if error is not None:
            raise error

    bench.erp.answer = answer


SAVED = {
    "its vendor is Bolt & Co": {"vendor": "Bolt & Co", "vendor_id": "13"},
    "it is expected 2 Jan 2026": {"expected_on": date(2026, 1, 2)},
    "its total is 1,999.80, not 20.00": {"total": Decimal("1999.80")},
    "its total is not given by the ERP, not 20.00": {"total": None},
    "its lines differ": {"lines": (OrderLine(line=1, item="BOLT", quantity=Decimal(999), unit_price=Decimal(2)),)},
}


@pytest.mark.parametrize(("words", "saved"), SAVED.items())
@pytest.mark.parametrize("error", [None, LOST])
async def test_a_cancel_tells_what_somebody_saved_at_the_same_moment(
    bench: Bench, words: str, saved: dict[str, Any], error: Exception | None
) -> None:
    operation_id = approve(bench, "cancel")
    cancel_while_saving(bench, error, **saved)

    outcome = await bench.execute(operation_id)

    assert outcome.status == "done"
    assert f"It is no longer what was approved: {words}." in outcome.message


async def test_a_cancel_tells_of_no_change_where_receipts_and_the_status_alone_changed(bench: Bench) -> None:
    operation_id = approve(bench, "cancel")
    line = OrderLine(line=1, item="BOLT", quantity=Decimal(10), received=Decimal(4), unit_price=Decimal(2))
    cancel_while_saving(bench, status_text="Called off", lines=(line,))

    outcome = await bench.execute(operation_id)

    assert outcome.status == "done"
    assert "no longer" not in outcome.message


@pytest.mark.parametrize(
    "read",
    [{"vendor": "12"}, {"vendor": ""}, {"vendor": " acme  FASTENERS "}, {"vendor_id": None}],
    ids=str,
)
async def test_a_cancel_reports_no_change_where_the_vendor_is_written_in_another_way(
    bench: Bench, read: dict[str, Any]
) -> None:
    """Exsited's orders tell the vendor's id alone, and the person was shown the name."""
    operation_id = approve(bench, "cancel")
    cancel_while_saving(bench, **read)
    kind = kind_of("cancel")

    outcome = await bench.execute(operation_id)

    assert kind.is_still_applied(bench.erp.orders["PO-1"])
    assert (outcome.status, "no longer" in outcome.message) == ("done", False)


@pytest.mark.parametrize(("now", "is_other"), [({}, False), ({"vendor": "Bolt & Co", "vendor_id": "13"}, True)])
async def test_a_cancel_tells_of_no_change_where_the_name_of_the_vendor_was_not_known_before(
    bench: Bench, now: dict[str, Any], is_other: bool
) -> None:
    shown = order(vendor="12")
    bench.erp.orders["PO-1"] = shown
    operation_id = take_to(bench.store, guarded_operation("cancel", shown=shown), "APPROVED")
    cancel_while_saving(bench, **now)

    outcome = await bench.execute(operation_id)

    assert (outcome.status, "its vendor is" in outcome.message) == ("done", is_other)


@pytest.mark.parametrize("read", [{"vendor": "13", "vendor_id": "13"}, {"vendor": "Bolt & Co"}], ids=str)
async def test_a_cancel_tells_of_another_vendor_by_its_id_or_name_alone(bench: Bench, read: dict[str, Any]) -> None:
    operation_id = approve(bench, "cancel")
    cancel_while_saving(bench, **read)

    assert "It is no longer what was approved: its vendor is" in (await bench.execute(operation_id)).message


@pytest.mark.parametrize("kind", ["finalize", "cancel"])
async def test_a_write_that_cannot_be_looked_at_afterwards_is_done(bench: Bench, kind: str) -> None:
    operation_id = approve(bench, kind)

    async def answer(apply: Callable[[], None]) -> None:
        apply()
        bench.erp.unreadable = Unreachable("Gone.")

    bench.erp.answer = answer

    assert (await bench.execute(operation_id)).status == "done"


# What is not known


@every_kind
async def test_a_lost_answer_whose_effect_shows_is_done(bench: Bench, kind: str) -> None:
    operation_id = approve(bench, kind)
    bench.erp.answer = apply_and_raise(LOST)

    outcome = await bench.execute(operation_id)

    assert outcome.status == "done"
    assert "confirmed by reading it back" in outcome.message
    assert len(bench.erp.writes) == 1


@every_kind
async def test_a_lost_answer_without_an_effect_is_not_known_and_says_why(bench: Bench, kind: str) -> None:
    operation_id = approve(bench, kind)
    bench.erp.answer = raising(LOST)

    outcome = await bench.execute(operation_id)

    assert (outcome.status, outcome.do_not_repeat) == ("unknown", True)
    assert ": The connection broke (" in outcome.message
    assert state_of(bench.store, operation_id) == "UNKNOWN"
    for _ in range(3):
        assert (await bench.execute(operation_id)).status == "unknown"
    assert len(bench.erp.writes) == 1


@every_kind
async def test_a_crash_after_the_claim_is_not_known(bench: Bench, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    operation_id = approve(bench, kind)
    bench.erp.answer = raising(RuntimeError("a bug"))

    with caplog.at_level(logging.ERROR):
        outcome = await bench.execute(operation_id)

    assert (outcome.status, outcome.do_not_repeat) == ("unknown", True)
    assert "sending failed with RuntimeError" in caplog.text
    assert "a bug" not in caplog.text


@every_kind
async def test_a_write_that_never_left_is_refused_and_may_be_asked_for_again(bench: Bench, kind: str) -> None:
    operation_id = approve(bench, kind)
    bench.erp.answer = raising(Unreachable("The ERP does not answer.", effect="nothing_sent"))

    outcome = await bench.execute(operation_id)

    assert (outcome.status, outcome.do_not_repeat) == ("refused", False)
    assert state_of(bench.store, operation_id) == "REFUSED"
    bench.erp.answer = None
    assert (await bench.execute(approve(bench, kind))).status == "done"


@every_kind
async def test_absence_decides_only_after_the_times_that_the_operator_set(
    store: JournalStore, clock: Clock, kind: str
) -> None:
    bench = Bench(store, EXACT)
    bench.erp.orders["PO-1"] = order()
    # An ERP that has kept a number of ours keeps others, too.
    kept = draft("PO-8", vendor=Vendor(id="7", name="Central"), lines=draft().lines[:1])
    await bench.execute(take_to(store, create("PO-8", kept), "APPROVED"))
    operation_id = approve(bench, kind)
    bench.erp.answer = raising(LOST)
    await bench.execute(operation_id)
    another = Bench(store, EXACT, bench.erp)  # another process: the monotonic clock of the sender is not its
    clock.now += 2 * EXACT.timeout

    assert await another.reconcile(operation_id) == "UNKNOWN"
    clock.now += 1
    assert await another.reconcile(operation_id) == "NOT_APPLIED"


async def test_a_clock_that_was_set_ahead_decides_nothing_for_who_sent_it(store: JournalStore, clock: Clock) -> None:
    bench = Bench(store, EXACT)
    bench.erp.orders["PO-1"] = order()
    operation_id = approve(bench, "delete")
    bench.erp.answer = raising(LOST)
    await bench.execute(operation_id)
    clock.now += 1_000_000

    assert await bench.reconcile(operation_id) == "UNKNOWN"


async def test_absence_never_decides_where_the_times_are_not_known(bench: Bench, clock: Clock) -> None:
    operation_id = approve(bench, "delete")
    bench.erp.answer = raising(LOST)
    await bench.execute(operation_id)
    clock.now += 10_000_000

    assert await Bench(bench.store, bench.policy, bench.erp).reconcile(operation_id) == "UNKNOWN"


# A success is looked at


@pytest.mark.parametrize("changes", [{"total": "9.30"}, {"number": "PO-9"}, {"vendor": "ACME FASTENERS GMBH"}], ids=str)
async def test_an_order_stored_in_another_way_is_done_and_the_difference_is_reported(
    bench: Bench, changes: dict[str, Any]
) -> None:
    rounded = tuple(
        line.model_copy(update={"unit_price": line.unit_price}) for line in store_as_asked(draft()).lines or ()
    )
    freight = OrderLine(item="FREIGHT", quantity=1, unit_price=25)
    bench.erp.changes_on_create = {"lines": (*rounded, freight), **changes}
    operation_id = approve(bench, "create")

    outcome = await bench.execute(operation_id)

    assert outcome.status == "done"
    assert "a line more: 1 x FREIGHT at 25.00" in outcome.message


@pytest.mark.parametrize(
    ("tax", "words"),
    [("1.96", "Its total includes 1.96 EUR tax."), ("0", ""), (None, "")],
)
async def test_the_tax_that_the_erp_added_to_a_new_order_is_reported(bench: Bench, tax: str | None, words: str) -> None:
    bench.erp.changes_on_create = {"tax": tax, "currency": "EUR"}

    message = (await bench.execute(approve(bench, "create"))).message

    assert words in message
    assert ("tax" in message) == bool(words)


async def test_a_success_for_an_order_that_stood_there_is_not_done(bench: Bench) -> None:
    """An ERP that answers an existing number with 200 and the order that stands there."""
    operation_id = approve(bench, "create")
    colleague = store_as_asked(
        draft(), lines=(OrderLine(item="BOLT", quantity=500), OrderLine(item="WASHER", quantity=1))
    )

    async def answer(apply: Callable[[], None]) -> None:
        bench.erp.orders["PO-9"] = colleague

    bench.erp.answer = answer
    outcome = await bench.execute(operation_id)

    assert (outcome.status, outcome.do_not_repeat) == ("unknown", True)
    assert "the ERP says that it was done, but" in outcome.message
    assert "4 x NUT is not shown" in outcome.message


async def test_a_success_whose_lines_show_later_is_done(bench: Bench) -> None:
    operation_id = approve(bench, "create")
    bench.erp.changes_on_create = {"lines": ()}

    assert (await bench.execute(operation_id)).status == "done"


@pytest.mark.parametrize("error", [RuntimeError("a bug"), KeyError("x")], ids=repr)
async def test_a_crash_of_the_look_loses_no_success(
    bench: Bench, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def confirm(*arguments: object) -> None:
        raise error

    operation_id = approve(bench, "create")
    monkeypatch.setattr(kind_of("create"), "confirm", confirm)

    assert (await bench.execute(operation_id)).status == "done"
    assert state_of(bench.store, operation_id) == "DONE"


async def test_a_look_that_hangs_loses_no_success(store: JournalStore) -> None:
    policy = replace(EXACT, timeout=0.1)
    bench = Bench(store, policy)
    operation_id = approve(bench, "create")

    async def get_order(*arguments: object, **more: object) -> None:
        await anyio.sleep(60)

    async def answer(apply: Callable[[], None]) -> None:
        apply()
        bench.erp.get_order = get_order  # type: ignore[assignment,method-assign]

    bench.erp.answer = answer

    with anyio.fail_after(5):
        outcome = await bench.execute(operation_id)
    assert outcome.status == "done"


async def test_a_look_that_cannot_read_leaves_the_success_standing(bench: Bench) -> None:
    operation_id = approve(bench, "create")

    async def answer(apply: Callable[[], None]) -> None:
        apply()
        bench.erp.unreadable = BadAnswer("no JSON")

    bench.erp.answer = answer

    assert (await bench.execute(operation_id)).status == "done"


# The journal and the caller after the send


@every_kind
async def test_a_journal_that_cannot_be_read_after_the_send_leaves_it_unknown(
    bench: Bench, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation_id = approve(bench, kind)

    def broken(*arguments: object) -> None:
        raise JournalUnavailable("The disk is gone.")

    async def answer(apply: Callable[[], None]) -> None:
        monkeypatch.setattr(bench.store, "find", broken)
        raise LOST

    bench.erp.answer = answer
    outcome = await bench.execute(operation_id)
    monkeypatch.undo()

    assert (outcome.status, outcome.do_not_repeat) == ("unknown", True)
    assert state_of(bench.store, operation_id) == "UNKNOWN"


@every_kind
async def test_a_journal_that_fails_during_the_look_after_the_send_leaves_it_unknown(
    bench: Bench, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation_id = approve(bench, kind)
    find = bench.store.find
    found_once: list[str] = []

    def find_once(operation_id: str) -> Recorded | None:
        if found_once:
            raise JournalUnavailable("The disk is gone.")
        found_once.append(operation_id)
        return find(operation_id)

    async def answer(apply: Callable[[], None]) -> None:
        monkeypatch.setattr(bench.store, "find", find_once)
        raise LOST

    bench.erp.answer = answer
    outcome = await bench.execute(operation_id)
    monkeypatch.undo()

    assert found_once == [operation_id]
    assert (outcome.status, outcome.do_not_repeat) == ("unknown", True)
    assert state_of(bench.store, operation_id) == "UNKNOWN"


@every_kind
@pytest.mark.parametrize("is_lost", [False, True], ids=["answered", "answer lost"])
async def test_a_journal_that_fails_after_the_send_makes_no_answer_a_lie(
    bench: Bench, kind: str, is_lost: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation_id = approve(bench, kind)

    async def answer(apply: Callable[[], None]) -> None:
        monkeypatch.setattr(bench.store, "finish", fail_to_record)
        apply()
        if is_lost:
            raise LOST

    bench.erp.answer = answer
    outcome = await bench.execute(operation_id)
    monkeypatch.undo()

    assert outcome.status == ("unknown" if is_lost else "done")
    assert state_of(bench.store, operation_id) == "SENT"
    assert len(bench.erp.writes) == 1


@every_kind
@pytest.mark.parametrize("ended", ["done", "never left", "refused", "lost"])
async def test_how_a_send_ended_is_recorded_once_the_journal_takes_it(
    bench: Bench, kind: str, ended: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sender alone knew it: after a full disk it was not known, and what never left blocked its order."""
    operation_id = approve(bench, kind)

    async def answer(apply: Callable[[], None]) -> None:
        monkeypatch.setattr(bench.store, "finish", fail_to_record)
        if ended == "never left":
            raise Unreachable("The ERP does not answer.", effect="nothing_sent")
        if ended == "refused":
            raise Refused("The ERP refused it.")
        if ended == "lost":
            raise LOST
        apply()

    bench.erp.answer = answer
    told = await bench.execute(operation_id)
    before = state_of(bench.store, operation_id)
    meanwhile = await bench.executor.outcome_of(operation_id)
    monkeypatch.undo()
    again = await bench.executor.outcome_of(operation_id)

    assert before == "SENT"
    assert again.status == told.status
    assert meanwhile.status == ("unknown" if ended == "refused" else told.status)
    state = {"done": "DONE", "never left": "REFUSED", "refused": "WATCHED", "lost": "UNKNOWN"}[ended]
    assert state_of(bench.store, operation_id) == state
    assert len(bench.erp.writes) <= 1


@pytest.mark.parametrize(("ended", "state"), [("done", "DONE"), ("never left", "NOT_APPLIED")])
async def test_its_sender_knows_better_than_a_process_that_took_it_for_unknown(
    bench: Bench, ended: str, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation_id = approve(bench, "finalize")
    finish = bench.store.finish

    async def answer(apply: Callable[[], None]) -> None:
        monkeypatch.setattr(bench.store, "finish", fail_to_record)
        if ended == "never left":
            raise Unreachable("The ERP does not answer.", effect="nothing_sent")

    bench.erp.answer = answer
    told = await bench.execute(operation_id)
    monkeypatch.undo()
    finish(operation_id, "SENT", "UNKNOWN", WriteOutcome(status="unknown", message="It is not known."), {})
    again = await bench.executor.outcome_of(operation_id)

    assert (again.status, state_of(bench.store, operation_id)) == (told.status, state)


@every_kind
async def test_a_call_that_is_cancelled_while_it_is_sent_is_recorded(bench: Bench, kind: str) -> None:
    operation_id, sending, left = approve(bench, kind), anyio.Event(), anyio.Event()

    async def slowly(apply: Callable[[], None]) -> None:
        sending.set()
        await left.wait()
        apply()

    bench.erp.answer = slowly
    async with anyio.create_task_group() as calls:
        calls.start_soon(bench.execute, operation_id)
        await sending.wait()
        assert bench.executor.reconciler.is_sending(operation_id)
        calls.cancel_scope.cancel()
        left.set()

    assert state_of(bench.store, operation_id) == "DONE"
    assert not bench.executor.reconciler.is_sending(operation_id)
    assert (await bench.execute(operation_id)).replayed


async def test_recovery_leaves_an_operation_alone_that_is_being_sent(bench: Bench, clock: Clock) -> None:
    operation_id, sending, recovered = approve(bench, "delete"), anyio.Event(), anyio.Event()

    async def slowly(apply: Callable[[], None]) -> None:
        clock.now += 1_000_000
        sending.set()
        await recovered.wait()
        apply()

    bench.erp.answer = slowly
    async with anyio.create_task_group() as calls:
        calls.start_soon(bench.execute, operation_id)
        await sending.wait()
        await bench.executor.reconciler.recover()
        assert state_of(bench.store, operation_id) == "SENT"
        recovered.set()

    assert [event.event for event in bench.store.events(operation_id)][-2:] == ["SENT", "DONE"]


async def test_a_write_of_a_dead_process_is_settled_by_reading(bench: Bench, clock: Clock) -> None:
    operation_id = take_to(bench.store, guarded_operation("finalize"), "SENT")

    await bench.executor.reconciler.recover()
    assert state_of(bench.store, operation_id) == "SENT"  # its sender may be at it
    clock.now += bench.policy.abandoned_after + 1
    await bench.executor.reconciler.recover()
    assert state_of(bench.store, operation_id) == "UNKNOWN"
    bench.erp.set_status("PO-1", "closed")
    await bench.executor.reconciler.recover()

    assert state_of(bench.store, operation_id) == "DONE"
    assert bench.erp.writes == []


async def test_one_operation_that_cannot_be_looked_at_stops_no_other(
    bench: Bench, clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = take_to(bench.store, guarded_operation("finalize"), "UNKNOWN")
    second = take_to(bench.store, guarded_operation("finalize", "PO-2"), "UNKNOWN")
    bench.erp.orders["PO-2"] = order("PO-2", status="closed")
    reconciler = bench.executor.reconciler

    async def settle_by(seen: object, recorded: Any, looked_at: float, settle: Any = reconciler._settle_by) -> None:
        if recorded.operation.id == first:
            raise RuntimeError("a bug")
        await settle(seen, recorded, looked_at)

    monkeypatch.setattr(type(reconciler), "_settle_by", staticmethod(settle_by))
    with caplog.at_level(logging.WARNING):
        await reconciler.recover()

    assert f"operation {first} could not be looked at: RuntimeError" in caplog.text
    assert (state_of(bench.store, first), state_of(bench.store, second)) == ("UNKNOWN", "DONE")


async def test_a_listener_of_a_write_cannot_make_it_fail(store: JournalStore) -> None:
    from po_mcp.writes.executor import build_executor
    from po_mcp.writes.journal import Journal

    def failing(operation: Operation, outcome: WriteOutcome) -> None:
        raise RuntimeError("no subscriber")

    erp = FakeERP(orders={"PO-1": order()})
    operation_id = take_to(store, guarded_operation(), "APPROVED")

    outcome = await build_executor(erp, Journal(store), EXACT, failing).execute(operation_id)

    assert outcome.status == "done"
    assert find(store, operation_id).state == "DONE"


# A success that no reading shows


async def answer_alone(apply: Callable[[], None]) -> None:
    """Answer with a success, as a gateway before the ERP may, and do nothing."""


@pytest.mark.parametrize("kind", ["finalize", "delete", "cancel"])
@pytest.mark.parametrize("status", ["open", "unknown"])
async def test_a_success_that_does_not_show_is_said(kind: str, status: Status) -> None:
    bench = Bench(JournalStore(), EXACT)
    bench.erp.orders, bench.erp.answer = {"PO-1": order(status=status)}, answer_alone
    operation_id = take_to(bench.store, guarded_operation(kind, shown=order(status=status)), "APPROVED")
    said = await bench.execute(operation_id)

    assert said.status == "done"
    shown = "In Fake it still shows as open; check there."
    assert (shown if status == "open" else "Its status in Fake is not recognized; check there.") in said.message


@pytest.mark.parametrize("kind", ["finalize", "delete", "cancel"])
async def test_of_a_success_that_shows_nothing_more_is_said(kind: str) -> None:
    bench = Bench(JournalStore(), EXACT)
    bench.erp.orders = {"PO-1": order()}
    said = await bench.execute(take_to(bench.store, guarded_operation(kind), "APPROVED"))

    assert said.status == "done"
    assert "check there" not in said.message


async def outcome_of_success(kind: str, spoil: Callable[[FakeERP, Callable[[], None]], None]) -> WriteOutcome:
    """Carry out a write to which the ERP answers with a success, and is spoiled."""
    bench = Bench(JournalStore(), EXACT)
    operation_id = take_to(bench.store, operation_of(kind), "APPROVED")
    if kind != "create":
        bench.erp.orders = {"PO-1": order()}

    async def answer(apply: Callable[[], None]) -> None:
        spoil(bench.erp, apply)

    bench.erp.answer = answer
    return await bench.execute(operation_id)


@pytest.mark.parametrize("kind", ["create", "finalize", "cancel"])
async def test_a_success_whose_order_cannot_be_found_is_said(kind: str) -> None:
    said = await outcome_of_success(kind, lambda erp, apply: erp.orders.clear())

    assert said.status == "done"
    assert "Fake does not show it yet; check there." in said.message


@every_kind
async def test_a_success_whose_order_cannot_be_read_is_said(kind: str) -> None:
    def break_reads(erp: FakeERP, apply: Callable[[], None]) -> None:
        apply()
        erp.unreadable = Unreachable("Fake did not answer completely.", effect="nothing_changed")

    said = await outcome_of_success(kind, break_reads)

    assert said.status == "done"
    assert "It could not be read back; check in Fake." in said.message


@pytest.mark.parametrize("kind", ["finalize", "cancel"])
async def test_after_a_success_there_is_one_reading_and_what_it_shows(kind: str) -> None:
    """A second one may show what the first did not: the outcome would say that the order does not show beside it."""
    bench = Bench(JournalStore(), EXACT)
    bench.erp.orders = {"PO-1": order()}
    hidden: dict[str, PurchaseOrder] = {}

    def hide_from_the_first_read() -> None:
        reads = len(bench.erp.calls) - 1 - bench.erp.calls.index(bench.erp.writes[0]) if bench.erp.writes else 0
        if reads == 1:
            hidden.update(bench.erp.orders)
            bench.erp.orders.clear()
        elif reads > 1:
            bench.erp.orders.update(hidden)

    bench.erp.on_read = hide_from_the_first_read
    said = await bench.execute(take_to(bench.store, guarded_operation(kind), "APPROVED"))

    assert "Fake does not show it yet; check there." in said.message
    assert (said.status, said.order) == ("done", None)
    assert bench.erp.calls[-2:] == [bench.erp.writes[0], "get PO-1"]
