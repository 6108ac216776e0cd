"""What was approved outside of a client and is being carried out now, as long as the server runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from anyio.abc import TaskGroup


class UnderWay:
    """Runs each operation once at a time, in the server's task group where there is one.

    A web server cancels its requests when it ends, in a way that no shield stops. The server's task group waits for
    what is shielded, so a write that was begun there is recorded before the server is gone.
    """

    def __init__(self) -> None:
        self._tasks: TaskGroup | None = None
        self._ends: dict[str, anyio.Event] = {}

    @contextmanager
    def within(self, tasks: TaskGroup) -> Iterator[None]:
        """Run in this task group from now on."""
        self._tasks = tasks
        try:
            yield
        finally:
            self._tasks = None

    def is_running(self, operation_id: str) -> bool:
        """Tell whether this operation is being carried out here."""
        return operation_id in self._ends

    async def run(self, operation_id: str, carry_out: Callable[[str], Awaitable[object]], patience: float) -> None:
        """Carry out an operation; return when that has ended, or after `patience` seconds while it goes on.

        `carry_out` raises nothing.
        """
        end = self._ends.get(operation_id)
        if end is None:
            end = self._ends[operation_id] = anyio.Event()
            # A terminal has no server: it waits for the write itself.
            if self._tasks is None:
                await self._run(operation_id, carry_out, end)
                return
            self._tasks.start_soon(self._run, operation_id, carry_out, end)
        with anyio.move_on_after(patience):
            await end.wait()

    async def _run(self, operation_id: str, carry_out: Callable[[str], Awaitable[object]], end: anyio.Event) -> None:
        try:
            await carry_out(operation_id)
        finally:
            del self._ends[operation_id]
            end.set()
