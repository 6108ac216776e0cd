"""A desk over an ERP that is a few lists, for tests of decisions before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, cast

from po_mcp.approvals.page_server import NoPage
from po_mcp.desk.context import Desk
from po_mcp.erp import Connection, OnItems, Progress
from po_mcp.errors import ERPError, InvalidInput, NotOffered, OrderNotFound
from po_mcp.orders import (
    CANCELLABLE_STATUSES,
    Item,
    OrderLine,
    OrderQuery,
    OrderScan,
    PurchaseOrder,
    Status,
    Vendor,
    Warehouse,
)
from po_mcp.writes.operation import WriteOutcome

TODAY = date(2026, 11, 27)


def order(number: str, placed: datetime | str | None = None, **fields: Any) -> PurchaseOrder:
    """An open order, placed on a day such as `2026-11-01`."""
    at = datetime.fromisoformat(placed).replace(tzinfo=UTC) if isinstance(placed, str) else placed
    known = {"number": number, "vendor": "Acme", "status": "open", "status_text": "Open", "ordered_at": at, **fields}
    return PurchaseOrder(**known)


def line(item: str, unit_price: str | None, quantity: str = "10") -> OrderLine:
    return OrderLine.model_validate({"item": item, "quantity": quantity, "unit_price": unit_price})


@dataclass
class ListsERP:
    """An ERP that lists `orders`, and reads by number these and `unlisted` ones; numbers in `unreadable` fail.

    `asked` are the reads of its catalog, all of which end with `failure` if there is one.
    """

    orders: Sequence[PurchaseOrder] = ()
    unlisted: Iterable[str] = ()
    unreadable: dict[str, ERPError] = field(default_factory=dict)
    vendor_list: Sequence[Vendor] = ()
    item_list: Sequence[Item] = ()
    warehouse_list: Sequence[Warehouse] = ()
    without_lists: bool = False
    reads_one: bool = True
    failure: ERPError | None = None
    asked: list[str] = field(default_factory=list)
    capabilities: frozenset[str] = frozenset({"list", "get", "create", "catalog"})
    connection: Connection = field(default_factory=lambda: Connection("lists", "memory"))
    notice: str = ""
    title: str = "Lists"
    limits: str = ""
    cancellable_statuses: frozenset[Status] = CANCELLABLE_STATUSES
    scans: list[OrderQuery] = field(default_factory=list)
    gets: list[str] = field(default_factory=list)

    def check_number(self, number: str) -> str:
        if not number or "/" in number:
            raise InvalidInput("That is not an order number.")
        return number

    async def scan_orders(self, query: OrderQuery, progress: Progress | None = None) -> OrderScan:
        self.scans.append(query)
        begin = query.ordered_from
        found = [one for one in self.orders if begin is None or (one.ordered_at and one.ordered_at.date() >= begin)]
        bare = tuple(one.model_copy(update={"lines": None}) for one in found)
        return OrderScan(orders=bare, read=len(found), total=len(found))

    async def get_order(self, number: str, *, in_any_case: bool = False) -> PurchaseOrder:
        self.gets.append(number)
        if number in self.unreadable:
            raise self.unreadable[number]
        there = {one.number.casefold() if in_any_case else one.number: one for one in self.orders}
        there |= {(one.casefold() if in_any_case else one): order(one, status="closed") for one in self.unlisted}
        try:
            return there[number.casefold() if in_any_case else number]
        except KeyError:
            raise OrderNotFound("No such order.") from None

    async def vendors(self) -> tuple[Vendor, ...]:
        self._ask("vendors")
        return tuple(self.vendor_list)

    async def read_vendor(self, vendor: Vendor) -> Vendor | None:
        self._ask(f"vendor {vendor.id}")
        if not self.reads_one:
            raise NotOffered("No call for one.")
        return next((one for one in self.vendor_list if one.id == vendor.id), None)

    async def read_item(self, item: Item) -> Item | None:
        self._ask(f"item {item.id}")
        if not self.reads_one:
            raise NotOffered("No call for one.")
        return next((one for one in self.item_list if one.id == item.id), None)

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.failure is not None:
            raise self.failure

    async def items(self, on_items: OnItems | None = None) -> tuple[Item, ...]:
        self._ask("items")
        if self.without_lists:
            raise NotOfferedHere("No list.")
        return tuple(self.item_list)

    async def warehouses(self) -> tuple[Warehouse, ...]:
        self._ask("warehouses")
        if self.without_lists:
            raise NotOfferedHere("No list.")
        return tuple(self.warehouse_list)


class NotOfferedHere(ERPError):
    """A list that this ERP does not have."""


@dataclass
class NumbersJournal:
    """A journal of which only the numbers of creates in progress are read."""

    taken: frozenset[str] = frozenset()

    async def name_of(self, connection: Connection) -> str:
        return connection.key

    async def numbers_of_creates(self, connection: str) -> set[str]:
        assert connection == "lists memory"
        return set(self.taken)


class OutcomeExecutor:
    """An executor that writes outcomes and executes nothing."""

    @property
    def words(self) -> OutcomeExecutor:
        return self

    def say(self, status: str, operation: object, text: str, next_step: str = "", **more: object) -> WriteOutcome:
        return WriteOutcome.model_validate({"status": status, "operation_id": None, "message": text})


def desk_over(erp: ListsERP, taken: Iterable[str] = (), today: Callable[[], date] = lambda: TODAY) -> Desk:
    """A desk that reads this ERP, with numbers that operations under way hold."""
    return Desk(
        erp=cast(Any, erp),
        journal=cast(Any, NumbersJournal(frozenset(taken))),
        executor=cast(Any, OutcomeExecutor()),
        page=NoPage(),
        today=today,
    )
