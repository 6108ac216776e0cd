"""What an administrator does with the journal: adopt, verify, export, prune."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from po_mcp.erp import Connection
from po_mcp.writes.journal import adoption, approver_pin, audit_log, restores
from po_mcp.writes.journal.approver_pin import PinChange
from po_mcp.writes.journal.database import Database, Transaction
from po_mcp.writes.journal.rows import UnreadableRow, read_row

if TYPE_CHECKING:
    from po_mcp.writes.journal.pruning import Pruned


class Upkeep:
    """What an administrator does with the journal. Every method raises `JournalUnavailable` where it cannot be used.

    Args:
        database: where the journal lies.
        moving: opens a transaction that writes.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        database: Database,
        moving: Callable[[], AbstractContextManager[Transaction]],
        clock: Callable[[], float],
    ) -> None:
        self._database = database
        self._moving = moving
        self._clock = clock

    def adopt(self, connection: Connection, answer: Literal["same", "other"]) -> str | None:
        """Record whose these credentials are; return the connection's name, None where another name must be set.

        `same`: the operations that were sent, watched or unknown are this connection's from now on; what waited
        or was approved ends. `other`: they stay what they are, and nothing of them is used here.
        """
        with self._moving() as db:
            return adoption.adopt(db, connection, answer, self._clock())

    def adopt_file(self) -> str:
        """Take the file, or the database, as it is for the journal from now on; say what was done, "" for nothing."""
        if (done := self._database.adopt()) != "":
            return done
        # Not without what every write sees to first: what waits here is ended, though nobody has written since.
        with self._moving() as db:
            if not restores.adopt(db, self._database.origin(), self._clock()):
                return ""
        return f"The journal goes on from {self._database.path}; its latest events may be missing."

    def set_approver_pin(
        self, new: str, former: str | None, event: PinChange, detail: Mapping[str, Any] = MappingProxyType({})
    ) -> bool:
        """Set the PIN's hash in the place of the former one; False where that is not the former one any more."""
        with self._moving() as db:
            return approver_pin.replace(db, new, former, event, self._clock(), dict(detail))

    def verify(self) -> list[str]:
        """Return what in the journal was edited, removed or added behind its back; empty where nothing was."""
        with self._database.reading() as db:
            faults = self._database.find_schema_faults(db)
            faults += audit_log.find_faults(db)
            faults += approver_pin.find_faults(db)
            for row in db.stream("SELECT * FROM write_operations"):
                try:
                    read_row(row)
                except UnreadableRow as exc:
                    faults.append(str(exc))
            return faults

    def export(self) -> list[str]:
        """Return the whole journal as the lines of a file that is checked without it."""
        from po_mcp.writes.journal import export  # late, for a quick start

        with self._database.reading() as db:
            return [*export.write_lines(db, self._database.id)]

    def prune(self, before: float, write: Callable[[list[str]], None]) -> Pruned:
        """Let what ended before a time go: it is given to `write` first, and an exception of that keeps all of it."""
        from po_mcp.writes.journal import export, pruning  # late, for a quick start

        with self._moving() as db:
            end, start = pruning.find_end(db, before), audit_log.start_of(db).place
            if end == start:
                return pruning.Pruned(0, 0)
            # Within the transaction: nothing can come between what is written there and what goes here.
            write([*export.write_lines(db, self._database.id, end)])
            return pruning.prune(db, end, self._clock(), self._database.unguarded(db))
