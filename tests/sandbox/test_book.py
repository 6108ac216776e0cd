"""The rules of the book and its file."""

from __future__ import annotations

import multiprocessing
import multiprocessing.pool
import os
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from po_mcp.sandbox import Book
from po_mcp.sandbox.query import Query
from po_mcp.sandbox.records import LineDraft, Order, OrderDraft, Status
from po_mcp.sandbox.refusals import Conflict, Invalid, Missing

EVERY_ORDER = Query(limit=1000)
CALLERS = 8


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "orders.db"


@pytest.fixture
def orders(book: Book) -> tuple[Order, ...]:
    return book.orders(EVERY_ORDER, complete=True).records


def draft(number: str | None = "PO-1", quantity: str = "1", price: str = "1") -> OrderDraft:
    line = LineDraft(("short_id", "NUT-M8"), Decimal(quantity), Decimal(price), ("id", 1))
    return OrderDraft(vendor=("id", 12), lines=(line,), number=number)


def finalize(book: Book, number: str) -> str:
    """Say what happened: the backorder's number, or the name of the refusal."""
    try:
        result = book.finalize(number, create_backorder=True)
    except Conflict:
        return "conflict"
    return result.backorder.number if result.backorder else "none"


def finalize_in_own_book(path: Path, number: str) -> str:
    book = Book.open(path)
    try:
        return finalize(book, number)
    finally:
        book.close()


def test_a_new_book_holds_28_live_orders_and_5_closed_ones(orders: tuple[Order, ...]) -> None:
    numbers = [order.number for order in orders]
    closed = [order.number[-4:] for order in orders if order.status is Status.CLOSED]

    assert numbers == [f"PO-2025-{number:04d}" for number in range(10, 43)]
    assert closed == ["0012", "0015", "0019", "0024", "0030"]
    assert {order.status for order in orders} == {Status.OPEN, Status.PARTIAL, Status.CLOSED}


def test_only_the_documented_sample_has_a_total_unlike_its_lines(orders: tuple[Order, ...]) -> None:
    unlike = [order.number for order in orders if order.total != sum(line.total for line in order.lines)]

    assert unlike == ["PO-2025-0042"]


def test_an_order_is_partial_exactly_when_goods_have_arrived(orders: tuple[Order, ...]) -> None:
    for order in orders:
        if order.status is not Status.CLOSED:
            assert (order.status is Status.PARTIAL) == bool(order.receipts)
        assert all(0 <= line.received <= line.quantity for line in order.lines)


def test_sample_records_have_the_same_uuids_in_every_book(book: Book) -> None:
    other = Book.open(":memory:")

    assert other.order("PO-2025-0042") == book.order("PO-2025-0042")
    other.close()


@given(
    quantity=st.decimals("0.000001", "999999999999", places=6),
    price=st.decimals(0, "999999999999", places=6),
)
def test_a_quantity_and_a_price_are_kept_to_the_last_digit(quantity: Decimal, price: Decimal) -> None:
    book = Book.open(":memory:")

    [line] = book.create(draft(quantity=str(quantity), price=str(price))).lines

    assert (line.quantity, line.price) == (quantity, price)
    book.close()


def test_every_change_raises_the_version_and_no_version_comes_twice(book: Book) -> None:
    versions = [order.version for order in book.orders(EVERY_ORDER).records]
    versions.append(book.create(draft()).version)
    versions.append(book.revise("PO-1", note="Call first.").version)
    versions.append(book.receive("PO-1", {1: Decimal("0.5")}).version)
    versions.append(book.invoice("PO-1").version)
    versions.append(book.cancel("PO-1").version)
    versions.append(book.reactivate("PO-1").version)
    finalized = book.finalize("PO-1", create_backorder=True)
    assert finalized.backorder
    versions += [finalized.order.version, finalized.backorder.version]

    assert versions == sorted(set(versions))


def test_the_backorder_of_a_backorder_counts_on(book: Book) -> None:
    book.create(draft("PO-1"))

    numbers = [finalize(book, number) for number in ("PO-1", "PO-1-BO1", "PO-1-BO2")]

    assert numbers == ["PO-1-BO1", "PO-1-BO2", "PO-1-BO3"]


