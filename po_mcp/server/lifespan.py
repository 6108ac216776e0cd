"""The lifespan of one MCP server: its desk, background tasks, approval page, ERP connection and journal."""

from __future__ import annotations

import hashlib
import json
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date

import anyio
from anyio.abc import TaskGroup
from mcp.server import MCPServer

from po_mcp.approvals.page_server import Listener, MountedPage, NoPage
from po_mcp.approvals.pending import PendingApprovals
from po_mcp.config import Settings
from po_mcp.desk.catalog_file import CatalogFile
from po_mcp.desk.context import Desk
from po_mcp.erp import ServesPeople
from po_mcp.errors import PurchaseOrderError
from po_mcp.server.notifications import Notifications
from po_mcp.server.replicas import Replicas
from po_mcp.writes.approving import ApprovalLink
from po_mcp.writes.executor import Executor

logger = logging.getLogger(__name__)

_FIRST_RECOVERY_DELAY_S, _RECOVERY_INTERVAL_S = 2.0, 30.0
"""Delay and interval of looking at operations that a process left unsettled when it died."""

KeepPage = Callable[[socket.socket], None]
_MAX_FORM_S = 300.0
"""The longest time of a form that is asked within a call: many hosts give a call up after some minutes."""


@dataclass(frozen=True)
class ServerLifespan:
    """Opens the desk and its background tasks when serving begins, and closes them when it ends.

    Args:
        settings: the operator's settings.
        pending: the operations that wait for a person; its executor's ERP and journal are closed at the end.
        notifications: sends updates to subscribed clients.
        replicas: hears of what other replicas wrote.
        page: where approval links lead; None opens a page on a port of its own when the first link is needed.
        clock: the time of the calendar, in seconds since 1970.
        on_closed: called when everything is closed.
        keep_page: given the page's socket, if the client ended this server while a person still has something to
            decide on that page.
    """

    settings: Settings
    pending: PendingApprovals
    notifications: Notifications
    replicas: Replicas
    page: NoPage | MountedPage | None
    clock: Callable[[], float]
    on_closed: Callable[[], None] | None
    keep_page: KeepPage | None = None

    @asynccontextmanager
    async def run(self, server: MCPServer[Desk]) -> AsyncIterator[Desk]:
        """Yield the desk for as long as `server` runs; the lifespan that MCPServer takes."""
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(recover_periodically, self.executor)
                tasks.start_soon(self.notifications.run)
                tasks.start_soon(self.replicas.run, self.executor)
                page = self.page or self._open_page(tasks)
                try:
                    # Writes that are approved on the page run in this task group, and not in that of a request.
                    with self.pending.under_way.within(tasks):
                        yield self._build_desk(page)
                    # A signal would have raised here: a person who ended the server wants no page any more.
                    if self.keep_page is not None:
                        await page.pass_on(self.keep_page)
                finally:
                    page.close()
                    tasks.cancel_scope.cancel()
        finally:
            # After the tasks have ended: they use connector and journal until then.
            await self._close()

    @property
    def executor(self) -> Executor:
        """What sends writes."""
        return self.pending.executor

    def _open_page(self, tasks: TaskGroup) -> Listener | NoPage:
        """Return a page of this server's own; none where approvers sign in, since it knows nobody."""
        comes_first = self.settings.approval == "page"
        return NoPage(comes_first) if self.pending.rules else Listener(tasks, self.pending, comes_first)

    def _build_desk(self, page: ApprovalLink) -> Desk:
        executor, over = self.executor, self.settings.create_approval_over
        return Desk(
            executor.erp,
            executor.journal,
            executor,
            page,
            over,
            form_timeout_s(self.settings.approval_ttl),
            self._today,
            self._catalog_file(),
            pin_setting=self.pending.pin_setting,
            approvers=self.pending.rules,
        )

    def _catalog_file(self) -> CatalogFile | None:
        folder = self.settings.catalog_folder()
        # Where each person sees what their rights allow, nothing of it is kept on the disk.
        if folder is None or isinstance(self.executor.erp, ServesPeople):
            return None
        connection = self.executor.erp.connection
        # Another user of the ERP may see other vendors, and the settings of a connector take part in its lists.
        depends_on = [connection.credentials, self.settings.erp_settings]
        digest = hashlib.sha256(json.dumps(depends_on, sort_keys=True, default=str).encode()).hexdigest()
        return CatalogFile(folder, f"{connection.key} {digest[:12]}")

    def _today(self) -> date:
        return self.settings.date_at(self.clock())

    async def _close(self) -> None:
        # Shielded: after a signal the task is cancelled already, and the connections must still be closed.
        with anyio.CancelScope(shield=True):
            await self.executor.erp.aclose()
        self.executor.journal.close()
        if self.on_closed is not None:
            self.on_closed()


def form_timeout_s(approval_ttl: float) -> float:
    """Return how long a form may be open within a call: half of an operation's life at most.

    When the form is over, the page and the terminal have the rest.
    """
    return min(_MAX_FORM_S, approval_ttl / 2)


async def recover_periodically(executor: Executor) -> None:
    """Settle the operations of processes that died, soon after the start and then at intervals."""
    # The first tools/list does not wait for it.
    await anyio.sleep(_FIRST_RECOVERY_DELAY_S)
    # Reads go on without a journal, so that nobody would notice before the first change.
    if fault := await executor.journal.find_fault():
        logger.warning("PO_MCP_JOURNAL: %s Nothing can be changed", fault)
    while True:
        try:
            if isinstance(executor.erp, ServesPeople):
                await executor.erp.keep_up()
            if executor.journal.exists():
                await executor.reconciler.recover()
        except PurchaseOrderError as exc:
            logger.warning("could not check unconfirmed operations: %s", exc.message)
        except Exception as exc:  # no content of a journal may end the server
            logger.error("could not check unconfirmed operations: %s", type(exc).__name__)
        await anyio.sleep(_RECOVERY_INTERVAL_S)
