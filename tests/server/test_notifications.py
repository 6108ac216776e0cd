"""Notifications: subscribers are notified of this server's writes, and no notification affects a write."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from mcp import Client, MCPError
from mcp.client.session import IncomingMessage
from mcp.client.subscriptions import ResourceUpdated
from mcp.server.connection import Connection
from mcp.server.subscriptions import InMemorySubscriptionBus
from mcp.shared.exceptions import MCPDeprecationWarning
from mcp.types import ElicitResult, ResourceUpdatedNotification

from po_mcp.bootstrap import build_server
from po_mcp.server.notifications import Notifications
from tests.harness import ERAS, IN_MEMORY, ScriptedPerson, ServerHarness, Transport, accept, outcome

LEGACY = "2025-11-25"
both_eras = pytest.mark.parametrize("era", ERAS)
both_transports = pytest.mark.parametrize("transport", ["memory", "stdio"])
OPEN = "po://orders/open"
LINE = {"item": "BOLT-M8-30", "quantity": "1000", "unit_price": "0.45", "warehouse": "1"}
WRITES: dict[str, tuple[str, dict[str, Any], ElicitResult]] = {
    "create": ("create_purchase_order", {"number": "NEW-1", "vendor": "12", "lines": [LINE]}, accept()),
    "finalize": (
        "finalize_purchase_order",
        {"number": "PO-2025-0037"},
        accept(decision="backorder"),
    ),
    "delete": ("delete_purchase_order", {"number": "PO-2025-0038"}, accept(order_number="PO-2025-0038")),
}
CHANGED = {
    "create": ["po://orders/NEW-1", OPEN],
    "finalize": ["po://orders/PO-2025-0037", "po://orders/PO-2025-0037-BO1", OPEN],
    "delete": ["po://orders/PO-2025-0038", OPEN],
}
MARKS = {"po://orders/MARK-0": "NUT-M8", "po://orders/MARK-1": "GLV-NIT-L"}
"""Orders that a test creates to hear of them, and the item of each: no two are similar, so nobody is asked."""
ORDERS = sorted({uri for uris in CHANGED.values() for uri in uris} | MARKS.keys())


class Heard:
    """The URIs of the resources that a client was notified of, in order."""

    def __init__(self) -> None:
        self.uris: list[str] = []
        self.listened: list[str] = []
        """Those that came by a stream of 2026-07-28; the SDK's client passes each on as a message, too."""
        self._added = anyio.Event()

    async def __call__(self, message: IncomingMessage) -> None:
        if isinstance(message, ResourceUpdatedNotification):
            self.add(self.uris, str(message.params.uri))

    def add(self, uris: list[str], uri: str) -> None:
        uris.append(uri)
        self._added.set()
        self._added = anyio.Event()

    async def wait(self, is_so: Callable[[], bool]) -> None:
        """Wait until what was heard is so."""
        with anyio.fail_after(10):
            while not is_so():
                await self._added.wait()

    async def all(self, client: Client, mark: str = "po://orders/MARK-0") -> list[str]:
        """Return all that was heard until now, and none of the client's mark: notifications come in their order."""
        line = {"item": MARKS[mark], "quantity": "1", "unit_price": "1", "warehouse": "1"}
        order = {"number": mark.rpartition("/")[2], "vendor": "15", "lines": [line]}
        assert outcome(await client.call_tool("create_purchase_order", order))["status"] == "done"
        await self.wait(lambda: mark in self.uris)
        return self.uris[: self.uris.index(mark)]


async def subscribe(client: Client, uri: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MCPDeprecationWarning)
        await client.subscribe_resource(uri)


async def unsubscribe(client: Client, uri: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MCPDeprecationWarning)
        await client.unsubscribe_resource(uri)


@asynccontextmanager
async def listening(client: Client, era: str, heard: Heard, uris: Sequence[str]) -> AsyncIterator[None]:
    """Subscribe as the era has it, and keep hearing."""
    if era == LEGACY:
        for uri in uris:
            await subscribe(client, uri)
        yield
        return
    async with client.listen(resource_subscriptions=uris) as subscription, anyio.create_task_group() as tasks:

        async def hear() -> None:
            async for event in subscription:
                assert isinstance(event, ResourceUpdated)
                heard.add(heard.listened, event.uri)

        tasks.start_soon(hear)
        yield
        tasks.cancel_scope.cancel()


