"""Notifications to subscribed clients about orders that this server wrote, in both protocol eras.

At 2026-07-28 a client listens (`subscriptions/listen`), and the SDK's bus reaches it. At 2025-11-25 it
subscribes to single resources, which the SDK leaves to the server. resources/list never changes: orders are
read by a template. Clients of another process get a notification where the journal tells of events (`replicas.py`).
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable
from typing import Any

import anyio
from mcp.server import MCPServer
from mcp.server.connection import Connection
from mcp.server.context import ServerRequestContext
from mcp.server.subscriptions import InMemorySubscriptionBus, ResourceUpdated
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS, EmptyResult, SubscribeRequestParams, UnsubscribeRequestParams

from po_mcp.desk.context import Desk
from po_mcp.server.resources import OPEN_ORDERS_URI, order_uri
from po_mcp.writes.operation import Operation, WriteOutcome

logger = logging.getLogger(__name__)

NOTIFICATION_TIMEOUT_S = 5.0
"""How long a client may take to accept a notification."""
_MAX_SUBSCRIPTIONS = 1_000
_MAX_URI_CHARS = 100


class Notifications:
    """The subscriptions, and a queue of updates that `run` sends."""

    def __init__(self) -> None:
        self.bus = InMemorySubscriptionBus()
        self._subscriptions: dict[Connection, set[str]] = {}
        self._queue: deque[str] = deque()
        self._wake = anyio.Event()

    def serve(self, server: MCPServer[Desk]) -> None:
        """Register the handlers of subscriptions at 2025-11-25."""
        # MCPServer has no public way to add these handlers; the dependency is pinned below mcp 2.4 for that.
        lowlevel = server._lowlevel_server
        lowlevel.add_request_handler("resources/subscribe", SubscribeRequestParams, self._subscribe)
        lowlevel.add_request_handler("resources/unsubscribe", UnsubscribeRequestParams, self._unsubscribe)

    def queue_update(self, operation: Operation, outcome: WriteOutcome) -> None:
        """Queue an update for the orders of a finished write; `run` sends it."""
        numbers = filter(None, (operation.number, outcome.backorder_number))
        self._queue.extend([*map(order_uri, numbers), OPEN_ORDERS_URI])
        self._wake.set()

    def queue_look(self) -> None:
        """Queue an update for the open orders: something may have changed without a notification."""
        self._queue.append(OPEN_ORDERS_URI)
        self._wake.set()

    async def run(self) -> None:
        """Send queued updates until cancelled; a client that does not accept one in time is skipped."""
        while True:
            self._wake = anyio.Event()
            # The event is made before the queue is emptied: an update that arrives meanwhile sets it.
            while self._queue:
                await self._notify(self._queue.popleft())
            await self._wake.wait()

    async def _notify(self, uri: str) -> None:
        await _send_or_log(self.bus.publish(ResourceUpdated(uri=uri)))
        # A copy: a client may leave while another is notified.
        for connection in [one for one, uris in self._subscriptions.items() if uri in uris]:
            await _send_or_log(connection.send_resource_updated(uri))

    async def _subscribe(self, ctx: ServerRequestContext[Desk, Any], params: SubscribeRequestParams) -> EmptyResult:
        connection, uri = _connection_of(ctx), str(params.uri)
        # A bound on what a client can make this process keep.
        if not uri.startswith("po://") or len(uri) > _MAX_URI_CHARS:
            text = "No such resource. You can subscribe to po://orders/open or po://orders/{number}."
            raise MCPError(INVALID_PARAMS, text)
        if connection not in self._subscriptions:
            # The SDK closes the exit stack with the connection, so no subscription outlives its client.
            self._subscriptions[connection] = set()
            connection.exit_stack.callback(self._subscriptions.pop, connection)
        uris = self._subscriptions[connection]
        if uri not in uris and len(uris) >= _MAX_SUBSCRIPTIONS:
            raise MCPError(INVALID_PARAMS, "Too many subscriptions. Unsubscribe from some, or use po://orders/open.")
        uris.add(uri)
        return EmptyResult()

    async def _unsubscribe(self, ctx: ServerRequestContext[Desk, Any], params: UnsubscribeRequestParams) -> EmptyResult:
        self._subscriptions.get(_connection_of(ctx), set()).discard(str(params.uri))
        return EmptyResult()


def _connection_of(ctx: ServerRequestContext[Desk, Any]) -> Connection:
    """Return the client's connection, which outlives the request; every request has a session of its own."""
    return ctx.session._connection


async def _send_or_log(sending: Awaitable[None]) -> None:
    """Wait for a notification to be sent; a failure is logged, since no write depends on it."""
    try:
        with anyio.move_on_after(NOTIFICATION_TIMEOUT_S):
            await sending
    except Exception as exc:
        logger.warning("could not notify a client: %s", type(exc).__name__)
