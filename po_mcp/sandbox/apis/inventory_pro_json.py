"""The book's records as Inventory Pro's JSON, cissltd.com/docs/api.

Decimals are JSON numbers; date-times of orders end in Z, those of vendors and items have no zone.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from po_mcp.sandbox.exact import format_instant
from po_mcp.sandbox.query import QueryResult
from po_mcp.sandbox.records import FinalizeResult, Item, Line, Order, Spot, Status, Vendor

STATUS = {
    Status.OPEN: "Open",
    Status.PARTIAL: "Partial",
    Status.CLOSED: "Closed",
    Status.CANCELLED: "Canceled",
    Status.DELETED: "Deleted",
}


def page(rows: list[dict[str, Any]], found: QueryResult[Any], number: int, size: int) -> dict[str, Any]:
    """Wrap one page of a list, cissltd.com/docs/api/pagination."""
    page_count = -(-found.count // size)
    return {
        "value": rows,
        "totalCount": found.count,
        "page": number,
        "pageSize": size,
        "pageCount": page_count,
        "hasMore": number < page_count,
    }


def order_header(order: Order, *, with_creation: bool = False) -> dict[str, Any]:
    """Write an order as a list shows it, cissltd.com/docs/api/purchase-orders.

    `with_creation` adds `created`, which is not documented.
    """
    header = {
        "poNo": order.number,
        "vendor": order.vendor.name,
        "orderDate": format_instant(order.ordered_at),
        "expectedDate": format_instant(order.expected_at) if order.expected_at else None,
        "status": STATUS[order.status],
        "totalLines": order.line_count,
        "totalValue": order.total,
    }
    return header | {"created": format_instant(order.created_at)} if with_creation else header


def lines(order: Order) -> list[dict[str, Any]]:
    """Write an order's lines."""
    return [_line(line) for line in order.lines]


def finalize_result(result: FinalizeResult) -> dict[str, Any]:
    """Write what finalizing did."""
    return {
        "poNo": result.order.number,
        "status": STATUS[result.order.status],
        "backorderCreated": result.backorder is not None,
        "backorderPoNo": result.backorder.number if result.backorder else None,
    }


def vendor(record: Vendor) -> dict[str, Any]:
    """Write a vendor, cissltd.com/docs/api/vendors; `vendorID` is not in that list of fields."""
    return {
        "vendorID": record.id,
        "shortID": record.short_id,
        "name": record.name,
        "address1": record.address1,
        "address2": record.address2,
        "city": record.city,
        "state": record.state,
        "zip": record.zip,
        "country": record.country,
        "phone": record.phone,
        "fax": record.fax,
        "email": record.email,
        "contact": record.contact,
        "active": record.active,
        "created": _without_zone(record.created_at),
        "modified": _without_zone(record.modified_at),
    }


def item(record: Item) -> dict[str, Any]:
    """Write an item, cissltd.com/docs/api/items; it has no price there."""
    return {
        "partNo": record.part_no,
        "shortID": record.short_id,
        "description": record.description,
        "category": record.category,
        "subCategory": record.sub_category,
        "uOM": record.unit,
        "putUp": "",
        "units": 1,
        "dfltOwner": "",
        "created": _without_zone(record.created_at),
        "modified": _without_zone(record.modified_at),
        "discontinued": not record.active,
    }


def location(spot: Spot) -> dict[str, Any]:
    """Write a storage place, cissltd.com/docs/api/locations."""
    return {
        "spot": spot.name,
        "warehouseID": spot.warehouse.id,
        "warehouseName": spot.warehouse.name,
        "description": spot.description,
        "hold": spot.hold,
        "active": spot.active,
    }


def _line(line: Line) -> dict[str, Any]:
    return {
        "lineNo": line.number,
        "shortID": line.item.short_id,
        "description": line.item.description,
        "units": line.quantity,
        "unitsReceived": line.received,
        "unitPrice": line.price,
        "warehouse": line.warehouse.id,
        "warehouseName": line.warehouse.name,
    }


def _without_zone(at: datetime) -> str:
    return format_instant(at).removesuffix("Z")
