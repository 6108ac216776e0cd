"""The record of operations: which were proposed, which was claimed, what came of each.

Kept in the memory of this process: it ends with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import anyio

from po_mcp.writes.operation import Operation, WriteOutcome


@dataclass
class _Entry:
    operation: Operation
    proposed_at: float
    claimed: bool = False
    outcome: WriteOutcome | None = None
    settled: anyio.Event = field(default_factory=anyio.Event)

    @property
    def ended_without_effect(self) -> bool:
        return self.outcome is not None and self.outcome.status not in ("done", "unknown")

    @property
    def in_doubt(self) -> bool:
        return self.claimed and (self.outcome is None or self.outcome.status == "unknown")


class Journal:
    """Operations by id.

    Args:
        life: seconds that a proposed operation can be approved, and that an outcome is kept.
        clock: monotonic seconds.
    """

    def __init__(self, life: float = 600.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._life = life
        self._clock = clock
        self._entries: dict[str, _Entry] = {}

    def propose(self, operation: Operation) -> Operation:
        """Record an operation, and return it with its attempt: what ended without effect is begun anew."""
        self._forget()
        while (known := self._entries.get(operation.id)) is not None and known.ended_without_effect:
            operation = replace(operation, attempt=operation.attempt + 1)
        if known is None:
            self._entries[operation.id] = _Entry(operation, self._clock())
        elif not known.claimed:
            known.proposed_at = self._clock()
        return operation

    def find(self, operation_id: str) -> Operation | None:
        """Return the operation, or None where it is not known or its time to be approved is over."""
        entry = self._entries.get(operation_id)
        if entry is None or (not entry.claimed and self._is_over(entry)):
            return None
        return entry.operation

    def claim(self, operation_id: str) -> bool:
        """Take the one edge to the wire. True for one caller only, and only while it may be approved."""
        entry = self._entries.get(operation_id)
        if entry is None or entry.claimed or entry.outcome is not None or self._is_over(entry):
            return False
        entry.claimed = True
        return True

    def settle(self, operation_id: str, outcome: WriteOutcome) -> None:
        """Record what came of it, and wake those who wait for it."""
        entry = self._entries[operation_id]
        entry.outcome = outcome
        entry.settled.set()

    def reopen(self, operation_id: str) -> None:
        """Forget an operation whose effect the ERP no longer shows, so that it can be asked for anew."""
        self._entries.pop(operation_id, None)

    async def outcome(self, operation_id: str) -> WriteOutcome | None:
        """Wait for what came of a claimed operation; None where it was never claimed or settled."""
        entry = self._entries.get(operation_id)
        if entry is None or not (entry.claimed or entry.outcome):
            return None
        await entry.settled.wait()
        return entry.outcome

    def _is_over(self, entry: _Entry) -> bool:
        return self._clock() - entry.proposed_at > self._life

    def _forget(self) -> None:
        """Drop what is over, but never what is in doubt."""
        over = [key for key, entry in self._entries.items() if self._is_over(entry) and not entry.in_doubt]
        for key in over:
            del self._entries[key]
