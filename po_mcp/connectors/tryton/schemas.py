"""Tryton's JSON: the records that are read, and the fields that are asked for.

What a field that names another record holds stands under the field's name and a dot: `"party.": {"id": 2}`
(https://docs.tryton.org/latest/server/ref/models.html, ModelStorage.read). Fields that are not known are passed over.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, Generic, Self, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from po_mcp.connectors import schema_base
from po_mcp.connectors.tryton.values import Amount, Day, Flag, Many, Moment, Quantity, Word
from po_mcp.errors import BadAnswer, SignInFailed

T = TypeVar("T", bound="ErpModel")

ERP_NAME = "Tryton"

ROW_FIELDS = (
    *("number", "reference", "state", "shipment_state", "invoice_state", "purchase_date", "delivery_date"),
    *("party.rec_name", "currency.code", "total_amount", "lines.type", "lines.delivery_date"),
)
"""Of an order in a list."""
ORDER_FIELDS = (
    *ROW_FIELDS,
    *("party.code", "description", "create_date", "_timestamp", "warehouse.name", "tax_amount"),
    *("lines._timestamp", "lines.product.code", "lines.product.name", "lines.product.rec_name", "lines.product.type"),
    *("lines.description", "lines.summary"),
    *("lines.quantity", "lines.unit", "lines.unit.symbol", "lines.unit_price", "lines.amount", "lines.moves_ignored"),
    *("lines.moves.quantity", "lines.moves.unit", "lines.moves.state", "lines.moves._timestamp"),
)
"""Of an order in full."""
COMPANY_FIELDS = ("party", "currency.code")
NAME_FIELDS = ("number", "reference")
PARTY_FIELDS = ("code", "name", "rec_name", "active", "supplier_currency.code")
PRODUCT_FIELDS = (
    *("code", "name", "rec_name", "active", "purchasable", "purchase_price_uom"),
    *("purchase_uom.symbol", "purchase_uom.digits", "default_uom"),
)
WAREHOUSE_FIELDS = ("name", "active")


class ErpModel(schema_base.ErpModel):
    """A piece of Tryton's JSON."""

    erp_name = ERP_NAME


class Identified(ErpModel):
    """A record by its id."""

    # Strict: records are deleted by their ids, and pydantic would take true for 1.
    id: Annotated[int, Field(gt=0, strict=True)]


class Named(Identified):
    """A record that another one names."""

    rec_name: Word = None
    code: Word = None


class Warehouse(Identified):
    """A location of the type `warehouse`."""

    name: Word = None
    active: Flag = True


class Currency(ErpModel):
    """A currency."""

    code: Word = None


class CurrencyRecord(Identified, Currency):
    """A currency with its id."""


class Unit(Identified):
    """A unit of measure; a quantity has at most `digits` decimals."""

    symbol: Word = None
    digits: int | None = None


class Product(Identified):
    """What can be ordered. Its `type` is goods, assets or service."""

    code: Word = None
    name: Word = None
    rec_name: Word = None
    type: Word = None
    active: Flag = True
    purchasable: Flag = False
    price: Annotated[Amount, Field(validation_alias="purchase_price_uom")] = None
    unit: Annotated[Unit | None, Field(validation_alias="purchase_uom.")] = None
    default_unit: Annotated[int | None, Field(validation_alias="default_uom")] = None

    @property
    def word(self) -> str:
        """What people call it: its code, else its name."""
        return self.code or self.name or self.rec_name or str(self.id)

    @property
    def is_priced_as_bought(self) -> bool:
        """Tell whether the price, which is of one default unit, is of the unit that it is bought in."""
        return None in (self.unit, self.default_unit) or (self.unit is not None and self.unit.id == self.default_unit)


class Party(Identified):
    """A customer, a vendor, or anybody else: Tryton does not tell them apart."""

    code: Word = None
    name: Word = None
    rec_name: Word = None
    active: Flag = True
    currency: Annotated[Currency | None, Field(validation_alias="supplier_currency.")] = None

    @property
    def word(self) -> str:
        """What people call it."""
        return self.name or self.rec_name or str(self.id)


class Move(Identified):
    """Goods on their way: what is done was received."""

    quantity: Quantity = None
    unit: int | None = None
    state: Word = None
    stamp: Annotated[Word, Field(validation_alias="_timestamp")] = None


class RowLine(ErpModel):
    """A line as far as a list needs it. Titles, subtotals and comments are lines of other types."""

    type: Word = None
    delivery_date: Day = None


class Line(Identified, RowLine):
    """A line of an order."""

    product: Annotated[Product | None, Field(validation_alias="product.")] = None
    description: Word = None
    summary: Word = None
    quantity: Quantity = None
    unit: int | None = None
    unit_record: Annotated[Unit | None, Field(validation_alias="unit.")] = None
    unit_price: Amount = None
    amount: Amount = None
    moves: Annotated[tuple[Move, ...], Many, Field(validation_alias="moves.")] = ()
    moves_ignored: Annotated[tuple[int, ...], Many] = ()
    stamp: Annotated[Word, Field(validation_alias="_timestamp")] = None


class Names(Identified):
    """What an order goes by."""

    number: Word = None
    reference: Word = None


class OrderedFrom(Identified):
    """Whom an order is from."""

    party: int | None = None


