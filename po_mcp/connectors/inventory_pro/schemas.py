"""Inventory Pro's JSON, as it documents it (https://cissltd.com/docs/api/purchase-orders/).

Unknown fields are ignored, and every field may be null.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, StrictBool, StrictStr
from pydantic.alias_generators import to_camel

from po_mcp.connectors import schema_base
from po_mcp.connectors.values import Count, Flag, Id, Moment, Name, Number, Place, Prose, Word, empty_if_unset


class ErpModel(schema_base.ErpModel):
    """An object in Inventory Pro's JSON, which is in camelCase."""

    model_config = ConfigDict(alias_generator=to_camel)

    erp_name = "Inventory Pro"


class TokenResponse(schema_base.TokenResponse):
    """https://cissltd.com/docs/api/authentication/; a lifetime of 4 hours is usual."""

    erp_name = "Inventory Pro"


class OrderNumber(ErpModel):
    """The number of an order."""

    po_no: Id


class OrderHeader(OrderNumber, schema_base.OrderModel):
    """An order in the list, without its lines."""

    name_key = "poNo"
    dispensable = {  # noqa: RUF012
        "orderDate": "order date",
        "expectedDate": "expected date",
        "totalLines": "number of lines",
        "totalValue": "total",
    }

    vendor: Name = None
    order_date: Moment = None
    expected_date: Moment = None
    status: Word = None
    total_lines: Count = None
    total_value: Number = None


class Line(ErpModel):
    """A line of an order; `units` is what was ordered. A line of text or of freight has no item."""

    line_no: Place = None
    short_id: Annotated[Word, Field(alias="shortID")] = None
    description: Prose = None
    units: Number = None
    units_received: Number = None
    unit_price: Number = None
    warehouse: Word = None
    warehouse_name: Prose = None


class Order(OrderHeader):
    """A whole order. An order without lines may have null, an empty text or no key."""

    lines: Annotated[tuple[Line, ...], BeforeValidator(empty_if_unset)] = ()


class FinalizeResponse(ErpModel):
    """The answer to a finalize. Whether `backorderPoNo` is absent or null without a backorder is not documented."""

    # Strict, since an order is said to be closed on the word of this answer.
    po_no: StrictStr
    status: StrictStr
    backorder_created: StrictBool | None = None
    backorder_po_no: StrictStr | None = None


class Vendor(ErpModel):
    """A row of /Vendor/All. `vendorID` is what a new order needs; no page documents that rows carry it."""

    short_id: Annotated[Word, Field(alias="shortID")] = None
    vendor_id: Annotated[Count, Field(alias="vendorID")] = None
    name: Name = None
    active: Flag = None


class Item(ErpModel):
    """A row of /Item, which lists what is active (https://cissltd.com/docs/api/items/)."""

    short_id: Annotated[Word, Field(alias="shortID")] = None
    part_no: Word = None
    description: Prose = None
    unit: Annotated[Word, Field(alias="uOM")] = None
    discontinued: Flag = None


class Location(ErpModel):
    """A storage place in a warehouse (https://cissltd.com/docs/api/locations/)."""

    spot: Word = None
    warehouse_id: Annotated[Id, Field(alias="warehouseID")]
    warehouse_name: Prose = None
    active: Flag = None


class Page(ErpModel):
    """A page of a list (https://cissltd.com/docs/api/pagination/); `page` counts from 1.

    `page_size` is what was asked for, or the most that the ERP gives.
    """

    value: Annotated[tuple[Any, ...], BeforeValidator(empty_if_unset)]
    total_count: Count = None
    page: Count = None
    page_size: Count = None
    has_more: Flag = None
