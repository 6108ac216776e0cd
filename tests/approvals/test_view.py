"""What a person is shown, in words and figures."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import get_args

import pytest

from po_mcp.approvals import status_banner
from po_mcp.approvals.presentation import LINES_SHOWN, NOT_GIVEN, Presentation, money, present, quantity
from po_mcp.writes.journal import Event, JournalStore
from po_mcp.writes.operation import Recorded, State, WriteOutcome
from po_mcp.writes.payloads import CreatePayload, LineNote, Reason
from tests.approvals.page_harness import Books, Clock, PageHarness, order


def present_order(
    kind: str = "delete", create_backorder: bool | None = None, lines: int = 0, **shown: str
) -> Presentation:
    clock, erp = Clock(), Books()
    store = JournalStore(":memory:", 600, clock)
    asked_about = order(**shown)
    if lines:
        asked_about = asked_about.model_copy(update={"lines": (asked_about.lines or ())[:1] * lines})
    asked = PageHarness(store, None, clock, erp, None)  # type: ignore[arg-type]
    one = asked.propose(asked_about, kind, create_backorder)
    made = present(asked.recorded_of(one), store.events(one), clock.now + 130)
    store.close()
    return made


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("4250", "4,250.00"),
        ("4250.000000", "4,250.00"),
        ("0.4512", "0.4512"),
        ("-1234567.5", "-1,234,567.50"),
        ("123456789012345678901234567890.12", "123,456,789,012,345,678,901,234,567,890.12"),
        ("1E+3", "1,000.00"),
        ("0", "0.00"),
    ],
)
def test_an_amount_is_shown_in_full_and_never_rounded(amount: str, shown: str) -> None:
    assert money(Decimal(amount)) == shown


@pytest.mark.parametrize(("amount", "shown"), [("10.000000", "10"), ("1000", "1,000"), ("0.50", "0.5"), ("0", "0")])
def test_a_quantity_is_shown_without_zeros_that_say_nothing(amount: str, shown: str) -> None:
    assert quantity(Decimal(amount)) == shown


def test_a_value_that_the_erp_does_not_give_is_a_dash_and_never_zero() -> None:
    assert (money(None), quantity(None)) == ("\N{EN DASH}", "\N{EN DASH}")


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (None, "1 of 2 lines is outstanding. Closing cannot be undone."),
        (True, "Closing cannot be undone. The rest goes on a new backorder."),
        (False, "Closing cannot be undone. The rest will not be reordered."),
    ],
)
def test_the_page_says_where_the_rest_goes(choice: bool | None, said: str) -> None:
    shown = present_order("finalize", choice)

    assert shown.consequence.endswith(said)
    assert ("create_backorder" in shown.fields) is (choice is None)
    assert [row.item for row in shown.order.backorder_rows] == ["BOLT-M8-30"]


def test_a_cancel_is_said_to_be_one_that_the_erp_can_undo() -> None:
    shown = present_order("cancel")

    assert shown.sentence == "Cancel order PO-7"
    assert shown.consequence == (
        "The order stays in the ERP as inactive and can be reactivated there. Goods were received on 2 of 2 lines."
    )
    assert shown.fields == frozenset()


def test_a_cancel_counts_the_lines_that_the_page_does_not_show_too() -> None:
    lines = tuple((order().lines or ())[0].model_copy(update={"line": place}) for place in range(1, LINES_SHOWN + 3))
    store = JournalStore(":memory:", 600, Clock())
    asked = PageHarness(store, None, Clock(), Books(), None)  # type: ignore[arg-type]
    one = asked.propose(order().model_copy(update={"lines": lines}), "cancel")

    shown = present(asked.recorded_of(one), store.events(one), Clock().now)

    store.close()
    assert shown.consequence.endswith(f"Goods were received on {LINES_SHOWN + 2} of {LINES_SHOWN + 2} lines.")


def test_receipts_that_the_erp_does_not_tell_are_not_taken_for_all_received() -> None:
    unknown = [line.model_copy(update={"received": None, "outstanding": None}) for line in order().lines or ()]
    store = JournalStore(":memory:", 600, Clock())
    asked = PageHarness(store, None, Clock(), Books(), None)  # type: ignore[arg-type]
    one = asked.propose(order().model_copy(update={"lines": tuple(unknown)}), "finalize")

    shown = present(asked.recorded_of(one), store.events(one), Clock().now)

    store.close()
    assert shown.consequence == "The ERP does not show what was received. Closing cannot be undone."
    assert "create_backorder" in shown.fields


def test_a_return_is_said_to_be_one_of_which_the_rest_is_not_known() -> None:
    first = (order().lines or ())[0]
    lines = (first.model_copy(update={"quantity": Decimal(-5), "received": Decimal(0), "outstanding": None}),)
    store = JournalStore(":memory:", 600, Clock())
    asked = PageHarness(store, None, Clock(), Books(), None)  # type: ignore[arg-type]
    one = asked.propose(order().model_copy(update={"lines": lines}), "finalize")

    shown = present(asked.recorded_of(one), store.events(one), Clock().now)

    store.close()
    assert shown.consequence == "The ERP does not show what is outstanding. Closing cannot be undone."
    assert (shown.order.rows[0].received, shown.order.rows[0].outstanding) == ("0", NOT_GIVEN)


def test_outstanding_lines_are_counted_over_all_and_beside_the_unknown_ones() -> None:
    first = order().outstanding_lines[0]
    lines = [first] * (LINES_SHOWN + 5)
    lines += [first.model_copy(update={"received": None, "outstanding": None})] * 2
    store = JournalStore(":memory:", 600, Clock())
    asked = PageHarness(store, None, Clock(), Books(), None)  # type: ignore[arg-type]
    one = asked.propose(order().model_copy(update={"lines": tuple(lines)}), "finalize")

    shown = present(asked.recorded_of(one), store.events(one), Clock().now)

    store.close()
    assert shown.consequence == (
        "205 of 207 lines are outstanding. The ERP does not show what was received on 2 of 207 lines. "
        "Closing cannot be undone."
    )
    assert (shown.order.outstanding, shown.order.untold) == (LINES_SHOWN + 5, 2)


def test_a_new_order_shows_names_units_warehouses_and_where_each_guess_is_from() -> None:
    store = JournalStore(":memory:", 600, Clock())
    asked = PageHarness(store, None, Clock(), Books(), None)  # type: ignore[arg-type]
    one = asked.recorded_of(asked.propose_create())
    assert isinstance(one.operation.payload, CreatePayload)
    note = LineNote(name="M8 Hex Nut", unit="EA", warehouse="Main", said="nut", price_source="last paid on PO-1")
    reasons = (
        Reason(short="above your limit", sentence="Its total is above your limit."),
        Reason(short="", sentence="No price was given for NUT-M8; 0.22 was last paid.", is_said_by_lines=True),
    )
    payload = one.operation.payload.model_copy(update={"line_notes": (note,), "reasons": reasons, "currency": "USD"})
    store.close()

    shown = present(replace(one, operation=replace(one.operation, payload=payload)), [], Clock().now)

    [row] = shown.order.rows
    assert (row.item, row.description, row.unit, row.deliver_to) == ("NUT-M8", "M8 Hex Nut", "EA", "Main")
    assert (row.unit_price, row.line_total) == ("0.22 USD", "0.66 USD")
    assert row.remarks == ("Asked for as: nut", "No price given: last paid on PO-1")
    assert (shown.order.total, shown.order.remarks) == ("0.66 USD", ("Its total is above your limit.",))
    assert (shown.sentence, shown.leave) == ("Create order PO-9", "Do not create")


def test_the_page_names_who_asked_and_until_when() -> None:
    shown = present_order()

    assert shown.asked_by == "Claude 4.2"
    assert shown.minutes_left == 7


def test_a_name_of_mixed_letters_is_cautioned_against() -> None:
    assert "mixes Cyrillic and Latin letters" in present_order(vendor="Ac\u043ce").order.remarks[0]


def test_a_total_that_is_not_the_sum_of_the_lines_is_said() -> None:
    assert "add up to 12,750.00" in present_order(lines=3).order.remarks[0]


def test_tax_is_said_and_keeps_no_total_from_being_the_sum_of_the_lines() -> None:
    assert present_order(lines=3, total="12751", tax="1").order.remarks == ("The total includes 1.00 EUR tax.",)


def test_lines_that_are_not_shown_are_counted() -> None:
    shown = present_order(lines=1_000).order

    assert (len(shown.rows), shown.hidden, shown.lines) == (200, 800, 1_000)


def test_every_state_but_the_open_one_has_words() -> None:
    assert set(status_banner._BANNERS) == set(get_args(State)) - {"PROPOSED", "APPROVED"}


@pytest.mark.parametrize("state", sorted(set(get_args(State)) - {"PROPOSED"}))
@pytest.mark.parametrize("is_running", [False, True])
def test_only_what_is_not_at_its_end_looks_again_by_itself(state: State, is_running: bool) -> None:
    shown = status_banner.describe_status(replace(propose(), state=state), [], is_running)

    assert shown is not None
    is_open = state in ("SENT", "WATCHED", "UNKNOWN") or (state == "APPROVED" and is_running)
    assert bool(shown.looks_again) is is_open


@pytest.mark.parametrize(
    ("state", "heading"), [("DECLINED", "Approval taken back"), ("EXPIRED", "Approved, then expired")]
)
def test_an_end_after_a_yes_differs_from_an_end_without_one(state: State, heading: str) -> None:
    ended = replace(propose(), state=state)

    with_a_yes = status_banner.describe_status(
        ended, [Event("id", 1.0, "PROPOSED", {}), Event("id", 2.0, "APPROVED", {})], False
    )
    without = status_banner.describe_status(ended, [Event("id", 1.0, "PROPOSED", {})], False)

    assert with_a_yes is not None
    assert without is not None
    assert with_a_yes.heading == heading != without.heading
    assert "Nothing was changed" in with_a_yes.text


def test_a_stale_operation_says_which_of_two_reasons_it_has() -> None:
    replaced = replace(propose(), state="STALE")
    changed = replace(replaced, outcome=WriteOutcome(status="stale", message="SANDBOX: Order PO-7 changed after it."))

    texts = [status_banner.describe_status(one, [], False) for one in (replaced, changed)]

    assert [one.text for one in texts if one is not None] == [
        "A newer request for order PO-7 replaced this one. Nothing was changed by this one.",
        "Order PO-7 changed after it.",
    ]


def propose() -> Recorded:
    store = JournalStore(":memory:", 600, Clock())
    asked = PageHarness(store, None, Clock(), Books(), None)  # type: ignore[arg-type]
    found = asked.recorded_of(asked.propose(order()))
    store.close()
    return found