class Row(Names, schema_base.OrderModel):
    """An order as a list shows it."""

    dispensable = {  # noqa: RUF012
        "purchase_date": "order date",
        "delivery_date": "expected date",
        "total_amount": "total",
    }

    @classmethod
    def name_of(cls, body: Any) -> str | None:
        """Return its number, a draft's reference, or its id in brackets."""
        if not isinstance(body, dict):
            return None
        names = (body.get("number"), body.get("reference"))
        return next((name for name in names if isinstance(name, str) and name.strip()), f"({body.get('id')})")

    @classmethod
    def show_value(cls, given: object) -> str:
        """Write what stands in a field; of what JSON lacks, what is marked so."""
        if isinstance(given, dict) and "__class__" in given:
            marked = [value for name, value in given.items() if name != "__class__"]
            return super().show_value(marked[0] if len(marked) == 1 else "-".join(map(str, marked)))
        return super().show_value(given)

    state: Word = None
    shipment_state: Word = None
    invoice_state: Word = None
    purchase_date: Day = None
    delivery_date: Day = None
    party: Annotated[Named | None, Field(validation_alias="party.")] = None
    currency: Annotated[Currency | None, Field(validation_alias="currency.")] = None
    total: Annotated[Amount, Field(validation_alias="total_amount")] = None
    row_lines: Annotated[tuple[RowLine, ...], Many, Field(validation_alias="lines.")] = ()


class Order(Row):
    """An order in full."""

    description: Word = None
    created_at: Annotated[Moment, Field(validation_alias="create_date")] = None
    warehouse: Annotated[Warehouse | None, Field(validation_alias="warehouse.")] = None
    stamp: Annotated[Word, Field(validation_alias="_timestamp")] = None
    tax: Annotated[Amount, Field(validation_alias="tax_amount")] = None
    # Needed: a person would be shown an order without lines, and delete those that are there.
    lines: Annotated[tuple[Line, ...], Field(validation_alias="lines.")]


class Preferences(ErpModel):
    """Of the user; `company` is missing where they have none."""

    company: int | None = None
    companies: tuple[int, ...] | None = None
    company_filter: Word = None
    """"one" where a user of several companies sees one at a time."""


class Company(Identified):
    """A company, and the party that it is."""

    party: int | None = None
    currency: Annotated[Currency | None, Field(validation_alias="currency.")] = None


class Login(ErpModel):
    """Who signed in, and the key of their session."""

    user: int
    session: schema_base.HeaderText

    @classmethod
    def parse_login(cls, result: Any) -> Self:
        """Read what a sign-in answers: the user's id, the key, and more in later versions.

        Raises:
            SignInFailed: it is no session; the cause, which may hold the key, is left out.
        """
        user, session = result[:2] if isinstance(result, list) and len(result) > 1 else (None, None)
        try:
            return cls.parse({"user": user, "session": session})
        except BadAnswer:
            raise SignInFailed(f"{ERP_NAME} answered the sign-in without a session.", effect="nothing_sent") from None


class Access(ErpModel):
    """What the user may do with a model."""

    read: Flag = False
    write: Flag = False
    create: Flag = False
    delete: Flag = False


def parse_records(result: Any, kind: type[T]) -> tuple[T, ...]:
    """Read a list of records.

    Raises:
        BadAnswer: it is none.
    """
    if not isinstance(result, list):
        raise BadAnswer(f"{ERP_NAME}'s answer is not in the documented format.")
    return tuple(kind.parse(row) for row in result)


def parse_orders(result: Any) -> tuple[Order, ...]:
    """Read a list of orders in full.

    Raises:
        UnreadableOrder: a field that is needed of one of them holds what cannot be read.
        BadAnswer: it is no list of orders.
    """
    if not isinstance(result, list):
        raise BadAnswer(f"{ERP_NAME}'s answer is not in the documented format.")
    return tuple(map(Order.parse_order, result))


@dataclass(frozen=True)
class Page(Generic[T]):
    """Records by ascending id: those that can be read, how many cannot, and the id of the last one."""

    rows: tuple[T, ...]
    unreadable: int
    last: int
    unreadable_names: tuple[str, ...] = ()

    @property
    def length(self) -> int:
        """How many records Tryton sent, with those that could not be read."""
        return len(self.rows) + self.unreadable


def parse_page(result: Any, kind: type[T], last: int) -> Page[T]:
    """Read the records after the id `last`.

    Raises:
        BadAnswer: it is no list of records, or not of those after that id.
    """
    records = parse_records(result, Identified)
    found = [last, *(record.id for record in records)]
    if any(later <= earlier for earlier, later in pairwise(found)):
        raise BadAnswer(f"{ERP_NAME} gave another page than was asked for.")
    read, odd = kind.parse_rows(result)
    return Page(read, len(odd), found[-1], kind.name_rows(odd))


def parse_ids(result: Any) -> tuple[int, ...]:
    """Read a list of ids; anything else is `BadAnswer`."""
    try:
        return tuple(TypeAdapter(list[Annotated[int, Field(strict=True)]]).validate_python(result))
    except ValidationError as exc:
        raise BadAnswer(f"{ERP_NAME}'s answer is not in the documented format.") from exc


def parse_ascending_ids(result: Any, last: int) -> tuple[int, ...]:
    """Read the ids after the id `last`; others, or in another order, are `BadAnswer`."""
    found = parse_ids(result)
    if any(later <= earlier for earlier, later in pairwise((last, *found))):
        raise BadAnswer(f"{ERP_NAME} gave other ids than was asked for.")
    return found


def parse_only_id(result: Any) -> int:
    """Read a list of one id; anything else is `BadAnswer`."""
    found = parse_ids(result)
    if len(found) != 1:
        raise BadAnswer(f"{ERP_NAME} tells of {len(found)} records where one was made.")
    return found[0]
