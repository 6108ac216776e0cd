"""Progress of a call, for clients that asked for it: hosts end calls that are silent, also while a person reads.

A call that reads a long list reports what it has read. Every call reports that it is still running, at intervals.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any

import anyio
from mcp.server.mcpserver import Context

from po_mcp.concurrency import open_tasks

logger = logging.getLogger(__name__)

# The TypeScript SDK's clients end a call that is silent for 60 seconds; a report may be lost on its way.
INTERVAL_S = 10.0
_STEP = 0.001
"""How much a report of a running call adds: progress must increase, and 1 is one order that was read."""


class _Progress:
    """The progress of one call; it never decreases."""

    def __init__(self, context: Context[Any, Any]) -> None:
        self._context = context
        self._value = 0.0

    async def report(self, value: float, total: float | None, message: str) -> None:
        """Report that `value` of `total` is done."""
        # The protocol wants it to increase, and a second list of a call begins at 0 again.
        self._value = max(value, self._value + _STEP)
        await self._context.report_progress(self._value, total, message)

    async def report_at_intervals(self) -> None:
        """Report until cancelled that the call is running. A client that is gone does not end its call."""
        while True:
            await anyio.sleep(INTERVAL_S)
            try:
                await self.report(0, None, "Still running: waiting for the ERP or for a person's answer")
            except Exception as exc:
                logger.warning("progress could not be reported: %s", type(exc).__name__)


_progress: ContextVar[_Progress | None] = ContextVar("progress", default=None)


async def report_progress(value: float, total: float | None, message: str) -> None:
    """Report the progress of the call that is being answered, if its client asked for it."""
    if (progress := _progress.get()) is not None:
        await progress.report(value, total, message)


async def run_with_progress(
    context: Context[Any, Any], meta: Mapping[str, Any] | None, call: Callable[[], Awaitable[Any]]
) -> Any:
    """Run a call and return its result; meanwhile report progress at intervals, if its client asked so in `meta`."""
    progress = _Progress(context)
    token = _progress.set(progress)
    # No task is started for a client that asked for nothing.
    is_silent = meta is None or meta.get("progress_token") is None
    try:
        return await call() if is_silent else await _run_beside_reports(progress, call)
    finally:
        _progress.reset(token)


async def _run_beside_reports(progress: _Progress, call: Callable[[], Awaitable[Any]]) -> Any:
    async with open_tasks() as tasks:
        tasks.start_soon(progress.report_at_intervals)
        result = await call()
        tasks.cancel_scope.cancel()
    return result