@both_transports
@both_eras
@pytest.mark.parametrize("write", WRITES)
async def test_a_finished_write_notifies_each_subscriber_once(
    harness: ServerHarness, era: str, write: str, transport: Transport
) -> None:
    tool, arguments, answer = WRITES[write]
    heard = Heard()
    async with (
        harness.client(era, ScriptedPerson(answer), transport, hears=heard) as client,
        listening(client, era, heard, ORDERS),
    ):
        done = outcome(await client.call_tool(tool, arguments))
        await heard.wait(lambda: len(heard.uris) == len(CHANGED[write]))
        first = list(heard.uris)
        again = outcome(await client.call_tool(tool, arguments))
        later = await heard.all(client)
        await heard.wait(lambda: era == LEGACY or "po://orders/MARK-0" in heard.listened)

    assert (done["status"], done["replayed"]) == ("done", False)
    assert first == CHANGED[write]
    assert heard.listened[: len(first) + 1] == ([] if era == LEGACY else [*first, "po://orders/MARK-0"])
    assert (again["status"], again["replayed"]) == ("done", True)
    assert later == first


async def test_an_order_that_existed_before_notifies_no_client(harness: ServerHarness) -> None:
    """Another server, of which the journal knows nothing, created the very same one: it is not created again."""
    tool, arguments, _ = WRITES["create"]
    async with harness.client(LEGACY, journal=str(harness.journal.with_name("another.db"))) as client:
        assert outcome(await client.call_tool(tool, arguments))["status"] == "done"
    heard = Heard()
    async with harness.client(LEGACY, hears=heard) as client:
        await subscribe(client, OPEN)
        await subscribe(client, "po://orders/MARK-0")
        reply = outcome(await client.call_tool(tool, arguments))
        uris = await heard.all(client)

    assert (reply["status"], uris) == ("refused", [])
    assert "already exists as requested. Nothing was changed." in reply["message"]


@both_eras
async def test_only_subscribed_resources_are_notified(harness: ServerHarness, era: str) -> None:
    tool, arguments, answer = WRITES["delete"]
    heard = Heard()
    async with (
        harness.client(era, ScriptedPerson(answer), hears=heard) as client,
        listening(client, era, heard, ["po://orders/PO-2025-0042", "po://orders/MARK-0", OPEN]),
    ):
        assert outcome(await client.call_tool(tool, arguments))["status"] == "done"
        assert await heard.all(client) == [OPEN]


@both_eras
async def test_a_write_that_is_not_done_notifies_no_client(harness: ServerHarness, era: str) -> None:
    heard = Heard()
    async with (
        harness.client(era, ScriptedPerson(ElicitResult(action="decline")), hears=heard) as client,
        listening(client, era, heard, ORDERS),
    ):
        for tool, arguments, _ in (WRITES["delete"], WRITES["finalize"]):
            assert outcome(await client.call_tool(tool, arguments))["status"] == "declined"
        assert await heard.all(client) == []


async def test_a_client_that_unsubscribed_gets_no_notification(harness: ServerHarness) -> None:
    tool, arguments, _ = WRITES["create"]
    heard = Heard()
    async with harness.client(LEGACY, hears=heard) as client:
        await subscribe(client, OPEN)
        await subscribe(client, "po://orders/NEW-1")
        await subscribe(client, "po://orders/MARK-0")
        await unsubscribe(client, OPEN)
        await unsubscribe(client, OPEN)
        assert outcome(await client.call_tool(tool, arguments))["status"] == "done"
        assert await heard.all(client) == ["po://orders/NEW-1"]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_subscriptions_and_completions_are_announced_in_both_eras(mode: str) -> None:
    async with Client(build_server(IN_MEMORY), mode=mode) as client:
        capabilities = client.server_capabilities

    assert capabilities.resources is not None
    assert capabilities.resources.subscribe is True
    assert capabilities.completions is not None


@pytest.mark.parametrize("uri", ["file:///etc/passwd", "https://example.com", "po://" + "x" * 100])
async def test_an_unknown_resource_cannot_be_subscribed_to(harness: ServerHarness, uri: str) -> None:
    async with harness.client(LEGACY) as client:
        with pytest.raises(MCPError, match=r"No such resource\. You can subscribe to po://orders/open"):
            await subscribe(client, uri)


