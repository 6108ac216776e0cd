"""A counter for tests: the page on a real port over a journal, and browsers that come to it."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import httpx2
from po_mcp.approvals.docket import Docket

from po_mcp.approvals.page_server import Listener
from po_mcp.approvals.pin import Pin
from po_mcp.orders import OrderLine, PurchaseOrder, Snapshot
from po_mcp.writes import approval
from po_mcp.writes.journal import Journal
from po_mcp.writes.operation import Operation, Recorded, arguments_text, digest_of_snapshot

NOTICE = "SANDBOX: no real order."


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def order(number: str = "PO-7", vendor: str = "Acme Fasteners", text: str = "Hex bolt M8 x 30") -> PurchaseOrder:
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
        total=Decimal("4800.00"),
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
class Counter:
    """The page, and the journal behind it."""

    journal: Journal
    listener: Listener
    clock: Clock
    proposed: list[str] = field(default_factory=list)

    def propose(
        self,
        shown: PurchaseOrder,
        kind: Any = "delete",
        create_backorder: bool | None = None,
        client: str = "Claude 4.2",
    ) -> str:
        """Record what an assistant asked for; return the operation's id."""
        snapshot = Snapshot(order=shown)
        if kind == "delete":
            question = approval.ask_delete(shown, NOTICE)
        elif kind == "cancel":
            question = approval.ask_cancel(shown, NOTICE)
        else:
            question = approval.ask_finalize(shown, NOTICE, create_backorder)
        operation = Operation(
            connection="erp",
            kind=kind,
            number=shown.number,
            arguments=arguments_text({"create_backorder": create_backorder}),
            digest=digest_of_snapshot(snapshot),
            question=question,
            intent=json.dumps({"snapshot": snapshot.model_dump(mode="json"), "create_backorder": create_backorder}),
        )
        recorded = self.journal.propose(operation, {"client": client, "protocol": "2026-07-28"})
        self.proposed.append(recorded.operation.id)
        return recorded.operation.id

    def state(self, operation_id: str) -> str:
        return self.found(operation_id).state

    def found(self, operation_id: str) -> Recorded:
        found = self.journal.find(operation_id)
        assert found is not None
        return found

    async def link(self, operation_id: str) -> str:
        link = await self.listener.link(operation_id)
        assert link is not None
        return link


@asynccontextmanager
async def counter(
    file: Path | str, pin: str | None = None, clock: Clock | None = None, most_open: int = 10_000
) -> AsyncIterator[Counter]:
    """Open the counter; a second one over the same file is what a new start of the server is."""
    clock = clock or Clock()
    journal = Journal(file, 600, clock, most_open)
    async with anyio.create_task_group() as tasks:
        listener = Listener(tasks, Docket(journal, "erp", NOTICE, Pin(pin) if pin else None))
        try:
            yield Counter(journal, listener, clock)
        finally:
            listener.close()
    journal.close()


@asynccontextmanager
async def browser(link: str) -> AsyncIterator[Browser]:
    """A browser that keeps cookies, and says where its forms come from."""
    origin = "/".join(link.split("/")[:3])
    async with httpx2.AsyncClient(base_url=origin, timeout=20) as client:
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
        found = re.search(r'name="token" value="([0-9a-f]+)"', (await self.page()).text)
        return found[1] if found else ""

    async def send(
        self, decision: str, headers: Mapping[str, str] | None = None, token: str | None = None, **fields: str
    ) -> httpx2.Response:
        """Fill in the form and press a button."""
        form = {"token": await self.token() if token is None else token, "decision": decision, **fields}
        return await self.client.post(
            self.path, data=form, headers={"origin": self.origin} if headers is None else headers
        )
