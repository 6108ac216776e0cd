"""What a person is shown, and which answer counts as a yes."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from po_mcp.orders import DraftLine, OrderDraft, OrderLine, PurchaseOrder, Vendor
from po_mcp.writes.forms import (
    LINES_SHOWN,
    FormAnswer,
    ask_cancel,
    ask_create,
    ask_delete,
    ask_finalize,
    ask_whether_it_happened,
    chosen,
    is_confirmed,
    is_typed_number,
)


def order(**changes: Any) -> PurchaseOrder:
    line = OrderLine(
        line=1,
        item="BOLT-M8-30",
        description="M8 x 30mm Hex Bolt",
        quantity=Decimal(1000),
        received=Decimal(400),
        outstanding=Decimal(600),
        unit_price=Decimal("0.45"),
        line_total=Decimal("450.00"),
    )
    known: dict[str, Any] = {
        "number": "PO-2025-0042",
        "vendor": "Acme Fasteners",
        "status": "open",
        "status_text": "Open",
        "ordered_at": datetime(2025, 5, 15, tzinfo=UTC),
        "expected_on": date(2025, 6, 1),
        "total": Decimal("450.00"),
        "lines": (line,),
    }
    return PurchaseOrder.model_validate({**known, **changes})


def test_the_question_of_a_create_shows_all_that_is_sent() -> None:
    lines = (
        DraftLine(item="BOLT-M8-30", quantity=Decimal(1000), unit_price=Decimal("0.45"), warehouse="1"),
        DraftLine(item="NUT-M8", quantity=Decimal("2.5"), unit_price=Decimal("0.1")),
    )
    vendor = Vendor(id="12", name="Acme\nTotal: 0.01")
    draft = OrderDraft(number="PO-1", vendor=vendor, lines=lines, expected_on=date(2026, 1, 31), note='urgent "yes"')

    question = ask_create(draft, "", ["Its total is over 100."])

    assert question.text.splitlines() == [
        'Create purchase order "PO-1"? Its total is over 100.',
        "Total: 450.25",
        r'Vendor: "Acme\\u{000A}Total: 0.01" (id "12")',
        "Expected: 2026-01-31",
        r'Note: "urgent \"yes\""',
        "Lines: 2",
        '  1. 1000 x "BOLT-M8-30" at 0.45, to warehouse "1"',
        '  2. 2.5 x "NUT-M8" at 0.1',
    ]


def test_the_question_of_a_delete_shows_the_order_as_the_erp_has_it() -> None:
    question = ask_delete(order(), "SANDBOX: no real order.")

    assert question.text.splitlines() == [
        "SANDBOX: no real order.",
        'Delete purchase order "PO-2025-0042" for good? This cannot be undone.',
        "Total: 450.00",
        "Status: open",
        'Vendor: "Acme Fasteners"',
        "Ordered: 2025-05-15",
        "Expected: 2025-06-01",
        "Lines: 1",
        '  1. 1000 x "BOLT-M8-30" "M8 x 30mm Hex Bolt" at 0.45; received 400; outstanding 600',
    ]
    assert question.schema() == {
        "type": "object",
        "properties": {
            "order_number": {
                "type": "string",
                "title": "Order number",
                "description": 'To delete it, type "PO-2025-0042" without the quotes',
            }
        },
        "required": ["order_number"],
    }


def test_the_question_of_a_cancel_says_what_can_be_undone_and_what_has_come() -> None:
    question = ask_cancel(order(), "SANDBOX: no real order.")

    assert question.text.splitlines()[:4] == [
        "SANDBOX: no real order.",
        'Cancel purchase order "PO-2025-0042"? It is then inactive; the ERP can make it active again.',
        "Goods were received already for 1 of its 1 lines.",
        "Total: 450.00",
    ]
    assert [(field.name, field.kind) for field in question.fields] == [("confirm", "boolean")]


@pytest.mark.parametrize("received", [None, Decimal(0)])
def test_nothing_is_said_of_goods_that_did_not_come(received: Decimal | None) -> None:
    line = OrderLine(item="BOLT", quantity=Decimal(1), received=received)

    assert "Goods" not in ask_cancel(order(lines=(line,)), "").text


@pytest.mark.parametrize(
    ("choice", "said", "fields"),
    [
        (None, "You choose whether a new backorder is made", ["confirm", "create_backorder"]),
        (True, "A NEW BACKORDER is made for what is outstanding.", ["confirm"]),
        (False, "What is outstanding is GIVEN UP: no backorder is made.", ["confirm"]),
    ],
)
def test_the_question_of_a_finalize_says_what_becomes_of_the_rest(
    choice: bool | None, said: str, fields: list[str]
) -> None:
    question = ask_finalize(order(), "", choice)

    assert said in question.text
    assert [field.name for field in question.fields] == fields


@pytest.mark.parametrize("choice", [None, True, False])
def test_nobody_is_asked_for_a_backorder_where_everything_was_received(choice: bool | None) -> None:
    line = OrderLine(item="BOLT", quantity=Decimal(1), received=Decimal(1), outstanding=Decimal(0))

    question = ask_finalize(order(lines=(line,)), "", choice)

    assert "Everything was received: no backorder is needed." in question.text
    assert [field.name for field in question.fields] == ["confirm"]


def test_a_total_that_is_not_the_sum_of_the_lines_is_shown_with_the_sum() -> None:
    assert "Total: 4250.00 (its lines add up to 450.00)" in ask_delete(order(total=Decimal("4250.00")), "").text


def test_a_long_order_is_cut_and_what_is_left_out_is_counted() -> None:
    lines = tuple(OrderLine(line=n, item="BOLT", quantity=Decimal(1)) for n in range(1, LINES_SHOWN + 8))

    text = ask_delete(order(lines=lines), "").text

    assert f"Lines: {LINES_SHOWN + 7}" in text
    assert text.endswith("and 7 more lines that are not shown here")


hostile = st.one_of(
    st.text(max_size=700),
    st.sampled_from(
        [
            'Acme"\nTotal: 0.01\nVendor: "Safe',
            "Acme\u202e\u2066 elif",
            "x" * 10_000,
            "\u3164" * 50,
            "a\u0300" * 100,
            "SAFE - click accept\r\n\r\n",
            "</td><script>",
            "\\",
            "\ud800",
        ]
    ),
)


@given(vendor=hostile, item=hostile, description=hostile, currency=hostile)
def test_no_text_of_the_erp_adds_a_line_or_hides_a_figure(
    vendor: str, item: str, description: str, currency: str
) -> None:
    line = OrderLine(line=1, item=item, description=description or None, quantity=Decimal(7))
    question = ask_delete(order(vendor=vendor, currency=currency, lines=(line,)), "")
    rows = question.text.split("\n")

    assert rows[0] == 'Delete purchase order "PO-2025-0042" for good? This cannot be undone.'
    assert rows[1].startswith("Total: 450.00")
    assert rows[3].startswith('Vendor: "')
    if rows[4].startswith("Caution: the vendor's name mixes "):
        del rows[4]
    assert [row.split(":")[0] for row in rows[4:7]] == ["Ordered", "Expected", "Lines"]
    assert len(rows) == 8
    assert all(row.isprintable() and len(row) < 300 for row in rows)


@pytest.mark.parametrize("typed", ["PO-2025-0042", "  PO-2025-0042\n"])
def test_the_typed_number_is_a_yes(typed: str) -> None:
    assert is_typed_number(FormAnswer("accepted", {"order_number": typed}), "PO-2025-0042")


NOT_A_DELETE = [
    FormAnswer("declined"),
    FormAnswer("not_asked"),
    FormAnswer("accepted"),
    FormAnswer("accepted", {}),
    FormAnswer("declined", {"order_number": "PO-2025-0042"}),
    FormAnswer("accepted", {"order_number": "PO-2025-0041"}),
    FormAnswer("accepted", {"order_number": "po-2025-0042"}),
    FormAnswer("accepted", {"order_number": ""}),
    FormAnswer("accepted", {"order_number": True}),
    FormAnswer("accepted", {"order_number": ["PO-2025-0042"]}),
    FormAnswer("accepted", {"order_number": "PO-2025-0042", "confirm": True}),
    FormAnswer("accepted", {"confirm": True}),
    FormAnswer("accepted", {"confirm": "PO-2025-0042"}),
]


@pytest.mark.parametrize("answer", NOT_A_DELETE, ids=str)
def test_everything_else_is_no_approval_of_a_delete(answer: FormAnswer) -> None:
    assert not is_typed_number(answer, "PO-2025-0042")


@pytest.mark.parametrize(
    "content",
    [
        None,
        {},
        {"confirm": True},
        {"confirm": False, "create_backorder": True},
        {"confirm": "true", "create_backorder": True},
        {"confirm": 1, "create_backorder": True},
        {"confirm": True, "create_backorder": "yes"},
        {"confirm": True, "create_backorder": 1},
        {"confirm": True, "create_backorder": None},
        {"confirm": True, "create_backorder": True, "note": "hi"},
        {"create_backorder": True},
    ],
    ids=str,
)
def test_only_a_true_yes_with_every_field_filled_approves_a_finalize(content: dict[str, Any] | None) -> None:
    question = ask_finalize(order(), "", None)

    assert not is_confirmed(FormAnswer("accepted", content), question)
    assert not is_confirmed(FormAnswer("declined", {"confirm": True, "create_backorder": True}), question)
    for choice in (True, False):
        assert is_confirmed(FormAnswer("accepted", {"confirm": True, "create_backorder": choice}), question)


def test_another_wording_or_another_form_has_another_digest() -> None:
    questions = [
        ask_delete(order(), ""),
        ask_delete(order(), "SANDBOX: no real order."),
        ask_delete(order(total=Decimal("450.01")), ""),
        ask_delete(order(number="PO-2025-0041"), ""),
        ask_finalize(order(), "", None),
        ask_finalize(order(), "", True),
        ask_finalize(order(), "", False),
    ]

    assert len({question.wording_digest for question in questions}) == len(questions)


IMITATIONS = [
    "\u0410cme Fasteners",  # Cyrillic A
    "Acm\u0435 Fasteners",  # Cyrillic ie
    "A\u0441me Fasteners",  # Cyrillic es
    "Acme F\u0430steners",  # Cyrillic a
    "Acme Fa\u0455teners",  # Cyrillic dze
    "Acme Fasten\u0435rs",
    "Acme Fasteners \u0406nc",  # Cyrillic I
    "\u0391cme Fasteners",  # Greek Alpha
    "Acme Fastene\u03b3s",  # Greek gamma
    "Acme Fast\u03b5ners",  # Greek epsilon
    "Acme Fastener\u03c2",  # Greek final sigma
    "N\u03bfrthwind",  # Greek omicron
    "\uff21cme Fasteners",  # full-width A
    "Acme \uff26asteners",
    "\U0001d400cme Fasteners",  # mathematical bold A
    "Acme \U0001d5d9asteners",
    "Acme Fas\u0442eners",  # Cyrillic te
    "\u13aacme Fasteners",  # Cherokee go
    "Acme Fasteners \u053cLC",  # Armenian liwn
    "\ua4d0cme Fasteners",  # Lisu ba
]


@pytest.mark.parametrize("vendor", IMITATIONS, ids=ascii)
def test_a_vendors_name_that_may_imitate_another_is_flagged(vendor: str) -> None:
    text = ask_delete(order(vendor=vendor), "").text

    assert "\nCaution: the vendor's name mixes " in text


@pytest.mark.parametrize(
    "vendor",
    [
        "Acme Fasteners",
        "Müller & Söhne GmbH",
        "Łódź Śruby",
        "ООО Болт",
        "Ελληνικά Μέταλλα",
        "株式会社ネジのやま",
        "3M",
        "한국볼트",
    ],
)
def test_an_honest_name_is_not(vendor: str) -> None:
    assert "Caution" not in ask_delete(order(vendor=vendor), "").text


VERDICT = ask_whether_it_happened("Exsited, acme:", "finalize", "PO-1", ["the order is open", 'its total is "5\n6"'])


def test_the_question_whether_it_happened_shows_what_the_erp_shows_and_offers_to_leave_it_open_first() -> None:
    assert VERDICT.text.splitlines()[:3] == [
        "Exsited, acme:",
        'Did the finalize of purchase order "PO-1" happen? It was sent once, and its answer was lost.',
        "The ERP shows: the order is open",
    ]
    assert VERDICT.schema()["properties"]["verdict"]["oneOf"] == [
        {"const": "open", "title": "Leave it open"},
        {"const": "happened", "title": "It happened"},
    ]


@pytest.mark.parametrize("value", ["open", "happened"])
def test_one_of_the_choices_is_an_answer(value: str) -> None:
    assert chosen(FormAnswer("accepted", {"verdict": value}), VERDICT) == {"verdict": value}


@pytest.mark.parametrize(
    "answer",
    [
        FormAnswer("declined", {"verdict": "happened"}),
        FormAnswer("not_asked"),
        FormAnswer("accepted"),
        FormAnswer("accepted", {}),
        FormAnswer("accepted", {"verdict": "not_happened"}),
        FormAnswer("accepted", {"verdict": True}),
        FormAnswer("accepted", {"verdict": ["happened"]}),
        FormAnswer("accepted", {"verdict": "happened", "confirm": True}),
    ],
    ids=str,
)
def test_nothing_else_is_one(answer: FormAnswer) -> None:
    assert chosen(answer, VERDICT) is None
