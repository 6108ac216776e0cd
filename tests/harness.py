"""The test harness: a sandbox book in a file, a server over it, clients of both protocol eras, a scripted person.

The book is opened a second time beside the server's, so that a test reads what is really stored and can change
an order behind the server's back.
"""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client import ClientRequestContext
from mcp.client.session import MessageHandlerFnT
from mcp.types import CallToolResult, ElicitRequestFormParams, ElicitRequestParams, ElicitResult, ErrorData, Request
from pydantic import RootModel

from po_mcp.bootstrap import build_server
from po_mcp.config import Settings
from po_mcp.connectors.sandbox import Sandbox
from po_mcp.sandbox import Book
from po_mcp.sandbox.refusals import Missing
from po_mcp.writes.journal import JournalStore
from po_mcp.writes.journal.approver_pin import hash_pin

IN_MEMORY = Settings(sandbox=":memory:")
"""Settings of a server that leaves nothing behind."""

REAL = {"erp": "inventory-pro", "base_url": "http://localhost", "client_id": "id", "client_secret": "secret"}

MODES = {"2026-07-28": "2026-07-28", "2025-11-25": "legacy"}
ERAS = tuple(MODES)
Transport = Literal["memory", "stdio"]
Reply = ElicitResult | ErrorData


WriteFault = Callable[[httpx2.AsyncBaseTransport, httpx2.Request], Awaitable[httpx2.Response]]


@dataclass
class WireSpy(httpx2.AsyncBaseTransport):
    """A transport to the ERP that records every request, and may act in the place of passing a write on."""

    inner: httpx2.AsyncBaseTransport | None = None
    seen: list[tuple[str, str]] = field(default_factory=list)
    on_write: WriteFault | None = None
    """Called for a write in the place of the ERP."""
    on_read: WriteFault | None = None
    """Called for a read in the place of the ERP."""

    def around(self, inner: httpx2.AsyncBaseTransport) -> WireSpy:
        self.inner = inner
        return self

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        assert self.inner is not None
        self.seen.append((request.method, request.url.raw_path.decode().partition("?")[0]))
        if self.on_write is not None and self.seen[-1] in self.writes:
            return await self.on_write(self.inner, request)
        if self.on_read is not None and request.method == "GET":
            return await self.on_read(self.inner, request)
        return await self.inner.handle_async_request(request)

    async def aclose(self) -> None:
        assert self.inner is not None
        await self.inner.aclose()

    @property
    def writes(self) -> list[tuple[str, str]]:
        """The requests that are neither reads nor sign-ins."""
        return [(method, path) for method, path in self.seen if is_write(method, path)]


def set_pin(journal: Path, pin: str) -> None:
    """Set the approver PIN of a journal, as a person does at a terminal."""
    with closing(JournalStore(journal)) as store:
        assert store.upkeep.set_approver_pin(hash_pin(pin), store.approver_pin().hash, "PIN set")


def is_write(method: str, path: str) -> bool:
    """Tell whether a request is neither a read nor a sign-in."""
    return method != "GET" and "oken" not in path


@dataclass
class ScriptedPerson:
    """The person behind a client: answers with `reply`, maybe a function of the question, and keeps every question."""

    reply: Reply | Callable[[ElicitRequestFormParams], Reply]
    asked: list[ElicitRequestFormParams] = field(default_factory=list)

    async def __call__(self, context: ClientRequestContext, params: ElicitRequestParams) -> Reply:
        assert isinstance(params, ElicitRequestFormParams)
        self.asked.append(params)
        return self.reply(params) if callable(self.reply) else self.reply


@dataclass
class PersonWithoutBrowser(ScriptedPerson):
    """A person whose client opens no page."""

    async def __call__(self, context: ClientRequestContext, params: ElicitRequestParams) -> Reply:
        if not isinstance(params, ElicitRequestFormParams):
            return ElicitResult(action="cancel")
        return await super().__call__(context, params)


