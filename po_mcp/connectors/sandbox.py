"""The sandbox: an ERP of our own in this process, used through the connectors of production.

The sandbox serves both vendors' APIs over one order book, and a number names the same order on both. Calls that
Inventory Pro offers go through its connector, deletes and cancels through Exsited's. Inventory Pro's API shows a
cancelled order as "Canceled".
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, tzinfo
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2

from po_mcp.erp import BeforeSend, Capability, Connection, Guarded, OnItems, Progress, send_at_once
from po_mcp.errors import ConfigurationError, PurchaseOrderError
from po_mcp.orders import (
    CANCELLABLE_STATUSES,
    Finalized,
    Item,
    OrderDraft,
    OrderQuery,
    OrderScan,
    PurchaseOrder,
    Snapshot,
    Status,
    Vendor,
    Warehouse,
)

if TYPE_CHECKING:
    from po_mcp.connectors.exsited import Exsited
    from po_mcp.connectors.inventory_pro import InventoryPro
    from po_mcp.sandbox import Book

MEMORY = ":memory:"
_URL = "http://sandbox.invalid"
_CLIENT_ID = "sandbox"
_VENDORS = re.compile(r"(?P<start>^|\. )?\b(?:Inventory Pro|Exsited)\b")


class Sandbox:
    """A connection to the embedded ERP.

    Args:
        path: the file of the book, or `:memory:`. The book is opened by the first call.
        timeout: seconds that one call may take.
        zone: the company's time zone; None for that of this machine.
        around: wraps the transport, for tests that observe or disturb requests.
        habits: ways in which this ERP differs from its documentation, such as `rounds-prices`.
        made_on: the day around which the dates of a new book lie.
    """

    title = "Sandbox"
    notice = "Sandbox: no real orders."
    clock_skew = None
    capabilities: frozenset[Capability] = frozenset(
        {"list", "get", "create", "finalize", "delete", "cancel", "catalog"}
    )
    cancellable_statuses: frozenset[Status] = CANCELLABLE_STATUSES
    listed_statuses: frozenset[Status] = frozenset({"open", "partial"})
    limits = (
        "The sandbox lists only open and partly received orders. It cannot edit lines, receive goods or reactivate a "
        "cancelled order."
    )

    def __init__(
        self,
        path: str | Path = MEMORY,
        *,
        timeout: float = 60.0,
        zone: tzinfo | None = UTC,
        around: Callable[[httpx2.AsyncBaseTransport], httpx2.AsyncBaseTransport] = lambda wire: wire,
        habits: Sequence[str] = (),
        made_on: date | None = None,
    ) -> None:
        # Every process has its own book in memory, so the connection must differ between processes, too.
        place = f"memory {secrets.token_hex(6)}" if str(path) == MEMORY else str(Path(path).absolute())
        self.connection = Connection("sandbox", place)
        # A fresh secret per process: no fixed credential opens the sandbox.
        self._secret = secrets.token_urlsafe(16)
        self._transport = around(_InProcess(path, _CLIENT_ID, self._secret, habits, made_on))
        self._timeout, self._zone = timeout, zone

    # Both clients are imported when they are first used: a process that only lists its tools needs neither.

    @cached_property
    def _orders(self) -> InventoryPro:
        from po_mcp.connectors.inventory_pro import InventoryPro

        return InventoryPro(
            _URL, _CLIENT_ID, self._secret, timeout=self._timeout, zone=self._zone, transport=self._transport
        )

    @cached_property
    def _exsited(self) -> Exsited:
        from po_mcp.connectors.exsited import Exsited

        return Exsited(
            _URL, _CLIENT_ID, self._secret, _URL, timeout=self._timeout, zone=self._zone, transport=self._transport
        )

    def __repr__(self) -> str:
        return f"<Sandbox {self.connection.key}>"

    def check_number(self, number: str) -> str:
        """Return the number if both APIs could hold it."""
        with _own_name():
            return self._exsited.check_number(self._orders.check_number(number))

    def check_draft(self, draft: OrderDraft) -> None:
        """Check the draft by the rules of Inventory Pro."""
        with _own_name():
            self._orders.check_draft(draft)

    async def probe(self) -> None:
        """Open the book and read a page of one order."""
        with _own_name():
            await self._orders.probe()

    async def scan_orders(self, query: OrderQuery, progress: Progress | None = None) -> OrderScan:
        """Return every open and partly received order of the query."""
        with _own_name():
            return await self._orders.scan_orders(query, progress)

    async def get_order(self, number: str, *, in_any_case: bool = False) -> PurchaseOrder:
        """Return one order with its lines."""
        with _own_name():
            return await self._orders.get_order(number, in_any_case=in_any_case)

    async def vendors(self) -> tuple[Vendor, ...]:
        """Return every vendor, each with its id."""
        with _own_name():
            return await self._orders.vendors()

    async def items(self, on_items: OnItems | None = None) -> tuple[Item, ...]:
        """Return every active item."""
        with _own_name():
            return await self._orders.items(on_items)

    async def warehouses(self) -> tuple[Warehouse, ...]:
        """Return every warehouse."""
        with _own_name():
            return await self._orders.warehouses()

    async def read_vendor(self, vendor: Vendor) -> Vendor | None:
        """Return the vendor of this code."""
        with _own_name():
            return await self._orders.read_vendor(vendor)

    async def read_item(self, item: Item) -> Item | None:
        """Return the item of this id."""
        with _own_name():
            return await self._orders.read_item(item)

    async def snapshot(self, number: str, operation: Guarded) -> Snapshot:
        """Read the order through Inventory Pro's API, and its id, version and blockers through Exsited's."""
        with _own_name():
            order = (await self._orders.snapshot(number, "finalize")).order
            # Only Exsited's API documents what forbids a delete, and it alone shows ids and versions.
            if operation == "delete":
                found = await self._exsited.snapshot(number, operation)
                return found.model_copy(update={"order": order})
            erp_id, version = await self._exsited.read_identity(number)
            return Snapshot(order=order, erp_id=erp_id, version=version)

    async def create_order(self, draft: OrderDraft, before_send: BeforeSend = send_at_once) -> PurchaseOrder:
        """Create the order; its answer has no lines."""
        with _own_name():
            return await self._orders.create_order(draft, before_send)

    async def finalize_order(
        self,
        number: str,
        *,
        create_backorder: bool,
        before_send: BeforeSend = send_at_once,
        version: str | None = None,
    ) -> Finalized:
        """Close the order, and carry what is outstanding into a backorder if asked."""
        with _own_name():
            return await self._orders.finalize_order(number, create_backorder=create_backorder, before_send=before_send)

    async def delete_order(
        self, number: str, before_send: BeforeSend = send_at_once, *, version: str | None = None
    ) -> None:
        """Delete the order for good."""
        with _own_name():
            await self._exsited.delete_order(number, before_send)

    async def cancel_order(
        self, number: str, before_send: BeforeSend = send_at_once, *, version: str | None = None
    ) -> None:
        """Cancel the order; the book refuses one that is closed or cancelled already."""
        with _own_name():
            await self._exsited.cancel_order(number, before_send)

    async def aclose(self) -> None:
        """Close the book."""
        for name in ("_orders", "_exsited"):
            if name in vars(self):  # used before; to close it is no reason to make it
                await getattr(self, name).aclose()
        await self._transport.aclose()


@contextmanager
def _own_name() -> Iterator[None]:
    """Name the sandbox in errors that name the ERP whose API it speaks."""
    try:
        yield
    except PurchaseOrderError as exc:
        exc.replace_words(_name_sandbox)
        raise


def _name_sandbox(text: str) -> str:
    return _VENDORS.sub(
        lambda found: f"{found['start'] or ''}{'T' if found['start'] is not None else 't'}he sandbox", text
    )


class _InProcess(httpx2.AsyncBaseTransport):
    """A transport to the sandbox in this process; the first request opens the book."""

    def __init__(
        self,
        path: str | Path,
        client_id: str,
        client_secret: str,
        habits: Sequence[str],
        made_on: date | None = None,
    ) -> None:
        self._path = path
        self._made_on = made_on
        self._habits = habits
        self._credentials = client_id, client_secret
        self._app: httpx2.ASGITransport | None = None
        self._book: Book | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if self._app is None:
            self._app = self._open_app()
        return await self._app.handle_async_request(request)

    async def aclose(self) -> None:
        if self._book is not None:
            self._book.close()

    def _open_app(self) -> httpx2.ASGITransport:
        # Imported late: a process that only lists its tools must not wait for a web framework.
        from po_mcp.sandbox import Book, create_app

        try:
            if str(self._path) != MEMORY:
                Path(self._path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._book = Book.open(self._path, made_on=self._made_on)
        except Exception as exc:  # no folder, no book, a disk that is full: nothing was read or sent yet
            raise ConfigurationError("The sandbox's data cannot be opened. Check PO_MCP_SANDBOX.") from exc
        client_id, client_secret = self._credentials
        app = create_app(self._book, client_id=client_id, client_secret=client_secret, habits=self._habits)
        # As over a socket, a fault of the app is a 500 and no exception in the client.
        return httpx2.ASGITransport(app, raise_app_exceptions=False)
