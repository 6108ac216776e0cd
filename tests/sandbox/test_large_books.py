"""Large books: the samples, and made orders before them."""

from __future__ import annotations

from contextlib import closing
from decimal import Decimal
from pathlib import Path

from po_mcp.sandbox import Book
from po_mcp.sandbox.query import Condition, Query
from po_mcp.sandbox.records import LIVE, Order

ON_ORDER: tuple[Condition, ...] = (("status", "in", LIVE),)


def everything(orders: int) -> tuple[Order, ...]:
    with closing(Book.open(":memory:", orders=orders)) as book:
        return book.orders(Query(sort="ordered_at", limit=10_000), complete=True).records


def test_a_large_book_has_so_many_orders_open_or_partial() -> None:
    with closing(Book.open(":memory:", orders=5_000)) as book:
        live, all_of_them = book.orders(Query(where=ON_ORDER)), book.orders(Query(descending=True))

    assert (live.count, all_of_them.count) == (5_000, 5_005)
    assert live.records[0].number == "PO-2024-00001"
    assert all_of_them.records[0].number == "PO-2025-0042"


def test_a_book_is_never_smaller_than_the_samples() -> None:
    assert len(everything(0)) == len(everything(28)) == 33
    assert everything(0) == everything(1)


def test_the_samples_are_the_same_in_a_book_of_any_size() -> None:
    samples = everything(0)

    assert everything(100)[-33:] == samples


def test_the_same_size_makes_the_same_orders() -> None:
    assert everything(200) == everything(200)


def test_made_orders_are_of_the_past_and_of_many_vendors_and_partly_received() -> None:
    made = everything(228)[:200]

    assert {order.ordered_at.year for order in made} == {2024}
    assert len({order.vendor.id for order in made}) >= 5
    assert {order.status for order in made} == set(LIVE)
    assert all((order.status == "partial") == bool(order.receipts) for order in made)
    assert all(line.outstanding > 0 for order in made for line in order.lines)


def test_a_made_total_is_the_exact_sum_of_its_lines() -> None:
    for order in everything(228)[:200]:
        assert order.total == sum((line.quantity * line.price for line in order.lines), Decimal(0))


def test_a_made_order_can_be_finalized_as_any_other() -> None:
    with closing(Book.open(":memory:", orders=100)) as book:
        done = book.finalize("PO-2024-00001", create_backorder=True)

    assert done.backorder is not None
    assert (done.order.status, done.backorder.number) == ("closed", "PO-2024-00001-BO1")


def test_an_existing_book_stays_unchanged(tmp_path: Path) -> None:
    Book.open(tmp_path / "book.db").close()

    with closing(Book.open(tmp_path / "book.db", orders=100)) as book:
        assert book.orders(Query()).count == 33
