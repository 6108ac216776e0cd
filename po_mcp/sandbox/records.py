"""The records of the book, in the trade's words.

Money and quantities are exact decimals; date-times are aware, in UTC and to the second.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal

from po_mcp.sandbox import exact


class Status(StrEnum):
    """Where an order stands: live while open or partial."""

    OPEN = "open"
    PARTIAL = "partial"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    DELETED = "deleted"


LIVE = (Status.OPEN, Status.PARTIAL)


@dataclass(frozen=True)
class Vendor:
    """A supplier: `id` and `short_id` are Inventory Pro's names for it, `account` is Exsited's."""

    id: int
    uuid: str
    account: str
    short_id: str
    name: str
    address1: str
    address2: str
    city: str
    state: str
    zip: str
    country: str
    phone: str
    fax: str
    email: str
    contact: str
    currency: str
    active: bool
    created_at: datetime
    modified_at: datetime


@dataclass(frozen=True)
class Item:
    """A part: `short_id` is Inventory Pro's name for it, `code` is Exsited's; `price` is per unit."""

    part_no: int
    uuid: str
    code: str
    short_id: str
    description: str
    category: str
    sub_category: str
    unit: str
    price: Decimal
    active: bool
    created_at: datetime
    modified_at: datetime


@dataclass(frozen=True)
class Warehouse:
    """A place that receives goods."""

    id: int
    uuid: str
    name: str


@dataclass(frozen=True)
class Spot:
    """A storage place inside a warehouse; nothing may leave one on hold."""

    name: str
    warehouse: Warehouse
    description: str
    hold: bool
    active: bool


@dataclass(frozen=True)
class Line:
    """One item of an order; `number` counts from 1."""

    uuid: str
    number: int
    item: Item
    quantity: Decimal
    price: Decimal
    warehouse: Warehouse
    received: Decimal = Decimal(0)

    @property
    def outstanding(self) -> Decimal:
        """What was ordered and has not arrived, in units."""
        return self.quantity - self.received

    @property
    def total(self) -> Decimal:
        """The line's amount."""
        return exact.multiply(self.quantity, self.price)


@dataclass(frozen=True)
class ReceivedLine:
    """What arrived of one line, and what was still `left` to come after that."""

    line: Line
    quantity: Decimal
    left: Decimal


@dataclass(frozen=True)
class Receipt:
    """One arrival of goods."""

    id: str
    uuid: str
    received_at: datetime
    lines: tuple[ReceivedLine, ...]


@dataclass(frozen=True)
class Invoice:
    """A purchase invoice of an order."""

    id: str
    uuid: str
    issued_at: datetime
    due_at: datetime
    total: Decimal


@dataclass(frozen=True)
class Order:
    """A purchase order.

    `total` is the header's, which need not equal the sum of the lines. `lines`, `receipts` and
    `invoices` are empty in a list that asked for headers only; `line_count` never is.
    """

    uuid: str
    number: str
    version: int
    vendor: Vendor
    status: Status
    currency: str
    total: Decimal
    ordered_at: datetime
    created_at: datetime
    modified_at: datetime
    line_count: int
    expected_at: datetime | None = None
    due_at: datetime | None = None
    note: str = ""
    supplier_invoice: str = ""
    tax_inclusive: bool = False
    cancelled_at: datetime | None = None
    reactivated_at: datetime | None = None
    lines: tuple[Line, ...] = ()
    receipts: tuple[Receipt, ...] = ()
    invoices: tuple[Invoice, ...] = ()


ItemKey = Literal["short_id", "code", "uuid"]


@dataclass(frozen=True)
class LineDraft:
    """A line to order.

    `item` and `warehouse` say by which of its names the record is meant: ("short_id", "NUT-M8"),
    ("name", "Main"). Without a price the item's own is taken, without a warehouse the first one.
    """

    item: tuple[ItemKey, str]
    quantity: Decimal
    price: Decimal | None = None
    warehouse: tuple[Literal["id", "name"], Any] | None = None


@dataclass(frozen=True)
class OrderDraft:
    """An order to enter; without a number the book gives one, without a date it is ordered now."""

    vendor: tuple[Literal["id", "account"], Any]
    lines: tuple[LineDraft, ...]
    number: str | None = None
    currency: str | None = None
    ordered_at: datetime | None = None
    expected_at: datetime | None = None
    due_at: datetime | None = None
    note: str = ""
    supplier_invoice: str = ""
    tax_inclusive: bool = False


@dataclass(frozen=True)
class FinalizeResult:
    """The order that was closed, and the backorder for what it still lacked, if one was made."""

    order: Order
    backorder: Order | None


@dataclass(frozen=True)
class EnterResult:
    """The order that stands under the number now; `is_new` unless an order stood there before."""

    order: Order
    is_new: bool
