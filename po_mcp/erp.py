"""The port to an ERP: the protocol that every connector implements."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from po_mcp.orders import (
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

Capability = Literal["list", "get", "create", "finalize", "delete", "cancel", "catalog"]
"""A kind of call that an ERP may offer. A tool is listed only if its capability is offered."""

Guarded = Literal["finalize", "delete", "cancel"]
"""A write that needs a person's approval."""

BeforeSend = Callable[[], None]
"""A check that is called right before the first byte of a write; an exception keeps the write from being sent."""

Progress = Callable[[int, int | None], Awaitable[None]]
"""Awaited with the number of orders read so far, and the number of all where it is known."""

OnItems = Callable[[Sequence[Item]], None]
"""Is called with the items of each page as it arrives, so that they are made ready while others are on their way."""


@runtime_checkable
class ReportsRights(Protocol):
    """An ERP that can say what its user may do before they try."""

    async def read_rights(self) -> frozenset[Capability]:
        """Return the kinds of write that the ERP's user may carry out."""


@runtime_checkable
class ReadsById(Protocol):
    """An ERP whose orders may get other names, and which finds each by its id all the same."""

    async def get_order_of_id(self, erp_id: str, number: str) -> PurchaseOrder:
        """Return the order of an id, called `number` where it still goes by that, else what it goes by now.

        Raises:
            OrderNotFound: there is none.
        """


@runtime_checkable
class ReadsByReference(Protocol):
    """An ERP that finds an order by the reference of its draft, whatever number it goes by now."""

    async def get_order_of_reference(self, reference: str) -> PurchaseOrder:
        """Return the order that was created with this reference, called what it goes by now.

        Raises:
            OrderNotFound: there is none.
        """


@runtime_checkable
class TellsBooks(Protocol):
    """An ERP whose user works in the books of one of several companies, and can be moved to another's."""

    async def read_books(self) -> str:
        """Return which books all calls of this connection are about: an id that these keep for good."""


@runtime_checkable
class CreatesDrafts(Protocol):
    """An ERP whose new orders are drafts, until a person goes on with them there."""

    # Never False: `isinstance` looks for the name alone, and takes an ERP that would say no for one that says yes.
    @property
    def creates_drafts(self) -> Literal[True]:
        """True: a new order that is a draft is what was asked for."""


@runtime_checkable
class ListsReceipts(Protocol):
    """An ERP whose list tells by an order's status whether goods are still to come."""

    @property
    def lists_receipts(self) -> Literal[True]:
        """True: an order that was received in full is listed as closed."""


@dataclass(frozen=True)
class Actor:
    """For whom the ERP is asked, where each person has credentials of their own.

    Attributes:
        person: issuer and subject; "" for a caller who did not sign in, for whom nothing is asked.
        name: what people read of who requested an operation; "" for the caller of this very call.
        view: what was read under another one is not shown to this person; it changes with their credentials.
        may_write: an operation that this person requested is being carried out.
    """

    person: str
    name: str = ""
    view: str = ""
    may_write: bool = False


_acting: ContextVar[Actor | None] = ContextVar("acting", default=None)


@contextmanager
def acting_for(actor: Actor | None) -> Iterator[None]:
    """Ask the ERP for this person within the block, in the tasks that it starts, too."""
    token = _acting.set(actor)
    try:
        yield
    finally:
        _acting.reset(token)


def acting() -> Actor | None:
    """Return for whom the ERP is asked now; None where nobody said it."""
    return _acting.get()


@runtime_checkable
class ServesPeople(Protocol):
    """An ERP that is asked with the credentials of the person for whom it is asked (`acting_for`)."""

    async def identify(self, person: str) -> Actor:
        """Return this person as the caller of a call, with their view as it is now."""

    async def keep_up(self) -> None:
        """Seal credentials again that a former key sealed, and forget those that are kept no more."""


def send_at_once() -> None:
    """Allow a write: the default where a caller has no check."""


