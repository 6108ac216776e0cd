"""What a person is asked, and which answer counts as which decision."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from po_mcp.orders import DraftLine, OrderDraft, OrderLine, PurchaseOrder, Vendor
from po_mcp.writes.forms import (
    Field,
    FormAnswer,
    Place,
    Question,
    approval_content,
    is_no,
    read_choices,
    read_decision,
    read_typed_number,
)
from po_mcp.writes.new_order_forms import ask_create, ask_which
from po_mcp.writes.order_questions import ask_cancel, ask_delete, ask_finalize, ask_whether_it_happened
from po_mcp.writes.order_text import (
    CURRENCY_NOT_GIVEN,
    HEAD_COLUMNS,
    ITEMS_COLUMNS,
    MAX_LINES,
    MAX_NEW_LINES,
    TITLE_COLUMNS,
    columns,
)
from po_mcp.writes.payloads import CreatePayload, LineNote, Reason
from tests.unseen import each_unseen, unseen

BOOKS = Place("Exsited", "Acme Europe")
SANDBOX = Place("the sandbox", tag="SANDBOX: ")
KEEP, BACKORDER, CLOSE = (
    ("keep", "No, leave the order open"),
    ("backorder", "Yes, close it and backorder the rest"),
    ("close", "Yes, close it without a backorder"),
)


def line(received: str | None = "400", **changes: Any) -> OrderLine:
    quantity, came = Decimal(1000), None if received is None else Decimal(received)
    known: dict[str, Any] = {
        "line": 1,
        "item": "BOLT-M8-30",
        "description": "M8 x 30mm Hex Bolt",
        "quantity": quantity,
        "received": came,
        "outstanding": None if came is None else quantity - came,
        "unit_price": Decimal("0.45"),
        "line_total": Decimal("450.00"),
    }
    return OrderLine.model_validate({**known, **changes})


def back(received: str | None) -> OrderLine:
    """A line of goods that go back to the vendor: what came of it is not known."""
    return line(received, quantity=Decimal(-5), outstanding=None)


def order(**changes: Any) -> PurchaseOrder:
    known: dict[str, Any] = {
        "number": "PO-2025-0042",
        "vendor": "Acme Fasteners",
        "status": "partial",
        "status_text": "Partial",
        "ordered_at": datetime(2025, 5, 15, tzinfo=UTC),
        "expected_on": date(2025, 6, 1),
        "currency": "USD",
        "total": Decimal("450.00"),
        "lines": (line(),),
    }
    return PurchaseOrder.model_validate({**known, **changes})


def new_order(vendor: str = "Acme Fasteners", **changes: Any) -> CreatePayload:
    """Two lines: the first matched by words and priced by the last order, the second as it was asked for."""
    lines = (
        DraftLine(item="BOLT-M8-30", quantity=Decimal(1000), unit_price=Decimal("0.45"), warehouse="1"),
        DraftLine(item="NUT-M8", quantity=Decimal("2.5"), unit_price=Decimal("0.1"), warehouse="1"),
    )
    known: dict[str, Any] = {
        "draft": OrderDraft(number="PO-1", vendor=Vendor(id="12", name=vendor), lines=lines),
        "reasons": (Reason(short="above your limit of 100.00", sentence="Its total is above your limit of 100.00."),),
        "line_notes": (
            LineNote(
                name="M8 x 30mm Hex Bolt",
                unit="EA",
                warehouse="Main",
                said="M8 bolt",
                price_source="last paid, on PO-2025-0042 of 15 May 2025",
            ),
            LineNote(name="M8 Hex Nut", warehouse="Main"),
        ),
        "currency": "EUR",
    }
    return CreatePayload.model_validate({**known, **changes})


def rows_of(question: Question) -> list[str]:
    return question.text.split("\n")


# What is shown


def test_a_delete_asks_for_the_typed_number_and_shows_the_order_as_the_erp_has_it() -> None:
    question = ask_delete(order(), BOOKS)

    assert rows_of(question) == [
        "Delete order PO-2025-0042 permanently? This cannot be undone.",
        "Total 450.00 USD · partly received · 1 line · ordered 15 May 2025",
        "Vendor: Acme Fasteners · Acme Europe",
        "Expected 1 Jun 2025",
        "1) 1,000 at 0.45 USD, 600 outstanding: BOLT-M8-30, M8 x 30mm Hex Bolt",
    ]
    assert question.schema() == {
        "type": "object",
        "properties": {
            "order_number": {
                "type": "string",
                "title": "Type PO-2025-0042 to delete it",
                "description": "Items: 1,000 \N{MULTIPLICATION SIGN} M8 x 30mm Hex Bolt",
            }
        },
        "required": ["order_number"],
    }


def test_the_sandbox_stands_at_the_beginning_of_every_question() -> None:
    questions = [
        ask_delete(order(), SANDBOX),
        ask_finalize(order(), SANDBOX, None),
        ask_cancel(order(), SANDBOX),
        ask_create(new_order(), SANDBOX),
        ask_whether_it_happened(SANDBOX, "Close order", "PO-1", ["open"]),
        ask_which(SANDBOX.tag, [Field("item_1", "Which item", "", (("none", "None of these"), ("1", "1: Bolt")))]),
    ]

    assert all(question.text.startswith("SANDBOX: ") for question in questions)


@pytest.mark.parametrize(
    ("received", "wanted", "ending", "options"),
    [
        ("400", None, "", [KEEP, BACKORDER, CLOSE]),
        ("400", True, " with a backorder", [KEEP, BACKORDER]),
        ("400", False, " without a backorder", [KEEP, CLOSE]),
        (None, None, "", [KEEP, BACKORDER, CLOSE]),
        (None, True, " with a backorder", [KEEP, BACKORDER]),
        ("1000", None, "", [KEEP, ("close", "Yes, close it")]),
        ("1000", True, "", [KEEP, ("close", "Yes, close it")]),
    ],
)
def test_a_finalize_offers_what_can_become_of_the_rest(
    received: str | None, wanted: bool | None, ending: str, options: list[tuple[str, str]]
) -> None:
    question = ask_finalize(order(lines=(line(received),)), BOOKS, wanted)

    assert rows_of(question)[0] == f"Close order PO-2025-0042{ending}? This cannot be undone."
    assert list(question.fields[0].choices) == options


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ((), "no lines"),
        ((line("1000"),), "1 line, all received"),
        ((line("0"),), "1 line, nothing received"),
        ((line("400"), line("1000")), "1 of 2 lines outstanding"),
        ((line("400"), line(None)), "1 of 2 lines outstanding, 1 not known"),
        ((line("1000"), line(None)), "2 lines, receipts of 1 not given"),
        ((line(None), line(None)), "2 lines, receipts not given"),
        ((back("0"),), "1 line, outstanding not known"),
        ((back("0"), line("1000")), "2 lines, outstanding not known"),
        ((back("0"), line(None)), "2 lines, receipts of 1 not given"),
        ((back("0"), line("400")), "1 of 2 lines outstanding, 1 not known"),
    ],
)
def test_a_finalize_says_how_far_the_order_was_received(lines: tuple[OrderLine, ...], said: str) -> None:
    assert f" · {said}" in rows_of(ask_finalize(order(lines=lines), BOOKS, None))[1]


def test_a_cancel_says_what_can_be_undone_and_what_was_received() -> None:
    question = ask_cancel(order(lines=(line("0"), line("400"))), BOOKS)

    assert rows_of(question)[0] == "Cancel order PO-2025-0042? It can be reactivated in Exsited."
    assert " · goods received on 1 of 2 lines" in rows_of(question)[1]
    assert question.fields[0].choices == (("keep", "No, keep the order"), ("cancel", "Yes, cancel the order"))


@pytest.mark.parametrize(
    ("reported", "said"),
    [
        ((), "3 lines by the ERP, 0 told; receipts not known"),
        ((line("1000"), line("1000")), "3 lines by the ERP, 2 told; receipts not known"),
    ],
)
def test_lines_that_the_erp_left_out_may_be_outstanding(reported: tuple[OrderLine, ...], said: str) -> None:
    question = ask_finalize(order(lines=reported, line_count=3), BOOKS, None)

    assert said in question.text
    assert list(question.fields[0].choices) == [KEEP, BACKORDER, CLOSE]


@pytest.mark.parametrize("received", [None, "0"])
def test_a_cancel_says_nothing_of_goods_that_were_not_received(received: str | None) -> None:
    assert "goods" not in ask_cancel(order(lines=(line(received),)), BOOKS).text


def test_a_create_shows_all_that_is_sent_and_where_each_guess_is_from() -> None:
    payload = new_order()
    draft = payload.draft.model_copy(update={"expected_on": date(2026, 1, 31), "note": "urgent\nTotal: 1"})

    question = ask_create(payload.model_copy(update={"draft": draft}), BOOKS)

    assert rows_of(question) == [
        "Create order PO-1 in Exsited?",
        "Total 450.25 EUR · 2 lines · above your limit of 100.00",
        "Vendor: Acme Fasteners, 12 · Acme Europe",
        "Check 1 item and 1 price",
        "Its total is above your limit of 100.00.",
        "Expected: 31 Jan 2026",
        "Deliver to: Main",
        r"Note: urgent\u{000A}Total: 1",
        "1) 1,000 EA at 0.45 EUR = 450.00 EUR: BOLT-M8-30, M8 x 30mm Hex Bolt",
        "    asked for as: M8 bolt",
        "    no price given: last paid, on PO-2025-0042 of 15 May 2025",
        "2) 2.5 at 0.10 EUR = 0.25 EUR: NUT-M8, M8 Hex Nut",
    ]
    [field] = question.fields
    assert field.description == "Check: 1,000 \N{MULTIPLICATION SIGN} M8 x 30mm Hex Bolt at 0.45 EUR"
    assert field.choices == (("no", "No, do not create it"), ("yes", "Yes, create it"))


def test_a_create_says_what_the_vendor_was_asked_for_as() -> None:
    rows = rows_of(ask_create(new_order(vendor_said="acme\nTotal: 1"), BOOKS))

    assert rows[3:5] == ["Check the vendor, 1 item and 1 price", r"Vendor asked for as: acme\u{000A}Total: 1"]


def test_a_create_of_several_warehouses_says_on_each_line_where_to_deliver() -> None:
    notes = [LineNote(name="Bolt", warehouse="Portland"), LineNote(name="Nut", warehouse="Seattle")]

    rows = rows_of(ask_create(new_order(line_notes=notes), BOOKS))

    assert [row for row in rows if "deliver to" in row.lower()] == [
        "    deliver to: Portland",
        "    deliver to: Seattle",
    ]


def test_a_create_says_what_each_warehouse_was_asked_for_as() -> None:
    yard = LineNote(name="Bolt", warehouse="Yard", warehouse_said="the yards")
    rows = rows_of(ask_create(new_order(line_notes=(yard, yard)), BOOKS))
    of_two = rows_of(ask_create(new_order(line_notes=(LineNote(name="Nut", warehouse="Main"), yard)), BOOKS))

    assert rows[3] == "Check 1 warehouse"
    assert rows[rows.index("Deliver to: Yard") + 1] == "    asked for as: the yards"
    assert [row for row in of_two if "deliver to" in row] == [
        "    deliver to: Yard, asked for as: the yards",
        "    deliver to: Main",
    ]


@pytest.mark.parametrize(
    ("lines", "guessed", "shown"), [(60, (47, 59), 20), (60, range(1, 41), 40), (300, range(300), 100)]
)
def test_a_create_shows_first_the_lines_in_which_something_was_guessed(
    lines: int, guessed: Sequence[int], shown: int
) -> None:
    plain, odd = LineNote(name="Nut", warehouse="Main"), LineNote(name="Nut", warehouse="Main", said="nuts")
    notes = [odd if place in guessed else plain for place in range(1, lines + 1)]
    draft = new_order().draft.model_copy(update={"lines": new_order().draft.lines[1:] * lines})
    rows = rows_of(ask_create(new_order(draft=draft, line_notes=notes), BOOKS))
    places = [int(row.partition(")")[0]) for row in rows if re.match(r"[0-9]+\) ", row)]
    first = [place for place in guessed if place][:shown]

    assert (len(places), places[: len(first)]) == (shown, first)
    assert rows.count("    asked for as: nuts") == len(first)
    left = len([place for place in guessed if place]) - len(first)
    to_check = f", {left} of them to check" if left else ""
    assert rows[-1] == f"and {lines - shown} more lines{to_check}"


@pytest.mark.parametrize(("currency", "is_said"), [(None, True), ("", True), ("AUD", False)])
def test_a_question_says_once_that_no_currency_is_given(currency: str | None, is_said: bool) -> None:
    shown = order(currency=currency)
    questions = [
        ask_create(new_order(currency=currency), BOOKS),
        ask_delete(shown, BOOKS),
        ask_finalize(shown, BOOKS, None),
        ask_cancel(shown, BOOKS),
    ]

    assert [question.text.count(CURRENCY_NOT_GIVEN) for question in questions] == [int(is_said)] * 4
    without_amounts = order(currency=None, total=None, lines=())
    assert CURRENCY_NOT_GIVEN not in ask_delete(without_amounts, BOOKS).text


def test_a_create_of_an_older_version_without_notes_shows_its_ids() -> None:
    rows = rows_of(ask_create(new_order(line_notes=()), BOOKS))

    assert "Deliver to: 1" in rows
    assert "1) 1,000 at 0.45 EUR = 450.00 EUR: BOLT-M8-30" in rows


def test_a_long_order_is_cut_and_what_is_left_out_is_counted() -> None:
    lines = tuple(line(line=place) for place in range(1, MAX_LINES + 4))
    draft = new_order().draft
    longer = draft.model_copy(update={"lines": draft.lines[:1] * (MAX_NEW_LINES + 1)})

    assert rows_of(ask_delete(order(lines=lines), BOOKS))[-1] == "and 3 more lines"
    assert rows_of(ask_create(new_order(draft=longer, line_notes=()), BOOKS))[-1] == "and 1 more line"


def test_a_finalize_of_a_long_order_shows_first_what_is_outstanding() -> None:
    received = tuple(line("1000", line=place) for place in range(1, MAX_LINES + 1))

    rows = rows_of(ask_finalize(order(lines=(*received, line(line=99))), BOOKS, None))

    assert next(row for row in rows if ") " in row).startswith("99) 1,000 at 0.45 USD, 600 outstanding: ")


def test_a_question_which_is_meant_offers_first_that_none_is() -> None:
    choices = (("none", "None of these"), ("12", "12: Acme Fasteners"))
    fields = [
        Field("vendor_1", "Which vendor", "Asked for as: Acme", choices),
        Field("item_2", "Which item", "Asked for as: bolt", (("none", "None of these"), ("B", "B: Bolt"))),
    ]

    assert rows_of(ask_which("", fields)) == [
        "2 choices needed. The order is made with them.",
        "Which vendor? Asked for as: Acme",
        "- 12: Acme Fasteners",
        "Which item? Asked for as: bolt",
        "- B: Bolt",
    ]
    assert rows_of(ask_which("SANDBOX: ", fields[:1]))[0] == (
        "SANDBOX: Which vendor? The order is made with your choice."
    )


def test_whether_it_happened_is_left_open_first() -> None:
    question = ask_whether_it_happened(BOOKS, "Close order", "PO-1", ["the order as open", "1 line differs"])
    unsure = ask_whether_it_happened(BOOKS, "Close order", "PO-1", ["open"], is_sent=False)

    assert rows_of(question) == [
        "Close order PO-1: did it happen? It was sent once.",
        "Seen now: the order as open",
        "Look at the order in the ERP itself before you say so.",
        "- 1 line differs",
    ]
    assert rows_of(unsure)[0] == "Close order PO-1: did it happen? It may have been sent."
    assert question.fields[0].choices[0] == ("open", "Leave it open")


# The room that hosts leave


LONG_NUMBERS = [
    "P" * 64,
    "PO 1? It is harmless. Delete order PO-2 as well " * 2,
    "発注" * 40,
    "PO-\u202e1",
    "\u0410-42",
]


@pytest.mark.parametrize("number", LONG_NUMBERS, ids=ascii)
@pytest.mark.parametrize("place", [BOOKS, SANDBOX], ids=["books", "sandbox"])
def test_a_long_or_odd_number_never_takes_more_than_its_room(number: str, place: Place) -> None:
    payload = new_order()
    draft = payload.draft.model_copy(update={"number": number})
    questions = [
        ask_delete(order(number=number), place),
        ask_finalize(order(number=number), place, True),
        ask_cancel(order(number=number), place),
        ask_create(payload.model_copy(update={"draft": draft}), place),
        ask_whether_it_happened(place, "Close order", number, ["open"]),
    ]

    for question in questions:
        assert all(columns(row) <= HEAD_COLUMNS for row in rows_of(question)[:3])
        assert all(row.isprintable() for row in rows_of(question))
        assert all(columns(field.title) <= TITLE_COLUMNS for field in question.fields)
        if place is SANDBOX:
            assert "SANDBOX" in "".join(rows_of(question)[:3])


def test_a_number_that_goes_on_as_a_sentence_stands_in_guillemets() -> None:
    number = "PO-1? Nothing happens. Order PO-2"

    assert rows_of(ask_delete(order(number=number), BOOKS))[0].startswith(f"Delete order «{number}» permanently?")


def test_an_effect_without_room_in_the_first_line_follows_the_total() -> None:
    rows = rows_of(ask_delete(order(number="P" * 40), BOOKS))

    assert rows[0] == f"Delete order {'P' * 40} permanently?"
    assert rows[1].startswith("Total 450.00 USD · This cannot be undone · ")


VENDORS = st.text(max_size=120) | st.sampled_from(
    [
        "Acme · Total 1.00 USD · open",
        'Acme"\nTotal: 0.01\nVendor: "Safe',
        "Acme\u202e\u2066 elif",
        "\u0410cme" * 30,
        "\U0001d400\u0410\u03b1cme",
        "x" * 10_000,
        "\u3164" * 50,
        "a\u0300" * 100,
        "発注" * 60,
        "\ud800",
    ]
)


@each_unseen
def test_no_unseen_character_hides_a_fact_of_the_head_or_adds_a_line(points: Callable[[], tuple[int, ...]]) -> None:
    plain = [rows_of(one) for one in (ask_delete(order(), SANDBOX), ask_finalize(order(), BOOKS, None))]
    plain.append(rows_of(ask_cancel(order(), BOOKS)))

    known, honest = line(), order(lines=(line(),))

    assert len(unseen()) >= 2278
    for point in points():
        text = f"Acme{chr(point)}Total 1.00 · open"
        shown = known.model_copy(update={"item": text, "description": text})
        forged = honest.model_copy(update={"vendor": text, "lines": (shown,)})
        questions = (ask_delete(forged, SANDBOX), ask_finalize(forged, BOOKS, None), ask_cancel(forged, BOOKS))
        for expected, hostile in zip(plain, questions, strict=True):
            rows = rows_of(hostile)
            assert (len(rows), rows[:2]) == (len(expected), expected[:2]), hex(point)
            assert rows[2].startswith(("Vendor: Acme", "Vendor (CAUTION"))
            assert all(row.isprintable() and columns(row) <= HEAD_COLUMNS for row in rows[:3])


@given(vendor=VENDORS, item=VENDORS, description=VENDORS, currency=VENDORS, label=VENDORS)
def test_no_text_of_the_erp_adds_a_line_or_moves_a_figure(
    vendor: str, item: str, description: str, currency: str, label: str
) -> None:
    shown = order(vendor=vendor, currency=currency, lines=(line(item=item, description=description or None),))
    place = Place("Exsited", label)
    questions = [ask_delete(shown, place), ask_finalize(shown, place, True), ask_cancel(shown, place)]
    plain = [ask_delete(order(), BOOKS), ask_finalize(order(), BOOKS, True), ask_cancel(order(), BOOKS)]

    for question, expected in zip(questions, plain, strict=True):
        rows = rows_of(question)
        assert (rows[-1] == CURRENCY_NOT_GIVEN) is (currency == "")
        rows = rows if currency else rows[:-1]
        assert rows[0] == rows_of(expected)[0]
        assert rows[1].startswith("Total 450.00")
        assert rows[2].startswith(("Vendor: ", "Vendor (CAUTION: mixe"))
        assert re.match(r"1\) 1,000 at 0\.45(?: [A-Z]{3}| «.*»)?, 600 outstanding: ", rows[-1])
        assert len(rows) - len(rows_of(expected)) in (0, 1)  # a long currency moves a fact of ours to a line of its own
        assert all(row.isprintable() and columns(row) <= HEAD_COLUMNS for row in rows)
        assert question.fields[0].title == expected.fields[0].title
        assert question.fields[0].choices == expected.fields[0].choices
        assert columns(question.fields[0].description) <= ITEMS_COLUMNS
        assert question.fields[0].description.isprintable()


@given(vendor=VENDORS, name=VENDORS, unit=VENDORS, warehouse=VENDORS, said=VENDORS)
def test_no_text_of_a_new_order_adds_a_line_or_moves_a_figure(
    vendor: str, name: str, unit: str, warehouse: str, said: str
) -> None:
    first = LineNote(
        name=name, unit=unit or "EA", warehouse=warehouse or "1", said=said or "x", price_source="last paid"
    )
    question = ask_create(new_order(vendor, line_notes=(first, LineNote(name="Nut", warehouse="Main"))), BOOKS)
    expected = ask_create(
        new_order(
            line_notes=(
                LineNote(name="B", unit="EA", warehouse="1", said="x", price_source="last paid"),
                LineNote(name="Nut", warehouse="Main"),
            )
        ),
        BOOKS,
    )
    rows = rows_of(question)

    assert rows[:2] == rows_of(expected)[:2]
    assert len(rows) == len(rows_of(expected)) or warehouse == "Main"
    assert all(row.isprintable() and columns(row) <= 79 for row in rows)
    assert columns(question.fields[0].description) <= ITEMS_COLUMNS


# Reading answers


@pytest.mark.parametrize(
    "typed", ["PO-2025-0042", "  PO-2025-0042\n", '"PO-2025-0042"', "«PO-2025-0042»", " 'PO-2025-0042' "]
)
def test_a_typed_number_is_read_without_blanks_and_quotes(typed: str) -> None:
    assert read_typed_number(FormAnswer("accepted", {"order_number": typed})) == "PO-2025-0042"


@pytest.mark.parametrize(
    "answer",
    [
        FormAnswer("declined"),
        FormAnswer("cancelled"),
        FormAnswer("not_asked"),
        FormAnswer("sent_to_page"),
        FormAnswer("accepted"),
        FormAnswer("accepted", {}),
        FormAnswer("declined", {"order_number": "PO-2025-0042"}),
        FormAnswer("accepted", {"order_number": True}),
        FormAnswer("accepted", {"order_number": ["PO-2025-0042"]}),
        FormAnswer("accepted", {"order_number": "PO-2025-0042", "decision": "no"}),
        FormAnswer("accepted", {"order_number": "PO-2025-0042", "confirm": False}),
        FormAnswer("accepted", {"decision": "PO-2025-0042"}),
    ],
    ids=str,
)
def test_no_other_answer_brings_a_typed_number(answer: FormAnswer) -> None:
    assert read_typed_number(answer) is None


@pytest.mark.parametrize("more", [{"decision": "yes"}, {"note": "hi"}, {"confirm": True}, {"time": 7}], ids=str)
def test_a_field_of_the_hosts_own_takes_nothing_from_an_answer(more: dict[str, Any]) -> None:
    closing = ask_finalize(order(), BOOKS, None)
    which = ask_which("", (Field("item_1", "Which item", "", (("none", "None"), ("A", "A"))),))

    assert read_typed_number(FormAnswer("accepted", {"order_number": "PO-2025-0042", **more})) == "PO-2025-0042"
    assert read_decision(FormAnswer("accepted", {**more, "decision": "backorder"}), closing) == "backorder"
    assert is_no(FormAnswer("accepted", {**more, "decision": closing.fields[0].choices[0][0]}), closing)
    assert read_choices(FormAnswer("accepted", {"item_1": "A", **more}), which) == {"item_1": "A"}


@pytest.mark.parametrize("typed", ["PO-2025-0041", "po-2025-0042", "", "PO-2025-0042 PO-2025-0042"])
def test_another_number_stays_another(typed: str) -> None:
    assert read_typed_number(FormAnswer("accepted", {"order_number": typed})) != "PO-2025-0042"


@pytest.mark.parametrize(
    ("given", "decision"),
    [
        ("backorder", "backorder"),
        ("close", "close"),
        ("keep", "keep"),
    ],
)
def test_a_value_letter_for_letter_is_a_decision(given: str, decision: str) -> None:
    question = ask_finalize(order(), BOOKS, None)
    answer = FormAnswer("accepted", {"decision": given})

    assert read_decision(answer, question) == decision
    assert is_no(answer, question) == (decision == "keep")


@pytest.mark.parametrize(
    ("given", "before_titles", "since"),
    [
        ("Yes, close it and backorder the rest", "backorder", None),
        ("yes, close it  without a backorder", "close", None),
        ("NO, leave the order open", "keep", None),
        ("BACKORDER", "backorder", None),
        (" Close", "close", None),
        ("Keep", "keep", None),
        ("yes", None, None),
        ("clos", None, None),
        ("close it", None, None),
    ],
)
def test_a_value_or_label_in_any_case_counts_only_where_a_client_may_draw_a_text_box(
    given: str, before_titles: str | None, since: str | None
) -> None:
    question = ask_finalize(order(), BOOKS, None)

    decisions = [
        read_decision(FormAnswer("accepted", question.read_content({"decision": given}, protocol)), question)
        for protocol in ("2025-06-18", "2025-11-25", "2026-07-28")
    ]

    assert decisions == [before_titles, since, since]


@pytest.mark.parametrize("given", ["BOLT-M8", "bolt-m8", "bolt-m8: hex bolt"])
def test_which_item_is_meant_may_be_typed_in_any_case_by_an_older_client(given: str) -> None:
    question = ask_which("", [Field("item_1", "Which item", "", (("none", "None"), ("BOLT-M8", "BOLT-M8: Hex bolt")))])

    assert question.read_content({"item_1": given}, "2025-06-18") == {"item_1": "BOLT-M8"}


@pytest.mark.parametrize(
    "content",
    [
        None,
        {},
        {"decision": True},
        {"decision": None},
        {"decision": "yes"},
        {"decision": ""},
        {"decision": "backorder, close"},
        {"decision": ["backorder"]},
        {"confirm": True},
        {"confirm": True, "create_backorder": True},
        {"decision": "backorder", "confirm": False},
        {"decision": "backorder", "item_1": "None"},
        {"note": "hi"},
    ],
    ids=str,
)
def test_a_value_that_the_form_did_not_offer_is_no_decision(content: dict[str, Any] | None) -> None:
    question = ask_finalize(order(), BOOKS, None)
    answer = FormAnswer("accepted", content)

    assert read_decision(answer, question) is None
    assert not is_no(answer, question)


@pytest.mark.parametrize("how", ["declined", "cancelled", "not_asked", "sent_to_page"])
def test_a_form_that_was_not_accepted_is_no_decision(how: Any) -> None:
    assert read_decision(FormAnswer(how, {"decision": "backorder"}), ask_finalize(order(), BOOKS, None)) is None


def test_an_option_that_was_not_offered_this_time_is_no_decision() -> None:
    question = ask_finalize(order(), BOOKS, True)

    assert read_decision(FormAnswer("accepted", {"decision": "close"}), question) is None
    assert read_decision(FormAnswer("accepted", {"decision": "backorder"}), question) == "backorder"


def test_of_ids_that_differ_in_case_alone_only_the_exact_one_counts() -> None:
    field = Field("item_1", "Which item", "", (("none", "None of these"), ("abc", "abc: Bolt"), ("ABC", "ABC: Nut")))

    assert [field.read(given) for given in ("abc", "ABC", "Abc")] == ["abc", "ABC", None]


ASKED: list[Callable[[], Question]] = [
    lambda: ask_finalize(order(), BOOKS, None),
    lambda: ask_finalize(order(), BOOKS, True),
    lambda: ask_cancel(order(), BOOKS),
    lambda: ask_create(new_order(), BOOKS),
]


@pytest.mark.parametrize("ask", ASKED)
def test_the_safe_option_comes_first_and_nothing_is_chosen_beforehand(ask: Callable[[], Question]) -> None:
    question = ask()
    safe = question.fields[0].choices[0]

    assert safe[1].startswith("No, ")
    assert is_no(FormAnswer("accepted", {"decision": safe[0]}), question)
    assert "default" not in question.schema()["properties"]["decision"]


def test_a_yes_of_the_page_is_a_decision_only_where_the_rest_was_decided() -> None:
    question = ask_finalize(order(), BOOKS, None)
    sent = [approval_content(question, with_backorder=choice) for choice in (True, False, None)]

    assert [read_decision(FormAnswer("accepted", one), question) for one in sent] == ["backorder", "close", None]
    assert approval_content(ask_delete(order(), BOOKS), typed="x") == {"order_number": "x"}
    assert approval_content(ask_cancel(order(), BOOKS)) == {"decision": "cancel"}


# The form as the protocol carries it


def test_options_carry_their_titles_in_the_way_of_the_clients_version() -> None:
    question = ask_finalize(order(), BOOKS, None)
    shown = {version: question.schema(version)["properties"]["decision"] for version in ("2025-06-18", "2025-11-25")}

    assert shown["2025-11-25"]["oneOf"] == [
        {"const": value, "title": label} for value, label in (KEEP, BACKORDER, CLOSE)
    ]
    assert "enum" not in shown["2025-11-25"]
    assert shown["2025-06-18"]["enum"] == ["keep", "backorder", "close"]
    assert shown["2025-06-18"]["enumNames"] == [label for _, label in (KEEP, BACKORDER, CLOSE)]
    assert "oneOf" not in shown["2025-06-18"]


def test_another_wording_or_another_form_has_another_digest() -> None:
    questions = [
        ask_delete(order(), BOOKS),
        ask_delete(order(), SANDBOX),
        ask_delete(order(), Place("Exsited", "Acme America")),
        ask_delete(order(total=Decimal("450.01")), BOOKS),
        ask_delete(order(number="PO-2025-0041"), BOOKS),
        ask_finalize(order(), BOOKS, None),
        ask_finalize(order(), BOOKS, True),
        ask_finalize(order(), BOOKS, False),
        ask_delete(order(), BOOKS).of_try(2),
        ask_delete(order(), BOOKS).of_try(3),
    ]

    assert len({question.wording_digest for question in questions}) == len(questions)


def test_a_second_try_says_that_the_number_was_wrong_and_asks_the_same() -> None:
    question = ask_delete(order(), BOOKS)
    again = question.of_try(2)

    assert question.of_try(1) == question
    assert again.text == f"That was not the order number (try 2 of 3).\n{question.text}"
    assert again.fields == question.fields


def test_a_caution_stands_in_the_text_and_in_each_description() -> None:
    question = ask_delete(order(), BOOKS).with_caution("The PIN was reset.")

    assert question.text.split("\n")[3] == "The PIN was reset."
    assert all(field.description.startswith("The PIN was reset.") for field in question.fields)


@pytest.mark.parametrize(("guessed", "reported"), [(100, 0), (101, 1)])
def test_a_price_is_explained_above_the_lines_only_where_its_line_may_be_left_out(guessed: int, reported: int) -> None:
    sentence = "No price was given for BOLT-M8-30; 0.45 was last paid."
    payload = new_order(reasons=(Reason(short="", sentence=sentence, is_said_by_lines=True),))
    many = payload.draft.model_copy(update={"lines": payload.draft.lines[:1] * guessed})
    notes = payload.line_notes[:1] * guessed
    question = ask_create(payload.model_copy(update={"draft": many, "line_notes": notes}), BOOKS)

    assert question.text.count(sentence) == reported
    assert question.text.count("no price given: last paid") == 100
