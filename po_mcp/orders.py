"""The vocabulary: purchase orders and their parts. No I/O.

Money and quantities are `Decimal`, and strings in JSON. A value that the ERP does not send is None, never 0 and never
guessed. Text fields pass through `untrusted.visible`, so they can be shown.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from po_mcp.amounts import EXACT, Money, Price, Quantity, total_of
from po_mcp.untrusted import escape_blanks, unescape_blanks, visible, with_plain_blanks

T = TypeVar("T")
Status = Literal["draft", "open", "partial", "closed", "cancelled", "deleted", "unknown"]

MAX_ORDER_NUMBER_CHARS = 100
"""Characters of an order number that can be read or given here."""
_MAX_BUYER_CHARS = 60


def fold_number(number: str) -> str:
    """Return what order numbers have in common that some ERPs take for one: case, width, blanks and encoding apart."""
    # `NumberText` holds blanks of another width escaped.
    return " ".join(unicodedata.normalize("NFKC", unescape_blanks(number)).split()).casefold()


def _check_one_line(text: str) -> str:
    text = with_plain_blanks(text)
    if visible(text, max(len(text), 1)) != text:  # the limit of its length is checked after this
        raise ValueError("contains invisible characters or is too long")
    return text


Text = Annotated[str, AfterValidator(visible)]
"""Text from an ERP, with invisible characters escaped."""

NumberText = Annotated[str, AfterValidator(lambda number: visible(escape_blanks(number)))]
"""An order number from an ERP, with invisible characters and blanks of another width escaped."""

Word = Annotated[str, AfterValidator(_check_one_line), Field(min_length=1, max_length=200, pattern=r"\S")]
"""A name, code or note from a model: one visible line."""


class Record(BaseModel):
    """A frozen value of the vocabulary."""

    # Built at its first use: a start needs few of them.
    model_config = ConfigDict(frozen=True, defer_build=True)

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON values, without unknown ones."""
        return self.model_dump(mode="json", exclude_none=True)


class OrderLine(Record):
    """One line of an order. `outstanding` is the ordered less the received quantity, at least 0.

    `item` is what people call it; quantities and the price are of `unit`, where the ERP says it.
    """

    # At once: three models that are built at the start hold it, and each would build it again.
    model_config = ConfigDict(defer_build=False)

    # A line of text, or of freight, has "" for its item, and its quantity may be missing.
    line: int | None = None
    item: Text
    description: Text | None = None
    quantity: Money | None = None
    unit: Text | None = None
    received: Money | None = None
    outstanding: Money | None = None
    unit_price: Money | None = None
    line_total: Money | None = None
    warehouse: Text | None = None
    warehouse_name: Text | None = None
    # Not published: the item's id, where `item` is another word; and what else names the item, such as its UUID.
    item_id: Annotated[SkipJsonSchema[str | None], Field(exclude=True)] = None
    other_ids: Annotated[SkipJsonSchema[tuple[str, ...]], Field(exclude=True)] = ()

    @property
    def item_key(self) -> str:
        """The item's id, as a draft names it."""
        return self.item if self.item_id is None else self.item_id


class OddField(Record):
    """A field of an order, in plain words, that holds what cannot be read: `value`, made safe."""

    field: str
    value: Text

    @property
    def sentence(self) -> str:
        """Say that it is left out, and what stands there."""
        return f"Its {self.field} cannot be read and is left out: the ERP has {self.value}."


