"""The approval page for tests on a real port, over a journal and an ERP of its own, and browsers that come to it."""

from __future__ import annotations

import html
import re
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import anyio
import httpx2

from po_mcp.approvals.page_server import Listener
from po_mcp.approvals.pending import PendingApprovals
from po_mcp.erp import ERP, BeforeSend, Capability, Connection
from po_mcp.errors import OrderNotFound, PurchaseOrderError, Refused
from po_mcp.orders import (
    CANCELLABLE_STATUSES,
    Finalized,
    OrderDraft,
    OrderLine,
    PurchaseOrder,
    Snapshot,
    Status,
    Vendor,
)
from po_mcp.writes.executor import build_executor
from po_mcp.writes.journal import Journal, JournalStore
from po_mcp.writes.journal.approver_pin import hash_pin
from po_mcp.writes.kinds import GuardedKind, kind_of
from po_mcp.writes.kinds.snapshots import digest_of_snapshot
from po_mcp.writes.operation import Operation, Recorded, Requester, canonical_json
from po_mcp.writes.payloads import CreatePayload
from po_mcp.writes.policy import SettlementPolicy

_NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Certificates take longer to load than most of these tests; the page is plain HTTP."""
NOTICE = "Sandbox: no real orders."
SOMEBODY = Requester("somebody", "Claude 4.2", "2026-07-28", "session 1")
QUICK = SettlementPolicy(timeout=5.0, second_look=0.0, watch=30.0, foreign_gap=0.0)


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def order(
    number: str = "PO-7",
    vendor: str = "Acme Fasteners",
    text: str = "Hex bolt M8 x 30",
    total: str = "4800.00",
    tax: str | None = None,
) -> PurchaseOrder:
    lines = (
        line(1, "BOLT-M8-30", text, "1000", "400", "4.25"),
        line(2, "NUT-M8", "Nut M8", "2500", "2500", "0.22"),
    )
    return PurchaseOrder(
        number=number,
        vendor=vendor,
        vendor_id="12",
        status="partial",
        status_text="Partial",
        currency="EUR",
        total=Decimal(total),
        tax=None if tax is None else Decimal(tax),
        lines=lines,
    )


def line(place: int, item: str, text: str, quantity: str, received: str, price: str) -> OrderLine:
    ordered, came, each = Decimal(quantity), Decimal(received), Decimal(price)
    return OrderLine(
        line=place,
        item=item,
        description=text,
        quantity=ordered,
        received=came,
        outstanding=ordered - came,
        unit_price=each,
        line_total=ordered * each,
    )


@dataclass
class Books:
    """An ERP that holds a few orders in memory, and does to a write what a test wants.

    `unreadable` is raised by every read, `refusal` by every write. A write waits for `may_answer`, and where
    `loses` is set its answer is lost: after it was carried out ("answer"), or before ("request").
    """

    orders: dict[str, PurchaseOrder] = field(default_factory=dict)
    connection: Connection = field(default_factory=lambda: Connection("erp", "https://erp.example/api", "Acme"))
    notice: str = NOTICE
    unreadable: PurchaseOrderError | None = None
    refusal: PurchaseOrderError | None = None
    loses: str = ""
    may_answer: anyio.Event | None = None
    has_begun: anyio.Event = field(default_factory=anyio.Event)
    sent: list[str] = field(default_factory=list)
    title: str = "Books"
    limits: str = ""
    cancellable_statuses: frozenset[Status] = CANCELLABLE_STATUSES
    clock_skew: float | None = None
    capabilities: frozenset[Capability] = frozenset({"list", "get", "create", "finalize", "delete", "cancel"})

    @property
    def as_erp(self) -> ERP:
        """The same as the port: it has what the writes and the page use of it, and no more."""
        return cast("ERP", self)

    def check_number(self, number: str) -> str:
        return number

    async def probe(self) -> None:
        self._readable()

    async def get_order(self, number: str, *, in_any_case: bool = False) -> PurchaseOrder:
        self._readable()
        if number not in self.orders:
            raise OrderNotFound(f"There is no order {number}.")
        return self.orders[number]

    async def snapshot(self, number: str, kind: str) -> Snapshot:
        return Snapshot(order=await self.get_order(number))

    async def delete_order(self, number: str, before_send: BeforeSend, *, version: str | None = None) -> None:
        await self._write(f"delete {number}", before_send, lambda: self.orders.pop(number, None))

    async def finalize_order(
        self, number: str, *, create_backorder: bool, before_send: BeforeSend, version: str | None = None
    ) -> Finalized:
        await self._write(f"finalize {number}", before_send, lambda: self._put(number, "closed"))
        return Finalized(status_text="Closed")

    async def cancel_order(self, number: str, before_send: BeforeSend, *, version: str | None = None) -> None:
        await self._write(f"cancel {number}", before_send, lambda: self._put(number, "cancelled"))

    async def create_order(self, draft: OrderDraft, before_send: BeforeSend) -> PurchaseOrder:
        made = order(draft.number, draft.vendor.name)
        await self._write(f"create {draft.number}", before_send, lambda: self.orders.update({draft.number: made}))
        return made

    async def aclose(self) -> None:
        """Nothing is open."""

    def _put(self, number: str, status: str) -> None:
        self.orders[number] = self.orders[number].model_copy(update={"status": status, "status_text": status})

    def _readable(self) -> None:
        if self.unreadable is not None:
            raise self.unreadable

    async def _write(self, what: str, before_send: BeforeSend, apply: Any) -> None:
        before_send()
        self.sent.append(what)
        self.has_begun.set()
        if self.may_answer is not None:
            await self.may_answer.wait()
        if self.refusal is not None:
            raise self.refusal
        if self.loses != "request":
            apply()
        if self.loses:
            raise Refused("Its answer was lost.", effect="unknown")


@dataclass
class PageHarness:
    """The page, the journal and the ERP behind it."""

    store: JournalStore
    listener: Listener
    clock: Clock
    erp: Books
    pending: PendingApprovals
    proposed: list[str] = field(default_factory=list)

    def propose(
        self,
        shown: PurchaseOrder,
        kind: str = "delete",
        create_backorder: bool | None = None,
        client: str = "Claude 4.2",
        session: str | None = None,
    ) -> str:
        """Record what an assistant asked for of an order that the ERP holds; return the operation's id.

        Each proposal comes in a session of its own unless one is named, since a session's proposals are limited.
        """
        self.erp.orders[shown.number] = shown
        snapshot = Snapshot(order=shown, tax=shown.tax)
        guarded = cast("GuardedKind", kind_of(kind))
        payload, question = guarded.propose(self.erp.as_erp, snapshot, {"create_backorder": create_backorder})
        return self._record(
            Operation(
                connection=self.store.join(self.erp.connection),
                kind=kind,
                number=shown.number,
                arguments=canonical_json({"create_backorder": create_backorder}),
                payload=payload,
                requester=replace(SOMEBODY, client=client, session=session or f"session {len(self.proposed)}"),
                question=question,
                order_digest=digest_of_snapshot(snapshot),
            )
        )

    def propose_create(self, number: str = "PO-9", *, approved: bool = False) -> str:
        """Record that an order is to be created, of which nobody was asked."""
        draft = OrderDraft.model_validate(
            {
                "number": number,
                "vendor": Vendor(id="12", name="Acme Fasteners", currency="EUR"),
                "lines": [{"item": "NUT-M8", "quantity": "3", "unit_price": "0.22", "warehouse": "1"}],
            }
        )
        connection = self.store.join(self.erp.connection)
        operation = Operation(connection, "create", number, "{}", CreatePayload(draft=draft), SOMEBODY)
        return self._record(operation, approved=approved)

    def _record(self, operation: Operation, *, approved: bool = False) -> str:
        recorded = self.store.propose(operation, operation.requester.detail(), approved=approved)
        assert isinstance(recorded, Recorded)
        self.proposed.append(recorded.operation.id)
        return recorded.operation.id

    def state(self, operation_id: str) -> str:
        return self.recorded_of(operation_id).state

    def recorded_of(self, operation_id: str) -> Recorded:
        recorded = self.store.find(operation_id)
        assert recorded is not None
        return recorded

    def event_names(self, operation_id: str) -> list[str]:
        """The names of its events, in order."""
        return [event.event for event in self.store.events(operation_id)]

    async def link(self, operation_id: str) -> str:
        link = await self.listener.link(operation_id)
        assert link is not None
        return link


@asynccontextmanager
async def serve_page(
    file: Path | str,
    pin: str | None = None,
    clock: Clock | None = None,
    max_open: int = 10_000,
    erp: Books | None = None,
    *,
    may_write: bool = True,
) -> AsyncIterator[PageHarness]:
    """Serve the page; a second one over the same file is what a new start of the server is."""
    clock, erp = clock or Clock(), erp or Books()
    store = JournalStore(file, 600, clock, max_open)
    journal = Journal(store)
    executor = build_executor(erp.as_erp, journal, QUICK)
    if pin is not None and not store.approver_pin().is_set:
        store.upkeep.set_approver_pin(hash_pin(pin), None, "PIN set")
    pending = PendingApprovals(journal, executor, NOTICE, may_write)
    async with anyio.create_task_group() as tasks:
        listener = Listener(tasks, pending)
        try:
            with pending.under_way.within(tasks):
                yield PageHarness(store, listener, clock, erp, pending)
        finally:
            listener.close()
            tasks.cancel_scope.cancel()
    store.close()


def read_words(page: httpx2.Response) -> str:
    """The words of a page as they are read, without its elements."""
    return html.unescape(re.sub(r"<[^>]+>", "", page.text))


@asynccontextmanager
async def browser(link: str) -> AsyncIterator[Browser]:
    """A browser that keeps cookies, and says where its forms come from."""
    origin = "/".join(link.split("/")[:3])
    async with httpx2.AsyncClient(base_url=origin, timeout=120, verify=_NO_CERTIFICATES) as client:
        yield Browser(client, origin, link.removeprefix(origin))


@dataclass
class Browser:
    client: httpx2.AsyncClient
    origin: str
    path: str

    async def page(self) -> httpx2.Response:
        return await self.client.get(self.path)

    async def token(self) -> str:
        """What the form that is shown brings back."""
        recorded_of = re.search(r'name="token" value="([0-9a-f]+)"', (await self.page()).text)
        return recorded_of[1] if recorded_of else ""

    async def send(
        self, decision: str, headers: Mapping[str, str] | None = None, token: str | None = None, **fields: str
    ) -> httpx2.Response:
        """Fill in the form and press a button."""
        form = {"token": await self.token() if token is None else token, "decision": decision, **fields}
        return await self.client.post(
            self.path, data=form, headers={"origin": self.origin} if headers is None else headers
        )
