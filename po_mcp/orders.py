"""The vocabulary: what a purchase order is, in the words of the field. Pure.

Money and quantities are `Decimal`, and strings in JSON. What an ERP does not say is absent: never
0, never guessed. Text fields pass through `untrusted.visible`, so whoever holds one of these
objects can show it.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from functools import reduce
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic.json_schema import SkipJsonSchema

from po_mcp.untrusted import visible

Status = Literal["draft", "open", "partial", "closed", "cancelled", "deleted", "unknown"]

NUMBER_PATTERN = r"^[0-9]{1,12}(\.[0-9]{1,6})?$"
_exact = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?", re.ASCII)
_SURE_DIGITS = 15  # a binary float of at most 15 significant digits has one shortest text, which is what was meant


EXACT = Context(prec=200, traps=[Inexact, InvalidOperation, Overflow])
"""Arithmetic that raises where it would round. Python's own context rounds to 28 digits and says nothing."""


def total_of(amounts: Iterable[Decimal]) -> Decimal:
    """Add up exactly."""
    return reduce(EXACT.add, amounts, Decimal(0))


def plain(number: Decimal) -> str:
    """Write a decimal in full, without an exponent and as precisely as it is held: `4250.00`."""
    return f"{number:f}"


def exact_decimal(value: object) -> Decimal:
    """Read a quantity or a price that a model wrote, or say how to write it.

    Text must match `NUMBER_PATTERN` in ASCII digits. An integer, or a JSON number of at most 15
    significant digits, is taken by its shortest text. Everything else raises `ValueError`.
    """
    text = _written(value)
    if text is None or not _exact.fullmatch(text):
        raise ValueError('write it as digits with a point and no currency sign or exponent, such as "1000" or "0.45"')
    return Decimal(text)


def _written(value: object) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return str(value) if abs(value) < 10**12 else None
    if isinstance(value, float):
        text = repr(value)
        return text if len(text.replace(".", "").strip("0")) <= _SURE_DIGITS else None
    return None


def _positive(number: Decimal) -> Decimal:
    if number <= 0:
        raise ValueError("it must be more than zero")
    return number


def _one_line(text: str) -> str:
    if visible(text, max(len(text), 1)) != text:  # the limit of its length is checked after this
        raise ValueError("it has characters that cannot be seen, or is too long; write it in plain text")
    return text


Money = Annotated[
    Decimal,
    PlainSerializer(plain, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "decimal"}),
]
"""An amount or a quantity as an ERP said it; a string in JSON."""

Text = Annotated[str, AfterValidator(visible)]
"""Text as an ERP said it, made visible."""

_Written = Annotated[Decimal, BeforeValidator(exact_decimal)]
Quantity = Annotated[_Written, AfterValidator(_positive), WithJsonSchema({"type": "string", "pattern": NUMBER_PATTERN})]
"""A quantity as a model writes it: more than zero."""
Price = Annotated[_Written, WithJsonSchema({"type": "string", "pattern": NUMBER_PATTERN})]
"""A unit price as a model writes it: zero or more."""
Word = Annotated[
    str,
    AfterValidator(_one_line),
    Field(min_length=1, max_length=200, pattern=r"\S"),
]
"""A name, code or note as a model writes it: one visible line."""


class Record(BaseModel):
    """A frozen value of the vocabulary."""

    model_config = ConfigDict(frozen=True)

    def published(self) -> dict[str, Any]:
        """Return it as JSON values, what is not known left out."""
        return self.model_dump(mode="json", exclude_none=True)


class OrderLine(Record):
    """One line of an order. `outstanding` is what was ordered less what was received, never below 0."""

    # A line of text, or of freight, has "" for its item, and its quantity may not be told.
    line: int | None = None
    item: Text
    description: Text | None = None
    quantity: Money | None = None
    received: Money | None = None
    outstanding: Money | None = None
    unit_price: Money | None = None
    line_total: Money | None = None
    warehouse: Text | None = None
    warehouse_name: Text | None = None


