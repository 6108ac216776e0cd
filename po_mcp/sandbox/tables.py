"""The tables of the book inside one transaction: rows in, records out. No rules here."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from po_mcp.sandbox import exact
from po_mcp.sandbox.query import ITEMS, ORDERS, SPOTS, VENDORS, Query, QueryResult, Source
from po_mcp.sandbox.records import Invoice, Item, Line, Order, Receipt, ReceivedLine, Spot, Status, Vendor, Warehouse

Row = Mapping[str, Any]

_NOT_IN_HEADER = ("vendor", "version", "line_count", "lines", "receipts", "invoices")

_SELECT_RECEIPT_LINES = """
    SELECT line_uuid, receipt_lines.quantity
    FROM receipt_lines JOIN lines ON lines.uuid = line_uuid
    WHERE receipt_id = ? ORDER BY lines.number
"""


class Tables:
    """Reads and writes records; only `Storage` makes one, for the length of a transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Work on a connection that is in a transaction."""
        self._connection = connection

    # Looking up: None where there is no such record.

    def vendor(self, key: str, value: Any) -> Vendor | None:
        """Find a vendor by `id`, `account` or `short_id`."""
        row = self._one("vendors", key, value)
        return _vendor(row) if row else None

    def item(self, key: str, value: Any) -> Item | None:
        """Find an item by `part_no`, `short_id`, `code` or `uuid`."""
        row = self._one("items", key, value)
        return _item(row) if row else None

    def warehouse(self, key: str, value: Any) -> Warehouse | None:
        """Find a warehouse by `id` or `name`."""
        row = self._one("warehouses", key, value)
        return Warehouse(**row) if row else None

    def order(self, number: str) -> Order | None:
        """Find an order, with its lines, receipts and invoices."""
        row = self._one(ORDERS.table, ORDERS.columns["number"], number, select=ORDERS.select)
        return self._complete(self._header(row, {})) if row else None

    # Listing.

    def vendors(self, query: Query) -> QueryResult[Vendor]:
        """List vendors."""
        rows, count = self._list(VENDORS, query)
        return QueryResult(tuple(map(_vendor, rows)), count)

    def items(self, query: Query) -> QueryResult[Item]:
        """List items."""
        rows, count = self._list(ITEMS, query)
        return QueryResult(tuple(map(_item, rows)), count)

    def spots(self, query: Query) -> QueryResult[Spot]:
        """List storage places."""
        rows, count = self._list(SPOTS, query)
        return QueryResult(tuple(map(self._spot, rows)), count)

    def warehouses(self) -> tuple[Warehouse, ...]:
        """List the warehouses, by id."""
        return tuple(Warehouse(**row) for row in self._rows("SELECT * FROM warehouses ORDER BY id"))

    def orders(self, query: Query, *, complete: bool = False) -> QueryResult[Order]:
        """List order headers; with `complete`, whole orders."""
        rows, count = self._list(ORDERS, query)
        # A list of a thousand orders has a few vendors: each is read once.
        known: dict[int, Vendor] = {}
        orders = (self._header(row, known) for row in rows)
        return QueryResult(tuple(map(self._complete, orders) if complete else orders), count)

    # Writing.

    def insert(self, table: str, **values: Any) -> None:
        """Insert one row; decimals, instants and flags are stored as the schema spells them."""
        # Names of tables and columns are this package's own; what a client sent is always a value.
        columns, marks = ", ".join(values), ", ".join("?" * len(values))
        sql = " ".join(["INSERT INTO", table, "(", columns, ") VALUES (", marks, ")"])
        self._connection.execute(sql, [_to_sql(value) for value in values.values()])

    def insert_order(self, order: Order) -> None:
        """Insert an order under a new version, and its lines; receipts and invoices are inserted apart."""
        values = {name: value for name, value in vars(order).items() if name not in _NOT_IN_HEADER}
        self.insert("orders", vendor_id=order.vendor.id, version=self.next("versions"), **values)
        for line in order.lines:
            self.insert(
                "lines",
                uuid=line.uuid,
                order_uuid=order.uuid,
                number=line.number,
                part_no=line.item.part_no,
                quantity=line.quantity,
                price=line.price,
                warehouse_id=line.warehouse.id,
            )

    def enter_order(self, order: Order) -> Order:
        """Insert an order, and return it as it is stored."""
        self.insert_order(order)
        entered = self.order(order.number)
        assert entered, "the order was inserted"
        return entered

    def update_order(self, order: Order, **values: Any) -> None:
        """Change columns of an order's header, and raise its version."""
        # One counter for all orders: a version is never given twice, also not after a delete.
        values["version"] = self.next("versions")
        columns = ", ".join(f"{name} = ?" for name in values)
        sql = " ".join(["UPDATE orders SET", columns, "WHERE uuid = ?"])
        self._connection.execute(sql, [*map(_to_sql, values.values()), order.uuid])

    def delete_order(self, order: Order) -> None:
        """Remove an order and its lines."""
        # Its lines go by the foreign key; by uuid, since a number may be given out again.
        self._connection.execute("DELETE FROM orders WHERE uuid = ?", [order.uuid])

    def next(self, counter: str) -> int:
        """Give out the next number of a counter, from 1; it is never given out again."""
        # No AUTOINCREMENT: counters are for several tables, and one for each vendor.
        row = self._one("counters", "name", counter)
        value = (row["value"] if row else 0) + 1
        self._connection.execute("INSERT OR REPLACE INTO counters VALUES (?, ?)", [counter, value])
        return value

    # From rows to records.

    def _header(self, row: Row, known: dict[int, Vendor]) -> Order:
        values = dict(row)
        vendor_id = values.pop("vendor_id")
        if vendor_id not in known:
            known[vendor_id] = _vendor(self._find_referenced("vendors", "id", vendor_id))
        values |= {name: _instant(values[name]) for name in values if name.endswith("_at")}
        # Amounts are stored as text: SQLite would make binary floats of them.
        values |= {"status": Status(values["status"]), "total": Decimal(values["total"])}
        values["tax_inclusive"] = bool(values["tax_inclusive"])
        return Order(vendor=known[vendor_id], **values)

    def _complete(self, order: Order) -> Order:
        # What has arrived is added up of the receipts, and stored nowhere: it cannot differ from them.
        lines = {line.uuid: line for line in self._lines(order)}
        receipts = tuple(self._receipts(order, lines))
        received: dict[str, Decimal] = defaultdict(Decimal)
        for arrived in (arrived for receipt in receipts for arrived in receipt.lines):
            received[arrived.line.uuid] += arrived.quantity
        return replace(
            order,
            lines=tuple(replace(line, received=received[line.uuid]) for line in lines.values()),
            receipts=receipts,
            invoices=tuple(map(_invoice, self._of_order("invoices", order, "issued_at, id"))),
        )

    def _lines(self, order: Order) -> Iterable[Line]:
        for row in self._of_order("lines", order, "number"):
            yield Line(
                uuid=row["uuid"],
                number=row["number"],
                item=_item(self._find_referenced("items", "part_no", row["part_no"])),
                quantity=Decimal(row["quantity"]),
                price=Decimal(row["price"]),
                warehouse=Warehouse(**self._find_referenced("warehouses", "id", row["warehouse_id"])),
            )

    def _receipts(self, order: Order, lines: Mapping[str, Line]) -> Iterable[Receipt]:
        # What was left after each arrival, which Exsited's receipts tell of their own time.
        left = {uuid: line.quantity for uuid, line in lines.items()}
        for receipt in self._of_order("receipts", order, "received_at, id"):
            arrived = []
            for row in self._rows(_SELECT_RECEIPT_LINES, [receipt["id"]]):
                uuid, quantity = row["line_uuid"], Decimal(row["quantity"])
                left[uuid] -= quantity
                arrived.append(ReceivedLine(lines[uuid], quantity, left[uuid]))
            at = exact.parse_instant(receipt["received_at"])
            yield Receipt(receipt["id"], receipt["uuid"], at, tuple(arrived))

    def _spot(self, row: Row) -> Spot:
        warehouse = Warehouse(**self._find_referenced("warehouses", "id", row["warehouse_id"]))
        return Spot(row["name"], warehouse, row["description"], bool(row["hold"]), bool(row["active"]))

    def _of_order(self, table: str, order: Order, by: str) -> list[Row]:
        sql = " ".join(["SELECT * FROM", table, "WHERE order_uuid = ? ORDER BY", by])
        return self._rows(sql, [order.uuid])

    def _one(self, table: str, key: str, value: Any, select: str = "*") -> Row | None:
        sql = " ".join(["SELECT", select, "FROM", table, "WHERE", key, "= ?"])
        rows = self._rows(sql, [value])
        return rows[0] if rows else None

    def _find_referenced(self, table: str, key: str, value: Any) -> Row:
        row = self._one(table, key, value)
        assert row, "a foreign key vouches for the row"
        return row

    def _list(self, source: Source, query: Query) -> tuple[list[Row], int]:
        count = self._connection.execute(*source.count(query)).fetchone()[0]
        return self._rows(*source.page(query)), count

    def _rows(self, sql: str, values: Iterable[Any] = ()) -> list[Row]:
        return [dict(row) for row in self._connection.execute(sql, tuple(values))]


def _vendor(row: Row) -> Vendor:
    return Vendor(**_catalog(row))


def _item(row: Row) -> Item:
    return Item(**_catalog(row) | {"price": Decimal(row["price"])})


def _catalog(row: Row) -> dict[str, Any]:
    dates = {name: exact.parse_instant(row[name]) for name in ("created_at", "modified_at")}
    return dict(row) | dates | {"active": bool(row["active"])}


def _invoice(row: Row) -> Invoice:
    issued, due = exact.parse_instant(row["issued_at"]), exact.parse_instant(row["due_at"])
    return Invoice(row["id"], row["uuid"], issued, due, Decimal(row["total"]))


def _instant(text: str | None) -> datetime | None:
    return exact.parse_instant(text) if text else None


def _to_sql(value: Any) -> Any:
    if isinstance(value, datetime):
        return exact.format_instant(value)
    if isinstance(value, Enum):
        return value.value
    return f"{value:f}" if isinstance(value, Decimal) else value
