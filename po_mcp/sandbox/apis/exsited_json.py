"""The book's records as Exsited's JSON, developer.exsited.com.

Decimals are texts with 6 decimals, booleans are "true" and "false", and what is not set is "".
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from po_mcp.sandbox import exact
from po_mcp.sandbox.records import Invoice, Item, Line, Order, Receipt, ReceivedLine, Status, Vendor, Warehouse

ZERO = "0.000000"
AUTHOR = "Sandbox"

_STATUS = {Status.CANCELLED: "INACTIVE", Status.DELETED: "DELETED"}


def status(order: Order) -> str:
    """Tell the order's status: how much has arrived does not show in it."""
    return _STATUS.get(order.status, "ACTIVE")


def order(record: Order) -> dict[str, Any]:
    """Write a whole order: header, lines and key figures."""
    return {**order_information(record), "lines": lines(record), "kpis": _kpis(record)}


def order_information(record: Order) -> dict[str, Any]:
    """Write an order's header."""
    return {
        "status": status(record),
        "id": record.number,
        "currency": currency(record.currency),
        "supplier_invoice_id": record.supplier_invoice,
        "sale_order_id": "",
        "issue_date": _date(record.ordered_at),
        "due_date": _date(record.due_at),
        "expected_completion_date": _date(record.expected_at),
        "subtotal": exact.format_fixed(record.total),
        "tax": ZERO,
        "total": exact.format_fixed(record.total),
        "price_tax_inclusive": _flag(record.tax_inclusive),
        "purchase_order_note": record.note,
        "account_id": record.vendor.account,
        "created_by": AUTHOR,
        "created_on": _date(record.created_at),
        "last_updated_by": AUTHOR,
        "last_updated_on": _date(record.modified_at),
        "uuid": record.uuid,
        "version": record.version,
        "custom_attributes": [],
        "custom_objects": [],
    }


def lines(record: Order) -> list[dict[str, Any]]:
    """Write an order's lines; what has arrived is only in the item receipts."""
    return [_line(record, line) for line in record.lines]


def receipt(record: Receipt) -> dict[str, Any]:
    """Write an item receipt."""
    return {
        "id": record.id,
        "uuid": record.uuid,
        "date": _date(record.received_at),
        "receipt_status": "COMPLETED",
        "note": "",
        "receipts": [_receipt_line(line) for line in record.lines],
    }


def invoice(record: Order, billed: Invoice) -> dict[str, Any]:
    """Write a purchase invoice of an order."""
    return {
        "status": "ACTIVE",
        "id": billed.id,
        "uuid": billed.uuid,
        "purchase_order_id": record.number,
        "account_id": record.vendor.account,
        "currency": currency(record.currency),
        "issue_date": _date(billed.issued_at),
        "due_date": _date(billed.due_at),
        "subtotal": exact.format_fixed(billed.total),
        "tax": ZERO,
        "total": exact.format_fixed(billed.total),
    }


def account(vendor: Vendor) -> dict[str, Any]:
    """Write a supplier's account."""
    return {
        "status": _activity(vendor.active),
        "id": vendor.account,
        "name": vendor.name,
        "display_name": vendor.name,
        "type": "SUPPLIER",
        "email_address": vendor.email,
        "currency": currency(vendor.currency),
        "uuid": vendor.uuid,
        "created_on": _date(vendor.created_at),
        "last_updated_on": _date(vendor.modified_at),
    }


def item(record: Item) -> dict[str, Any]:
    """Write an item; its name is what Inventory Pro calls its description."""
    return {
        "status": _activity(record.active),
        "id": record.code,
        "name": record.description,
        "display_name": record.short_id,
        "description": record.description,
        "type": "PRODUCT",
        "origin": "SANDBOX",
        "uuid": record.uuid,
        "created_on": _date(record.created_at),
        "last_updated_on": _date(record.modified_at),
    }


def warehouse(record: Warehouse) -> dict[str, Any]:
    """Write a warehouse."""
    return {"uuid": record.uuid, "name": record.name, "default": _flag(record.id == 1)}


def currency(code: str) -> dict[str, Any]:
    """Write a currency; its `name` is the ISO 4217 code."""
    uuid = str(uuid5(NAMESPACE_URL, f"po-mcp:sandbox/currency/{code}"))
    return {"uuid": uuid, "name": code, "link": f"/settings/currencies/{uuid}"}


def pagination(url: Any, count: int, limit: int, offset: int) -> dict[str, Any]:
    """Write where in a list we are; the ends are "" before it and the text "NULL" after it."""

    def link(to: int) -> str:
        return str(url.include_query_params(limit=limit, offset=to))

    return {
        "records": count,
        "limit": limit,
        "offset": offset,
        "previous_page": link(max(0, offset - limit)) if offset else "",
        "next_page": link(offset + limit) if offset + limit < count else "NULL",
    }


def errors(code: int, messages: Sequence[str]) -> dict[str, Any]:
    """Write a refusal."""
    return {"errors": [{"code": code, "message": message} for message in messages]}


def _line(record: Order, line: Line) -> dict[str, Any]:
    return {
        "uuid": line.uuid,
        "version": record.version,
        "item_uuid": line.item.uuid,
        "item_id": line.item.code,
        "item_name": line.item.description,
        "item_quantity": exact.format_fixed(line.quantity),
        "item_order_quantity": exact.format_fixed(line.quantity),
        "subtotal": exact.format_fixed(line.total),
        "tax": ZERO,
        "total": exact.format_fixed(line.total),
        "item_price_snapshot": {"pricing_rule": _pricing_rule(line)},
        "item_price_tax_exempt": "true",
        "purchase_order_note": "",
        "item_serial_or_batch_number": "",
    }


def _pricing_rule(line: Line) -> dict[str, Any]:
    return {
        "price_type": "INCREMENTAL_PER_UNIT_PRICING",
        "price": exact.format_fixed(line.price),
        "uom": line.item.unit,
        "warehouse": line.warehouse.name,
    }


def _receipt_line(arrived: ReceivedLine) -> dict[str, Any]:
    return {
        "line_uuid": arrived.line.uuid,
        "item_id": arrived.line.item.code,
        "uom": arrived.line.item.unit,
        "warehouse": arrived.line.warehouse.name,
        "receipt_quantity": exact.format_fixed(arrived.quantity),
        "receipt_left": exact.format_fixed(arrived.left),
    }


def _kpis(record: Order) -> dict[str, Any]:
    billed = exact.add_up(invoice.total for invoice in record.invoices)
    last = record.invoices[-1] if record.invoices else None
    return {
        "total_expense": exact.format_fixed(billed),
        "estimated_total": exact.format_fixed(record.total),
        "total_outstanding": exact.format_fixed(billed),
        "total_overdue": ZERO,
        "last_invoice_issue_date": _date(last.issued_at) if last else "",
        "last_invoice_total": exact.format_fixed(last.total) if last else ZERO,
        "total_purchase_invoice": len(record.invoices),
        "last_reactivated_on": _date(record.reactivated_at),
        # The vendor's spelling.
        "last_calcelled_on": _date(record.cancelled_at),
        "last_changed_on": _date(record.modified_at),
        "last_deleted_on": _date(record.modified_at) if record.status is Status.DELETED else "",
        "issue_date": _date(record.ordered_at),
    }


def _date(at: datetime | None) -> str:
    return exact.format_instant(at) if at else ""


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _activity(active: bool) -> str:
    return "ACTIVE" if active else "INACTIVE"
