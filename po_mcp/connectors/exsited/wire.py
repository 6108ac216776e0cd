"""Exsited's JSON, as https://developer.exsited.com and the vendor's own clients show it.

Fields that are not known are passed over, and a field may be null.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from pydantic import AliasChoices, AliasPath, BeforeValidator, Field

from po_mcp.connectors import theirs
from po_mcp.connectors.values import Count, Id, Instant, Moment, Name, Number, Positive, Prose, Word, piece, rows


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
    expected_completion_date: Moment = None
    created_on: Instant = None
    total: Number = None
    note: Annotated[Word, Field(validation_alias="purchase_order_note")] = None
    kpis: Annotated[Kpis | None, BeforeValidator(piece)] = None


class Pricing(Theirs):
    """How a line is priced, and where it is delivered."""

    price: Number = None
    warehouse: Word = None


class Snapshot(Theirs):
    """An item's price as the line keeps it."""

    pricing_rule: Annotated[Pricing, BeforeValidator(lambda value: piece(value) or {})] = Pricing()


class Line(Theirs):
    """A line of an order. What was received of it is told by item receipts alone. A line of text has no item."""

    uuid: Word = None
    item_id: Word = None
    item_uuid: Word = None
    item_name: Prose = None
    description: Annotated[Prose, Field(validation_alias="item_description")] = None
    quantity: Annotated[Number, Field(validation_alias="item_quantity")] = None
    order_quantity: Annotated[Number, Field(validation_alias="item_order_quantity")] = None
    snapshot: Annotated[
        Snapshot,
        BeforeValidator(lambda value: piece(value) or {}),
        Field(validation_alias="item_price_snapshot"),
    ] = Snapshot()
    total: Number = None

    @property
    def ordered(self) -> Decimal | None:
        return self.quantity if self.quantity is not None else self.order_quantity


class Order(Header):
    """An order in full; one without lines may say so by null, by an empty text or by no key."""

    lines: Annotated[tuple[Line, ...], BeforeValidator(rows)] = ()


class Read(Theirs):
    """What GET /purchase-orders/{id} answers."""

    purchase_order: Order


class Numbered(Theirs):
    """An order, as far as its number."""

    id: Id


class Created(Theirs):
    """What POST /purchase-orders answers, as far as the number: all else is read where it can be."""

    purchase_order: Numbered


class CancelledOrder(Numbered):
    """An order that was cancelled, as far as it must be told."""

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
    name: Name = None
    display_name: Name = None
    type: Word = None
    status: Word = None
    currency: Word = None


class Item(Theirs):
    """A product or service."""

    id: Id
    name: Prose = None
    display_name: Prose = None
    status: Word = None
    uom: Word = None


class Warehouse(Theirs):
    """A warehouse of the settings."""

    name: Id


class Warehouses(Theirs):
    """What GET /settings/warehouses answers; it has no pages."""

    rows: Annotated[
        tuple[Any, ...],
        BeforeValidator(rows),
        Field(validation_alias=AliasChoices(AliasPath("settings", "warehouses"), "warehouses")),
    ]


class Listed(Header):
    """An order as the list shows it; its lines, where it has any, are only counted."""

    lines: Annotated[tuple[Any, ...] | None, BeforeValidator(lambda value: value or None)] = None


class Lines(Theirs):
    """The lines of an order."""

    lines: tuple[Line, ...]


class Pagination(Theirs):
    """Where a page lies. `next_page` is None at the end, where it is "NULL"; the link itself is not followed."""

    records: Count = None
    limit: Count = None
    offset: Count = None
    next_page: Annotated[Word, BeforeValidator(lambda value: None if value == "NULL" else value)] = None


class Page(Theirs):
    """A page of a list; which key holds the rows, each list says itself."""

    rows: Annotated[tuple[Any, ...], BeforeValidator(rows)]
    pagination: Annotated[
        Pagination,
        BeforeValidator(lambda value: piece(value) or {}),
        Field(validation_alias=_under("pagination")),
    ] = Pagination()


class Orders(Page):
    """A page of GET /purchase-orders."""

    rows: Annotated[tuple[Any, ...], BeforeValidator(rows), Field(validation_alias="purchase_orders")]


class Accounts(Page):
    """A page of GET /accounts."""

    rows: Annotated[tuple[Any, ...], BeforeValidator(rows), Field(validation_alias="accounts")]


class Items(Page):
    """A page of GET /items."""

    rows: Annotated[tuple[Any, ...], BeforeValidator(rows), Field(validation_alias="items")]


class Invoices(Page):
    """A page of GET /purchase-orders/{id}/purchase-invoices."""

    rows: Annotated[tuple[Any, ...], BeforeValidator(rows), Field(validation_alias=_under("purchase_invoices"))]


class Receipts(Page):
    """A page of GET /purchase-orders/{id}/item-receipts."""

    rows: Annotated[tuple[Any, ...], BeforeValidator(rows), Field(validation_alias=_under("item_receipts"))]
