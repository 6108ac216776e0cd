"""The one port: what the desk asks of an ERP, whichever it is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from po_mcp.orders import (
    Finalized,
    Item,
    OrderDraft,
    OrderQuery,
    OrderScan,
    Progress,
    PurchaseOrder,
    Snapshot,
    Status,
    Vendor,
    Warehouse,
)

Capability = Literal["list", "get", "create", "finalize", "delete", "cancel", "catalog"]
"""What an ERP may offer. A tool whose capability is not offered is not listed."""

Guarded = Literal["finalize", "delete", "cancel"]
"""What needs a person's yes."""

BeforeSend = Callable[[], None]
"""Called with nothing between it and the first byte of a write; raises to keep the write from leaving."""


def send_at_once() -> None:
    """Let a write leave: what stands where a caller has no deadline."""


@dataclass(frozen=True)
class Connection:
    """One company's books in one ERP: no approval or doubt of one connection is ever used in another.

    Args:
        erp: the ERP's name in the settings, such as `exsited`.
        address: scheme, host, port and base path; for the sandbox the place of its book.
        company: PO_MCP_COMPANY, a name that outlives a change of credentials; None where it is not set.
        credentials: tells one client id from another, and nothing else of it; "" where there are none.
    """

    erp: str
    address: str
    company: str | None = None
    credentials: str = ""

    @property
    def key(self) -> str:
        """The connection's name in the journal. Without a company the client id stands for it."""
        whose = f"company {self.company}" if self.company else f"client {self.credentials}" if self.credentials else ""
        return f"{self.erp} {self.address} {whose}".strip()

    @property
    def label(self) -> str:
        """A short name for people: the company, else the host and the base path."""
        return self.company or self.address.partition("://")[2] or self.address

    @staticmethod
    def fingerprint(client_id: str) -> str:
        """Return what stands for a client id, which is kept out of every text."""
        return hashlib.sha256(client_id.encode()).hexdigest()[:12]


class ERP(Protocol):
    """A connection to one ERP.

    Reads may be repeated and raise errors.ERPError. A write is sent at most once, and what it raises tells by
    its `effect` what is known: "nothing_sent", "nothing_changed" where the ERP itself said no, "unknown" for
    every doubt. What is not among its `capabilities` raises `NotOffered`.

    A guarded write may be conditional: `version` is that of the snapshot which the person approved. An ERP that
    checks it by itself carries the write out on that version alone, and else raises `Stale`; any other passes it over.
    """

    @property
    def title(self) -> str:
        """The ERP's name for people, such as "Inventory Pro"."""

    @property
    def connection(self) -> Connection:
        """Tells this connection from every other: part of an operation's identity."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What this ERP offers."""

    @property
    def listed(self) -> frozenset[Status]:
        """The statuses of the orders that `scan_orders` returns where it is asked for none."""

    @property
    def limits(self) -> str:
        """One sentence on what this ERP cannot do, for the assistant; may be empty."""

    @property
    def notice(self) -> str:
        """What stands before every question and outcome; empty for a real ERP."""

    @property
    def clock_skew(self) -> float | None:
        """Seconds by which the ERP's clock was ahead at its last answer; None where it did not tell."""

    def check_number(self, number: str) -> str:
        """Return the number if this ERP could hold it and a path can carry it; else `InvalidInput`."""

    def check(self, draft: OrderDraft) -> None:
        """Raise `InvalidInput` for what this ERP needs and is missing, or cannot store."""

    async def probe(self) -> None:
        """Read as little as there is to read; raise `ERPError` where orders cannot be read now."""

    async def scan_orders(self, query: OrderQuery, progress: Progress | None = None) -> OrderScan:
        """Return every order of the query, without lines; `InvalidInput` for a status that this ERP does not tell."""

    async def get_order(self, number: str, *, in_any_case: bool = False) -> PurchaseOrder:
        """Return one order with its lines.

        The ERP's own number must be `number`, letter for letter; `in_any_case` takes one whose letters differ
        in case alone, as an ERP stores it that writes numbers in capitals.
        """

    async def vendors(self) -> tuple[Vendor, ...]:
        """Return every vendor, with ids as far as they are known."""

    async def items(self) -> tuple[Item, ...]:
        """Return every item that can be ordered."""

    async def warehouses(self) -> tuple[Warehouse, ...]:
        """Return every warehouse."""

    async def snapshot(self, number: str, operation: Guarded) -> Snapshot:
        """Read all that this guarded write is decided on."""

    async def create_order(self, draft: OrderDraft, before_send: BeforeSend = send_at_once) -> PurchaseOrder:
        """Create the order and return it as the ERP stored it."""

    async def finalize_order(
        self,
        number: str,
        *,
        create_backorder: bool,
        before_send: BeforeSend = send_at_once,
        version: str | None = None,
    ) -> Finalized:
        """Mark the order complete; carry what is outstanding into a backorder if asked."""

    async def delete_order(
        self, number: str, before_send: BeforeSend = send_at_once, *, version: str | None = None
    ) -> None:
        """Delete the order for good."""

    async def cancel_order(
        self, number: str, before_send: BeforeSend = send_at_once, *, version: str | None = None
    ) -> None:
        """Call the order off; the ERP keeps it, and can make it active again."""

    async def aclose(self) -> None:
        """Close sockets and files."""
