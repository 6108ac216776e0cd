"""Where an ERP's user is moved to another company, that one's books tell nothing of what was sent before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from po_mcp.errors import Conflict, NotPermitted, OutcomeUnknown
from po_mcp.writes.books import pin_books
from po_mcp.writes.journal import JournalStore
from tests.writes.erp import EXACT, Bench, FakeERP
from tests.writes.making import Clock, create, guarded_operation, order, take_to


@dataclass
class WithBooks(FakeERP):
    """An ERP that tells in which company its user works; "" where it does not tell."""

    books: str = "1"

    async def read_books(self) -> str:
        if not self.books:
            raise NotPermitted("The user has no company.", effect="nothing_changed")
        return self.books


async def lose(apply: Any) -> None:
    raise OutcomeUnknown("The connection broke.")


async def test_an_absence_in_other_books_is_no_deletion(store: JournalStore, clock: Clock) -> None:
    erp = WithBooks(orders={"PO-1": order()}, answer=lose)
    operation_id = take_to(store, await pin_books(erp, guarded_operation("delete")), "APPROVED")
    await Bench(store, EXACT, erp).execute(operation_id)
    clock.now += 1_000
    erp.orders.clear()

    for books in ("2", ""):
        erp.books = books
        assert await Bench(store, EXACT, erp).reconcile(operation_id) == "UNKNOWN"
    erp.books = "1"

    assert await Bench(store, EXACT, erp).reconcile(operation_id) == "DONE"


async def test_an_operation_approved_in_other_books_is_not_sent_and_stays_approved(
    store: JournalStore, clock: Clock
) -> None:
    erp = WithBooks()
    operation_id = take_to(store, await pin_books(erp, create()), "APPROVED")
    erp.books = "2"

    with pytest.raises(Conflict, match="another company in Fake") as refused:
        await Bench(store, EXACT, erp).execute(operation_id)
    assert (refused.value.effect, erp.writes) == ("nothing_sent", [])
    erp.books = "1"

    assert (await Bench(store, EXACT, erp).execute(operation_id)).status == "done"


async def test_the_same_request_in_other_books_is_another_one(store: JournalStore) -> None:
    first, second = [await pin_books(WithBooks(books=books), create()) for books in ("1", "2")]

    assert first.is_same(await pin_books(WithBooks(), create()))
    assert not first.is_same(second)
