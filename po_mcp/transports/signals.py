"""SIGINT, SIGTERM and SIGHUP end a server in order: writes in flight are recorded before the process ends."""

from __future__ import annotations

import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
from anyio.abc import TaskStatus


@asynccontextmanager
async def handle_signals(end: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Call `end` at the first of `ending_signals` that arrives while the block runs.

    On Windows, where asyncio has no signal handlers, Ctrl-C ends the process as it does any program.

    Args:
        end: makes the block return; called once.
    """
    async with anyio.create_task_group() as tasks:
        if sys.platform != "win32":
            await tasks.start(_receive, end)
        yield
        tasks.cancel_scope.cancel()


def ending_signals() -> list[signal.Signals]:
    """Return the signals that end this process in order."""
    ends = [signal.SIGINT, signal.SIGTERM]
    # A terminal that is closed sends it to all that was started there, such as a host and its servers. Whoever started
    # this program by nohup had it ignored, so that it outlives the terminal.
    if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        ends.append(signal.SIGHUP)
    return ends


async def _receive(end: Callable[[], Awaitable[None]], *, task_status: TaskStatus[None]) -> None:
    with anyio.open_signal_receiver(*ending_signals()) as signals:
        task_status.started()
        is_ending = False
        # The loop goes on after the first signal: without a receiver, the second would kill the process
        # before the outcome of a write in flight is recorded.
        async for _ in signals:
            if not is_ending:
                is_ending = True
                await end()
