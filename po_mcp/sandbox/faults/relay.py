"""A TCP relay before the ERP that applies planned faults to the n-th request.

It counts requests, not connections: the n-th is the n-th whose first byte arrives. Each request
that goes on to the ERP has a connection of its own there, so no fault leaks into the next one.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, Literal, Self

import h11

from po_mcp.sandbox.faults.messages import HOST, Answer, Connection, Request, forward
from po_mcp.sandbox.faults.mutations import Change, Sending, keep, send_whole

Reach = Literal["nobody", "socket", "relay", "memory", "erp", "erp-late"]
End = Literal["keep", "close", "reset", "hang"]


@dataclass(frozen=True)
class Fault:
    """One thing that can go wrong, by the stages that a request passes.

    `reaches`: how far the request gets: nobody listens; the socket only, unread; the relay; the relay,
    which gives the answer it gave before; the ERP; the ERP, `value` seconds later. `change`: what
    becomes of the answer, None for no answer. `sends`: how it is written. `ends`: what becomes of the
    connection then. `value_kind`: what the value is ("seconds", "a port"), "" where there is none.
    """

    kind: str
    description: str
    reaches: Reach = "erp"
    change: Change | None = keep
    sends: Sending = send_whole
    ends: End = "keep"
    value_kind: str = ""
    value: float = 0


@dataclass(frozen=True)
class PlannedFault:
    """A fault for the n-th request, or write, counted from 1; None: for every one."""

    fault: Fault
    nth: int | None
    value: float
    is_for_writes: bool = False

    @property
    def kind(self) -> str:
        """The name of the fault."""
        return self.fault.kind

    def __str__(self) -> str:
        which = f"{'write' if self.is_for_writes else ''}{self.nth or ''}"
        return f"{self.kind}@{which}" if which else self.kind


NO_FAULT = PlannedFault(Fault("", "All goes well."), None, 0)


@dataclass
class Exchange:
    """A request that the relay has seen, and what became of it.

    `method` and `target` are "" where it was reset unread. `fault` is "500@2", or "". `forwarded`
    tells whether it was sent on to the ERP, a late one: whether by now. `status` is that of the
    answer, None without one.
    """

    n: int
    fault: str
    method: str = ""
    target: str = ""
    body: bytes = b""
    forwarded: bool = False
    status: int | None = None


class Relay:
    """Listens on a port of this machine before the ERP's port.

        async with Relay(erp_port, [parse_fault("lost-answer@2")]) as relay:
            ...  # a client of relay.url
        [exchange for exchange in relay.exchanges if exchange.forwarded]

    `count` is the number of the latest request. `on_exchange` is called with each exchange before its answer is sent.
    Entering raises OSError if the port is taken; leaving ends every connection at once.
    """

    def __init__(
        self,
        erp: int,
        plan: Iterable[PlannedFault] = (),
        *,
        port: int = 0,
        on_exchange: Callable[[Exchange], None] = lambda exchange: None,
    ) -> None:
        """Forward to the port `erp`; 0 listens on any free port."""
        self._plan = list(plan)
        self.port = port
        self.count = 0
        self._writes = 0
        self.exchanges: list[Exchange] = []
        self._erp = erp
        self._on_exchange = on_exchange
        self._last_answers: dict[str, Answer] = {}
        self._connections: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._late: set[asyncio.Task[None]] = set()
        self._held_socket: socket.socket | None = None
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """The base URL for a client."""
        return f"http://{HOST}:{self.port}"

    async def __aenter__(self) -> Self:
        self._hold_port()
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server:
            self._server.close()
        if self._held_socket:
            self._held_socket.close()
        # Before the sockets: a task that still waits would answer into a closed one.
        for task in self._tasks:
            task.cancel()
        for connection in self._connections:
            connection.reset()
        # They were cancelled; what one of them ends with concerns nobody any more.
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # asyncio closes a socket one turn of the loop after close()

    async def add(self, planned: PlannedFault) -> None:
        """Plan one fault more while the relay runs; the next request is number `count` + 1."""
        self._plan.append(planned)
        self._stop_before_refusal()
        await asyncio.sleep(0)  # as below: idle connections are closed when this returns

    async def listen(self) -> None:
        """Listen again after `refused`; the refusals have counted as one request."""
        if self._held_socket:
            held, self._held_socket = self._held_socket, None
            self._server = await asyncio.start_server(self._accept, sock=held)
            self._stop_before_refusal()

    async def wait_for_late_requests(self) -> None:
        """Return when every request that was put off has reached the ERP."""
        await asyncio.gather(*self._late)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer)
        self._connections.add(connection)
        self._start(self._serve(connection))

    async def _serve(self, connection: Connection) -> None:
        try:
            while await connection.wait_for_request() and await self._exchange(connection):
                pass
        # The client is gone, or writes no HTTP: there is nobody to answer.
        except (OSError, h11.RemoteProtocolError):
            connection.reset()
        finally:
            self._connections.discard(connection)
            connection.close()

    async def _exchange(self, connection: Connection) -> bool:
        """Serve one request; tell whether the connection is good for another."""
        self.count += 1
        planned = self._find_planned(self.count)
        exchange = Exchange(self.count, str(planned))
        # Kept before it is read: one that is reset unread was sent as well.
        self.exchanges.append(exchange)
        if planned.fault.reaches == "socket":
            self._stop_before_refusal()
            self._on_exchange(exchange)
            return await _end(connection, planned.fault)
        request = await connection.read_request()
        planned = self._find_planned_write(request, planned)
        exchange.fault = str(planned)
        exchange.method, exchange.target, exchange.body = request.method, request.target, request.body
        answer = await self._answer(request, planned, exchange)
        # The next request must be refused as a new connection, so this one is closed after its answer.
        last = self._stop_before_refusal() or request.last
        exchange.status = answer.status if answer else None
        self._on_exchange(exchange)
        if answer:
            answer = answer.with_header(b"Connection", b"close") if last else answer
            async for part in planned.fault.sends(answer, planned.value):
                await connection.send(part)
        return await _end(connection, planned.fault) and not last

    def _find_planned(self, n: int) -> PlannedFault:
        # A fault for this request comes before one for every request.
        for nth in (n, None):
            for planned in self._plan:
                if planned.nth == nth and not planned.is_for_writes:
                    return planned
        return NO_FAULT

    def _find_planned_write(self, request: Request, planned: PlannedFault) -> PlannedFault:
        """Return the fault for this write; `planned` where it is none, or is planned for this very request."""
        # A sign-in is sent with POST as writes are, and changes nothing in the book.
        if request.method == "GET" or request.target.casefold().endswith("/token"):
            return planned
        self._writes += 1
        if planned.nth is not None:
            return planned
        # As with all requests: the fault of this write comes before that of every write.
        for nth in (self._writes, None):
            for of_writes in self._plan:
                if of_writes.is_for_writes and of_writes.nth == nth:
                    return of_writes
        return planned

    async def _answer(self, request: Request, planned: PlannedFault, exchange: Exchange) -> Answer | None:
        answer = Answer(200)
        match planned.fault.reaches:
            case "erp":
                answer = await self._ask(request, exchange)
            case "memory":
                answer = self._last_answers.get(request.target) or await self._ask(request, exchange)
            case "erp-late":
                # The client has its answer, or none, while the request is still on its way to the ERP.
                late = self._start(self._ask_later(request, exchange, planned.value))
                self._late.add(late)
        return planned.fault.change(answer, planned.value) if planned.fault.change else None

    async def _ask(self, request: Request, exchange: Exchange) -> Answer:
        exchange.forwarded = True
        answer = await forward(self._erp, request)
        # Answers to writes are kept by no cache.
        if request.method == "GET":
            self._last_answers[request.target] = answer
        return answer

    async def _ask_later(self, request: Request, exchange: Exchange, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._ask(request, exchange)

    def _stop_before_refusal(self) -> bool:
        """Tell whether nobody listens now; stop listening if the plan refuses the next request."""
        planned = self._find_planned(self.count + 1)
        if self._server and planned.fault.reaches == "nobody":
            self.count += 1
            self._hold_port()
            # Without a time nobody listens until `listen` is called.
            if planned.value:
                self._start(self._listen_after(planned.value))
        return self._server is None

    async def _listen_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.listen()

    def _hold_port(self) -> None:
        # Bound, but not listening: connections are refused, and nobody else can take the port.
        if self._server:
            self._server.close()
            self._server = None
        for connection in self._connections:
            if connection.idle:
                connection.close()
        if self._held_socket is None:
            # The same port as before: the client knows no other.
            self._held_socket = _bind(self.port)
            self.port = self._held_socket.getsockname()[1]

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        # Held in a set: the event loop itself keeps its tasks by weak references alone.
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _end(connection: Connection, fault: Fault) -> bool:
    match fault.ends:
        case "hang":
            await connection.hang()
        case "reset":
            connection.reset()
    return fault.ends == "keep"


def _bind(port: int) -> socket.socket:
    bound = socket.socket()
    try:
        if os.name == "posix":  # elsewhere it would let two programs listen on one port
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((HOST, port))
    except OSError:
        bound.close()
        raise
    return bound
