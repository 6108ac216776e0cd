"""The ERP's own refusal is believed after two looks, and watched; an effect that shows is reported, once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import anyio
import pytest

from po_mcp.errors import BadAnswer, Conflict, NotPermitted, OrderNotFound, OutcomeUnknown, Refused, SignInEnded
from po_mcp.orders import OrderLine, Status
from po_mcp.writes.journal import JournalStore, Similar
from po_mcp.writes.local_time import THIS_MACHINE
from po_mcp.writes.operation import OutcomeStatus
from po_mcp.writes.policy import SettlementPolicy
from tests.writes.erp import EXACT, QUICK, Bench
from tests.writes.making import (
    CONNECTION,
    Clock,
    JournalPlace,
    create,
    draft,
    find,
    guarded_operation,
    order,
    state_of,
    store_as_asked,
    take_to,
)

REFUSAL = Refused("Fake refused it: the vendor is on hold.", next_step="Ask the vendor.")
KINDS = ["create", "finalize", "delete", "cancel"]
every_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def bench(store: JournalStore) -> Bench:
    bench = Bench(store)
    bench.erp.orders["PO-1"] = order()
    return bench


def approve(bench: Bench, kind: str) -> str:
    return take_to(bench.store, create() if kind == "create" else guarded_operation(kind), "APPROVED")


def refuses(bench: Bench, error: Exception = REFUSAL, then: Callable[[], None] = lambda: None) -> None:
    async def answer(apply: Callable[[], None]) -> None:
        then()
        raise error

    bench.erp.answer = answer


def applies_and_refuses(bench: Bench) -> None:
    """A gateway sent the request twice: the first was carried out, the answer is that of the second."""

    async def answer(apply: Callable[[], None]) -> None:
        apply()
        raise Conflict("Fake refused it: it exists already.")

    bench.erp.answer = answer


def effect_of(bench: Bench, kind: str) -> None:
    match kind:
        case "create":
            bench.erp.orders["PO-9"] = store_as_asked(draft())
        case "finalize":
            bench.erp.set_status("PO-1", "closed")
        case "cancel":
            bench.erp.set_status("PO-1", "cancelled")
        case _:
            bench.erp.remove("PO-1")


def shows_after(bench: Bench, reads: int, effect: Callable[[], None]) -> None:
    """Let the ERP show an effect with the n-th read after the write."""

    def count() -> None:
        if bench.erp.writes and len(bench.erp.calls) - bench.erp.calls.index(bench.erp.writes[0]) > reads:
            effect()

    bench.erp.on_read = count


REFUSALS = [REFUSAL, Conflict("Locked."), NotPermitted("No right."), SignInEnded("The token ended.")]


@every_kind
@pytest.mark.parametrize("error", REFUSALS, ids=lambda error: type(error).__name__)
async def test_a_refusal_is_reported_with_its_reason_and_its_time_and_is_watched(
    bench: Bench, clock: Clock, kind: str, error: Exception
) -> None:
    clock.now = 1_767_323_045.0  # 2026-01-02 03:04:05 UTC
    operation_id = approve(bench, kind)
    refuses(bench, error)

    outcome = await bench.execute(operation_id)

    assert (outcome.status, outcome.do_not_repeat) == ("refused", False)
    assert str(getattr(error, "what", "")).rstrip(".") in outcome.message
    if kind == "delete" and not isinstance(error, NotPermitted | SignInEnded):
        assert "cancel_purchase_order" in str(outcome.next_step)
    else:
        assert outcome.next_step == (getattr(error, "next_step", "") or "Tell the user.")
    assert f"checked again until {THIS_MACHINE.time(1_767_323_075.0, seconds=True)}" in outcome.message
    assert outcome.not_before is not None
    assert outcome.not_before.timestamp() == clock.now + 30
    assert (state_of(bench.store, operation_id), find(bench.store, operation_id).watched_until) == (
        "WATCHED",
        clock.now + 30,
    )


@every_kind
async def test_a_refusal_is_looked_at_twice_before_it_is_reported(bench: Bench, kind: str) -> None:
    operation_id = approve(bench, kind)
    refuses(bench)
    started = anyio.current_time()

    await bench.execute(operation_id)

    number = "PO-9" if kind == "create" else "PO-1"
    reads = bench.erp.calls[bench.erp.calls.index(bench.erp.writes[0]) + 1 :]
    assert reads.count(f"get {number}") >= 2
    assert anyio.current_time() - started >= QUICK.second_look


@every_kind
async def test_an_effect_that_the_first_look_shows_turns_it_to_done(bench: Bench, kind: str) -> None:
    operation_id = approve(bench, kind)
    applies_and_refuses(bench)

    outcome = await bench.execute(operation_id)

    assert outcome.status == "done"
    assert "had reported an error" in outcome.message
    assert state_of(bench.store, operation_id) == "DONE"


@pytest.mark.parametrize("kind", ["create", "finalize", "cancel"])
async def test_an_effect_that_only_the_second_look_shows_turns_it_to_done(bench: Bench, kind: str) -> None:
    """Exsited answers 400 "already exists", and its reads lag: it was called refused, and ordered again."""
    operation_id = approve(bench, kind)
    refuses(bench)
    shows_after(bench, 3 if kind == "create" else 1, lambda: effect_of(bench, kind))

    assert (await bench.execute(operation_id)).status == "done"


@every_kind
async def test_a_refusal_is_final_only_after_the_watch_and_without_an_effect(
    bench: Bench, clock: Clock, kind: str
) -> None:
    operation_id = approve(bench, kind)
    refuses(bench)
    await bench.execute(operation_id)

    clock.now += 29
    assert await bench.reconcile(operation_id) == "WATCHED"
    clock.now += 1
    assert await bench.reconcile(operation_id) == "REFUSED"
    final = find(bench.store, operation_id).outcome
    assert final is not None
    assert (final.status, final.not_before) == ("refused", None)


@every_kind
async def test_an_effect_that_shows_while_it_is_watched_is_done_and_late_news_once(
    bench: Bench, clock: Clock, kind: str
) -> None:
    operation_id = approve(bench, kind)
    refuses(bench)
    await bench.execute(operation_id)
    effect_of(bench, kind)
    clock.now += 10
    other = Bench(bench.store, bench.policy, bench.erp)  # whichever process looks next

    news = await other.executor.reconciler.find_late_news()
    if kind == "delete":  # "not found" proves nothing at first
        news = news or await other.executor.reconciler.find_late_news()

    assert [one.operation.id for one in news] == [operation_id]
    assert state_of(bench.store, operation_id) == "DONE"
    assert await other.executor.reconciler.find_late_news() == []
    assert await bench.executor.reconciler.find_late_news() == []
    assert [one.id for one, _ in other.done] == [operation_id]


async def test_an_effect_that_the_call_itself_reported_is_no_late_news(bench: Bench) -> None:
    applies_and_refuses(bench)
    await bench.execute(approve(bench, "finalize"))

    assert await bench.executor.reconciler.find_late_news() == []


@every_kind
async def test_a_refusal_is_final_at_once_where_reads_show_everything(store: JournalStore, kind: str) -> None:
    bench = Bench(store, EXACT)
    bench.erp.orders["PO-1"] = order()
    operation_id = approve(bench, kind)
    refuses(bench)

    outcome = await bench.execute(operation_id)

    assert (outcome.status, outcome.not_before) == ("refused", None)
    assert state_of(store, operation_id) == "REFUSED"


@pytest.mark.parametrize(("kind", "status"), [("finalize", "cancelled"), ("cancel", "closed")])
async def test_a_refusal_is_final_at_once_where_the_order_ended_otherwise(bench: Bench, kind: str, status: Any) -> None:
    operation_id = approve(bench, kind)
    refuses(bench, then=lambda: bench.erp.set_status("PO-1", status))

    outcome = await bench.execute(operation_id)

    assert (outcome.status, outcome.not_before) == ("refused", None)
    assert state_of(bench.store, operation_id) == "REFUSED"


@pytest.mark.parametrize("kind", ["finalize", "cancel"])
@pytest.mark.parametrize("policy", [QUICK, EXACT], ids=["watched", "exact"])
async def test_a_refusal_of_an_order_that_was_deleted_meanwhile_says_so(
    store: JournalStore, kind: str, policy: SettlementPolicy
) -> None:
    """Somebody deletes it between the last reading and the write, which the ERP then refuses."""
    bench = Bench(store, policy)
    bench.erp.orders["PO-1"] = order()
    operation_id = approve(bench, kind)
    refuses(bench, then=lambda: bench.erp.set_status("PO-1", "deleted"))

    said = (await bench.execute(operation_id)).message

    assert "It was deleted, by somebody or by Fake itself, so that nothing can be ordered with it any more." in said
    assert "Nothing was changed" not in said


@pytest.mark.parametrize(
    ("status", "said"),
    [("deleted", "It was deleted, by somebody or by Fake itself"), ("closed", "It is closed by now.")],
)
async def test_an_order_that_ends_otherwise_while_it_is_watched_is_said(
    bench: Bench, clock: Clock, status: Any, said: str
) -> None:
    operation_id = approve(bench, "cancel")
    refuses(bench)
    await bench.execute(operation_id)
    bench.erp.set_status("PO-1", status)
    clock.now += 10

    assert await bench.reconcile(operation_id) == "REFUSED"
    final = find(bench.store, operation_id).outcome
    assert final is not None
    assert said in final.message
    assert "Nothing was changed" not in final.message


@pytest.mark.parametrize("kind", ["finalize", "cancel"])
async def test_of_a_lost_answer_and_a_deleted_order_nothing_more_is_claimed(bench: Bench, kind: str) -> None:
    """It may have been cancelled first, and deleted then; or an ERP's cancel deletes."""
    operation_id = approve(bench, kind)
    refuses(bench, OutcomeUnknown("Fake gave no answer."), then=lambda: bench.erp.set_status("PO-1", "deleted"))

    outcome = await bench.execute(operation_id)

    assert state_of(bench.store, operation_id) == "CONFLICT"
    assert (outcome.status, outcome.do_not_repeat) == ("unknown", True)
    assert outcome.message.startswith("Order PO-1 was deleted, by somebody or by Fake itself, so that nothing can be")
    assert outcome.message.endswith("whether that was carried out before is not known.")
    assert outcome.order is not None
    assert outcome.order.status == "deleted"


