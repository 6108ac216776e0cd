"""The orders of a new book, from the files in data/.

PO-2025-0042 and PO-2025-0041 are the samples of cissltd.com/docs/api/purchase-orders, including a
header total that is not the sum of its lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from importlib.resources import files
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from po_mcp.sandbox import exact
from po_mcp.sandbox.apis.exact_json import read_json
from po_mcp.sandbox.drafting import new_line, new_order
from po_mcp.sandbox.generated_orders import generate_orders
from po_mcp.sandbox.query import Query
from po_mcp.sandbox.records import LIVE, Item, Line, Order, Status, Vendor, Warehouse
from po_mcp.sandbox.tables import Tables

Entry = Mapping[str, Any]
SAMPLES_DAY = date(2025, 5, 21)
"""The day on which the samples are a book of today."""
_DATES = frozenset({"ordered", "expected", "received", "issued"})


@dataclass(frozen=True)
class Catalog:
    """What an order may name: vendors and warehouses by id, items by short id."""

    vendors: Mapping[int, Vendor]
    items: Mapping[str, Item]
    warehouses: Mapping[int, Warehouse]


def seed(tables: Tables, orders: int = 0, made_on: date | None = None) -> None:
    """Fill empty tables with the sample vendors, items, warehouses and orders.

    Where the samples have fewer than `orders` open or partial orders, made ones follow. With `made_on` all dates lie
    around that day as they do around `SAMPLES_DAY`; numbers, vendors and lines stay as they are.
    """
    days = 0 if made_on is None else (made_on - SAMPLES_DAY).days
    _insert_catalog(tables)
    catalog, samples = _catalog(tables), _read_entries("orders")
    live = sum(Status(entry["status"]) in LIVE for entry in samples)
    for entry in (*samples, *_generate(orders - live, catalog)):
        _insert_order(tables, _move_dates(entry, timedelta(days)) if days else entry, catalog)


def _move_dates(value: Any, by: timedelta) -> Any:
    """Return an entry with its dates moved."""
    if isinstance(value, Mapping):
        return {
            name: _move_date(inner, by)
            if name in _DATES and isinstance(inner, str) and inner
            else _move_dates(inner, by)
            for name, inner in value.items()
        }
    return [_move_dates(inner, by) for inner in value] if isinstance(value, list | tuple) else value


def _move_date(text: str, by: timedelta) -> str:
    return exact.format_instant(exact.parse_instant(text) + by)


def _generate(count: int, catalog: Catalog) -> Iterator[Entry]:
    vendors = [vendor.id for vendor in catalog.vendors.values() if vendor.active]
    items = [item for item in catalog.items.values() if item.active]
    return generate_orders(count, vendors, items, list(catalog.warehouses))


def _insert_catalog(tables: Tables) -> None:
    for vendor in _read_entries("vendors"):
        tables.insert("vendors", uuid=_derive_uuid("vendor", vendor["id"]), **vendor)
    for item in _read_entries("items"):
        tables.insert("items", uuid=_derive_uuid("item", item["code"]), **item)
    for warehouse in _read_entries("warehouses"):
        identity = warehouse["id"]
        tables.insert("warehouses", id=identity, name=warehouse["name"], uuid=_derive_uuid("warehouse", identity))
        for spot in warehouse["spots"]:
            tables.insert("spots", warehouse_id=identity, **spot)


def _catalog(tables: Tables) -> Catalog:
    # A query always has a limit; this one is far above what the samples hold.
    everything = Query(limit=1000)
    return Catalog(
        vendors={vendor.id: vendor for vendor in tables.vendors(everything).records},
        items={item.short_id: item for item in tables.items(everything).records},
        warehouses={warehouse.id: warehouse for warehouse in tables.warehouses()},
    )


def _insert_order(tables: Tables, entry: Entry, catalog: Catalog) -> None:
    order = _order(entry, catalog)
    tables.insert_order(order)
    for receipt in entry.get("receipts", ()):
        _insert_receipt(tables, order, receipt)
    for invoice in entry.get("invoices", ()):
        _insert_invoice(tables, order, invoice)


def _order(entry: Entry, catalog: Catalog) -> Order:
    vendor = catalog.vendors[entry["vendor"]]
    lines = list(_lines(entry, catalog))
    order = new_order(entry["number"], vendor, vendor.currency, lines, exact.parse_instant(entry["ordered"]))
    return replace(
        order,
        uuid=_derive_uuid("order", order.number),
        status=Status(entry["status"]),
        # A sample may bring a total that is not the sum of its lines, as on the vendor's page.
        total=Decimal(entry["total"]) if "total" in entry else order.total,
        modified_at=_last_event(entry),
        expected_at=exact.parse_instant(entry["expected"]) if entry["expected"] else None,
        note=entry.get("note", ""),
    )


def _lines(entry: Entry, catalog: Catalog) -> Iterator[Line]:
    for number, line in enumerate(entry["lines"], start=1):
        item, warehouse = catalog.items[line["item"]], catalog.warehouses[line["warehouse"]]
        opened = new_line(number, item, Decimal(line["quantity"]), Decimal(line["price"]), warehouse)
        yield replace(opened, uuid=_derive_uuid("line", f"{entry['number']}/{number}"))


def _last_event(entry: Entry) -> datetime:
    events = [entry["ordered"]]
    events += [receipt["received"] for receipt in entry.get("receipts", ())]
    events += [invoice["issued"] for invoice in entry.get("invoices", ())]
    # Instants in ISO 8601, all in UTC, are in the order of their texts.
    return exact.parse_instant(max(events))


def _insert_receipt(tables: Tables, order: Order, receipt: Entry) -> None:
    identity = f"IR-{tables.next('receipts'):08d}"
    tables.insert(
        "receipts",
        id=identity,
        uuid=_derive_uuid("receipt", identity),
        order_uuid=order.uuid,
        received_at=exact.parse_instant(receipt["received"]),
    )
    for number, units in receipt["quantities"].items():
        line = order.lines[int(number) - 1]
        tables.insert("receipt_lines", receipt_id=identity, line_uuid=line.uuid, quantity=units)


def _insert_invoice(tables: Tables, order: Order, invoice: Entry) -> None:
    identity = f"PI-{order.vendor.account}-{tables.next('invoices'):04d}"
    tables.insert(
        "invoices",
        id=identity,
        uuid=_derive_uuid("invoice", identity),
        order_uuid=order.uuid,
        issued_at=exact.parse_instant(invoice["issued"]),
        due_at=exact.parse_instant(invoice["due"]),
        total=invoice["total"],
    )


def _derive_uuid(kind: str, name: object) -> str:
    # Derived, not random: every new book names its sample records alike.
    return str(uuid5(NAMESPACE_URL, f"po-mcp:sandbox/{kind}/{name}"))


def _read_entries(name: str) -> list[dict[str, Any]]:
    text = files(__package__).joinpath("data", f"{name}.json").read_text(encoding="utf-8")
    entries: list[dict[str, Any]] = read_json(text)
    return entries
