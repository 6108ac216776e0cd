"""The order book: the rules of the trade, over one SQLite file.

An order is open, turns partial when goods arrive, and ends closed (finalized) or cancelled; only
an order that nothing depends on can be deleted. Each rule runs in one transaction, so two
callers who ask the same thing at once cannot both be served.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from po_mcp.sandbox import exact
from po_mcp.sandbox.drafting import build_order, new_line, new_order
from po_mcp.sandbox.habits import Habits
from po_mcp.sandbox.history import History
from po_mcp.sandbox.query import Query, QueryResult
from po_mcp.sandbox.records import (
    LIVE,
    EnterResult,
    FinalizeResult,
    Item,
    Order,
    OrderDraft,
    Spot,
    Status,
    Vendor,
    Warehouse,
)
from po_mcp.sandbox.refusals import Conflict, Invalid, Missing
from po_mcp.sandbox.rules import check_arrival, check_independent, choose_backorder_number
from po_mcp.sandbox.seed import seed
from po_mcp.sandbox.storage import Storage
from po_mcp.sandbox.tables import Tables

INVOICE_TERM = timedelta(days=30)


class Book:
    """Purchase orders, and the vendors, items and warehouses that they name.

        book = Book.open("orders.db")
        book.finalize("PO-2025-0037", create_backorder=True).backorder.number

    Every method may be called from any thread; sqlite3.Error means that the file cannot be used now.
    """

    def __init__(self, storage: Storage, now: Callable[[], datetime], habits: Habits) -> None:
        """Use `Book.open`."""
        self._storage = storage
        self._clock = now
        self.habits = habits
        self._list_lag = max(habits.seconds("late-read"), habits.seconds("stale-list"))
        self._history = History(storage, self._list_lag, now) if self._list_lag else None
        self._first_attempts: dict[str, datetime] = {}

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        orders: int = 0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        made_on: date | None = None,
    ) -> Book:
        """Open the book at `path`, which is made and filled with sample orders if it is new.

        ":memory:" is a book that is gone when it is closed; `now` returns aware instants. A new book
        has at least `orders` open or partial orders: the samples, and made ones before them. Its dates are
        around the day `made_on`, or as the samples have them.

        Raises:
            FileNotFoundError: no such folder.
            ValueError: not a book.
            sqlite3.Error: the file cannot be used.
        """
        storage = Storage(path)
        try:
            storage.prepare(partial(seed, orders=orders, made_on=made_on))
        # A file left open would stay locked for the next try, on Windows at least.
        except BaseException:
            storage.close()
            raise
        return cls(storage, now, Habits())

    def with_habits(self, habits: Habits) -> Book:
        """Return this book with these habits, over the same file; this one goes on telling what is stored.

        Raises:
            ValueError: the file is too old for a habit.
        """
        if "soft-delete" in habits and not self._storage.can_store_deleted():
            raise ValueError("The habit 'soft-delete' needs a new book: this one is of an older version.")
        return Book(self._storage, self._clock, habits)

    def close(self) -> None:
        """Close the file; the book cannot be used again."""
        self._storage.close()

    def now(self) -> datetime:
        """Tell the book's time, in UTC and to the second."""
        # Neither of the documented APIs tells fractions of a second.
        return self._clock().astimezone(UTC).replace(microsecond=0)

    # Reading

    def orders(self, query: Query, *, complete: bool = False) -> QueryResult[Order]:
        """List order headers; with `complete`, whole orders."""
        with self._storage_before(self._list_lag).reading() as tables:
            found = tables.orders(query, complete=complete)
        return QueryResult(tuple(map(self._show, found.records)), found.count)

    def order(self, number: str) -> Order:
        """Read one order, whatever its status, with lines, receipts and invoices.

        Raises:
            Missing: there is no such record.
        """
        with self._storage_before(self.habits.seconds("late-read")).reading() as tables:
            return self._show(self._find_existing(tables, number))

    def vendors(self, query: Query) -> QueryResult[Vendor]:
        """List vendors."""
        with self._storage.reading() as tables:
            return tables.vendors(query)

    def vendor(self, key: str, value: Any) -> Vendor:
        """Read one vendor by `id`, `account` or `short_id`.

        Raises:
            Missing: there is no such record.
        """
        with self._storage.reading() as tables:
            if vendor := tables.vendor(key, value):
                return vendor
        raise Missing(f"There is no vendor {value}.")

    def items(self, query: Query) -> QueryResult[Item]:
        """List items."""
        with self._storage.reading() as tables:
            return tables.items(query)

    def item(self, key: str, value: Any) -> Item:
        """Read one item by `part_no`, `short_id`, `code` or `uuid`.

        Raises:
            Missing: there is no such record.
        """
        with self._storage.reading() as tables:
            if item := tables.item(key, value):
                return item
        raise Missing(f"There is no item {value}.")

    def spots(self, query: Query) -> QueryResult[Spot]:
        """List the storage places of the warehouses."""
        with self._storage.reading() as tables:
            return tables.spots(query)

    def warehouses(self) -> tuple[Warehouse, ...]:
        """List the warehouses."""
        with self._storage.reading() as tables:
            return tables.warehouses()

    # Changing

    def create(self, draft: OrderDraft) -> Order:
        """Enter an order.

        Raises:
            Invalid: the request breaks a rule.
            Conflict: the number is taken.
        """
        return self.enter(draft).order

    def enter(self, draft: OrderDraft) -> EnterResult:
        """Enter an order, and tell whether it is new.

        Raises:
            Invalid: the request breaks a rule.
            Conflict: the number is taken.
        """
        with self._storage.writing() as tables:
            order = build_order(tables, self.habits.change_draft(draft), self.now())
            self._check_hold(order)
            # The habits apply inside the transaction, so two callers cannot both take a number that a habit changes.
            order = self.habits.change_new_order(order, tables)
            existing = tables.order(order.number)
            if existing is None:
                return EnterResult(self._show(tables.enter_order(order)), is_new=True)
            return EnterResult(self._show(self._enter_again(tables, existing, order)), is_new=False)

    def finalize(self, number: str, *, create_backorder: bool) -> FinalizeResult:
        """Close a live order; what has not arrived goes to a backorder, or is given up.

        Without anything outstanding no backorder is made.

        Raises:
            Missing: there is no such record.
            Conflict: the order's state, or another record, forbids it.
        """
        with self._storage.writing() as tables:
            order = self._find_live(tables, number)
            # Closed before the backorder is made, in one transaction: both are there, or neither.
            closed = self._change(tables, order, status=Status.CLOSED)
            wanted = create_backorder and any(line.outstanding > 0 for line in order.lines)
            # A real ERP can close the order and make no backorder; the answer then says so.
            made = wanted and "backorder-not-made" not in self.habits
            return FinalizeResult(self._show(closed), self._show(self._make_backorder(tables, order)) if made else None)

    def delete(self, number: str) -> None:
        """Remove an order for good.

        Raises:
            Missing: there is no such record.
            Conflict: received or invoiced.
        """
        with self._storage.writing() as tables:
            order = self._find_unlocked(tables, number)
            # Only the habit `soft-delete` stores this status; without it a deleted order has no row.
            if order.status is Status.DELETED:
                raise Missing(f"There is no purchase order {number}.")
            check_independent(order)
            if "soft-delete" in self.habits:
                self._change(tables, order, status=Status.DELETED)
            else:
                tables.delete_order(order)

    def cancel(self, number: str) -> Order:
        """Call off a live order; `reactivate` undoes it.

        Raises:
            Missing: there is no such record.
            Conflict: the order's state, or another record, forbids it.
        """
        with self._storage.writing() as tables:
            order = self._find_live(tables, number)
            return self._show(self._change(tables, order, status=Status.CANCELLED, cancelled_at=self.now()))

    def reactivate(self, number: str) -> Order:
        """Make a cancelled order live again.

        Raises:
            Missing: there is no such record.
            Conflict: the order's state, or another record, forbids it.
        """
        with self._storage.writing() as tables:
            order = self._find_unlocked(tables, number)
            if order.status is not Status.CANCELLED:
                raise Conflict(f"Purchase order {number} is not cancelled.")
            # The status before the cancellation is not stored; receipts tell it.
            status = Status.PARTIAL if order.receipts else Status.OPEN
            return self._show(self._change(tables, order, status=status, reactivated_at=self.now()))

    def revise(self, number: str, **header: Any) -> Order:
        """Change header fields of a live order: `note`, `supplier_invoice`, or a date.

        The dates are `ordered_at`, `expected_at` and `due_at`.

        Raises:
            Missing: there is no such record.
            Conflict: the order's state, or another record, forbids it.
        """
        with self._storage.writing() as tables:
            return self._show(self._change(tables, self._find_live(tables, number), **header))

    def receive(self, number: str, quantities: Mapping[int, Decimal]) -> Order:
        """Record an arrival, as line number -> units.

        Raises:
            Missing: there is no such record.
            Conflict: the order's state, or another record, forbids it.
            Invalid: the request breaks a rule.
        """
        with self._storage.writing() as tables:
            order = self._find_live(tables, number)
            check_arrival(order, quantities)
            receipt = f"IR-{tables.next('receipts'):08d}"
            at = self.now()
            tables.insert("receipts", id=receipt, uuid=str(uuid4()), order_uuid=order.uuid, received_at=at)
            uuids = {line.number: line.uuid for line in order.lines}
            for line, units in quantities.items():
                arrived = exact.normalize_quantity(units)
                tables.insert("receipt_lines", receipt_id=receipt, line_uuid=uuids[line], quantity=arrived)
            # Also where all has arrived: an order is closed by a person, never by its last receipt.
            return self._change(tables, order, status=Status.PARTIAL)

    def enter_vendor(self, vendor_id: int, short_id: str, name: str) -> Vendor:
        """Enter a vendor.

        Raises:
            Conflict: the id or the short id is taken.
        """
        with self._storage.writing() as tables:
            if tables.vendor("id", vendor_id) or tables.vendor("short_id", short_id):
                # Exsited finds a vendor by either, so neither may lead to two.
                raise Conflict("There is such a vendor already.")
            unset = dict.fromkeys(
                ("address1", "address2", "city", "state", "zip", "country", "phone", "fax", "email", "contact"), ""
            )
            names = {"id": vendor_id, "uuid": str(uuid4()), "account": f"V{vendor_id:05d}", "short_id": short_id}
            now = self.now()
            tables.insert(
                "vendors", **names, **unset, name=name, currency="USD", active=True, created_at=now, modified_at=now
            )
        return self.vendor("id", vendor_id)

    def invoice(self, number: str) -> Order:
        """Record the vendor's invoice over the order's total.

        Raises:
            Missing: there is no such record.
            Conflict: the order's state, or another record, forbids it.
        """
        with self._storage.writing() as tables:
            order = self._find_live(tables, number)
            tables.insert(
                "invoices",
                id=f"PI-{order.vendor.account}-{tables.next('invoices'):04d}",
                uuid=str(uuid4()),
                order_uuid=order.uuid,
                issued_at=self.now(),
                due_at=self.now() + INVOICE_TERM,
                # The whole order: neither API documents rules for partial invoices.
                total=order.total,
            )
            return self._change(tables, order)

    def _storage_before(self, lag: timedelta) -> Storage:
        return self._history.state_before(lag) if self._history and lag else self._storage

    def _show(self, order: Order) -> Order:
        return self.habits.change_shown_order(order, self.now())

    def _find_existing(self, tables: Tables, number: str) -> Order:
        order = tables.order(number)
        # Stored numbers are in capitals under this habit, and older orders keep their spelling.
        if order is None and "upper-numbers" in self.habits:
            order = tables.order(number.upper())
        if order is None:
            raise Missing(f"There is no purchase order {number}.")
        return order

    def _find_unlocked(self, tables: Tables, number: str) -> Order:
        order = self._find_existing(tables, number)
        if "locks" in self.habits:
            self._check_lock(order)
        return order

    def _check_lock(self, order: Order) -> None:
        now = self._clock()
        # By the order's uuid: its number may be taken by another order once this one is deleted.
        if now < self._first_attempts.setdefault(order.uuid, now) + self.habits.seconds("locks"):
            raise Conflict(f"Purchase order {order.number} is locked by another user.")

    def _find_live(self, tables: Tables, number: str) -> Order:
        order = self._find_unlocked(tables, number)
        if order.status not in LIVE:
            raise Conflict(f"Purchase order {number} is {order.status}.")
        return order

    def _check_hold(self, order: Order) -> None:
        if self.habits.value("holds-vendor") == str(order.vendor.id):
            raise Conflict(f"Vendor {order.vendor.name} is on hold.")

    def _enter_again(self, tables: Tables, existing: Order, order: Order) -> Order:
        """Do with an order whose number is taken what this ERP does.

        Raises:
            Conflict: the order's state, or another record, forbids it.
            Invalid: the request breaks a rule.
        """
        if "upserts" in self.habits:
            return existing
        if "conflict-as-400" in self.habits:
            raise Invalid({"number": ["already exists"]})
        if "overwrites" not in self.habits:
            raise Conflict(f"Purchase order {order.number} already exists.")
        # An order with receipts or invoices is not overwritten: they would refer to nothing.
        check_independent(existing)
        tables.delete_order(existing)
        return tables.enter_order(order)

    def _change(self, tables: Tables, order: Order, **values: Any) -> Order:
        tables.update_order(order, modified_at=self.now(), **values)
        return self._find_existing(tables, order.number)

    def _make_backorder(self, tables: Tables, order: Order) -> Order:
        short = [line for line in order.lines if line.outstanding > 0]
        lines = [
            new_line(number, line.item, line.outstanding, line.price, line.warehouse)
            for number, line in enumerate(short, start=1)
        ]
        number = choose_backorder_number(tables, order.number)
        return tables.enter_order(new_order(number, order.vendor, order.currency, lines, self.now()))
