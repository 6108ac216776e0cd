"""One scenario of the fault matrix: a whole server, a real socket, a relay that strikes, and the book behind it.

A scenario is a call of an MCP client, and a fault at one stage of it. Which requests make up a stage
is learnt from a rehearsal, the same call with no fault; so nothing here counts the program's requests.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import httpx2
from mcp import Client
from mcp.client import ClientRequestContext
from mcp.types import CallToolResult, ElicitRequestFormParams, ElicitRequestParams, ElicitResult

from po_mcp.bootstrap import build_server
from po_mcp.config import Settings
from po_mcp.connectors.exsited import Exsited
from po_mcp.connectors.http.retry import Retrier
from po_mcp.connectors.inventory_pro import InventoryPro
from po_mcp.erp import ERP
from po_mcp.sandbox import Book
from po_mcp.sandbox.faults import FAULTS, Exchange, PlannedFault, Relay
from po_mcp.sandbox.query import Query
from po_mcp.sandbox.records import Status
from po_mcp.sandbox.refusals import Missing
from tests.connectors.calls import no_wait
from tests.harness import accept, text, yes
from tests.sandbox.sandbox_server import serve_sandbox

TIMEOUT = 1.5
"""Seconds that one request may take: enough for this machine to build a few other servers meanwhile."""
SECRET = "sandbox"  # the sandbox's own, which no text of these two ERPs has a reason to hold
NO_FAULT = ""
VALUES = {"late-apply": 0.3, "late-apply-hang": 2.0, "slow-drip": 0.05}
"""Shorter than the faults' own: late is after we gave up, and a drip is never silent for the time-out."""
_AS_LONG_AS_IT_TAKES = 40  # requests, more than any call sends

NEW, PARTIAL, OPEN = "PO-2026-0001", "PO-2025-0037", "PO-2025-0042"
_LINE = {"quantity": "1000", "unit_price": "0.45"}


@dataclass(frozen=True)
class Call:
    """A tool's call, and what the book shows once it is carried out: of the order, and how many orders more."""

    tool: str
    number: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    effect: Callable[[Book], bool] = lambda book: False
    more_orders: int = 0

    @property
    def writes(self) -> bool:
        return self.tool not in ("list_purchase_orders", "get_purchase_order")


def _exists(book: Book, number: str) -> bool:
    try:
        return bool(book.order(number))
    except Missing:
        return False


def _create(**line: str) -> Call:
    arguments = {"vendor": "Acme Fasteners", "lines": [_LINE | line]}
    return Call("create_purchase_order", NEW, arguments, lambda book: _exists(book, NEW), more_orders=1)


def _is_closed(book: Book) -> bool:
    return book.order(PARTIAL).status is Status.CLOSED


_LIST = Call("list_purchase_orders")
_GET = Call("get_purchase_order", PARTIAL)
_FINALIZE = Call("finalize_purchase_order", PARTIAL, {"create_backorder": True}, _is_closed, more_orders=1)
_DELETE = Call("delete_purchase_order", OPEN, {}, lambda book: not _exists(book, OPEN), more_orders=-1)
_CANCEL = Call("cancel_purchase_order", PARTIAL, {}, lambda book: book.order(PARTIAL).status is Status.CANCELLED)

CALLS: Mapping[tuple[str, str], Call] = {
    ("inventory-pro", "list"): _LIST,
    ("inventory-pro", "get"): _GET,
    ("inventory-pro", "create"): _create(item="BOLT-M8-30", warehouse="1"),
    ("inventory-pro", "finalize"): _FINALIZE,
    ("exsited", "list"): _LIST,
    ("exsited", "get"): _GET,
    ("exsited", "create"): _create(item="ITEM-0055"),
    ("exsited", "delete"): _DELETE,
    ("exsited", "cancel"): _CANCEL,
}

STAGES_OF_A_READ = {
    "token": "the sign-in",
    "read": "the first read",
    "reads": "every request from the first read on",
    "every": "every request",
}
STAGES_OF_A_WRITE = STAGES_OF_A_READ | {
    "re-read": "the last read before the write",
    "write": "the write",
    "write on": "the write and every request after it",
    "after": "every request after the write",
}


@dataclass(frozen=True)
class Scenario:
    """A fault of `FAULTS`, and the stage of a call that it strikes: one of `STAGES_OF_A_WRITE`."""

    erp: str
    call: str
    fault: str = NO_FAULT
    struck: str = ""

    def __str__(self) -> str:
        return f"{self.fault} at {self.struck} of {self.erp} {self.call}"


@dataclass(frozen=True)
class Seen:
    """What came of a scenario.

    `reported`: "answered" or "error" for a read; a write's status or "error". `said`: the text for the
    model; `shown`: the structured result. `writes_sent`: by us, arrived or not. `writes_arrived`: at
    the ERP, the late ones too. `exchanges`: what passed the relay. `tokens`: what we signed in with.
    """

    reported: str
    said: str
    shown: Mapping[str, Any]
    writes_sent: int
    writes_arrived: int
    applied: bool
    more_orders: int
    seconds: float
    exchanges: Sequence[Exchange] = field(repr=False)
    tokens: frozenset[str] = field(repr=False)

    @property
    def tries(self) -> Counter[str]:
        """How often each address was read."""
        return Counter(exchange.target for exchange in self.exchanges if exchange.method == "GET")


def every_scenario() -> Iterator[Scenario]:
    """Every fault at every stage of every call."""
    for fault, (key, call) in product(FAULTS, CALLS.items()):
        for struck in STAGES_OF_A_WRITE if call.writes else STAGES_OF_A_READ:
            yield Scenario(*key, fault, struck)


_rehearsals: dict[tuple[str, str], Seen] = {}


