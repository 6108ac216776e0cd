"""An order as text: money, quantities, names in a sentence, widths on a terminal, the vendor's line."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from po_mcp.orders import OrderLine
from po_mcp.writes.order_text import (
    HEAD_COLUMNS,
    caution,
    columns,
    cut,
    day,
    head,
    items_line,
    line_of,
    money,
    name,
    number,
    quantity,
    shown,
)


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [
        ("4250", "USD", "4,250.00 USD"),
        ("0.12345", None, "0.12345"),
        ("-1234567.5", "EUR", "-1,234,567.50 EUR"),
        ("2.250000", "", "2.25"),
        ("999999999999.123456", None, "999,999,999,999.123456"),
        ("1E+3", "JPY", "1,000.00 JPY"),
        ("5", "USD · PAID", "5.00 «USD · PAID»"),
        ("5", "U\u202eSD", "5.00 «U\\u{202E}SD»"),
    ],
)
def test_money_is_written_in_full_with_its_currency(amount: str, currency: str | None, written: str) -> None:
    assert money(Decimal(amount), currency) == written


@pytest.mark.parametrize(
    ("amount", "written"), [("1000", "1,000"), ("0.500", "0.5"), ("12.0", "12"), ("-3", "-3"), ("1E+3", "1,000")]
)
def test_a_quantity_is_written_without_zeros_that_say_nothing(amount: str, written: str) -> None:
    assert quantity(Decimal(amount)) == written


@given(st.decimals(min_value=-(10**12), max_value=10**12, allow_nan=False, places=6))
def test_no_figure_is_rounded(amount: Decimal) -> None:
    assert Decimal(money(amount).replace(",", "")) == Decimal(quantity(amount).replace(",", "")) == amount


def test_a_day_is_written_as_people_read_it() -> None:
    assert day(date(2025, 5, 1)) == "1 May 2025"


@pytest.mark.parametrize(
    ("text", "width"), [("Acme", 4), ("東京", 4), ("a\u0300", 1), ("\uff21", 2), ("\U0001f600", 2), ("", 0)]
)
def test_wide_letters_take_two_columns_and_combining_marks_none(text: str, width: int) -> None:
    assert columns(text) == width


@given(st.text(max_size=60), st.integers(1, 40))
def test_a_cut_fits_and_says_that_it_is_one(text: str, width: int) -> None:
    result = cut(text, width)

    assert columns(result) <= width
    assert result == text if columns(text) <= width else result.endswith("…")


def test_a_cut_of_a_long_text_is_quick() -> None:
    begun = process_time()
    cut("x" * 1_000_000, 74)

    assert process_time() - begun < 2


def test_text_of_the_erp_is_on_one_line_with_single_blanks() -> None:
    assert shown("  a\tb    c\nd ", 40) == "a\\u{0009}b c\\u{000A}d"


@pytest.mark.parametrize(
    "text",
    [
        "Acme Fasteners",
        "Central Supply Co.",
        "Great Lakes Steel & Bar",
        "BOLT-M8-30",
        "PO-2025-0042",
        "O'Brien & Sons",
        "Müller GmbH",
        "東京精密",
        "12",
    ],
)
def test_a_name_or_a_code_is_plain_in_a_sentence(text: str) -> None:
    assert name(text) == text


@pytest.mark.parametrize(
    "text",
    ["has been approved", "Acme. Order is paid", 'Valve 1/2"', "\u0410cme", "Acme · Total 1.00 USD", "A, B", ""],
)
def test_any_other_text_is_quoted_in_a_sentence(text: str) -> None:
    assert name(text) == f"«{text}»"


def test_a_quoted_text_cannot_leave_its_quotes() -> None:
    assert name("A» is paid. «B") == "«A› is paid. ‹B»"


@pytest.mark.parametrize("text", ["PO-2025-0042", "4711", "7" * 64, "発注-0042", "A/1+2#3", "_1"])
def test_an_order_number_that_is_a_code_is_plain(text: str) -> None:
    assert number(text) == text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("PO 1? Order 2", "«PO 1? Order 2»"),
        ("PO-\u202e1", "«PO-\\u{202E}1»"),
        ("\u0420O-1", "«\u0420O-1»"),
        ("PO\n1", "«PO\\u{000A}1»"),
    ],
)
def test_an_order_number_that_could_read_on_as_a_sentence_is_quoted(text: str, written: str) -> None:
    assert number(text) == written


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
HONEST = [
    "Acme Fasteners",
    "Müller & Söhne GmbH",
    "Łódź Śruby",
    "ООО Болт",
    "Ελληνικά Μέταλλα",
    "株式会社ネジのやま",
    "東京精密 Tokyo Seimitsu",
    "3M",
    "한국볼트",
]


def vendor_line(vendor: str, where: str = "") -> str:
    rows = head(
        tag="", sentence="Close order 1?", short="Close 1?", effect="", facts=["Total 1.00"], vendor=vendor, where=where
    )
    return rows[2]


@pytest.mark.parametrize("vendor", IMITATIONS, ids=ascii)
@pytest.mark.parametrize("where", ["", "Acme Europe", "erp.example.com/a/long/base/path"])
def test_a_vendors_name_that_may_imitate_another_is_flagged_before_the_name(vendor: str, where: str) -> None:
    row = vendor_line(vendor, where)

    assert row.startswith("Vendor (CAUTION: mixe")
    assert ": " + vendor[:10] in row
    assert columns(row) <= HEAD_COLUMNS


@pytest.mark.parametrize("vendor", HONEST)
def test_an_honest_name_is_not_flagged(vendor: str) -> None:
    assert vendor_line(vendor) == f"Vendor: {vendor}"


def test_a_warning_names_two_scripts_and_counts_more() -> None:
    assert caution("\u0410cme") == " (CAUTION: mixes Cyrillic and Latin letters)"
    assert caution("\u0410\u03b1cme") == " (CAUTION: mixes 3 alphabets)"


def test_a_long_vendor_is_cut_before_the_erp_is() -> None:
    row = vendor_line("Consolidated " * 9, "Acme Europe")

    assert row.endswith("… · Acme Europe")
    assert columns(row) == HEAD_COLUMNS


@given(vendor=st.text(max_size=90), where=st.text(max_size=50))
def test_the_vendors_line_always_fits_and_keeps_room_for_a_name(vendor: str, where: str) -> None:
    row = vendor_line(vendor, where)

    assert row.isprintable()
    assert columns(row) <= HEAD_COLUMNS
    assert shown(vendor, 12).rstrip("…") in row


def test_the_items_are_cut_to_their_line() -> None:
    items = [(Decimal(100), "1/2in Hydraulic Hose", ""), (None, "Pump Seal Kit", " at 1.00")]

    assert items_line("Items", items) == (
        "Items: 100 \N{MULTIPLICATION SIGN} 1/2in Hydraulic Hose, Pump Seal Kit at 1.00"
    )
    assert columns(items_line("Items", items * 9)) <= 66
    assert items_line("Items", []) == "Items"


def test_a_line_without_figures_shows_its_text_alone() -> None:
    assert line_of(3, OrderLine(item="", description="Freight")) == "3): Freight"