async def test_subscriptions_of_one_client_are_bounded(harness: ServerHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("po_mcp.server.notifications._MAX_SUBSCRIPTIONS", 2)
    async with harness.client(LEGACY) as client:
        for uri in (OPEN, "po://orders/1", OPEN):
            await subscribe(client, uri)
        with pytest.raises(MCPError, match="Too many subscriptions"):
            await subscribe(client, "po://orders/2")


async def test_a_client_that_left_is_forgotten(harness: ServerHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Notifications] = []
    begin = Notifications.__init__

    def keep(self: Notifications) -> None:
        begin(self)
        made.append(self)

    monkeypatch.setattr(Notifications, "__init__", keep)
    async with harness.client(LEGACY) as client:
        await subscribe(client, OPEN)
        assert len(made[0]._subscriptions) == 1

    assert made[0]._subscriptions == {}


async def _raises(*given: Any, **more: Any) -> None:
    raise RuntimeError("the wire is broken")


async def _hangs(*given: Any, **more: Any) -> None:
    await anyio.sleep_forever()


@both_eras
@pytest.mark.parametrize("failure", [_raises, _hangs])
async def test_a_notification_that_fails_disturbs_no_write(
    harness: ServerHarness, era: str, failure: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Connection, "send_resource_updated", failure)
    monkeypatch.setattr(InMemorySubscriptionBus, "publish", failure)
    async with harness.client(era) as client:
        if era == LEGACY:
            await subscribe(client, OPEN)
        for number in ("NEW-1", "NEW-2"):
            line = {**LINE, "quantity": number[-1]}
            order = {"number": number, "vendor": "12", "lines": [line]}
            with anyio.fail_after(5):
                assert outcome(await client.call_tool("create_purchase_order", order))["status"] == "done"


async def test_a_client_that_accepts_no_notification_delays_no_other(
    harness: ServerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell = Connection.send_resource_updated

    async def stuck_at_first(self: Connection, uri: str) -> None:
        if uri != OPEN:
            await anyio.sleep_forever()
        await tell(self, uri)

    monkeypatch.setattr("po_mcp.server.notifications.NOTIFICATION_TIMEOUT_S", 0.1)
    monkeypatch.setattr(Connection, "send_resource_updated", stuck_at_first)
    heard = Heard()
    async with harness.client(LEGACY, hears=heard) as client:
        for uri in (OPEN, "po://orders/NEW-1"):
            await subscribe(client, uri)
        tool, arguments, _ = WRITES["create"]
        assert outcome(await client.call_tool(tool, arguments))["status"] == "done"
        await heard.wait(lambda: heard.uris == [OPEN])


@both_eras
async def test_a_listener_that_crashes_disturbs_no_write(
    harness: ServerHarness, era: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*given: Any) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr("po_mcp.server.notifications.order_uri", crash)
    tool, arguments, _ = WRITES["create"]
    async with harness.client(era) as client:
        done = outcome(await client.call_tool(tool, arguments))
        operations = outcome(await client.call_tool("get_operation", {"operation_id": done["operation_id"]}))

    assert done["status"] == "done"
    assert operations["operations"][0]["status"] == "done"


async def test_an_unknown_write_notifies_clients_once_it_is_settled(harness: ServerHarness) -> None:
    """The answer is lost and the order cannot be read; a later reading shows that it was created."""
    import httpx2

    lost = False

    async def lose(inner: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
        await inner.handle_async_request(request)
        raise httpx2.ReadError("lost")

    async def unreadable(request: httpx2.Request) -> httpx2.Response:
        harness.wire.seen.append((request.method, request.url.path))
        assert harness.wire.inner is not None
        nonlocal lost
        if harness.wire.seen[-1] in harness.wire.writes:
            lost = True
            return await lose(harness.wire.inner, request)
        if lost and request.url.path.endswith("/NEW-1"):
            raise httpx2.ReadError("lost")
        return await harness.wire.inner.handle_async_request(request)

    harness.wire.handle_async_request = unreadable  # type: ignore[method-assign]
    tool, arguments, _ = WRITES["create"]
    heard = Heard()
    async with harness.client(LEGACY, hears=heard) as client:
        for uri in (OPEN, *MARKS):
            await subscribe(client, uri)
        unknown = outcome(await client.call_tool(tool, arguments))
        lost, before = False, await heard.all(client)
        settled = outcome(await client.call_tool("get_operation", {"operation_id": unknown["operation_id"]}))
        after = await heard.all(client, "po://orders/MARK-1")

    assert (unknown["status"], before) == ("unknown", [])
    # The first mark is an open order, too.
    assert (settled["operations"][0]["status"], after) == ("done", ["po://orders/MARK-0", OPEN, OPEN])
