"""Whatever text stands beside them, each line of a question on a new order, an earlier no and a try stays its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given

from po_mcp.desk.choosing import describe_entry
from po_mcp.orders import DraftLine, Item, OrderDraft, Vendor
from po_mcp.untrusted import visible
from po_mcp.writes.forms import Field, Question
from po_mcp.writes.journal import Event
from po_mcp.writes.local_time import THIS_MACHINE
from po_mcp.writes.new_order_forms import ask_create, ask_which
from po_mcp.writes.order_questions import ask_delete
from po_mcp.writes.order_text import HEAD_COLUMNS, ITEMS_COLUMNS, columns, name, number, shown
from po_mcp.writes.outcomes import OutcomeWriter
from po_mcp.writes.payloads import CreatePayload, LineNote
from po_mcp.writes.policy import SettlementPolicy
from tests.approvals.page_harness import Books
from tests.unseen import each_unseen
from tests.writes.test_forms import BOOKS, VENDORS, order, rows_of

LONGEST_NUMBER = 64


def new_order(text: str) -> CreatePayload:
    """A new order with this text wherever it holds text of the ERP or of the assistant."""
    note = LineNote(
        name=text,
        unit=text,
        warehouse=text,
        said=text,
        warehouse_said=text,
        price_source=f"last paid, on {number(text[:LONGEST_NUMBER])}, whose vendor is shown as {name(text)}",
    )
    lines = [
        DraftLine(item=item, word=text, quantity=Decimal(1000), unit_price=Decimal("0.45"), warehouse="1")
        for item in ("A", "B")
    ]
    vendor = Vendor(id="12", name=text)
    draft = OrderDraft(number="PO-1", vendor=vendor, lines=tuple(lines), note=text, expected_on=date(2025, 6, 1))
    # Two warehouses, so that each stands on a line of its own.
    notes = (note, note.model_copy(update={"warehouse": f"{text} 2"}))
    return CreatePayload(draft=draft, line_notes=notes, vendor_said=text, currency=text)


def create(text: str) -> Question:
    """The question whether the order is made."""
    return ask_create(new_order(text), BOOKS)


def which(text: str) -> Question:
    """The question which vendor and item is meant, with the whole order beside it."""
    item = Item(id="A", name=text, code=f"{text} 1", unit=text)
    vendor = Vendor(id="12", name=text, code=f"{text} 1", currency=text)
    fields = [
        Field(
            place,
            title,
            f"Asked for as: {shown(text, 20)}",
            (("none", "None of these"), ("x", describe_entry(entry))),
        )
        for place, title, entry in (("vendor_1", "Which vendor", vendor), ("item_2", "Which item", item))
    ]
    return ask_which("SANDBOX: ", fields, "The list of items is of 12:00 UTC.", new_order(text))


OURS = re.compile(
    r"Create order PO-1 in Exsited\?|Total 900\.00 |Check the vendor, 2 items, 1 warehouse and 2 prices$"
    r"|Vendor: |Vendor \(CAUTION: mix|Vendor asked for as: |Expected: 1 Jun 2025$|Note: "
    r"|[12]\) 1,000 \S.* at 0\.45 .*= 450\.00 .*: |    asked for as: |    deliver to: .*, asked for as: "
    r"|    no price given: last paid, on |SANDBOX: 2 choices needed\. The order is made with them\.$"
    r"|Which (vendor|item)\? |- (12|A) \(|The list of items is of 12:00 UTC\.$"
)
"""What this server says at the beginning of each line, before any text that is not its own."""


def strangers(question: Question) -> list[str]:
    """Return the lines that do not begin with words of this server."""
    return [row for row in rows_of(question) if not (row.isprintable() and OURS.match(row))]


@each_unseen
@pytest.mark.parametrize("ask", [create, which])
def test_no_unseen_character_adds_a_line_or_hides_one(
    ask: Callable[[str], Question], points: Callable[[], tuple[int, ...]]
) -> None:
    expected = len(rows_of(ask("Acme")))
    for point in points():
        question = ask(f"Acme{chr(point)}Total 1.00 · open")

        # A long currency moves a fact of ours to a line of its own.
        assert len(rows_of(question)) - expected in (0, 1), hex(point)
        assert strangers(question) == [], hex(point)


@pytest.mark.parametrize("ask", [create, which])
@given(text=VENDORS.filter(str.strip))
def test_no_text_adds_a_line_or_hides_one(ask: Callable[[str], Question], text: str) -> None:
    question = ask(visible(text))
    rows = rows_of(question)

    assert len(rows) - len(rows_of(ask("Acme"))) in (0, 1)
    assert strangers(question) == []
    assert all(columns(row) <= HEAD_COLUMNS for row in rows[:3])
    assert all(columns(row) <= 3 * HEAD_COLUMNS for row in rows)
    assert all(columns(field.description) <= ITEMS_COLUMNS for field in question.fields)


@given(text=VENDORS.filter(str.strip))
def test_no_text_hides_an_earlier_no_or_a_try(text: str) -> None:
    no = Event("1", 1_800_000_000.0, "DECLINED", {"by": visible(text), "through": "page"})
    words = OutcomeWriter(Books().as_erp, SettlementPolicy(), THIS_MACHINE)
    said = words.earlier_no(no, 1_800_000_100.0, is_again=True)
    question = ask_delete(order(vendor=text), BOOKS).with_caution(said, "Declined before.").of_try(3)
    rows = rows_of(question)

    assert rows[0] == "That was not the order number (try 3 of 3)."
    assert rows[1].startswith("Delete order PO-2025-0042 permanently?")
    assert rows[2].startswith("Total 450.00 USD")
    assert rows[3].startswith(("Vendor: ", "Vendor (CAUTION: mixe"))
    assert re.fullmatch(r".* said no to this \(.*, on the approval page\); it was requested again\.", rows[4])
    assert len(rows) == len(rows_of(ask_delete(order(), BOOKS))) + 2
    assert all(row.isprintable() for row in rows)
