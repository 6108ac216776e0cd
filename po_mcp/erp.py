"""The one port: what the desk asks of an ERP, whichever it is."""

from __future__ import annotations

from typing import Literal, Protocol

from po_mcp.orders import (
    Finalized,
    Item,
    OrderDraft,
    OrderPage,
    OrderQuery,
    OrderScan,
    Progress,
    PurchaseOrder,
    Snapshot,
    Status,
    Vendor,
    Warehouse,
)

Operation = Literal["list", "get", "create", "finalize", "delete", "cancel", "catalog"]
"""What an ERP may offer. A tool whose operation is not offered is not listed."""

Guarded = Literal["finalize", "delete", "cancel"]
"""What needs a person's yes."""


class ERP(Protocol):
    """A connection to one ERP.

    Reads may be repeated and raise errors.ERPError. A write is sent at most once; it raises
    `Unreachable` only where nothing was sent, `Refused` (or `NotPermitted`, `OrderNotFound`) where
    the ERP said no, and `OutcomeUnknown` for every doubt. An operation that is not in `operations`
    raises `NotOffered`.
    """

    @property
    def title(self) -> str:
        """The ERP's name for people, such as "Inventory Pro"."""

    @property
    def connection(self) -> str:
        """Tells this connection from every other: part of an operation's identity."""

    @property
    def operations(self) -> frozenset[Operation]:
        """What this ERP offers."""

    @property
    def listed(self) -> frozenset[Status]:
        """The statuses of the orders that `list_orders` returns where it is asked for none."""

    @property
    def limits(self) -> str:
        """One sentence on what this ERP cannot do, for the assistant; may be empty."""

    @property
    def notice(self) -> str:
        """What stands before every question and outcome; empty for a real ERP."""

    @property
    def clock_skew(self) -> float | None:
        """Seconds by which the ERP's clock was ahead at its last answer; None where it did not tell."""

    def valid_number(self, number: str) -> str:
        """Return the number if this ERP could hold it and a path can carry it; else `InvalidInput`."""

    def check(self, draft: OrderDraft) -> None:
        """Raise `InvalidInput` for what this ERP needs and is missing, or cannot store."""

    async def list_orders(self, limit: int = 25, offset: int = 0) -> OrderPage:
        """Return one page of orders, without their lines; `offset` is a multiple of `limit`, which is at most 50."""

    async def scan_orders(self, query: OrderQuery, progress: Progress | None = None) -> OrderScan:
        """Return every order of the query, without lines; `InvalidInput` for a status that this ERP does not tell."""

    async def get_order(self, number: str) -> PurchaseOrder:
        """Return one order with its lines."""

    async def vendors(self) -> tuple[Vendor, ...]:
        """Return every vendor, with ids as far as they are known."""

    async def items(self) -> tuple[Item, ...]:
        """Return every item that can be ordered."""

    async def warehouses(self) -> tuple[Warehouse, ...]:
        """Return every warehouse."""

    async def snapshot(self, number: str, operation: Guarded) -> Snapshot:
        """Read all that this guarded write is decided on."""

    async def create_order(self, draft: OrderDraft) -> PurchaseOrder:
        """Create the order and return it as the ERP stored it."""

    async def finalize_order(self, number: str, *, create_backorder: bool) -> Finalized:
        """Mark the order complete; carry what is outstanding into a backorder if asked."""

    async def delete_order(self, number: str) -> None:
        """Delete the order for good."""

    async def cancel_order(self, number: str) -> None:
        """Call the order off; the ERP keeps it, and can make it active again."""

    async def aclose(self) -> None:
        """Close sockets and files."""