class PurchaseOrder(Record):
    """A purchase order as the ERP shows it. `total` is the ERP's own; `lines` only where they were read."""

    number: Text
    vendor: Text
    vendor_id: Text | None = None
    status: Status
    status_text: Text
    ordered_at: datetime | None = None
    expected_on: date | None = None
    currency: Text | None = None
    line_count: int | None = None
    total: Money | None = None
    lines: tuple[OrderLine, ...] | None = None
    # Not published: the reference of the draft that it was created from, and the moment at which the ERP made it.
    reference: Annotated[SkipJsonSchema[str | None], Field(exclude=True)] = None
    created_at: Annotated[SkipJsonSchema[datetime | None], Field(exclude=True)] = None

    @property
    def sum_of_lines(self) -> Decimal | None:
        """The lines added up, or None where a line has no price."""
        totals = [line.line_total for line in self.lines or ()]
        known = [total for total in totals if total is not None]
        return total_of(known) if known and len(known) == len(totals) else None

    @property
    def outstanding_lines(self) -> tuple[OrderLine, ...]:
        """The lines of which something is still to come."""
        return tuple(line for line in self.lines or () if line.outstanding)


class Vendor(Record):
    """A supplier: `id` is what a new order names it by, where the ERP tells."""

    id: Text | None
    code: Text | None = None
    name: Text
    currency: Text | None = None
    active: bool = True


class Item(Record):
    """A thing that can be ordered, by the id that a new order's line takes."""

    id: Text
    name: Text
    code: Text | None = None
    unit: Text | None = None
    price: Money | None = None
    active: bool = True


class Warehouse(Record):
    """A place that goods are delivered to, by the id that a new order's line takes."""

    id: Text
    name: Text


class AskedLine(Record):
    """A line of an order to be created, in the words of whoever asks for it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    item: Annotated[Word, Field(description="Item id, code or name")]
    quantity: Annotated[Quantity, Field(description='More than zero, as text: "1000"')]
    unit_price: Annotated[
        Price | None,
        Field(description='Of one unit, as text: "0.45". Left out: the last known one, once a person saw it'),
    ] = None
    warehouse: Annotated[Word | None, Field(description="Warehouse id or name")] = None


class AskedOrder(Record):
    """An order to be created, in the words of whoever asks for it. Without a number it takes the next free one."""

    vendor: str
    lines: tuple[AskedLine, ...]
    number: str | None = None
    expected_on: date | None = None
    note: str | None = None


class DraftLine(Record):
    """A line of an order to be created, by the ids that the ERP takes."""

    item: str
    quantity: Decimal
    unit_price: Decimal
    warehouse: str | None = None


class OrderDraft(Record):
    """An order to be created, what it names found in the ERP and its number fixed.

    `reference` names the operation that creates it; it is stored with the order where the ERP has a place for it.
    """

    number: str
    vendor: Vendor
    lines: tuple[DraftLine, ...]
    expected_on: date | None = None
    note: str | None = None
    reference: str | None = None

    @property
    def total(self) -> Decimal:
        """Quantity times price, added up exactly."""
        return total_of(EXACT.multiply(line.quantity, line.unit_price) for line in self.lines)


class OrderQuery(Record):
    """Which orders are asked for; dates are inclusive. `most`: no page of the ERP's list is read after so many."""

    status: Status | None = None
    ordered_from: date | None = None
    ordered_to: date | None = None
    most: int | None = None


class OrderScan(Record):
    """Every order that was asked for, in no order, each once, and how far the ERP's list was read.

    `read` orders of `of` (None: the ERP does not count them) were looked at. `complete` is False where
    the list moved while it was read, or was `cut` because it is longer than is read, or where it has rows that
    could not be read (`unread`): these are in none of the numbers.
    """

    orders: tuple[PurchaseOrder, ...]
    read: int
    of: int | None = None
    complete: bool = True
    cut: bool = False
    unread: int = 0


Progress = Callable[[int, int | None], Awaitable[None]]
"""Is told how many orders were read so far, and of how many, where that is known."""


class Finalized(Record):
    """What a finalize left behind."""

    status_text: Text
    backorder_number: Text | None = None


class Snapshot(Record):
    """All that a guarded write is decided on, read at one moment.

    `erp_id` and `version` are the ERP's own where it gives them, so that an order that was deleted
    and created anew under the same number is not the same. `blockers` name what forbids the write.
    """

    order: PurchaseOrder
    erp_id: str | None = None
    version: str | None = None
    blockers: tuple[Text, ...] = ()


CAN_BE_CANCELLED: frozenset[Status] = frozenset({"draft", "open", "partial"})
"""In which states an order can be called off."""

STATUS_WORDS: Mapping[Status, str] = {
    "draft": "a draft",
    "open": "open",
    "partial": "partly received",
    "closed": "closed",
    "cancelled": "cancelled",
    "deleted": "deleted",
    "unknown": "in a state that is not known here",
}
