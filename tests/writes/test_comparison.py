"""Is the order under our number ours, another's, or not known? Tried with what ERPs make of an order."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_UP, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from po_mcp.orders import DraftLine, OrderDraft, OrderLine, PurchaseOrder, Vendor
from po_mcp.writes.comparison import compare_order, describe_standing, is_of_vendor, is_stored_as, missing_lines
from tests.writes.making import draft, store_as_asked

SENT_AT = 1_800_000_000.0
DRAFT = draft(reference="our id")
BOLT, NUT = DRAFT.lines


def line(item: str = "BOLT", quantity: str = "10", price: str | None = "0.333", **more: Any) -> OrderLine:
    unit_price = None if price is None else Decimal(price)
    return OrderLine(item=item, quantity=Decimal(quantity), unit_price=unit_price, **more)


def with_lines(*lines: OrderLine, **more: Any) -> PurchaseOrder:
    return store_as_asked(DRAFT, lines=lines, **more)


NUT_LINE = line("NUT", "4", "1.50")
OURS = {
    "as it was asked for": store_as_asked(DRAFT),
    "prices rounded": with_lines(line(price="0.33"), NUT_LINE, total=Decimal("9.30")),
    "prices of the ERP's list": with_lines(line(price="0.5"), line("NUT", "4", "2")),
    "no prices": with_lines(line(price=None), line("NUT", "4", None)),
    "a freight line": with_lines(line(), NUT_LINE, line("FREIGHT", "1", "25")),
    "free goods of the same item": with_lines(line(), NUT_LINE, line("BOLT", "1", "0")),
    "a legal name and the vendor's id": store_as_asked(DRAFT, vendor="ACME Fasteners GmbH & Co. KG"),
    "a legal name and no id": store_as_asked(DRAFT, vendor="Acme Fasteners Holding Ltd.", vendor_id=None),
    "another name and the vendor's id": store_as_asked(DRAFT, vendor="0012-ACF"),
    "an id in other case": store_as_asked(draft(vendor=Vendor(id="v-1a", name="Acme")), vendor_id=" V-1A "),
    "codes in capitals": with_lines(line("bolt"), line("Nut", "4")),
    "codes padded": with_lines(line(" BOLT      "), line("NUT ", "4")),
    "names padded": store_as_asked(DRAFT, vendor="  Acme   Fasteners ", vendor_id=None),
    "lines in another order": with_lines(NUT_LINE, line()),
    "a line split": with_lines(line(quantity="7"), NUT_LINE, line(quantity="3")),
    "a number in capitals": store_as_asked(DRAFT, number="PO-9".lower()),
    "another warehouse and date": with_lines(line(warehouse="2"), NUT_LINE),
    "received already": with_lines(line(received=Decimal(10)), NUT_LINE, status="partial"),
}


@pytest.mark.parametrize("order", OURS.values(), ids=OURS)
def test_an_order_with_the_vendor_and_every_line_is_ours(order: PurchaseOrder) -> None:
    asked = draft(vendor=Vendor(id="v-1a", name="Acme")) if order.vendor_id == " V-1A " else DRAFT

    assert compare_order(asked, order, SENT_AT).verdict == "ours"


def test_merged_lines_are_ours() -> None:
    asked = draft(lines=(BOLT, NUT, BOLT.model_copy(update={"quantity": Decimal(5)})))

    assert compare_order(asked, with_lines(line(quantity="15"), NUT_LINE), SENT_AT).verdict == "ours"


OLDER = datetime.fromtimestamp(SENT_AT, UTC) - timedelta(minutes=5)
DIFFERS = {
    "ours in all, and made before the send, or given in another zone": store_as_asked(DRAFT, created_at=OLDER),
    "no lines yet": with_lines(),
    "no lines given": store_as_asked(DRAFT, lines=None),
    "no lines, of another vendor": with_lines(vendor="Bolts Direct", vendor_id="13"),
    "a line missing": with_lines(line()),
    "another quantity": with_lines(line(quantity="9"), NUT_LINE),
    "the same vendor and one common item": with_lines(line(quantity="500"), line("WASHER", "1")),
    "the same vendor and no common item": with_lines(line("WASHER", "1")),
    "all in common and another vendor's id": store_as_asked(DRAFT, vendor_id="13"),
    "all in common and another vendor's name and id": store_as_asked(DRAFT, vendor="Bolts Direct", vendor_id="13"),
    "all in common and another vendor's name": store_as_asked(DRAFT, vendor="Bolts Direct", vendor_id=None),
    "another vendor and one common item": with_lines(line(quantity="1"), vendor="Bolts Direct", vendor_id="13"),
    "a similar name and no common item": with_lines(line("WASHER", "1"), vendor="Acme Ltd", vendor_id="13"),
    "a quantity of zero": with_lines(line(quantity="0"), NUT_LINE),
}


@pytest.mark.parametrize("order", DIFFERS.values(), ids=DIFFERS)
def test_an_order_that_may_be_ours_is_not_decided(order: PurchaseOrder) -> None:
    assert compare_order(DRAFT, order, SENT_AT).verdict == "differs"


ASKED: dict[str, Any] = {"expected_on": date(2027, 1, 1), "note": "Ring first"}
TOLD_OTHERWISE: dict[str, tuple[PurchaseOrder, str]] = {
    "another warehouse": (with_lines(line(warehouse="2"), NUT_LINE), "BOLT is for warehouse 2, not 1"),
    "another warehouse by name": (
        with_lines(line(warehouse="2", warehouse_name="Side"), NUT_LINE),
        "BOLT is for warehouse «2 (Side)», not 1",
    ),
    "another day": (store_as_asked(DRAFT, expected_on=date(2027, 2, 1)), "it is expected 1 Feb 2027, not 1 Jan 2027"),
    "no day": (store_as_asked(DRAFT, expected_on=None), "it is expected on no day, not 1 Jan 2027"),
    "no note": (store_as_asked(DRAFT, note=""), "its note is not shown"),
    "another note": (store_as_asked(DRAFT, note="Leave at the door"), "its note is not the one given"),
    "a note that was cut": (store_as_asked(DRAFT, note="Ring"), "its note is not the one given"),
    "no price": (with_lines(line(price=None), NUT_LINE), "unit price of BOLT is not shown"),
}


@pytest.mark.parametrize(("order", "said"), TOLD_OTHERWISE.values(), ids=TOLD_OTHERWISE)
def test_every_field_that_was_stored_otherwise_is_reported(order: PurchaseOrder, said: str) -> None:
    found = compare_order(draft(reference="our id", **ASKED), order, SENT_AT)

    assert found.verdict == "ours"
    assert said in found.differences


@pytest.mark.parametrize(
    "order",
    [
        store_as_asked(DRAFT, expected_on=date(2027, 1, 1), note="RING  first [po-mcp our id]"),
        store_as_asked(DRAFT, expected_on=date(2027, 1, 1), note=None),
        with_lines(line(warehouse="7", warehouse_name="1"), NUT_LINE, expected_on=date(2027, 1, 1)),
        with_lines(line(warehouse=None), NUT_LINE, expected_on=date(2027, 1, 1)),
    ],
    ids=["in its own letters", "an ERP that tells no notes", "a warehouse by its name", "no warehouse given"],
)
def test_an_order_stored_as_asked_is_no_difference(order: PurchaseOrder) -> None:
    assert compare_order(draft(reference="our id", **ASKED), order, SENT_AT).differences == ()


STANDING: dict[str, tuple[PurchaseOrder, bool, tuple[str, ...]]] = {
    "new": (store_as_asked(DRAFT), False, ()),
    "a draft": (store_as_asked(DRAFT, status="draft"), False, ("its status is draft",)),
    "a draft, where new orders are": (store_as_asked(DRAFT, status="draft"), True, ()),
    "closed": (store_as_asked(DRAFT, status="closed"), True, ("its status is closed",)),
    "of a word of the ERP's": (
        store_as_asked(DRAFT, status="unknown", status_text="On hold"),
        False,
        ("its status is On hold",),
    ),
    "of no status": (store_as_asked(DRAFT, status="unknown", status_text=""), False, ()),
    "received": (
        with_lines(line(received=Decimal("2.5")), NUT_LINE, status="partial"),
        False,
        ("its status is partly received", "2.5 of BOLT is received already"),
    ),
}


@pytest.mark.parametrize(("order", "may_be_draft", "said"), STANDING.values(), ids=STANDING)
def test_a_new_order_that_does_not_stand_as_new_is_reported(
    order: PurchaseOrder, may_be_draft: bool, said: tuple[str, ...]
) -> None:
    assert describe_standing(order, may_be_draft=may_be_draft) == said


FOREIGN = {
    "another vendor and other items, and older": with_lines(
        line("WASHER", "1"), vendor="Bolts Direct", vendor_id="13", created_at=OLDER
    ),
    "another vendor and other items": with_lines(line("WASHER", "1"), vendor="Bolts Direct", vendor_id="13"),
    "another vendor's name and other items": with_lines(line("WASHER", "1"), vendor="Bolts Direct", vendor_id=None),
}


@pytest.mark.parametrize("order", FOREIGN.values(), ids=FOREIGN)
def test_an_order_that_has_nothing_of_ours_is_anothers(order: PurchaseOrder) -> None:
    assert compare_order(DRAFT, order, SENT_AT).verdict == "foreign"


@pytest.mark.parametrize("reference", ["our id", "OUR ID"])
def test_our_reference_decides_whatever_else_the_erp_made_of_it(reference: str) -> None:
    order = with_lines(line("X", "1"), vendor="Bolts Direct", vendor_id="13", reference=reference)

    assert compare_order(DRAFT, order, SENT_AT).verdict == "ours"


def test_where_only_the_time_is_against_an_order_that_alone_is_said() -> None:
    found = compare_order(DRAFT, store_as_asked(DRAFT, created_at=OLDER), SENT_AT)

    assert (found.differences, found.against) == ((), ("the ERP says that it was made before this was sent",))


def test_another_reference_on_an_order_like_ours_decides_nothing() -> None:
    """A note that was copied, or cut in the middle, carries the reference of an earlier order."""
    found = compare_order(DRAFT, store_as_asked(DRAFT, reference="the id of another"), SENT_AT)

    assert found.verdict == "differs"
    assert found.against == ("it carries the reference of another request",)


@pytest.mark.parametrize("seconds", [-60, 0, 60])
def test_an_order_that_was_made_about_when_it_was_sent_is_not_older(seconds: int) -> None:
    order = store_as_asked(DRAFT, created_at=datetime.fromtimestamp(SENT_AT + seconds, UTC))

    assert compare_order(DRAFT, order, SENT_AT).verdict == "ours"


def test_a_vendor_that_is_not_shown_is_not_shown_as_another() -> None:
    order = with_lines(line(price="0.333"), vendor="")
    bare = order.model_copy(update={"lines": None, "line_count": None, "total": None})

    assert "its vendor is not shown" in compare_order(DRAFT, order, SENT_AT).differences
    assert compare_order(DRAFT, bare, SENT_AT).differences == ("nothing but its number is shown",)


def test_differences_are_listed_line_by_line() -> None:
    order = with_lines(
        line(price="0.33"),
        line("NUT", "4", "1.50"),
        line("FREIGHT", "1", "25"),
        number="PO-9X",
        vendor="ACME Holding",
        total=Decimal("34.30"),
    )

    assert compare_order(DRAFT, order, SENT_AT).differences == (
        "its number is shown as PO-9X",
        "its vendor is shown as ACME Holding",
        "unit price of BOLT is 0.33, not 0.333",
        "a line more: 1 x FREIGHT at 25.00",
        "its total is 34.30, not 9.33",
    )


def test_tax_is_no_difference() -> None:
    taxed = store_as_asked(DRAFT, total=Decimal("11.20"), tax=Decimal("1.87"))

    assert compare_order(DRAFT, taxed, SENT_AT).differences == ()


def test_another_total_beside_its_tax_is_a_difference() -> None:
    taxed = store_as_asked(DRAFT, total=Decimal("11.20"), tax=Decimal("1.80"))

    assert compare_order(DRAFT, taxed, SENT_AT).differences == ("its total without tax is 9.40, not 9.33",)


@pytest.mark.parametrize(
    ("total", "differences"),
    [
        ("7.49", ()),
        ("7.48", ()),
        ("7.50", ("its total is 7.50, not 7.4888",)),
        ("7", ("its total is 7.00, not 7.4888",)),
    ],
)
def test_an_amount_rounded_to_cents_is_no_difference(total: str, differences: tuple[str, ...]) -> None:
    priced = DraftLine(item="BOLT", quantity=Decimal(88), unit_price=Decimal("0.0851"))
    asked = DRAFT.model_copy(update={"lines": (priced,)})

    assert compare_order(asked, store_as_asked(asked, total=Decimal(total)), SENT_AT).differences == differences


def test_a_total_that_is_off_is_said_where_every_figure_is_of_whole_cents() -> None:
    asked = DRAFT.model_copy(update={"lines": (DraftLine(item="BOLT", quantity=Decimal(1), unit_price=Decimal(5)),)})

    assert compare_order(asked, store_as_asked(asked, total=Decimal("5.001")), SENT_AT).differences == (
        "its total is 5.001, not 5.00",
    )


def test_items_are_compared_by_their_ids_and_named_by_their_words() -> None:
    lines = tuple(
        one.model_copy(update={"item": f"{place}", "word": one.item}) for place, one in enumerate(DRAFT.lines)
    )
    asked = DRAFT.model_copy(update={"lines": lines})
    bolt, nut = line(item_id="0", price="0.5"), line("NUT", "4", "1.50", item_id="9")

    found = compare_order(asked, with_lines(bolt, nut, reference="our id"), SENT_AT)

    assert found.verdict == "ours"
    assert found.differences == (
        "unit price of BOLT is 0.50, not 0.333",
        "4 x NUT is not shown as a line of its own",
        "a line more: 4 x NUT at 1.50",
    )
    assert missing_lines(lines, (bolt, nut)) == [lines[1]]
    assert compare_order(asked, with_lines(bolt, nut), SENT_AT).verdict == "differs"


def test_amounts_that_differ_stand_in_the_currency_of_each_side() -> None:
    order = with_lines(line(price="0.33"), line("NUT", "4", "1.50"), total=Decimal("34.30"), currency="USD")
    draft = DRAFT.model_copy(update={"vendor": DRAFT.vendor.model_copy(update={"currency": "AUD"})})

    assert compare_order(draft, order, SENT_AT).differences == (
        "its currency is USD, not AUD",
        "unit price of BOLT is 0.33 USD, not 0.333 AUD",
        "its total is 34.30 USD, not 9.33 AUD",
    )


@pytest.mark.parametrize(("stored_in", "asked_in"), [("USD", None), (None, "USD"), ("usd", "USD"), (None, None)])
def test_a_currency_that_one_side_does_not_say_is_no_difference(stored_in: str | None, asked_in: str | None) -> None:
    draft = DRAFT.model_copy(update={"vendor": DRAFT.vendor.model_copy(update={"currency": asked_in})})

    assert compare_order(draft, store_as_asked(draft, currency=stored_in), SENT_AT).differences == ()


def test_an_order_stored_as_asked_for_has_no_differences() -> None:
    assert compare_order(DRAFT, store_as_asked(DRAFT), SENT_AT).differences == ()
    assert compare_order(DRAFT, store_as_asked(DRAFT, vendor=" ACME fasteners"), SENT_AT).differences == ()


def test_lines_that_show_later_are_not_said_to_be_missing() -> None:
    assert compare_order(DRAFT, store_as_asked(DRAFT, lines=(), total=None), SENT_AT).differences == (
        "its lines are not shown yet",
    )


def test_a_missing_line_is_named() -> None:
    order = with_lines(line(), total=None)

    assert compare_order(DRAFT, order, SENT_AT).differences == ("4 x NUT is not shown as a line of its own",)


def test_a_vendor_is_identified_by_its_id_and_else_by_its_name() -> None:
    vendor = Vendor(id="12", name="Acme")

    assert is_of_vendor(store_as_asked(DRAFT, vendor="Other", vendor_id=" 12"), vendor) is True
    assert is_of_vendor(store_as_asked(DRAFT, vendor="Acme", vendor_id="13"), vendor) is False
    assert is_of_vendor(store_as_asked(DRAFT, vendor="ACME", vendor_id=None), vendor) is True
    assert is_of_vendor(store_as_asked(DRAFT, vendor="Other", vendor_id=None), vendor) is None
    assert is_of_vendor(store_as_asked(DRAFT, vendor="Acme", vendor_id="12"), Vendor(id=None, name="acme")) is True


quantities = st.decimals(min_value="0.000001", max_value="1000000", allow_nan=False, allow_infinity=False, places=6)
roundings = st.sampled_from([ROUND_HALF_UP, ROUND_HALF_EVEN, ROUND_DOWN, ROUND_UP])


@given(asked=quantities, places=st.integers(0, 6), shown=st.integers(0, 4), rounding=roundings)
def test_a_rounded_quantity_is_that_quantity_however_many_zeros_are_shown(
    asked: Decimal, places: int, shown: int, rounding: str
) -> None:
    kept = asked.quantize(Decimal(1).scaleb(-places), rounding=rounding)
    written = kept.quantize(Decimal(1).scaleb(-(places + shown)))

    assert is_stored_as(written, asked) or written == 0


@pytest.mark.parametrize(
    ("now", "asked"), [("0.34", "0.32"), ("11", "10"), ("1000", "100"), ("0", "0.4"), ("10.5", "10"), ("12", "10.5")]
)
def test_another_quantity_is_not_that_quantity(now: str, asked: str) -> None:
    assert not is_stored_as(Decimal(now), Decimal(asked))


items = st.sampled_from(["A", "B", "c", "D "])
drafts = st.lists(st.builds(DraftLine, item=items, quantity=quantities, unit_price=quantities), min_size=1, max_size=6)


@given(lines=drafts, order=st.randoms())
def test_no_line_is_missing_where_all_are_there_in_any_order_and_case(lines: list[DraftLine], order: Any) -> None:
    shown = [OrderLine(item=f" {one.item.swapcase()}", quantity=one.quantity) for one in lines]
    order.shuffle(shown)

    assert missing_lines(lines, shown) == []


@given(lines=drafts, place=st.integers(0, 5))
def test_a_line_that_is_left_out_is_missing(lines: list[DraftLine], place: int) -> None:
    gone = lines[place % len(lines)]
    shown = [OrderLine(item=one.item, quantity=one.quantity) for one in lines if one is not gone]

    others = [one for one in lines if one is not gone and one.item.strip().casefold() == gone.item.strip().casefold()]
    if not others:
        assert gone in missing_lines(lines, shown)


@given(lines=drafts)
def test_an_order_with_all_lines_of_the_vendor_is_ours_and_with_none_of_another_is_not(lines: list[DraftLine]) -> None:
    asked = OrderDraft(number="PO-1", vendor=Vendor(id="12", name="Acme"), lines=tuple(lines))
    other = store_as_asked(asked, vendor="Bolts", vendor_id="13", lines=(OrderLine(item="none", quantity=Decimal(1)),))

    assert compare_order(asked, store_as_asked(asked), SENT_AT).verdict == "ours"
    assert compare_order(asked, other, SENT_AT).verdict == "foreign"
