"""The connections that keep the contract, each with what its ERP is known to hold."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from po_mcp.connectors.exsited import Exsited
from po_mcp.connectors.inventory_pro import InventoryPro
from po_mcp.connectors.sandbox import Sandbox
from po_mcp.connectors.tryton import Tryton
from po_mcp.erp import ERP, Capability
from po_mcp.orders import DraftLine, OrderDraft, Status
from po_mcp.sandbox import Book, create_app
from tests.ports import serve
from tests.tryton.book import PURCHASE, TrytonUsers
from tests.tryton.company import password
from tests.tryton.server import HOME, make_template

CONNECTORS: Mapping[str, type[Any]] = {
    "sandbox": Sandbox,
    "inventory-pro": InventoryPro,
    "exsited": Exsited,
    "tryton": Tryton,
}


def subjects(*, offering: Capability | None = None, lacking: Capability | None = None) -> list[Any]:
    """Return the connections that offer a kind of call, or that lack one, as parameters of a test."""
    return [
        pytest.param(name, marks=pytest.mark.tryton if name == "tryton" else ())
        for name, connector in CONNECTORS.items()
        if (offering is None or offering in connector.capabilities) and lacking not in connector.capabilities
    ]


@dataclass(frozen=True)
class KnownLine:
    """A line as the ERP keeps it; what was received is None where that is not known."""

    quantity: Decimal
    received: Decimal | None
    unit_price: Decimal


@dataclass(frozen=True)
class Known:
    """What an ERP holds that the suite asks for.

    Args:
        listed: how many orders its list has.
        dates: two days, and the orders of these days and those between them.
        open: an order of which nothing arrived, as `number`, `expected_on`, `total`, the sum of its lines, and these.
        partial: an order of which something arrived.
        deletable: one that can be deleted.
        undeletable: those that cannot, with how what forbids it begins.
        cancellable: those that can be cancelled.
        created: the status of a new order.
        figures: the longest quantity and unit price that the ERP keeps.
    """

    listed: int
    dates: tuple[date, date, Sequence[str]]
    open: str
    expected_on: date
    total: Decimal
    sum_of_lines: Decimal
    lines: Sequence[KnownLine]
    partial: str
    deletable: str
    undeletable: Mapping[str, str]
    cancellable: Sequence[str]
    created: Status
    figures: tuple[str, str]


@dataclass(frozen=True)
class Subject:
    """A connection, and what its ERP calls an item that can be ordered in fractions, and a warehouse.

    `as_stranger` connects with a wrong secret; None where there is none.
    """

    erp: ERP
    known: Known
    item: str
    item_name: str
    warehouse: str | None
    as_stranger: Callable[[], ERP] | None = None

    async def draft(self, number: str, quantity: str = "87.5", unit_price: str = "0.085") -> OrderDraft:
        vendor = next(vendor for vendor in await self.erp.vendors() if vendor.name == "Acme Fasteners")
        item = next(item for item in await self.erp.items() if item.id == self.item)
        line = {"item": self.item, "quantity": quantity, "unit_price": unit_price, "warehouse": self.warehouse}
        line["unit"] = item.unit
        return OrderDraft(number=number, vendor=vendor, lines=(DraftLine.model_validate(line),))


def _lines(*figures: tuple[str, str | None, str]) -> tuple[KnownLine, ...]:
    return tuple(
        KnownLine(Decimal(quantity), None if received is None else Decimal(received), Decimal(price))
        for quantity, received, price in figures
    )


OPEN, PARTIAL, INVOICED = "PO-2025-0042", "PO-2025-0037", "PO-2025-0018"
WAITING = "PM-2026-0003"


def know_sandbox(listed: int) -> Known:
    """Return what the sandbox's book holds, of whose orders each API lists so many."""
    return Known(
        listed=listed,
        dates=(date(2025, 5, 7), date(2025, 5, 15), ("PO-2025-0040", "PO-2025-0041", OPEN)),
        open=OPEN,
        expected_on=date(2025, 6, 1),
        total=Decimal(4250),
        sum_of_lines=Decimal(910),
        lines=_lines(("1000", "0", "0.45"), ("1000", "0", "0.22"), ("2000", "0", "0.12")),
        partial=PARTIAL,
        deletable=OPEN,
        undeletable={PARTIAL: "it has item receipt IR-", INVOICED: "it has purchase invoice PI-"},
        cancellable=(OPEN, PARTIAL, INVOICED),
        created="open",
        figures=("123456789012.123456", "0.000001"),
    )


def know_tryton(users: TrytonUsers, listed: int) -> Known:
    """Return what the book of Tryton holds; its days are those on which it was made."""
    (waiting,) = users.buyer.search_read(PURCHASE, ["delivery_date"], ["reference", "=", WAITING])
    ordered = users.buyer.search_read(PURCHASE, ["number", "purchase_date"], ["purchase_date", "!=", None])
    days = {row["number"]: _day(row["purchase_date"]) for row in ordered}  # one day, or two around midnight
    return Known(
        listed=listed,
        dates=(min(days.values()), max(days.values()), list(days)),
        open=WAITING,
        expected_on=_day(waiting["delivery_date"]),
        total=Decimal("623.26"),  # with 20% of tax
        sum_of_lines=Decimal("519.38"),
        lines=_lines(("1000", "0", "0.45"), ("2.35", "0", "12.50"), ("1", None, "40")),
        partial="PM-2026-0004",
        deletable="PM-2026-0001",
        undeletable={"PM-2026-0004": "its state is processing", "PM-2026-0002": "its state is quotation"},
        cancellable=("PM-2026-0001", "PM-2026-0002"),
        created="draft",
        figures=("9876543210987.65", "0.0001"),
    )


def _day(value: Mapping[str, int]) -> date:
    return date(value["year"], value["month"], value["day"])


@asynccontextmanager
async def serve_book() -> AsyncIterator[str]:
    """Serve a fresh book on a port of its own, and yield the base URL."""
    book = Book.open(":memory:")
    async with serve(create_app(book)) as address:
        yield address
    book.close()


@asynccontextmanager
async def connect_to_book(name: str) -> AsyncIterator[Subject]:
    """Connect to the sandbox's book, in this process or by a vendor's API over a real socket."""
    of_bolts = partial(Subject, item="BOLT-M8-30", item_name="M8 x 30mm Hex Bolt", warehouse="1")
    if name == "sandbox":
        yield of_bolts(Sandbox(), know_sandbox(listed=28))
        return
    async with serve_book() as url:
        if name == "inventory-pro":
            yield of_bolts(
                InventoryPro(url, "sandbox", "sandbox"),
                know_sandbox(listed=28),
                as_stranger=lambda: InventoryPro(url, "sandbox", "not-the-secret"),
            )
        else:
            yield Subject(
                Exsited(url, "sandbox", "sandbox", "https://localhost/"),
                know_sandbox(listed=33),
                item="ITEM-0055",
                item_name="M8 x 30mm Hex Bolt",
                warehouse=None,
                as_stranger=lambda: Exsited(url, "sandbox", "not-the-secret", "https://localhost/"),
            )


def connect_to_tryton(url: str, users: TrytonUsers) -> Subject:
    """Connect to a real Tryton."""
    facts = users.facts
    return Subject(
        Tryton(url, "buyer", password("buyer")),
        know_tryton(users, len(make_template(HOME).orders)),
        item=str(facts.items["oil"]),
        item_name="Machine oil",
        warehouse=str(facts.warehouses["main"]),
        as_stranger=lambda: Tryton(url, "buyer", "not-the-secret"),
    )
