"""The premises: what stands behind one MCP server, opened when serving begins and closed when it ends."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date

import anyio
from mcp.server import MCPServer

from po_mcp.approvals.page_server import Listener, MountedPage, NoPage
from po_mcp.approvals.pending import PendingApprovals
from po_mcp.config import Settings
from po_mcp.desk.context import Desk
from po_mcp.errors import PurchaseOrderError
from po_mcp.server.notifications import Notifications
from po_mcp.writes.approving import ApprovalLink
from po_mcp.writes.executor import Executor

logger = logging.getLogger(__name__)

_FIRST_RECOVERY_DELAY_S, _RECOVERY_INTERVAL_S = 2.0, 30.0
"""Seconds until operations that were left behind are looked at, first and then again."""


@dataclass(frozen=True)
class ServerLifespan:
    """The desk, and what goes on behind it without a call.

    Args:
        settings: what the operator decided.
        executor: carries writes out; its ERP and its journal are closed with the premises.
        pending: what waits for a person.
        notifications: who is told of a write.
        page: where links lead; None opens a page on a port of its own when the first link is needed.
        clock: the calendar's, in seconds since 1970.
        on_closed: called when all of it is closed.
    """

    settings: Settings
    executor: Executor
    pending: PendingApprovals
    notifications: Notifications
    page: NoPage | MountedPage | None
    clock: Callable[[], float]
    on_closed: Callable[[], None] | None

    @asynccontextmanager
    async def run(self, server: MCPServer[Desk]) -> AsyncIterator[Desk]:
        """Give the desk for as long as `server` runs: what MCPServer calls its lifespan."""
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(recover_periodically, self.executor)
                tasks.start_soon(self.notifications.run)
                place = self.page or Listener(tasks, self.pending, self.settings.approval == "page")
                try:
                    with self.pending.under_way.within(tasks):
                        yield self._desk(place)
                finally:
                    place.close()
                    tasks.cancel_scope.cancel()
        finally:
            await self._close()

    def _desk(self, page: ApprovalLink) -> Desk:
        executor, over = self.executor, self.settings.create_approval_over
        return Desk(executor.erp, executor.journal, executor, page, over, self._today)

    def _today(self) -> date:
        return self.settings.date_at(self.clock())

    async def _close(self) -> None:
        with anyio.CancelScope(shield=True):
            await self.executor.erp.aclose()
        self.executor.journal.close()
        if self.on_closed is not None:
            self.on_closed()


async def recover_periodically(executor: Executor) -> None:
    """Settle by reading what a process that died left behind: soon after the start, and from time to time."""
    await anyio.sleep(_FIRST_RECOVERY_DELAY_S)
    while True:
        try:
            if executor.journal.exists():
                await executor.reconciler.recover()
        except PurchaseOrderError as exc:
            logger.warning("operations that are not settled could not be looked at: %s", exc.what)
        except Exception as exc:  # nothing that a journal may hold ends the server
            logger.error("operations that are not settled could not be looked at: %s", type(exc).__name__)
        await anyio.sleep(_RECOVERY_INTERVAL_S)
