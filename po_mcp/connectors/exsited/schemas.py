"""Exsited's JSON, as https://developer.exsited.com and the vendor's own clients show it.

Fields that are not known are passed over, and a field may be null.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from pydantic import AliasChoices, AliasPath, BeforeValidator, Field

from po_mcp.connectors import schema_base
from po_mcp.connectors.values import (
    Count,
    Id,
    Instant,
    Moment,
    Name,
    Number,
    Positive,
    Prose,
    Word,
    empty_if_unset,
    object_or_none,
)


def _under(key: str) -> AliasChoices:
    """Find rows at the top, as invoices are documented, or under the order, as receipts are."""
    return AliasChoices(key, AliasPath("purchase_order", key))


class ErpModel(schema_base.ErpModel):
    """A piece of Exsited's JSON."""

    erp_name = "Exsited"


class TokenResponse(schema_base.TokenResponse):
    """https://developer.exsited.com, Authentication; a lifetime of one hour is usual."""

    erp_name = "Exsited"
    expires_in: Positive = None


class Kpis(ErpModel):
    """Figures of an order. Whether the invoices are counted or added up here is not documented."""

    total_purchase_invoice: Number = None


class OrderHeader(ErpModel):
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
    kpis: Annotated[Kpis | None, BeforeValidator(object_or_none)] = None


class PricingRule(ErpModel):
    """How a line is priced, and where it is delivered."""

    price: Number = None
    warehouse: Word = None


class PriceSnapshot(ErpModel):
    """An item's price as the line keeps it."""

    pricing_rule: Annotated[PricingRule, BeforeValidator(lambda value: object_or_none(value) or {})] = PricingRule()


class Line(ErpModel):
    """A line of an order. What was received of it is told by item receipts alone. A line of text has no item."""

    uuid: Word = None
    item_id: Word = None
    item_uuid: Word = None
    item_name: Prose = None
    description: Annotated[Prose, Field(validation_alias="item_description")] = None
    quantity: Annotated[Number, Field(validation_alias="item_quantity")] = None
    order_quantity: Annotated[Number, Field(validation_alias="item_order_quantity")] = None
    snapshot: Annotated[
        PriceSnapshot,
        BeforeValidator(lambda value: object_or_none(value) or {}),
        Field(validation_alias="item_price_snapshot"),
    ] = PriceSnapshot()
    total: Number = None

    @property
    def ordered_quantity(self) -> Decimal | None:
        return self.quantity if self.quantity is not None else self.order_quantity


class Order(OrderHeader):
    """An order in full; one without lines may say so by null, by an empty text or by no key."""

    lines: Annotated[tuple[Line, ...], BeforeValidator(empty_if_unset)] = ()


class OrderResponse(ErpModel):
    """What GET /purchase-orders/{id} answers."""

    purchase_order: Order


class OrderNumber(ErpModel):
    """An order, as far as its number."""

    id: Id


class CreateResponse(ErpModel):
    """What POST /purchase-orders answers, as far as the number: all else is read where it can be."""

    purchase_order: OrderNumber


class CancelledOrder(OrderNumber):
    """An order that was cancelled, as far as it must be told."""

    status: Word = None


class CancelResponse(ErpModel):
    """What POST /purchase-orders/{id}/cancel answers where it answers with the order; no page shows it."""

    purchase_order: CancelledOrder


class ReceiptLine(ErpModel):
    """What one receipt brought of one line."""

    line_uuid: Word = None
    receipt_quantity: Number = None


class Receipt(ErpModel):
    """An item receipt. A new one is PENDING (https://developer.exsited.com, Item Receipts POST)."""

    id: Word = None
    receipt_status: Word = None
    receipts: Annotated[tuple[ReceiptLine, ...], BeforeValidator(empty_if_unset)] = ()


class Invoice(ErpModel):
    """A purchase invoice."""

    id: Word = None


class Account(ErpModel):
    """A customer, a supplier, or both."""

    id: Id
    name: Name = None
    display_name: Name = None
    type: Word = None
    status: Word = None
    currency: Word = None


class Item(ErpModel):
    """A product or service."""

    id: Id
    name: Prose = None
    display_name: Prose = None
    status: Word = None
    uom: Word = None


class Warehouse(ErpModel):
    """A warehouse of the settings."""

    name: Id


class WarehousesResponse(ErpModel):
    """What GET /settings/warehouses answers; it has no pages."""

    rows: Annotated[
        tuple[Any, ...],
        BeforeValidator(empty_if_unset),
        Field(validation_alias=AliasChoices(AliasPath("settings", "warehouses"), "warehouses")),
    ]


class ListedOrder(OrderHeader):
    """An order as the list shows it; its lines, where it has any, are only counted."""

    lines: Annotated[tuple[Any, ...] | None, BeforeValidator(lambda value: value or None)] = None


class OrderLines(ErpModel):
    """The lines of an order."""

    lines: tuple[Line, ...]


class Pagination(ErpModel):
    """Where a page lies. `next_page` is None at the end, where it is "NULL"; the link itself is not followed."""

    records: Count = None
    limit: Count = None
    offset: Count = None
    next_page: Annotated[Word, BeforeValidator(lambda value: None if value == "NULL" else value)] = None


class Page(ErpModel):
    """A page of a list; which key holds the rows, each list says itself."""

    rows: Annotated[tuple[Any, ...], BeforeValidator(empty_if_unset)]
    pagination: Annotated[
        Pagination,
        BeforeValidator(lambda value: object_or_none(value) or {}),
        Field(validation_alias=_under("pagination")),
    ] = Pagination()


class OrdersPage(Page):
    """A page of GET /purchase-orders."""

    rows: Annotated[tuple[Any, ...], BeforeValidator(empty_if_unset), Field(validation_alias="purchase_orders")]


class AccountsPage(Page):
    """A page of GET /accounts."""

    rows: Annotated[tuple[Any, ...], BeforeValidator(empty_if_unset), Field(validation_alias="accounts")]


class ItemsPage(Page):
    """A page of GET /items."""

    rows: Annotated[tuple[Any, ...], BeforeValidator(empty_if_unset), Field(validation_alias="items")]


class InvoicesPage(Page):
    """A page of GET /purchase-orders/{id}/purchase-invoices."""

    rows: Annotated[
        tuple[Any, ...], BeforeValidator(empty_if_unset), Field(validation_alias=_under("purchase_invoices"))
    ]


class ReceiptsPage(Page):
    """A page of GET /purchase-orders/{id}/item-receipts."""

    rows: Annotated[tuple[Any, ...], BeforeValidator(empty_if_unset), Field(validation_alias=_under("item_receipts"))]