async def test_a_success_that_shows_as_deleted_is_called_off_for_good(bench: Bench) -> None:
    operation_id = approve(bench, "cancel")

    async def delete(apply: Callable[[], None]) -> None:
        bench.erp.set_status("PO-1", "deleted")

    bench.erp.answer = delete

    outcome = await bench.execute(operation_id)

    assert outcome.status == "done"
    assert "PO-1 was cancelled, but Fake shows it as deleted: it cannot be reactivated there." in outcome.message
    assert "still" not in outcome.message


BOLTS = (OrderLine(item="BOLT", quantity=500), OrderLine(item="WASHER", quantity=1))
UNDER_OUR_NUMBER: dict[str, tuple[Any, OutcomeStatus, str]] = {
    "another's": (
        store_as_asked(draft(), vendor="Bolts Direct", vendor_id="13", lines=(OrderLine(item="WASHER", quantity=1),)),
        "refused",
        "already exists with other contents. Nothing was changed",
    ),
    "of the same vendor with one common item": (
        store_as_asked(draft(), lines=BOLTS),
        "unknown",
        "4 x NUT is not shown",
    ),
    "without lines": (store_as_asked(draft(), lines=()), "unknown", "is not what was requested"),
    "ours, at other prices": (
        store_as_asked(draft(), lines=tuple(OrderLine(item=one.item, quantity=one.quantity) for one in draft().lines)),
        "done",
        "confirmed by reading it back",
    ),
}