@dataclass
class ServerHarness:
    """One order book, and servers over it."""

    book: Path
    wire: WireSpy = field(default_factory=WireSpy)
    made_on: date | None = None
    """The day around which the dates of the book lie: those of the samples, or today's to order in their series."""

    @property
    def journal(self) -> Path:
        return self.book.with_name("journal.db")

    @property
    def files(self) -> dict[str, Any]:
        """The settings of a server over this book and its journal."""
        return {"sandbox": str(self.book), "journal": str(self.journal)}

    @asynccontextmanager
    async def client(
        self,
        era: str = ERAS[0],
        person: ScriptedPerson | None = None,
        transport: Transport = "memory",
        clock: Callable[[], float] = time.time,
        erp_bounds: tuple[float | None, float | None] | None = None,
        hears: MessageHandlerFnT | None = None,
        habits: Sequence[str] = (),
        **settings: Any,
    ) -> AsyncIterator[Client]:
        """Connect a client to a new server over the book, in this process or in one of its own.

        `erp_bounds` are LATE_APPLY and READ_LAG of an ERP that is taken for a real one; `hears` is called with
        notifications; `habits` are those of the sandbox.
        """
        if transport == "stdio":
            Book.open(
                self.book, made_on=self.made_on
            ).close()  # with the dates of the samples; the program would make one of today
            environment = {
                "PO_MCP_SANDBOX": str(self.book),
                "PO_MCP_ERP": "sandbox",
                "PO_MCP_JOURNAL": str(self.journal),
            }
            command = StdioServerParameters(command=sys.executable, args=["-m", "po_mcp"], env=environment)
            connection = Client(command, mode=MODES[era], elicitation_callback=person, message_handler=hears)
        else:
            erp = Sandbox(self.book, around=self.wire.around, habits=habits, made_on=self.made_on)
            if erp_bounds is not None:
                settings |= REAL | {"late_apply": erp_bounds[0], "read_lag": erp_bounds[1]}
            server = build_server(Settings(**{"journal": str(self.journal), **settings}), erp=erp, clock=clock)
            connection = Client(server, mode=MODES[era], elicitation_callback=person, message_handler=hears)
        async with connection as client:
            yield client

    def order(self, number: str) -> Any:
        """The order as the book has it, or None."""
        with closing(Book.open(self.book, made_on=self.made_on)) as book:
            try:
                return book.order(number)
            except Missing:
                return None

    def change(self, change: Callable[[Book], object]) -> None:
        """Change the book behind the server's back."""
        with closing(Book.open(self.book, made_on=self.made_on)) as book:
            change(book)


class AnyResult(RootModel[dict[str, Any]]):
    """A result as it came."""


async def call_raw(client: Client, tool: str, arguments: Any, **more: Any) -> dict[str, Any]:
    """Call a tool with parameters that the SDK's client would not send; return the result as it came."""
    params = {"name": tool, "arguments": arguments, **more}
    result = await client.session.send_request(Request[Any, Any](method="tools/call", params=params), AnyResult)
    return result.root


def yes(params: ElicitRequestFormParams) -> ElicitResult:
    """Take the first option that is not the safe one."""
    return _decide(params, 1)


def no(params: ElicitRequestFormParams) -> ElicitResult:
    """Take the safe option, which is the first."""
    return _decide(params, 0)


def _decide(params: ElicitRequestFormParams, place: int) -> ElicitResult:
    [(name, field)] = params.requested_schema["properties"].items()
    values = field.get("enum") or [option["const"] for option in field["oneOf"]]
    return accept(**{name: values[place]})


def accept(**content: Any) -> ElicitResult:
    return ElicitResult(action="accept", content=content)


def outcome(result: CallToolResult) -> Mapping[str, Any]:
    """The structured outcome of a write."""
    assert not result.is_error, text(result)
    content: Mapping[str, Any] | None = result.structured_content
    assert content is not None
    return content


def text(result: CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if block.type == "text")
