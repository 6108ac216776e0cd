"""Inventory Pro's JSON, as it documents it (https://cissltd.com/docs/api/purchase-orders/).

Fields that are not known are passed over, and a field may be null. A number is a JSON number that
was read exactly; anything else in its place does not fit.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Generic, TypeVar

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
)
from pydantic.alias_generators import to_camel

from po_mcp.connectors import theirs

T = TypeVar("T")


def _number(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("not an exact number")
    return Decimal(value)


def _moment(value: object) -> datetime | None:
    """Read `2025-05-15T00:00:00Z`; vendor rows leave out the zone, which is then UTC."""
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise ValueError("not a date-time")
    moment = datetime.fromisoformat(value)
    if moment.year == 1:  # .NET's DateTime.MinValue: no date was set
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


Number = Annotated[Decimal, BeforeValidator(_number)]
Moment = Annotated[datetime | None, BeforeValidator(_moment)]


class Theirs(theirs.Theirs):
    """A piece of Inventory Pro's JSON, which is in camelCase."""

    model_config = ConfigDict(alias_generator=to_camel)

    erp = "Inventory Pro"


class Token(theirs.Token):
    """https://cissltd.com/docs/api/authentication/; a lifetime of 4 hours is usual."""

    erp = "Inventory Pro"
    expires_in: Annotated[Number | None, Field(gt=0)] = None


class Header(Theirs):
    """An order as the list shows it."""

    po_no: Annotated[StrictStr, Field(min_length=1)]
    vendor: StrictStr | None = None
    order_date: Moment = None
    expected_date: Moment = None
    status: StrictStr | None = None
    total_lines: StrictInt | None = None
    total_value: Number | None = None


class Line(Theirs):
    """A line of an order; `units` is what was ordered."""

    line_no: StrictInt | None = None
    short_id: Annotated[StrictStr, Field(alias="shortID")]
    description: StrictStr | None = None
    units: Number
    units_received: Number | None = None
    unit_price: Number | None = None
    warehouse: StrictInt | None = None
    warehouse_name: StrictStr | None = None


class Order(Header):
    """An order in full."""

    lines: tuple[Line, ...]


class Created(Header):
    """A new order; the page shows it without lines."""

    lines: tuple[Line, ...] | None = None


class Finalized(Theirs):
    """What a finalize answers. Whether the number is absent or null without a backorder is not documented."""

    po_no: StrictStr
    status: StrictStr
    backorder_created: StrictBool | None = None
    backorder_po_no: StrictStr | None = None


class Vendor(Theirs):
    """A row of /Vendor/All. `vendorID` is what a new order needs; no page documents that rows carry it."""

    short_id: Annotated[StrictStr | None, Field(alias="shortID")] = None
    vendor_id: Annotated[StrictInt | None, Field(alias="vendorID")] = None
    name: StrictStr | None = None
    active: StrictBool | None = None


class Item(Theirs):
    """A row of /Item, which lists what is active (https://cissltd.com/docs/api/items/)."""

    short_id: Annotated[StrictStr | None, Field(alias="shortID")] = None
    part_no: StrictInt | None = None
    description: StrictStr | None = None
    unit: Annotated[StrictStr | None, Field(alias="uOM")] = None
    discontinued: StrictBool | None = None


class Location(Theirs):
    """A storage place in a warehouse (https://cissltd.com/docs/api/locations/)."""

    spot: StrictStr | None = None
    warehouse_id: Annotated[StrictInt, Field(alias="warehouseID")]
    warehouse_name: StrictStr | None = None


class Page(Theirs, Generic[T]):
    """A page of a list (https://cissltd.com/docs/api/pagination/); `page` counts from 1."""

    value: tuple[T, ...]
    total_count: Annotated[StrictInt, Field(ge=0)]
    page: StrictInt
    page_size: StrictInt
    has_more: StrictBool
