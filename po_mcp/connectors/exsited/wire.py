"""Exsited's JSON, as https://developer.exsited.com and the vendor's own clients show it.

Fields that are not known are passed over, and a field may be null.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Generic, Self, TypeVar

from pydantic import (
    AliasChoices,
    AliasPath,
    BeforeValidator,
    Field,
    model_validator,
)

from po_mcp.connectors import theirs
from po_mcp.connectors.exsited.values import Count, Day, Id, Moment, Number, Positive, Word, rows

T = TypeVar("T")


def _under(key: str) -> AliasChoices:
    """Find rows at the top, as invoices are documented, or under the order, as receipts are."""
    return AliasChoices(key, AliasPath("purchase_order", key))


class Theirs(theirs.Theirs):
    """A piece of Exsited's JSON."""

    erp = "Exsited"


class Token(theirs.Token):
    """https://developer.exsited.com, Authentication; a lifetime of one hour is usual."""

    erp = "Exsited"
    expires_in: Positive = None


class Kpis(Theirs):
    """Figures of an order. Whether the invoices are counted or added up here is not documented."""

    total_purchase_invoice: Number = None


class Header(Theirs):
    """An order without its lines. Its vendor is named by `account_id` alone."""

    id: Id
    uuid: Word = None
    version: Word = None
    status: Word = None
    account_id: Word = None
    currency: Word = None
    issue_date: Moment = None
    expected_completion_date: Day = None
    total: Number = None
    kpis: Annotated[Kpis | None, BeforeValidator(lambda value: value or None)] = None


class Line(Theirs):
    """A line of an order. What was received of it is told by item receipts alone."""

    uuid: Word = None
    item_id: Word = None
    item_uuid: Word = None
    item_name: Word = None
    quantity: Annotated[Number, Field(validation_alias="item_quantity")] = None
    order_quantity: Annotated[Number, Field(validation_alias="item_order_quantity")] = None
    price: Annotated[Number, Field(validation_alias=AliasPath("item_price_snapshot", "pricing_rule", "price"))] = None
    warehouse: Annotated[
        Word, Field(validation_alias=AliasPath("item_price_snapshot", "pricing_rule", "warehouse"))
    ] = None
    total: Number = None

    @model_validator(mode="after")
    def _says_what_and_how_many(self) -> Self:
        if (self.item_id or self.item_uuid) is None or self.ordered is None:
            raise ValueError("a line without an item or a quantity")
        return self

    @property
    def ordered(self) -> Decimal | None:
        return self.quantity if self.quantity is not None else self.order_quantity


class Order(Header):
    """An order in full."""

    lines: tuple[Line, ...]


class Read(Theirs):
    """What GET /purchase-orders/{id} answers."""

    purchase_order: Order


class CreatedOrder(Header):
    """A new order; its lines where they are told."""

    lines: Annotated[tuple[Line, ...], BeforeValidator(rows)] = ()


class Created(Theirs):
    """What POST /purchase-orders answers."""

    purchase_order: CreatedOrder


class CancelledOrder(Theirs):
    """An order that was cancelled, as far as it must be told."""

    id: Id
    status: Word = None


class Cancelled(Theirs):
    """What POST /purchase-orders/{id}/cancel answers where it answers with the order; no page shows it."""

    purchase_order: CancelledOrder


class ReceiptLine(Theirs):
    """What one receipt brought of one line."""

    line_uuid: Word = None
    receipt_quantity: Number = None


class Receipt(Theirs):
    """An item receipt. A new one is PENDING (https://developer.exsited.com, Item Receipts POST)."""

    id: Word = None
    receipt_status: Word = None
    receipts: Annotated[tuple[ReceiptLine, ...], BeforeValidator(rows)] = ()


class Invoice(Theirs):
    """A purchase invoice."""

    id: Word = None


class Account(Theirs):
    """A customer, a supplier, or both."""

    id: Id
    name: Word = None
    display_name: Word = None
    type: Word = None
    status: Word = None
    currency: Word = None


class Item(Theirs):
    """A product or service."""

    id: Id
    name: Word = None
    display_name: Word = None
    status: Word = None
    uom: Word = None


class Warehouse(Theirs):
    """A warehouse of the settings."""

    name: Id


class Warehouses(Theirs):
    """What GET /settings/warehouses answers; it has no pages."""

    rows: Annotated[
        tuple[Warehouse, ...],
        BeforeValidator(rows),
        Field(validation_alias=AliasChoices(AliasPath("settings", "warehouses"), "warehouses")),
    ]


class Listed(Header):
    """An order as the list shows it; its lines are only counted."""

    lines: Annotated[tuple[Any, ...] | None, BeforeValidator(lambda value: value or None)] = None


class Pagination(Theirs):
    """Where a page lies. `next_page` is None at the end; the link itself is not followed."""

    records: Count = None
    offset: Count = None
    next_page: Word = None


class Rows(Theirs, Generic[T]):
    """A page of a list; which key holds the rows, each list says itself."""

    rows: Annotated[tuple[T, ...], BeforeValidator(rows)]
    pagination: Annotated[
        Pagination,
        Field(validation_alias=_under("pagination")),
    ]


class Orders(Rows[Listed]):
    """A page of GET /purchase-orders."""

    rows: Annotated[tuple[Listed, ...], BeforeValidator(rows), Field(validation_alias="purchase_orders")]


class Accounts(Rows[Account]):
    """A page of GET /accounts."""

    rows: Annotated[tuple[Account, ...], BeforeValidator(rows), Field(validation_alias="accounts")]


class Items(Rows[Item]):
    """A page of GET /items."""

    rows: Annotated[tuple[Item, ...], BeforeValidator(rows), Field(validation_alias="items")]


class Invoices(Rows[Invoice]):
    """A page of GET /purchase-orders/{id}/purchase-invoices."""

    rows: Annotated[tuple[Invoice, ...], BeforeValidator(rows), Field(validation_alias=_under("purchase_invoices"))]


class Receipts(Rows[Receipt]):
    """A page of GET /purchase-orders/{id}/item-receipts."""

    rows: Annotated[tuple[Receipt, ...], BeforeValidator(rows), Field(validation_alias=_under("item_receipts"))]
