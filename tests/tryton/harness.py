"""Our MCP server over a real Tryton: clients of both protocol eras, and a spy on the wire that knows JSON-RPC.

What Tryton holds is read by `Rpc`, which shares nothing with the connector.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from typing import Any

import httpx2
from mcp import Client
from mcp.types import ElicitRequestFormParams, ElicitResult

from po_mcp.bootstrap import build_server
from po_mcp.config import Settings
from po_mcp.connectors.tryton import Tryton
from tests.connectors.calls import retry_at_once
from tests.conversations.record import Put, Wire, Written
from tests.harness import ERAS, MODES, ScriptedPerson, ServerHarness, WriteFault, accept, yes
from tests.tryton.book import PURCHASE, TrytonUsers
from tests.tryton.company import password

LOGIN = "buyer"
_WRITES = {f"model.{PURCHASE}.{method}": method for method in ("create", "cancel", "delete", "write")}


def find_write_method(body: bytes) -> str | None:
    """Return which of Tryton's writes of orders a request is; None for a read or a sign-in."""
    return _WRITES.get(json.loads(body)["method"]) if body else None


def once(act: Callable[[], object]) -> Callable[[], None]:
    """Return what acts when it is called first, and does nothing later."""
    todo = [act]

    def act_once() -> None:
        while todo:
            todo.pop()()

    return act_once


def approve(params: ElicitRequestFormParams) -> ElicitResult:
    """Take what is offered, or type the number that is asked for."""
    asked = re.search(r"^Delete order «?(\S+?)»? permanently\?", params.message)
    return accept(order_number=asked[1]) if asked else yes(params)


@dataclass(frozen=True)
class Shown:
    """An order as Tryton keeps it, by its own words."""

    id: int
    status: str
    vendor: Shown.Party
    total: Decimal
    lines: tuple[Shown.Line, ...]

    @dataclass(frozen=True)
    class Party:
        """The vendor."""

        id: int
        name: str

    @dataclass(frozen=True)
    class Line:
        """One line; `item.short_id` is the product's code."""

        item: Shown.Item

    @dataclass(frozen=True)
    class Item:
        """A product."""

        short_id: str


def find_orders(users: TrytonUsers, name: str) -> list[Shown]:
    """Return the orders that go by a number, a reference or an id in brackets, read past the connector."""
    of_id = name[1:-1] if name.startswith("(") else ""
    asked: list[Any] = ["id", "=", int(of_id)] if of_id else ["OR", ["number", "=", name], ["reference", "=", name]]
    names = ("state", "party.name", "total_amount", "lines.type", "lines.product.code")
    return [
        Shown(
            row["id"],
            row["state"],
            Shown.Party(row["party."]["id"], row["party."]["name"]),
            Decimal(row["total_amount"]["decimal"]),
            tuple(Shown.Line(Shown.Item(line["product."]["code"])) for line in row["lines."] if line["type"] == "line"),
        )
        for row in users.buyer.search_read(PURCHASE, names, asked)
    ]


@dataclass
class RpcWire(Wire):
    """The wire to Tryton, where every call is a POST: its body shows what is a write."""

    users: TrytonUsers | None = None
    on_read_rpc: WriteFault | None = None
    """Called for a read in the place of Tryton."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        assert self.inner is not None
        while self.late:
            await (await self.inner.handle_async_request(self.late.pop(0))).aread()
        body = await request.aread()
        self._note_rpc_secrets(request, body)
        method = find_write_method(body)
        self.seen.append((method or "read", request.url.path))
        if method is not None:
            self.record.events.append(Written(self._say(method, body), sha256(body).hexdigest()))
            if self.on_write is not None:
                return await self.on_write(self.inner, request)
        elif self.on_read_rpc is not None:
            return await self.on_read_rpc(self.inner, request)
        return await self.inner.handle_async_request(request)

    @property
    def writes(self) -> list[tuple[str, str]]:
        """The writes, by Tryton's method."""
        return [one for one in self.seen if one[0] != "read"]

    def _say(self, method: str, body: bytes) -> str:
        """Say what is written, by the name under which a person was asked about it."""
        (first, *_) = json.loads(body)["params"][0]
        if method == "create":
            return f"create {first['reference']}"
        assert self.users is not None
        row = self.users.buyer.search_read(PURCHASE, ["number", "reference"], ["id", "=", first])
        names = [f"({first})", *(one for each in row for one in (each["reference"], each["number"]) if one)]
        asked = [put.about[1] for put in self.record.of(Put) if put.about is not None]
        return f"{method} {next((name for name in reversed(asked) if name in names), names[-1])}"

    def _note_rpc_secrets(self, request: httpx2.Request, body: bytes) -> None:
        self.record.has_read = True
        called = json.loads(body)
        if called["method"] == "common.db.login":
            self.record.secrets.add(called["params"][1]["password"])
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme == "Session":
            self.record.secrets.add(token)


@dataclass
class TrytonHarness(ServerHarness):
    """Servers over one Tryton; the journal lies beside the path `book`, at which there is no file."""

    url: str = ""
    users: TrytonUsers | None = None
    login: str = LOGIN

    @asynccontextmanager
    async def client(  # type: ignore[override]
        self,
        era: str = ERAS[0],
        person: ScriptedPerson | None = None,
        clock: Callable[[], float] = time.time,
        erp_bounds: tuple[float | None, float | None] | None = None,
        **settings: Any,
    ) -> AsyncIterator[Client]:
        """Connect a client to a new server; `erp_bounds` are LATE_APPLY and READ_LAG, none at all if not given.

        The time is the real one, as Tryton's is, whatever `clock` says.
        """
        late, lag = erp_bounds or (0.0, 0.0)
        transport = self.wire.around(httpx2.AsyncHTTPTransport(retries=0))
        erp = Tryton(self.url, self.login, password(self.login), transport=transport, retrier=retry_at_once())
        made = Settings(
            **{
                "erp": "tryton",
                "base_url": self.url,
                "client_id": self.login,
                "client_secret": password(self.login),
                "journal": str(self.journal),
                "late_apply": late,
                "read_lag": lag,
                **settings,
            }
        )
        server = build_server(made, erp=erp, clock=time.time)
        async with Client(server, mode=MODES[era], elicitation_callback=person) as client:
            yield client

    def order(self, number: str) -> Any:
        """The order as Tryton has it, or None; several of one name are an error."""
        assert self.users is not None
        found = find_orders(self.users, number)
        assert len(found) < 2, f"{len(found)} orders go by {number}"
        return found[0] if found else None

    def change(self, change: Callable[[Any], object]) -> None:
        """Change what Tryton has, behind the server's back."""
        change(self.users)


def arguments_of(number: str | None = None, **more: Any) -> Mapping[str, Any]:
    """Return an order of 88 bolts in plain words, for `create_purchase_order`."""
    line = {"item": "BOLT-M8-30", "quantity": "88", "unit_price": "0.085", "warehouse": "Main"}
    asked = {"vendor": "Acme Fasteners", "lines": [line], **more}
    return asked if number is None else {"number": number, **asked}