class PurchaseOrder(Record):
    """A purchase order from the ERP. `total` is the ERP's own; `lines` is None where they were not read."""

    number: NumberText
    vendor: Text
    vendor_id: Text | None = None
    status: Status
    status_text: Annotated[
        Text,
        Field(default_factory=lambda known: known["status"], description="The ERP's own word; absent: that of status"),
    ]
    ordered_at: datetime | None = None
    expected_on: date | None = None
    currency: Text | None = None
    line_count: int | None = None
    total: Money | None = None
    lines: tuple[OrderLine, ...] | None = None
    # Not published: the number that people gave it, "" for none, where `number` is one that the ERP gives by itself;
    # the reference of the draft that it was created from; its note, "" for none, where the ERP tells notes; the moment
    # at which the ERP made it; how much of the total is tax; what was left out since it cannot be read; what people
    # call the vendor beside its name, where its id is a number that only the ERP uses.
    buyer_number: Annotated[SkipJsonSchema[str | None], Field(exclude=True)] = None
    reference: Annotated[SkipJsonSchema[str | None], Field(exclude=True)] = None
    note: Annotated[SkipJsonSchema[str | None], Field(exclude=True)] = None
    created_at: Annotated[SkipJsonSchema[datetime | None], Field(exclude=True)] = None
    tax: Annotated[SkipJsonSchema[Decimal | None], Field(exclude=True)] = None
    odd: Annotated[SkipJsonSchema[tuple[OddField, ...]], Field(exclude=True)] = ()
    vendor_word: Annotated[SkipJsonSchema[Text | None], Field(exclude=True)] = None

    @property
    def sum_of_lines(self) -> Decimal | None:
        """The sum of the lines, or None where a line has no price."""
        totals = [line.line_total for line in self.lines or ()]
        known = [total for total in totals if total is not None]
        # The sum of some lines would be taken for that of all.
        return total_of(known) if known and len(known) == len(totals) else None

    @property
    def total_before_tax(self) -> Decimal | None:
        """The total without the tax in it, as far as the ERP tells one."""
        return self.total if self.total is None or self.tax is None else EXACT.subtract(self.total, self.tax)

    def without_lines(self) -> PurchaseOrder:
        """Return the order with its lines counted and left out."""
        if self.lines is None:
            return self
        return self.model_copy(update={"lines": None, "line_count": len(self.lines) + self.untold_lines})

    @property
    def untold_lines(self) -> int:
        """How many lines the ERP counts beyond those that it gave; 0 where no lines were read."""
        return 0 if self.lines is None else max(0, (self.line_count or 0) - len(self.lines))

    @property
    def untold_receipts(self) -> int:
        """How many lines there are of which the ERP does not tell how much is still to come."""
        untold = sum(line.received is None or line.outstanding is None for line in self.lines or ())
        return untold + self.untold_lines

    @property
    def lines_without_receipts(self) -> int:
        """How many lines there are of which the ERP does not tell what was received; of a return it may tell that."""
        return sum(line.received is None for line in self.lines or ()) + self.untold_lines

    @property
    def tells_receipts(self) -> bool:
        """Whether the ERP gave every line, and of each how much is still to come."""
        return bool(self.lines) and not self.untold_receipts

    @property
    def may_have_rest(self) -> bool:
        """Whether something is outstanding, or may be since the ERP does not tell it."""
        return bool(self.outstanding_lines) or not self.tells_receipts

    @property
    def outstanding_lines(self) -> tuple[OrderLine, ...]:
        """The lines with an outstanding quantity."""
        return tuple(line for line in self.lines or () if line.outstanding)


class Vendor(Record):
    """A supplier. `id` identifies it in a new order; None where the ERP does not show it. `word` is as in `Item`.

    `other_name` is a second name that the ERP has for it, by which it is found as by the first. `other_ids` are
    further ids by which the ERP's orders may name it.
    """

    id: Text | None
    code: Text | None = None
    name: Text
    other_name: Text | None = None
    currency: Text | None = None
    active: bool = True
    word: Text | None = None
    other_ids: tuple[str, ...] = ()


class Item(Record):
    """An item that can be ordered. `id` identifies it in a new order's line; `price` is for one `unit`.

    `word` is what people call it, where its id is a number that only the ERP uses; `other_ids` as in `Vendor`.
    """

    id: Text
    name: Text
    code: Text | None = None
    unit: Text | None = None
    price: Money | None = None
    currency: Text | None = None
    active: bool = True
    word: Text | None = None
    other_ids: tuple[str, ...] = ()


class Warehouse(Record):
    """A warehouse to deliver to. `id` identifies it in a new order's line; `word` is as in `Item`."""

    id: Text
    name: Text
    active: bool = True
    word: Text | None = None


def choose_word(entry: Vendor | Item | Warehouse) -> str | None:
    """Return what people call an entry in a sentence: its id, or its word where the ERP's id is a number of its own."""
    return entry.id if entry.word is None else entry.word


class ItemWithoutId(Record):
    """An item of the ERP's catalog without the id that an order's line needs: it can be found, and not ordered."""

    name: Text
    code: Text | None = None
    unit: Text | None = None
    active: bool = True


class Entries(tuple[T, ...]):
    """A list of the ERP's catalog, and what of its rows cannot be ordered.

    `left_out` are those that cannot be read, or have neither an id nor a name, and those that the ERP counts and did
    not give; `without_id` those that have a name alone.
    """

    left_out: int
    without_id: tuple[ItemWithoutId, ...]

    def __new__(cls, entries: Iterable[T] = (), left_out: int = 0, without_id: Iterable[ItemWithoutId] = ()) -> Self:
        # Not in __init__: a tuple is complete before that is called.
        made = super().__new__(cls, entries)
        made.left_out = left_out
        made.without_id = tuple(without_id)
        return made


def count_left_out(entries: Sequence[Any]) -> int:
    """Return how many rows of the ERP's list are not among these; 0 where that is not known."""
    return entries.left_out if isinstance(entries, Entries) else 0