@pytest.mark.parametrize(("there", "status", "text"), UNDER_OUR_NUMBER.values(), ids=UNDER_OUR_NUMBER)
async def test_the_order_under_our_number_decides_a_refused_create(
    bench: Bench, there: Any, status: OutcomeStatus, text: str
) -> None:
    """A colleague's order under a raced number, or our own that a gateway sent twice."""
    operation_id = approve(bench, "create")
    refuses(bench, Conflict("It exists already."), then=lambda: bench.erp.orders.update({"PO-9": there}))

    outcome = await bench.execute(operation_id)

    assert outcome.status == status
    assert text in outcome.message
    assert outcome.do_not_repeat == (status == "unknown")


async def test_another_order_that_only_one_look_shows_decides_nothing(bench: Bench) -> None:
    operation_id = approve(bench, "create")
    other, _, _ = UNDER_OUR_NUMBER["another's"]
    refuses(bench, Conflict("It exists already."), then=lambda: bench.erp.orders.update({"PO-9": other}))
    shows_after(bench, 1, lambda: bench.erp.remove("PO-9"))

    await bench.execute(operation_id)

    assert state_of(bench.store, operation_id) == "WATCHED"


async def test_a_refusal_of_an_order_that_cannot_be_read_is_not_known(bench: Bench) -> None:

    operation_id = approve(bench, "finalize")

    def spoil() -> None:
        bench.erp.unreadable = BadAnswer("no JSON")

    refuses(bench, then=spoil)

    outcome = await bench.execute(operation_id)

    assert outcome.status == "unknown"
    assert "on hold, but" in outcome.message


async def test_an_order_that_may_be_ours_and_shows_while_watched_makes_it_unknown(bench: Bench, clock: Clock) -> None:
    operation_id = approve(bench, "create")
    refuses(bench)
    await bench.execute(operation_id)
    bench.erp.orders["PO-9"] = store_as_asked(draft(), lines=())

    assert await bench.reconcile(operation_id) == "UNKNOWN"


@pytest.mark.parametrize("kind", ["finalize", "cancel"])
async def test_a_watched_order_that_is_gone_blocks_nothing_for_ever(bench: Bench, clock: Clock, kind: str) -> None:
    operation_id = approve(bench, kind)
    refuses(bench)
    await bench.execute(operation_id)
    bench.erp.remove("PO-1")
    clock.now += 30
    assert await bench.reconcile(operation_id) == "WATCHED"  # it may be a moment without an answer

    clock.now += bench.policy.verdict_after

    assert await bench.reconcile(operation_id) == "UNKNOWN"  # a person can settle that