@dataclass(frozen=True)
class Connection:
    """The identity of one company's data in one ERP. Approvals and unknown outcomes belong to one connection.

    Args:
        erp: the ERP's name in the settings, such as `exsited`.
        address: scheme, host, port and base path; for the sandbox the path of its book.
        company: PO_MCP_COMPANY, a name that outlives a change of credentials; None where it is not set.
        credentials: a fingerprint of the client id, "" where there is none.
    """

    erp: str
    address: str
    company: str | None = None
    credentials: str = ""

    @property
    def key(self) -> str:
        """The connection's name in the journal, with the company or else the fingerprint of the client id."""
        whose = f"company {self.company}" if self.company else f"client {self.credentials}" if self.credentials else ""
        return f"{self.erp} {self.address} {whose}".strip()

    @property
    def label(self) -> str:
        """A short name for people: the company, else the host and the base path."""
        return self.company or self.address.partition("://")[2] or self.address

    @staticmethod
    def fingerprint(client_id: str) -> str:
        """Return a fingerprint of a client id, which itself is kept out of every text."""
        return hashlib.sha256(client_id.encode()).hexdigest()[:12]


class ERP(Protocol):
    """A connection to one ERP.

    Reads may be repeated and raise `ERPError`. A write is sent at most once; the `effect` of its error is
    "nothing_sent", "nothing_changed" where the ERP itself refused, or "unknown". A call that is not among the
    `capabilities` raises `NotOffered`.

    A guarded write may be conditional: `version` is that of the snapshot which the person approved. An ERP that
    checks it by itself carries the write out on that version alone, and else raises `Stale`; any other ignores it.
    """

    @property
    def title(self) -> str:
        """The ERP's name for people, such as "Inventory Pro"."""

    @property
    def connection(self) -> Connection:
        """The identity of this connection, which is part of every operation's identity."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """The kinds of call that this ERP offers."""

    @property
    def listed_statuses(self) -> frozenset[Status]:
        """The statuses of the orders that `scan_orders` returns without a status in the query."""

    @property
    def cancellable_statuses(self) -> frozenset[Status]:
        """The statuses in which a cancel can be offered; what forbids one is the `blockers` of its snapshot."""

    @property
    def limits(self) -> str:
        """One sentence on what this ERP cannot do, for the assistant; may be empty."""

    @property
    def notice(self) -> str:
        """Text before every question and outcome; empty for a real ERP."""

    @property
    def clock_skew(self) -> float | None:
        """Seconds by which the ERP's clock was ahead at its last answer, None where the answer had no date."""

    def check_number(self, number: str) -> str:
        """Return the number if an order of this ERP may have it.

        Raises:
            InvalidInput: no order can have this number.
        """

    def check_draft(self, draft: OrderDraft) -> None:
        """Raise `InvalidInput` for a draft that lacks a required field or has one that this ERP cannot store."""

    async def probe(self) -> None:
        """Read a page of one order; raise `ERPError` where orders cannot be read now."""

    async def scan_orders(self, query: OrderQuery, progress: Progress | None = None) -> OrderScan:
        """Return every order of the query, without lines.

        Raises:
            InvalidInput: this ERP cannot list orders of the query's status.
        """

    async def get_order(self, number: str, *, in_any_case: bool = False) -> PurchaseOrder:
        """Return one order with its lines.

        The order's number must equal `number`; with `in_any_case`, the case and width of letters are ignored, for
        ERPs that store numbers in capitals.
        """

    async def vendors(self) -> tuple[Vendor, ...]:
        """Return every vendor, with the ids that are known; `Entries` where rows of the list are left out."""

    async def items(self, on_items: OnItems | None = None) -> tuple[Item, ...]:
        """Return every item that can be ordered.

        Args:
            on_items: is called with all of them, page by page and in this order, or not at all; before a failure, too.
        """

    async def warehouses(self) -> tuple[Warehouse, ...]:
        """Return every warehouse."""

    async def read_vendor(self, vendor: Vendor) -> Vendor | None:
        """Return a vendor of the list as it is now; None where the ERP has it no more.

        Raises:
            NotOffered: this ERP does not show this vendor alone.
        """

    async def read_item(self, item: Item) -> Item | None:
        """Return an item of the list as it is now; None where the ERP has it no more."""

    async def snapshot(self, number: str, operation: Guarded) -> Snapshot:
        """Read the data that a guarded write is approved on."""

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
        """Close the order; with `create_backorder`, move outstanding quantities to a backorder."""

    async def delete_order(
        self, number: str, before_send: BeforeSend = send_at_once, *, version: str | None = None
    ) -> None:
        """Delete the order for good."""

    async def cancel_order(
        self, number: str, before_send: BeforeSend = send_at_once, *, version: str | None = None
    ) -> None:
        """Cancel the order; the ERP keeps it and can reactivate it."""

    async def aclose(self) -> None:
        """Close sockets and files."""
