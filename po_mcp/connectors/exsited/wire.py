"""Exsited's JSON, as https://developer.exsited.com and the vendor's own clients show it.

Decimals arrive as strings ("40.000000"), and what is not set as "". Fields that are not known are
passed over, and a field may be null.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, Self, TypeVar

from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from po_mcp.errors import BadAnswer

T = TypeVar("T")

_DECIMAL = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?", re.ASCII)
_NOT_SET = (None, "", "NULL")  # the last one ends a list of pages


def _number(value: object) -> Decimal | None:
    if value in _NOT_SET:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise ValueError("not an exact number")
    if isinstance(value, str) and not _DECIMAL.fullmatch(value):
        raise ValueError("not a decimal")
    return Decimal(value)


def _word(value: object) -> str | None:
    """Read a string; an id may come as an integer, and a currency as an object with a name."""
    if isinstance(value, dict):
        value = value.get("name")
    if value in _NOT_SET:
        return None
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("not text")
    return str(value)


def _moment(value: object) -> datetime | None:
    """Read `2025-07-20T00:00:00Z` or `2025-07-20`. Without a zone it is UTC."""
    if value in _NOT_SET:
        return None
    if not isinstance(value, str):
        raise ValueError("not a date")
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _day(value: object) -> date | None:
    moment = _moment(value)
    return None if moment is None else moment.date()


def _count(value: object) -> int | None:
    number = _number(value)
    if number is None:
        return None
    if number != number.to_integral_value() or number < 0:
        raise ValueError("not a count")
    return int(number)


def _rows(value: object) -> object:
    return () if value in _NOT_SET else value


def _under(key: str) -> AliasChoices:
    """Find rows at the top, as invoices are documented, or under the order, as receipts are."""
    return AliasChoices(key, AliasPath("purchase_order", key))


Number = Annotated[Decimal | None, BeforeValidator(_number)]
Count = Annotated[int | None, BeforeValidator(_count)]
Word = Annotated[str | None, BeforeValidator(_word)]
Moment = Annotated[datetime | None, BeforeValidator(_moment)]
Day = Annotated[date | None, BeforeValidator(_day)]
Id = Annotated[str, BeforeValidator(_word)]
"""A word that must be there."""


class Theirs(BaseModel):
    """A piece of their JSON. Its errors do not repeat what was sent."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, defer_build=True)

    @classmethod
    def of(cls, body: Any) -> Self:
        """Read a body.

        Raises:
            BadAnswer: it has another shape than is documented.
        """
        try:
            return cls.model_validate(body)
        except ValidationError as exc:
            raise BadAnswer("Exsited gave an answer of another shape than it documents.") from exc


class Token(Theirs):
    """https://developer.exsited.com, Authentication; a lifetime of one hour is usual."""

    access_token: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,8192}$", repr=False)]
    expires_in: Annotated[Number, Field(gt=0)] = None


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

    lines: Annotated[tuple[Line, ...], BeforeValidator(_rows)] = ()


class Created(Theirs):
    """What POST /purchase-orders answers."""

    purchase_order: CreatedOrder


class ReceiptLine(Theirs):
    """What one receipt brought of one line."""

    line_uuid: Word = None
    receipt_quantity: Number = None


class Receipt(Theirs):
    """An item receipt."""

    id: Word = None
    receipts: Annotated[tuple[ReceiptLine, ...], BeforeValidator(_rows)] = ()


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

    rows: Annotated[tuple[T, ...], BeforeValidator(_rows)]
    pagination: Annotated[
        Pagination,
        Field(validation_alias=_under("pagination")),
    ]


class Orders(Rows[Listed]):
    """A page of GET /purchase-orders."""

    rows: Annotated[tuple[Listed, ...], BeforeValidator(_rows), Field(validation_alias="purchase_orders")]


class Accounts(Rows[Account]):
    """A page of GET /accounts."""

    rows: Annotated[tuple[Account, ...], BeforeValidator(_rows), Field(validation_alias="accounts")]


class Invoices(Rows[Invoice]):
    """A page of GET /purchase-orders/{id}/purchase-invoices."""

    rows: Annotated[tuple[Invoice, ...], BeforeValidator(_rows), Field(validation_alias=_under("purchase_invoices"))]


class Receipts(Rows[Receipt]):
    """A page of GET /purchase-orders/{id}/item-receipts."""

    rows: Annotated[tuple[Receipt, ...], BeforeValidator(_rows), Field(validation_alias=_under("item_receipts"))]