async def rehearse(erp: str, call: str) -> Seen:
    """Return what is seen of the call without a fault; each is made once."""
    if (erp, call) not in _rehearsals:
        baseline = await _play(Scenario(erp, call), ())
        assert baseline.reported in ("answered", "done"), baseline.said
        _rehearsals[erp, call] = baseline
    return _rehearsals[erp, call]


async def run(scenario: Scenario) -> Seen:
    """Play the scenario, and wait for what the ERP is given late."""
    baseline = await rehearse(scenario.erp, scenario.call)
    fault = FAULTS[scenario.fault]
    value = VALUES.get(scenario.fault, fault.value)
    return await _play(scenario, [PlannedFault(fault, n, value) for n in _stages(baseline.exchanges)[scenario.struck]])


async def _play(scenario: Scenario, plan: Sequence[PlannedFault]) -> Seen:
    call = CALLS[scenario.erp, scenario.call]
    async with serve_sandbox() as erp, Relay(erp.port, plan) as relay:
        sent, before = Sent(), _orders(erp.book)
        async with _client(scenario, relay.url, sent) as client:
            begun = anyio.current_time()
            result = await client.call_tool(call.tool, _arguments(call))
            seconds = anyio.current_time() - begun
        await relay.wait_for_late_requests()
        seen = _collect(result, relay.exchanges, sent, call)
        return replace(
            seen, applied=call.effect(erp.book), more_orders=_orders(erp.book) - before, seconds=round(seconds, 2)
        )


def _collect(result: CallToolResult, exchanges: Sequence[Exchange], sent: Sent, call: Call) -> Seen:
    shown = result.structured_content or {}
    reported = "error" if result.is_error else str(shown["status"]) if call.writes else "answered"
    return Seen(
        reported,
        text(result),
        shown,
        writes_sent=max(len(sent.writes), sum(map(_is_write, exchanges))),
        writes_arrived=sum(exchange.forwarded and _is_write(exchange) for exchange in exchanges),
        applied=False,
        more_orders=0,
        seconds=0,
        exchanges=exchanges,
        tokens=frozenset(sent.tokens),
    )


def _is_write(exchange: Exchange) -> bool:
    return exchange.method not in ("", "GET") and "oken" not in exchange.target


def _stages(exchanges: Sequence[Exchange]) -> Mapping[str, Sequence[int | None]]:
    """Tell which requests of a call without a fault make up each stage, by number from 1; None is every one."""
    reads = [exchange.n for exchange in exchanges if exchange.method == "GET"]
    writes = [exchange.n for exchange in exchanges if _is_write(exchange)]
    stages = {"token": [1], "read": reads[:1], "reads": _from(reads[0]), "every": [None]}
    if writes:
        before = [n for n in reads if n < writes[0]]
        stages |= {"re-read": before[-1:], "write": writes, "write on": _from(writes[0]), "after": _from(writes[0] + 1)}
    return stages


def _from(number: int) -> Sequence[int]:
    return range(number, number + _AS_LONG_AS_IT_TAKES)


def _orders(book: Book) -> int:
    return book.orders(Query(limit=1)).count


def _arguments(call: Call) -> dict[str, Any]:
    return {**({"number": call.number} if call.number else {}), **call.arguments}


def _retrying() -> Retrier:
    return Retrier(sleep=no_wait, fraction=lambda: 0.0)


def _connect(erp: str, url: str, sent: Sent) -> ERP:
    if erp == "exsited":
        return Exsited(url, SECRET, SECRET, url, timeout=TIMEOUT, transport=sent, retrier=_retrying())
    return InventoryPro(url, SECRET, SECRET, timeout=TIMEOUT, transport=sent, retrier=_retrying())


@asynccontextmanager
async def _client(scenario: Scenario, url: str, sent: Sent) -> AsyncIterator[Client]:
    """Connect a client to a new server, whose person says yes to whatever is asked."""
    number = CALLS[scenario.erp, scenario.call].number

    async def says_yes(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        assert isinstance(params, ElicitRequestFormParams)
        fields: Mapping[str, Any] = params.requested_schema["properties"]
        return yes(params) if "decision" in fields else accept(**dict.fromkeys(fields, number))

    with tempfile.TemporaryDirectory() as folder:
        server = build_server(_settings(scenario.erp, url, folder), erp=_connect(scenario.erp, url, sent))
        async with Client(server, mode="2026-07-28", elicitation_callback=says_yes) as client:
            yield client


def _settings(erp: str, url: str, folder: str) -> Settings:
    """Return the settings of a real ERP, so that what is not known stays so, with a journal that is nobody else's."""
    return Settings.model_validate(
        {
            "erp": erp,
            "base_url": url,
            "client_id": SECRET,
            "client_secret": SECRET,
            "redirect_uri": url,
            "timeout": TIMEOUT,
            "journal": str(Path(folder) / "journal.db"),
        }
    )


class Sent(httpx2.AsyncBaseTransport):
    """The way to the network that the connectors take by themselves, and what was sent on it."""

    def __init__(self) -> None:
        # No certificates: reading them takes longer than a scenario.
        self._network = httpx2.AsyncHTTPTransport(retries=0, verify=False)
        self.writes: list[str] = []
        self.tokens: set[str] = set()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method != "GET" and "oken" not in request.url.path:
            self.writes.append(request.method)
        self.tokens.update(request.headers.get("authorization", "").split()[1:])
        return await self._network.handle_async_request(request)

    async def aclose(self) -> None:
        await self._network.aclose()


def whole_text(seen: Seen) -> str:
    """Return everything that the client was given, as text."""
    return f"{seen.said}\n{json.dumps(seen.shown)}"
