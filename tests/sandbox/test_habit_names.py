"""Naming habits: what is read, what is refused, and the document that lists them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest

from po_mcp.sandbox import Book, create_app
from po_mcp.sandbox.faults import FAULTS
from po_mcp.sandbox.habits import HABITS, Habits
from tests.sandbox.sandbox_server import make_older_book

DOCUMENT = Path(__file__).parents[2] / "docs" / "sandbox.md"


def test_habits_have_a_fixed_order() -> None:
    names = list(HABITS)
    some = [names[20], names[3], names[30]]

    assert [str(one) for one in Habits(some)] == [str(one) for one in Habits(reversed(some))]


@pytest.mark.parametrize("name", HABITS)
def test_each_habit_stands_alone_and_is_parsed_from_its_text(name: str) -> None:
    [chosen] = Habits([name])

    assert [str(one) for one in Habits([str(chosen)])] == [str(chosen)]


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["rounds-price"], "No habit named 'rounds-price'. Similar: rounds-prices, "),
        (["ROUNDS-PRICES"], "'ROUNDS-PRICES' is no habit: write NAME or NAME:VALUE"),
        ([""], "'' is no habit"),
        (["drops-note:1"], "The habit 'drops-note' takes no value."),
        (["late-read:"], "'late-read:' is no habit"),
        (["late-read:soon"], "The value of the habit 'late-read' is seconds, not 'soon'."),
        (["late-read:1.2345"], "The value of the habit 'late-read' is seconds, not '1.2345'."),
        (["rounds-prices:7"], "The value of the habit 'rounds-prices' is decimals, not '7'."),
        (["small-pages:0"], "The value of the habit 'small-pages' is rows, not '0'."),
        (["holds-vendor:ACME"], "The value of the habit 'holds-vendor' is a vendorID, not 'ACME'."),
        (["late-read", "late-read:5"], "The habit 'late-read' is named twice."),
        (["upserts", "overwrites"], "The habits 'upserts' and 'overwrites' exclude each other."),
        (["splits-lines", "merges-lines"], "The habits 'splits-lines' and 'merges-lines' exclude each other."),
    ],
)
def test_a_name_that_is_no_habit_is_refused_with_the_reason(book: Book, names: list[str], reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        create_app(book, habits=names)


def test_an_older_book_cannot_store_deleted_orders_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "book.db"
    make_older_book(path)

    with closing(Book.open(path)) as book:
        create_app(book, habits=["upserts"])
        with pytest.raises(ValueError, match="'soft-delete' needs a new book"):
            create_app(book, habits=["soft-delete"])


@pytest.mark.parametrize(
    ("heading", "sentences"),
    [
        ("Faults", {fault.kind: fault.description for fault in FAULTS.values()}),
        ("Habits", {habit.name: habit.description for habit in HABITS.values()}),
    ],
)
def test_the_document_lists_exactly_the_faults_and_habits(heading: str, sentences: dict[str, str]) -> None:
    _, _, section = DOCUMENT.read_text(encoding="utf-8").partition(f"\n## {heading}\n")

    rows = list(_rows(section.partition("\n## ")[0]))

    assert {name: tells for name, tells, _ in rows} == sentences
    assert len(rows) == len(sentences)


def test_the_document_names_each_default_value() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")

    values = {name: value for name, _, value in _rows(text) if value}

    faults = {fault.kind: f"{fault.value_kind}, {fault.value:g}" for fault in FAULTS.values() if fault.value_kind}
    habits = {habit.name: f"{habit.value_kind}, {habit.value}" for habit in HABITS.values() if habit.value_kind}
    assert values == faults | habits


def _rows(text: str) -> Iterable[tuple[str, str, str]]:
    """Name, sentence and value of each row of the tables."""
    for found in re.finditer(r"^\| `([^`]+)` \| (.*?) \|(?: (.*?))? \|$", text, re.MULTILINE):
        yield found[1], found[2], found[3] or ""