def list_without_id(entries: Sequence[Any]) -> tuple[ItemWithoutId, ...]:
    """Return what the ERP's list has beside these, without the ids that orders need."""
    return entries.without_id if isinstance(entries, Entries) else ()


class OrderRequestLine(Record):
    """A line of a requested order, with names as the user wrote them."""

    # Here, too: what forbids unknown arguments of a tool says nothing about those of its lines.
    model_config = ConfigDict(frozen=True, extra="forbid")

    item: Annotated[Word, Field(description="Item id, code or name")]
    quantity: Annotated[Quantity, Field(description='More than zero, as text: "1000"')]
    unit_price: Annotated[
        Price | None,
        Field(description='Per unit, as text: "0.45". Left out: the last known price, if the user approves it'),
    ] = None
    warehouse: Annotated[Word | None, Field(description="Warehouse id or name")] = None


class OrderRequest(Record):
    """A requested order, with names as the user wrote them. Without a number, the next free one is used."""

    vendor: str
    lines: tuple[OrderRequestLine, ...]
    number: str | None = None
    expected_on: date | None = None
    note: str | None = None


class DraftLine(Record):
    """A line of an order to be created, with the ERP's ids. `word` and `unit` are the item's, as in `Item`.

    `other_ids` are whatever else surely names the item in an order of the ERP's, and no other item.
    """

    item: str
    quantity: Decimal
    unit_price: Decimal
    warehouse: str | None = None
    word: str | None = None
    unit: str | None = None
    other_ids: tuple[str, ...] = ()

    @property
    def item_word(self) -> str:
        """What people call the item."""
        return self.item if self.word is None else self.word


class OrderDraft(Record):
    """An order to be created, with the ERP's ids and a fixed number.

    `reference` identifies the operation that creates it, and is stored with the order where the ERP has a field for it.
    `requested_by` is the name of who asked for it, "" where nobody signs in: where all write with the ERP credentials
    of the server, the ERP itself shows one author, and the note names the buyer.
    """

    number: str
    vendor: Vendor
    lines: tuple[DraftLine, ...]
    expected_on: date | None = None
    note: str | None = None
    reference: str | None = None
    requested_by: str = ""

    @property
    def buyer(self) -> str:
        """Who asked for it, as it can stand in a note: the name comes from a token. "" where nobody signs in."""
        return visible(self.requested_by, _MAX_BUYER_CHARS)

    @property
    def total(self) -> Decimal:
        """Quantity times price, added up exactly."""
        return total_of(EXACT.multiply(line.quantity, line.unit_price) for line in self.lines)


class OrderQuery(Record):
    """A query for orders, with inclusive dates. No further page is read once `max_orders` orders were read."""

    status: Status | None = None
    ordered_from: date | None = None
    ordered_to: date | None = None
    max_orders: int | None = None


class OrderScan(Record):
    """The orders of a query, unsorted and each once, and how much of the ERP's list was read.

    Args:
        orders: the orders that match.
        read: orders of the list that were read.
        total: orders of the list, None where the ERP does not count them.
        complete: the list did not move, was not cut, and had no unreadable rows.
        is_cut: the list is longer than is read.
        moved: the list changed while it was read.
        cut_by: a sentence on the ERP's answer in the place of the rest; "" where there was none.
        unreadable: rows that could not be read; they are in no other number.
        unreadable_numbers: the numbers of those, as far as they say it.
        unknown: orders that would match, but for a status that is not known here; they are not in `orders`.
        undated: orders that would match, but that have no order date, where a range of dates is asked for.
    """

    orders: tuple[PurchaseOrder, ...]
    read: int
    total: int | None = None
    complete: bool = True
    is_cut: bool = False
    moved: bool = False
    cut_by: str = ""
    unreadable: int = 0
    unreadable_numbers: tuple[NumberText, ...] = ()
    unknown: tuple[PurchaseOrder, ...] = ()
    undated: tuple[PurchaseOrder, ...] = ()


class Finalized(Record):
    """The result of a finalize. `tells_backorder`: the ERP says whether it created a backorder."""

    status_text: Text
    backorder_number: Text | None = None
    tells_backorder: bool = True


class Snapshot(Record):
    """The data that a guarded write is approved on, read at one moment.

    `erp_id` and `version` are the ERP's own, where it has them: they distinguish an order from a later one with the
    same number. `tax` is how much of the order's total is tax, where the ERP tells it. `blockers` are what forbids the
    write, each a clause that ends "Order 7 cannot be deleted: ...", such as "item receipt IR-1 uses it".
    """

    order: PurchaseOrder
    erp_id: str | None = None
    version: str | None = None
    tax: Money | None = None
    blockers: tuple[Text, ...] = ()


CANCELLABLE_STATUSES: frozenset[Status] = frozenset({"draft", "open", "partial"})
"""The statuses of orders that can be cancelled."""