@pytest.mark.parametrize("kind", ["finalize", "delete", "cancel"])
async def test_a_refusal_that_the_order_does_not_exist_is_checked_like_any(bench: Bench, kind: str) -> None:
    operation_id = approve(bench, kind)
    refuses(bench, OrderNotFound("There is no such order."))

    assert (await bench.execute(operation_id)).status == "refused"
    assert state_of(bench.store, operation_id) == "WATCHED"


async def test_a_delete_that_was_refused_offers_to_cancel(bench: Bench) -> None:
    operation_id = approve(bench, "delete")
    refuses(bench)

    assert "cancel_purchase_order(PO-1)" in str((await bench.execute(operation_id)).next_step)


async def test_similar_orders_are_held_back_while_it_is_watched_and_go_on_after(bench: Bench, clock: Clock) -> None:
    operation_id = approve(bench, "create")
    refuses(bench)
    await bench.execute(operation_id)

    assert isinstance(bench.store.propose(create("PO-10"), {}, approved=True), Similar)
    clock.now += 30
    await bench.reconcile(operation_id)

    assert not isinstance(bench.store.propose(create("PO-10"), {}, approved=True), Similar)


async def test_a_call_that_meets_a_watch_waits_for_its_end(journal_at: JournalPlace) -> None:
    live = JournalStore(journal_at)
    bench = Bench(live, replace(QUICK, watch=0.3))
    bench.erp.orders["PO-1"] = order()
    operation_id = approve(bench, "finalize")
    refuses(bench)
    await bench.execute(operation_id)

    ended = await bench.executor.reconciler.wait_until_certain(find(live, operation_id))

    assert ended.state == "REFUSED"


# Two readings


async def test_a_delete_is_not_done_by_one_not_found(store: JournalStore, clock: Clock) -> None:
    """Answered 500 and not applied, the order answered 404 twice within milliseconds: it was called done."""

    bench = Bench(store, replace(QUICK, late_apply=0.0, read_lag=60.0))
    operation_id = take_to(store, guarded_operation(), "UNKNOWN")

    assert await bench.reconcile(operation_id) == "UNKNOWN"
    clock.now += 59
    assert await bench.reconcile(operation_id) == "UNKNOWN"
    bench.erp.orders["PO-1"] = order()
    assert await bench.reconcile(operation_id) == "UNKNOWN"
    bench.erp.remove("PO-1")
    clock.now += 2
    assert await bench.reconcile(operation_id) == "UNKNOWN"  # it was there in between
    clock.now += 60
    assert await bench.reconcile(operation_id) == "DONE"


async def test_anothers_order_is_a_conflict_only_after_two_readings(store: JournalStore, clock: Clock) -> None:

    bench = Bench(store, replace(QUICK, read_lag=60.0))
    operation_id = take_to(store, create(), "UNKNOWN")
    bench.erp.orders["PO-9"], _, _ = UNDER_OUR_NUMBER["another's"]

    assert await bench.reconcile(operation_id) == "UNKNOWN"
    clock.now += 60
    assert await bench.reconcile(operation_id) == "CONFLICT"
    assert CONNECTION.key == find(store, operation_id).operation.connection


async def test_anothers_order_that_turns_out_to_be_ours_is_done(store: JournalStore, clock: Clock) -> None:
    """Lines that appear some seconds after the header."""

    bench = Bench(store, replace(QUICK, read_lag=60.0))
    operation_id = take_to(store, create(), "UNKNOWN")
    bench.erp.orders["PO-9"], _, _ = UNDER_OUR_NUMBER["another's"]
    await bench.reconcile(operation_id)
    bench.erp.orders["PO-9"] = store_as_asked(draft())

    assert await bench.reconcile(operation_id) == "DONE"


async def test_a_short_gap_between_two_readings_is_waited_for_in_the_same_call(bench: Bench) -> None:
    operation_id = take_to(bench.store, guarded_operation(), "UNKNOWN")
    bench.erp.remove("PO-1")

    assert await bench.reconcile(operation_id) == "DONE"


@pytest.mark.parametrize(("cancellable", "is_offered"), [({"draft", "partial"}, True), ({"draft"}, False)])
async def test_after_a_refused_delete_a_cancel_is_offered_only_where_this_erp_takes_one(
    bench: Bench, cancellable: set[Status], is_offered: bool
) -> None:
    bench.erp.cancellable_statuses = frozenset(cancellable)
    refuses(bench)

    refused = await bench.execute(approve(bench, "delete"))

    assert ("cancel_purchase_order(PO-1)" in (refused.next_step or "")) is is_offered