def test_a_fully_received_order_has_no_backorder(book: Book) -> None:
    book.create(draft("PO-1"))
    book.receive("PO-1", {1: Decimal(1)})

    assert finalize(book, "PO-1") == "none"
    assert book.order("PO-1").status is Status.CLOSED


@pytest.mark.parametrize("number", ["PO-2025-0012", "PO-2025-0042"])
def test_a_closed_or_cancelled_order_cannot_change(book: Book, number: str) -> None:
    if number == "PO-2025-0042":
        book.cancel(number)
    before = book.order(number)

    for change in (
        lambda: book.finalize(number, create_backorder=False),
        lambda: book.cancel(number),
        lambda: book.revise(number, note="x"),
        lambda: book.receive(number, {1: Decimal(1)}),
        lambda: book.invoice(number),
    ):
        with pytest.raises(Conflict):
            change()

    assert book.order(number) == before


@pytest.mark.parametrize("quantities", [{}, {1: Decimal(0)}, {1: Decimal(1001)}, {4: Decimal(1)}])
def test_an_arrival_beyond_the_outstanding_quantity_is_refused(book: Book, quantities: dict[int, Decimal]) -> None:
    with pytest.raises(Invalid):
        book.receive("PO-2025-0042", quantities)

    assert book.order("PO-2025-0042").receipts == ()


def test_a_refused_change_leaves_nothing_behind(book: Book) -> None:
    with pytest.raises(Conflict):
        book.create(draft("PO-2025-0042"))

    version = book.create(draft("PO-1")).version
    assert version == book.order("PO-2025-0042").version + 1


def test_a_missing_order_is_missing_to_every_rule(book: Book) -> None:
    for change in (book.order, book.delete, book.cancel, book.reactivate, book.invoice):
        with pytest.raises(Missing):
            change("PO-NO-SUCH")


def test_the_file_is_readable_by_its_owner_only(path: Path, tmp_path: Path) -> None:
    owned = tmp_path / "owned"
    os.close(os.open(owned, os.O_CREAT | os.O_RDWR, 0o600))  # what that comes to, the system says

    Book.open(path).close()

    assert path.stat().st_mode == owned.stat().st_mode


def test_a_book_is_kept_and_not_seeded_twice(path: Path) -> None:
    book = Book.open(path)
    for order in book.orders(EVERY_ORDER, complete=True).records:
        if not order.receipts and not order.invoices:
            book.delete(order.number)
    kept = book.orders(EVERY_ORDER, complete=True)
    book.close()

    again = Book.open(path)

    assert again.orders(EVERY_ORDER, complete=True) == kept
    again.close()


def test_another_programs_database_is_not_touched(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()
    before = path.read_bytes()

    with pytest.raises(ValueError, match="not an order book"):
        Book.open(path)

    assert path.read_bytes() == before


def test_two_books_on_the_same_file_see_each_others_changes(path: Path) -> None:
    one, other = Book.open(path), Book.open(path)

    one.delete("PO-2025-0042")

    with pytest.raises(Missing):
        other.order("PO-2025-0042")
    one.close()
    other.close()


def test_concurrent_threads_make_a_single_backorder(book: Book) -> None:
    with ThreadPoolExecutor(CALLERS) as pool:
        said = list(pool.map(lambda _: finalize(book, "PO-2025-0037"), range(CALLERS)))

    assert sorted(said) == ["PO-2025-0037-BO1", *["conflict"] * (CALLERS - 1)]


def test_concurrent_books_make_a_single_backorder(path: Path) -> None:
    Book.open(path).close()

    with ThreadPoolExecutor(CALLERS) as pool:
        said = list(pool.map(lambda _: finalize_in_own_book(path, "PO-2025-0037"), range(CALLERS)))

    assert sorted(said) == ["PO-2025-0037-BO1", *["conflict"] * (CALLERS - 1)]


@pytest.fixture
def processes() -> Iterator[multiprocessing.pool.Pool]:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        yield pool
        pool.close()
        pool.join()


def test_concurrent_processes_make_a_single_book_and_a_single_backorder(
    path: Path, processes: multiprocessing.pool.Pool
) -> None:
    said = processes.starmap(finalize_in_own_book, [(path, "PO-2025-0037")] * 2)

    assert sorted(said) == ["PO-2025-0037-BO1", "conflict"]
    book = Book.open(path)
    assert book.orders(EVERY_ORDER).count == 34
    book.close()
