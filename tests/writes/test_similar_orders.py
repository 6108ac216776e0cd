"""Orders like one that is under way, in doubt or was made lately are found where they are recorded, and asked about."""

from __future__ import annotations

import threading
from dataclasses import replace
from decimal import Decimal

import pytest

from po_mcp.orders import DraftLine, OrderDraft, Vendor
from po_mcp.writes.journal import JournalStore, Similar
from po_mcp.writes.operation import Operation, State
from po_mcp.writes.payloads import CreatePayload
from tests.writes.making import BOB, CONNECTION, Clock, JournalPlace, create, draft, propose, state_of, take_to
from tests.writes.racing import race


def line(item: str = "BOLT", quantity: int = 10, price: str = "0.333", warehouse: str = "1") -> DraftLine:
    return DraftLine(item=item, quantity=Decimal(quantity), unit_price=Decimal(price), warehouse=warehouse)


def of(number: str, *lines: DraftLine, vendor: str = "12", note: str | None = None) -> Operation:
    asked = OrderDraft(number=number, vendor=Vendor(id=vendor, name="Acme"), lines=lines, note=note)
    return create(asked=asked)


def similar_to(store: JournalStore, operation: Operation) -> Similar | None:
    result = store.propose(operation, {}, approved=True)
    return result if isinstance(result, Similar) else None


REPEATS = {
    "the same": (line(), line("NUT", 4)),
    "lines in another order": (line("NUT", 4), line()),
    "a line split": (line(quantity=6), line("NUT", 4), line(quantity=4)),
    "codes in other case": (line("bolt"), line(" nut ", 4)),
}


@pytest.mark.parametrize("lines", REPEATS.values(), ids=REPEATS)
@pytest.mark.parametrize("state", ["PROPOSED", "APPROVED", "SENT", "WATCHED", "UNKNOWN", "DONE", "CONFLICT"])
def test_an_order_of_the_same_content_is_asked_about(
    store: JournalStore, state: State, lines: tuple[DraftLine, ...]
) -> None:
    first = take_to(store, of("PO-1", line(), line("NUT", 4)), state)

    similar = similar_to(store, of("PO-2", *lines, note="urgent, please"))

    assert similar is not None
    assert (similar.recorded.operation.id, similar.how) == (first, "same_content")


@pytest.mark.parametrize("state", ["REFUSED", "NOT_APPLIED", "DECLINED"])
def test_an_order_that_was_not_made_is_no_reason_to_ask(store: JournalStore, state: State) -> None:
    take_to(store, of("PO-1", line()), state)

    assert similar_to(store, of("PO-2", line())) is None


@pytest.mark.parametrize(
    "other",
    [
        of("PO-2", line(price="0.34")),
        of("PO-2", line(quantity=11)),
        of("PO-2", line(warehouse="2")),
        of("PO-2", line(), vendor="13"),
    ],
    ids=["price", "quantity", "warehouse", "vendor"],
)
def test_an_order_of_another_content_is_not_asked_about_once_the_first_was_done(
    store: JournalStore, other: Operation
) -> None:
    take_to(store, of("PO-1", line()), "DONE")

    assert similar_to(store, other) is None


@pytest.mark.parametrize("state", ["SENT", "WATCHED", "UNKNOWN"])
def test_one_common_item_for_the_vendor_is_enough_while_the_first_is_in_doubt(
    store: JournalStore, clock: Clock, state: State
) -> None:
    first = take_to(store, of("PO-1", line(), line("NUT", 4)), state)
    clock.now += 1_000_000

    similar = similar_to(store, of("PO-2", line("nut", 900, "9"), line("WASHER")))

    assert similar is not None
    assert (similar.recorded.operation.id, similar.how) == (first, "common_item")
    assert similar_to(store, of("PO-3", line("WASHER"))) is None
    assert similar_to(store, of("PO-4", line("NUT", 4), vendor="13")) is None


def test_a_done_operation_counts_for_ten_minutes(store: JournalStore, clock: Clock) -> None:
    take_to(store, of("PO-1", line()), "DONE")
    clock.now += 600

    assert similar_to(store, of("PO-2", line())) is None


def test_an_equal_order_of_another_user_is_asked_about_and_never_taken_for_this_call(store: JournalStore) -> None:
    first = take_to(store, of("PO-1", line()), "DONE")

    similar = similar_to(store, replace(of("PO-2", line()), requester=BOB))

    assert similar is not None
    assert similar.recorded.operation.id == first


def test_a_person_who_knows_of_the_other_may_have_both(store: JournalStore) -> None:
    first = take_to(store, of("PO-1", line()), "UNKNOWN")

    recorded = propose(store, of("PO-2", line()), known=frozenset({first}))

    assert recorded.state == "PROPOSED"


def test_another_connections_orders_are_no_reason_to_ask(store: JournalStore) -> None:
    take_to(store, of("PO-1", line()), "DONE")

    assert similar_to(store, replace(of("PO-2", line()), connection="another")) is None


def test_a_proposal_that_gives_way_is_no_reason_to_ask(store: JournalStore) -> None:
    """The same number with another note: the former question is replaced, so no second order is in sight."""
    first = propose(store, create("PO-1", draft("PO-1", note="first"))).operation.id

    second = propose(store, create("PO-1", draft("PO-1", note="second")))

    assert (state_of(store, first), second.state) == ("STALE", "PROPOSED")
    assert isinstance(second.operation.payload, CreatePayload)
    assert second.operation.payload.draft.note == "second"


def test_two_threads_that_propose_the_same_content_at_once_cannot_miss_each_other(journal_at: JournalPlace) -> None:
    stores = [JournalStore(journal_at), JournalStore(journal_at)]
    results: list[object] = []
    together = threading.Barrier(len(stores))

    def propose(store: JournalStore, number: str) -> None:
        together.wait()
        results.append(store.propose(create(number), {}, approved=True))

    for round_ in range(10):
        threads = [
            threading.Thread(target=propose, args=(store, f"PO-{round_}{place}")) for place, store in enumerate(stores)
        ]
        results.clear()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if round_ == 0:
            assert sum(isinstance(result, Similar) for result in results) == 1
        else:
            assert all(isinstance(result, Similar) for result in results)


RACE = """
import sys
from po_mcp.writes.journal import JournalStore, Similar
from tests.writes.making import JournalPlace, create, draft
from po_mcp.orders import Vendor
store, mine = JournalStore(sys.argv[1]), sys.argv[2]
store.counts()
print("ready", flush=True)
sys.stdin.readline()
made = 0
for n in range(30):
    asked = draft(f"PO-{n}{mine}", vendor=Vendor(id=f"vendor {n}", name="V"))
    made += not isinstance(store.propose(create(asked=asked), {}, approved=True), Similar)
print(made, flush=True)
"""


@pytest.mark.process
def test_two_processes_with_two_numbers_record_one_of_two_equal_orders(journal_at: JournalPlace) -> None:
    """The race N3: both were created eight times of twelve, and nobody was asked."""
    made = map(int, race(RACE, [(str(journal_at), name) for name in "AB"]))

    assert sum(made) == 30
    assert JournalStore(journal_at).counts()[0] == 30


def test_similar_orders_are_looked_for_before_a_create_is_recorded(store: JournalStore) -> None:
    take_to(store, of("PO-1", line()), "UNKNOWN")
    before = store.counts()

    assert similar_to(store, of("PO-2", line())) is not None
    assert store.counts() == before
    assert CONNECTION.key in {one.operation.connection for one in store.live(None)}
