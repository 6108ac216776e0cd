"""Two servers on one journal, and a client that replays, races, edits, creates twice and crashes them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import httpx2
from anyio.from_thread import start_blocking_portal
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from mcp import Client, MCPError
from mcp.types import CallToolResult, ElicitResult, InputRequiredResult

from po_mcp.writes.journal import JournalStore
from tests.harness import ServerHarness, accept

from .oracle import Sending
from .runner import TTL_S, Clock, read_sending

DELETE, FINALIZE, CANCEL = "delete_purchase_order", "finalize_purchase_order", "cancel_purchase_order"
CREATE = "create_purchase_order"
NUMBERS = st.sampled_from([None, None, "PO-2026-0001", "PO-2026-0002"])
TARGETS: Mapping[tuple[str, str], ElicitResult] = {
    (DELETE, "PO-2025-0038"): accept(order_number="PO-2025-0038"),
    (FINALIZE, "PO-2025-0038"): accept(decision="backorder"),
    (FINALIZE, "PO-2025-0037"): accept(decision="backorder"),
    (CANCEL, "PO-2025-0037"): accept(decision="cancel"),
    (CANCEL, "PO-2025-0038"): accept(decision="cancel"),
}
NOT_YES = (
    ElicitResult(action="decline"),
    accept(decision="keep"),
    accept(confirm="true"),
    accept(order_number="PO-2025-0042"),
    accept(),
)
SERVERS = st.sampled_from([0, 1])


@dataclass(frozen=True)
class Asked:
    """A question with its sealed state, and the operation that it is about."""

    client: Client
    tool: str
    number: str
    state: str
    operation_id: str

    @property
    def arguments(self) -> dict[str, Any]:
        return _arguments(self.tool, self.number)


@dataclass(frozen=True)
class Created:
    """An order that was sent to be created: when, what it holds, and whether a person said yes to it."""

    at: float
    number: str
    content: str
    operation_id: str | None
    by_a_person: bool


@dataclass
class Seen:
    """What went over the wire, and what was asked and approved by then."""

    created: list[Created] = field(default_factory=list)
    sent: list[tuple[Sending, str]] = field(default_factory=list)
    shown: dict[str, str] = field(default_factory=dict)
    approved: set[str] = field(default_factory=set)
    reported: list[Mapping[str, Any]] = field(default_factory=list)


class TwoServers(RuleBasedStateMachine):
    """One book, one journal, two servers, and a client that replays, races, edits, creates twice and crashes them."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.clock, self.seen = Clock(), Seen()
        self.asked: list[Asked] = []
        self.duplicates: list[tuple[Asked, dict[str, Any]]] = []
        self.harness = ServerHarness(Path(self.stack.enter_context(tempfile.TemporaryDirectory())) / "book.db")
        self.harness.wire.on_write = self._pass_on_write
        self.portal = self.stack.enter_context(start_blocking_portal())
        self.clients = [self._start_server(), self._start_server()]

    def teardown(self) -> None:
        self.stack.close()

    def _start_server(self) -> Client:
        connection = self.harness.client(person=_nobody, clock=self.clock)  # type: ignore[arg-type]
        return self.stack.enter_context(self.portal.wrap_async_context_manager(connection))

    async def _pass_on_write(self, inner: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
        seen = read_sending(str(len(self.seen.sent)), 0, self.harness.journal)
        if request.url.path.endswith("/PurchaseOrder"):
            self.seen.created.append(self._read_created(json.loads(request.content), seen))
            return await inner.handle_async_request(request)
        self.seen.sent.append((seen, repr(self.harness.order(_number_of(request)))))
        return await inner.handle_async_request(request)

    def _read_created(self, body: Mapping[str, Any], seen: Sending) -> Created:
        content = json.dumps([body["vendorID"], body["lines"]])
        by_a_person = seen.operation_id in self.seen.approved
        assert seen.was_approved
        return Created(self.clock.now, str(body["poNumber"]), content, seen.operation_id, by_a_person)

    @rule(server=SERVERS, number=NUMBERS, quantity=st.sampled_from(["1", "2"]), times=st.sampled_from([1, 1, 3]))
    def create(self, server: int, number: str | None, quantity: str, times: int) -> None:
        """Ask for an order, also for one that was asked for before; under a number, or the next free one."""
        lines = [{"item": "bolt-m8-30", "quantity": quantity, "unit_price": "0.45", "warehouse": "main"}]
        arguments = {"vendor": "acme", "lines": lines} | ({"number": number} if number else {})
        for result in self.portal.call(_create_at_once, self.clients[server], arguments, times):
            self._note(result)
            if isinstance(result, InputRequiredResult) and result.request_state is not None:
                for operation_id in self._find_waiting_creates():
                    asked = Asked(self.clients[server], CREATE, number or "", result.request_state, operation_id)
                    self.duplicates.append((asked, arguments))

    @precondition(lambda self: self.duplicates)
    @rule(data=st.data(), yes=st.booleans())
    def answer_a_likely_duplicate(self, data: st.DataObject, yes: bool) -> None:
        asked, arguments = data.draw(st.sampled_from(self.duplicates))
        if yes:
            self.seen.approved.add(asked.operation_id)
        reply = accept(decision="yes" if yes else "no")
        self._note(self.portal.call(_try, partial(_answer, asked, arguments, reply)))

    @rule(server=SERVERS, wanted=st.sampled_from(sorted(TARGETS)))
    def ask(self, server: int, wanted: tuple[str, str]) -> None:
        tool, number = wanted
        client = self.clients[server]
        shown = repr(self.harness.order(number))
        result = self.portal.call(_try, partial(_call, client, tool, number))
        if isinstance(result, InputRequiredResult) and result.request_state is not None:
            [operation_id] = self._find_proposed(number)
            self.seen.shown.setdefault(operation_id, shown)
            self.asked.append(Asked(client, tool, number, result.request_state, operation_id))
        self._note(result)

    @precondition(lambda self: self.asked)
    @rule(data=st.data(), times=st.sampled_from([1, 1, 2, 5]))
    def say_yes(self, data: st.DataObject, times: int) -> None:
        """Answer a question, also one that was answered before; several times at once."""
        asked = data.draw(st.sampled_from(self.asked))
        self.seen.approved.add(asked.operation_id)
        for result in self.portal.call(_answer_at_once, asked, TARGETS[asked.tool, asked.number], times):
            self._note(result)

    @precondition(lambda self: self.asked)
    @rule(data=st.data(), reply=st.sampled_from(NOT_YES))
    def say_anything_else(self, data: st.DataObject, reply: ElicitResult) -> None:
        asked = data.draw(st.sampled_from(self.asked))
        for result in self.portal.call(_answer_at_once, asked, reply, 1):
            self._note(result)

    @precondition(lambda self: self.asked)
    @rule(data=st.data(), server=SERVERS)
    def give_the_answer_to_another_server(self, data: st.DataObject, server: int) -> None:
        asked = data.draw(st.sampled_from(self.asked))
        other = Asked(self.clients[server], asked.tool, asked.number, asked.state, asked.operation_id)
        if other.client is asked.client:
            self.seen.approved.add(asked.operation_id)
        for result in self.portal.call(_answer_at_once, other, TARGETS[asked.tool, asked.number], 1):
            self._note(result)

    @rule(server=SERVERS)
    def look(self, server: int) -> None:
        self.portal.call(_try, partial(self.clients[server].call_tool, "get_operation", {}))

    @rule(number=st.sampled_from(["PO-2025-0037", "PO-2025-0038"]))
    def receive_goods_meanwhile(self, number: str) -> None:
        order = self.harness.order(number)
        if order is not None and str(order.status.value).lower() in ("open", "partial"):
            self.harness.change(lambda book: _receive_one(book, number))

    @rule(server=SERVERS)
    def crash(self, server: int) -> None:
        """Drop a server without closing it, and start another on the same journal."""
        self.clients[server] = self._start_server()

    @rule(seconds=st.sampled_from([1, 30, 599, 601]))
    def wait(self, seconds: int) -> None:
        self.clock.now += seconds

    @invariant()
    def every_write_is_of_an_operation_that_was_approved_as_it_is_and_of_no_other(self) -> None:
        for sent, order in self.seen.sent:
            assert sent.operation_id in self.seen.approved
            assert sent.was_approved
            assert sent.is_as_approved
            assert self.seen.shown[sent.operation_id] == order

    @invariant()
    def no_order_is_created_twice_within_its_life_without_a_persons_yes(self) -> None:
        for place, later in enumerate(self.seen.created):
            for earlier in self.seen.created[:place]:
                assert earlier.number != later.number
                is_same = earlier.content == later.content and later.at - earlier.at < TTL_S
                assert later.by_a_person or not is_same

    @invariant()
    def no_operation_is_sent_twice(self) -> None:
        ids = [sent.operation_id for sent, _ in self.seen.sent] + [one.operation_id for one in self.seen.created]
        assert len(set(ids)) == len(ids)

    @invariant()
    def every_write_reported_done_was_sent(self) -> None:
        sent = {sent.operation_id for sent, _ in self.seen.sent} | {one.operation_id for one in self.seen.created}
        for reported in self.seen.reported:
            assert (reported["status"] != "done") or reported["operation_id"] in sent

    @invariant()
    def the_journal_is_whole(self) -> None:
        journal = JournalStore(self.harness.journal)
        try:
            assert not journal.exists() or journal.upkeep.verify() == []
        finally:
            journal.close()

    def _note(self, result: Any) -> None:
        if isinstance(result, CallToolResult) and not result.is_error and result.structured_content:
            self.seen.reported.append(result.structured_content)

    def _find_waiting_creates(self) -> list[str]:
        """Return the ids of the new orders that wait for an approval."""
        journal = JournalStore(self.harness.journal, clock=self.clock)
        try:
            waiting = [one for one in journal.all() if one.state == "PROPOSED" and one.operation.kind == "create"]
            return [one.operation.id for one in waiting]
        finally:
            journal.close()

    def _find_proposed(self, number: str) -> list[str]:
        """Return the ids of the operations on an order that wait for an approval."""
        journal = JournalStore(self.harness.journal, clock=self.clock)
        try:
            return [
                recorded.operation.id
                for recorded in journal.all()
                if recorded.operation.number == number and recorded.state == "PROPOSED"
            ]
        finally:
            journal.close()


async def _nobody(*_: object) -> ElicitResult:
    """Be a client's person who can be asked; the sweep answers by itself, so nobody asks."""
    return ElicitResult(action="cancel")


def _arguments(tool: str, number: str) -> dict[str, Any]:
    return {"number": number, "create_backorder": True} if tool == FINALIZE else {"number": number}


async def _call(client: Client, tool: str, number: str) -> Any:
    return await client.session.call_tool(tool, _arguments(tool, number), allow_input_required=True)


async def _create_at_once(client: Client, arguments: dict[str, Any], times: int) -> list[Any]:
    results: list[Any] = []

    async def once() -> None:
        results.append(await _try(partial(client.session.call_tool, CREATE, arguments, allow_input_required=True)))

    async with anyio.create_task_group() as calls:
        for _ in range(times):
            calls.start_soon(once)
    return results


async def _answer(asked: Asked, arguments: dict[str, Any], reply: ElicitResult) -> Any:
    return await asked.client.session.call_tool(
        CREATE,
        arguments,
        input_responses={"approval": reply},
        request_state=asked.state,
        allow_input_required=True,
    )


async def _try(call: Callable[[], Awaitable[Any]]) -> Any:
    """Make a call; an answer that was sealed elsewhere, or too long ago, is refused by the protocol itself."""
    try:
        return await call()
    except MCPError as exc:
        return exc


async def _answer_at_once(asked: Asked, reply: ElicitResult, times: int) -> list[Any]:
    results: list[Any] = []

    async def once() -> None:
        call = partial(
            asked.client.session.call_tool,
            asked.tool,
            asked.arguments,
            input_responses={"approval": reply},
            request_state=asked.state,
            allow_input_required=True,
        )
        results.append(await _try(call))

    async with anyio.create_task_group() as calls:
        for _ in range(times):
            calls.start_soon(once)
    return results


def _number_of(request: httpx2.Request) -> str:
    """Return the number of the order that a write is about."""
    if request.method == "DELETE":
        return request.url.path.rpartition("/")[2]
    if request.url.path.endswith("/cancel"):
        return request.url.path.split("/")[-2]
    return str(json.loads(request.content)["poNumber"])


def _receive_one(book: Any, number: str) -> None:
    lines = enumerate(book.order(number).lines, 1)
    line = next((place for place, line in lines if line.quantity > line.received), None)
    if line is None:
        return  # everything has come already
    book.receive(number, {line: Decimal(1)})


def make_settings(examples: int, steps: int) -> settings:
    """Return Hypothesis' settings for so many games of so many moves."""
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
