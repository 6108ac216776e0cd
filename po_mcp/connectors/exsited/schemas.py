"""Exsited's JSON, as https://developer.exsited.com and the vendor's own clients show it.

Unknown fields are ignored, and every field may be null.
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
    Prose,
    Word,
    empty_if_unset,
    is_set,
    object_or_none,
)


def _under(key: str) -> AliasChoices:
    """Return the places of rows: at the top, as documented for invoices, or under the order, as for receipts."""
    return AliasChoices(key, AliasPath("purchase_order", key))


def _parse_currency(value: object) -> object:
    """Return the code of a currency, which is its name where it has no other (Purchase Order POST: its code)."""
    return value["code"] if isinstance(value, dict) and is_set(value.get("code")) else value


ROOTS = ("purchase_order", "purchase-order")
"""The keys of one order in an answer: which calls write the second one is not documented of all."""
_ROOT = AliasChoices(*ROOTS)
Currency = Annotated[Word, BeforeValidator(_parse_currency)]


class ErpModel(schema_base.ErpModel):
    """An object in Exsited's JSON."""

    erp_name = "Exsited"


class TokenResponse(schema_base.TokenResponse):
    """https://developer.exsited.com, Authentication; a lifetime of one hour is usual."""

    erp_name = "Exsited"


class Kpis(ErpModel):
    """Key figures of an order. Whether the figure counts or sums the invoices is not documented."""

    total_purchase_invoice: Number = None


class AccountOfOrder(ErpModel):
    """The supplier of an order, where it is an object."""

    id: Word = None
    uuid: Word = None


class OrderHeader(ErpModel, schema_base.OrderModel):
    """An order without its lines. The vendor is named by `account_id`, or as in a create (Purchase Order POST)."""

    name_key = "id"
    dispensable = {  # noqa: RUF012
        "issue_date": "order date",
        "expected_completion_date": "expected date",
        "total": "total",
    }

    id: Id
    uuid: Word = None
    version: Word = None
    status: Word = None
    account_id: Word = None
    account_uuid: Word = None
    account: Annotated[AccountOfOrder | None, BeforeValidator(object_or_none)] = None
    currency: Currency = None
    issue_date: Moment = None
    expected_completion_date: Moment = None
    created_on: Instant = None
    total: Number = None
    note: Annotated[Word, Field(validation_alias="purchase_order_note")] = None
    kpis: Annotated[Kpis | None, BeforeValidator(object_or_none)] = None

    @property
    def vendor_id(self) -> str | None:
        account = self.account or AccountOfOrder()
        return self.account_id or account.id or self.account_uuid or account.uuid


class PricingRule(ErpModel):
    """How a line is priced, in which unit, and where it is delivered."""

    price: Number = None
    uom: Word = None
    warehouse: Word = None


class PriceSnapshot(ErpModel):
    """An item's price as the line keeps it."""

    pricing_rule: Annotated[PricingRule, BeforeValidator(lambda value: object_or_none(value) or {})] = PricingRule()


class Line(ErpModel):
    """A line of an order, without the received quantity, which only item receipts show. A line of text has no item."""

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
    def quantity_ordered(self) -> Decimal | None:
        """The quantity, in the field of a purchase order or in that of an order line."""
        return self.quantity if self.quantity is not None else self.order_quantity


class Order(OrderHeader):
    """A whole order. An order without lines may have null, an empty text or no key."""

    lines: Annotated[tuple[Line, ...], BeforeValidator(empty_if_unset)] = ()


class OrderResponse(ErpModel):
    """The answer of GET /purchase-orders/{id}."""

    purchase_order: Annotated[Order, Field(validation_alias=_ROOT)]


class HeaderResponse(ErpModel):
    """The same, of which the lines are not read."""

    purchase_order: Annotated[OrderHeader, Field(validation_alias=_ROOT)]


class OrderNumber(ErpModel):
    """The number of an order."""

    id: Id


class CreateResponse(ErpModel):
    """The required part of the answer of POST /purchase-orders."""

    purchase_order: Annotated[OrderNumber, Field(validation_alias=_ROOT)]


class CancelledOrder(OrderNumber):
    """The required part of a cancelled order."""

    status: Word = None


class CancelResponse(ErpModel):
    """The answer of POST /purchase-orders/{id}/cancel where it has a body; no page documents it."""

    purchase_order: Annotated[CancelledOrder, Field(validation_alias=_ROOT)]


class ReceiptLine(ErpModel):
    """The quantity of one line in a receipt."""

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
    """A customer, a supplier, or both. Orders of some installations name it by its uuid."""

    id: Word = None
    uuid: Word = None
    name: Name = None
    display_name: Name = None
    type: Word = None
    status: Word = None
    currency: Currency = None


class Item(ErpModel):
    """A product or service."""

    id: Word = None
    uuid: Word = None
    name: Prose = None
    display_name: Prose = None
    status: Word = None
    uom: Word = None


class AccountResponse(ErpModel):
    """The answer of GET /accounts/{id}."""

    account: Account


class ItemResponse(ErpModel):
    """The answer of GET /items/{id}."""

    item: Item


class Warehouse(ErpModel):
    """A warehouse of the settings."""

    name: Id


class WarehousesResponse(ErpModel):
    """The answer of GET /settings/warehouses, which has no pages."""

    rows: Annotated[
        tuple[Any, ...],
        BeforeValidator(empty_if_unset),
        Field(validation_alias=AliasChoices(AliasPath("settings", "warehouses"), "warehouses")),
    ]


class ListedOrder(OrderHeader):
    """An order in the list, with its lines unparsed."""

    lines: Annotated[tuple[Any, ...] | None, BeforeValidator(lambda value: value or None)] = None


class OrderLines(ErpModel):
    """The lines of an order."""

    lines: tuple[Line, ...]


class Pagination(ErpModel):
    """The position of a page. `next_page` is None at the end, where the ERP writes "NULL"; the link is not followed."""

    records: Count = None
    limit: Count = None
    offset: Count = None
    next_page: Annotated[Word, BeforeValidator(lambda value: None if value == "NULL" else value)] = None


class Page(ErpModel):
    """A page of a list. Subclasses name the key of the rows."""

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
