"""Writes of other replicas: the clients of this one are notified of them."""

from __future__ import annotations

import logging
from collections import deque

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream

from po_mcp.errors import PurchaseOrderError
from po_mcp.server.notifications import Notifications
from po_mcp.writes.executor import Executor
from po_mcp.writes.operation import Operation, WriteOutcome

logger = logging.getLogger(__name__)

_OWN_FIRST_S = 0.1
"""Seconds in which what is done here is known to be: the journal tells of it before its call has returned."""
_MAX_KEPT_UPDATES = 1_000


class Replicas:
    """Queues an update for each write that another replica has carried out on the same connection."""

    def __init__(self, notifications: Notifications) -> None:
        self._notifications = notifications
        self._own: deque[str] = deque(maxlen=_MAX_KEPT_UPDATES)

    def note_own(self, operation: Operation, outcome: WriteOutcome) -> None:
        """Queue an update for a write that was done here."""
        self._own.append(operation.id)
        self._notifications.queue_update(operation, outcome)

    async def run(self, executor: Executor) -> None:
        """Hear of what is done until cancelled; end where nobody tells of it."""
        sending, receiving = anyio.create_memory_object_stream[str](_MAX_KEPT_UPDATES)

        def hear(operation_id: str, event: str) -> None:
            if event == "DONE" or not operation_id:
                try:
                    # Without a wait: this is called where events are read, and those behind it would wait, too.
                    sending.send_nowait(operation_id)
                except anyio.WouldBlock:
                    logger.warning("too many writes at once: not every client was notified")

        with sending, receiving:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._tell, receiving, executor)
                await executor.journal.listen(hear)
                tasks.cancel_scope.cancel()

    async def _tell(self, done: MemoryObjectReceiveStream[str], executor: Executor) -> None:
        async for operation_id in done:
            await anyio.sleep(_OWN_FIRST_S)
            # The clients of this server are notified when its own call has recorded the outcome, and once.
            if operation_id in self._own or executor.reconciler.is_sending(operation_id):
                continue
            try:
                await self._queue(operation_id, executor)
            except PurchaseOrderError as exc:
                logger.warning("a write of another replica was not notified: %s", exc.message)

    async def _queue(self, operation_id: str, executor: Executor) -> None:
        if not operation_id:  # some may have been missed
            self._notifications.queue_look()
            return
        found = await executor.journal.find(operation_id)
        # Of another connection the same number is another order.
        here = await executor.journal.name_of(executor.erp.connection)
        if found is not None and found.outcome is not None and found.operation.connection == here:
            self._notifications.queue_update(found.operation, found.outcome)
