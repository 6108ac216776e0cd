"""Ctrl-C while a tool is called: what was sent is recorded first, and what is known of it is said."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass

import anyio
from anyio.abc import TaskStatus
from rich.console import Console

from po_mcp.commands._status_text import UNKNOWN, came_of, short
from po_mcp.config import MEMORY, Settings
from po_mcp.errors import PurchaseOrderError
from po_mcp.transports.signals import ending_signals
from po_mcp.untrusted import visible
from po_mcp.writes import order_text
from po_mcp.writes.journal import JournalStore
from po_mcp.writes.kinds import kind_of
from po_mcp.writes.operation import Recorded

INTERRUPTED = 130


@dataclass(frozen=True)
class Call:
    """What was called, and when: seconds since 1970. `number` is "" where the call named no order."""

    tool: str
    number: str
    began: float

    def is_about(self, recorded: Recorded, proposed_at: float) -> bool:
        """Tell whether an operation is what this call asked for, or carried out."""
        operation = recorded.operation
        latest = max(proposed_at, recorded.sent_at or 0.0, recorded.settled_at or 0.0)
        is_same = self.tool.startswith(f"{operation.kind}_") and self.number in ("", operation.number)
        return is_same and latest >= self.began


class Interruptions:
    """Ends a call at the first Ctrl-C, once what was sent is recorded; the second leaves at once.

    Args:
        console: where it is said.
        known: says what is known, and the status to end with.
    """

    def __init__(self, console: Console, known: Callable[[], tuple[str, int]]) -> None:
        self._console = console
        self._known = known

    async def watch(self, calling: anyio.CancelScope, *, task_status: TaskStatus[None]) -> None:
        """Cancel `calling` at the first signal."""
        with anyio.open_signal_receiver(*ending_signals()) as signals:
            # Beside the loop's own, which notices it only when it runs: not while a prompt is read.
            signal.signal(signal.SIGINT, _note)
            task_status.started()
            async for number in signals:
                if calling.cancel_called:
                    # A terminal that is closed sends it more than once: nobody there wants to leave at once.
                    if number not in (signal.SIGINT, signal.SIGTERM):
                        continue
                    # Not by an exception: what is sent is shielded, and would be waited for.
                    os._exit(self.report())
                calling.cancel()
                with suppress(OSError):  # the terminal is closed
                    self._console.print("\nStopping. What was sent is being recorded; Ctrl-C again leaves at once.")

    def report(self) -> int:
        """Say what is known, and return the status."""
        text, status = self._known()
        self._console.print(visible(text, 2_000), markup=False)
        return status


def known_of(settings: Settings, call: Call) -> tuple[str, int]:
    """Say what the journal knows of a call that was stopped, and return the status to end with."""
    path = settings.journal_path()
    if path == MEMORY:
        return "Stopped. The sandbox was in memory; nothing was kept.", INTERRUPTED
    try:
        with closing(JournalStore(path, settings.approval_ttl)) as store:
            if not store.exists():
                return "Stopped. Nothing was sent.", INTERRUPTED
            begun = store.starting_times()
            found = [one for one in store.all() if call.is_about(one, begun[one.operation.id])]
            now = store.now()
    except PurchaseOrderError as exc:
        # Without the journal nobody can say that it was not.
        return f"Stopped. The order may have been sent: {exc}", UNKNOWN
    if not found:
        return "Stopped. Nothing was sent.", INTERRUPTED
    return _say_known(found[-1], now)


def _say_known(recorded: Recorded, now: float) -> tuple[str, int]:
    operation = recorded.operation
    what = f"{kind_of(operation.kind).words.doing} order {order_text.number(operation.number)}"
    if recorded.state in ("PROPOSED", "APPROVED"):
        is_open = "needs approval" if recorded.state == "PROPOSED" else "is approved, and can be taken back"
        return f"Stopped. Nothing was sent. {what} {is_open}: po-mcp approve {short(recorded)}", INTERRUPTED
    status = UNKNOWN if recorded.state in ("SENT", "UNKNOWN") else INTERRUPTED
    look = f" See: po-mcp journal show {short(recorded)}" if status == UNKNOWN else ""
    return f"Stopped. {what}: {came_of(recorded, now)}{look}", status


@contextmanager
def plain_signals() -> Iterator[None]:
    """Let Ctrl-C interrupt a prompt, and nothing else: an event loop's handler does not run while one is read.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed already, and the event loop did not get to heed it.
    """
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    wakeup = signal.set_wakeup_fd(-1) if sys.platform != "win32" else -1
    try:
        if _pressed.is_set() or _is_cancelled():
            raise KeyboardInterrupt
        yield
    finally:
        if sys.platform != "win32":
            signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
        signal.signal(signal.SIGINT, handler)


_pressed = threading.Event()
"""Set at the first Ctrl-C of a call: one that comes right before a prompt must not wait for its answer."""


def _note(number: int, frame: object) -> None:
    _pressed.set()


def _is_cancelled() -> bool:
    """Tell whether the running task is to end: asyncio's own Ctrl-C asks it to, and it may not have come to that."""
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no event loop runs
        return False
    return task is not None and task.cancelling() > 0


def ignore_interrupts() -> None:
    """Let no further Ctrl-C end a command that one has ended already: it would die without its words and status."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
