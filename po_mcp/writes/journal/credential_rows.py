"""The ERP credentials of single people, as the journal keeps them: sealed, and nothing here can open them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from po_mcp.writes.journal import audit_log
from po_mcp.writes.journal.audit_log import Event
from po_mcp.writes.journal.database import Database, Transaction

GIVEN, REMOVED = "ERP credentials given", "ERP credentials removed"
"""Events of the audit log; their detail says whose, and who did it."""
_OF_PERSON = "connection = ? AND person = ?"
_PUT = (
    "INSERT INTO erp_credentials VALUES (?, ?, ?, ?)"
    " ON CONFLICT (connection, person) DO UPDATE SET sealed = excluded.sealed, given_at = excluded.given_at"
)


@dataclass(frozen=True)
class CredentialRow:
    """What is kept of a person (issuer and subject), and since when, in seconds since 1970."""

    person: str
    sealed: str
    given_at: float


class CredentialRows:
    """The credentials of the people of one connection.

    Every method raises `JournalUnavailable` where the journal cannot be used.

    Args:
        database: where the journal lies.
        moving: opens a transaction that writes.
        clock: seconds since 1970.
        connection: its key; credentials of another are not seen.
    """

    def __init__(
        self,
        database: Database,
        moving: Callable[[], AbstractContextManager[Transaction]],
        clock: Callable[[], float],
        connection: str,
    ) -> None:
        self._database = database
        self._moving = moving
        self._clock = clock
        self._connection = connection

    def find(self, person: str) -> CredentialRow | None:
        """Return what is kept of a person; None where nothing is."""
        return next(iter(self._select(_OF_PERSON, self._connection, person)), None)

    def all(self) -> list[CredentialRow]:
        """Return what is kept of everybody, by person."""
        return self._select("connection = ?", self._connection)

    def keep(self, person: str, sealed: str, name: str) -> None:
        """Keep a person's credentials in the place of former ones; `name` is what people read, for the audit log."""
        with self._moving() as db:
            now = self._clock()
            db.execute(_PUT, (self._connection, person, sealed, now))
            audit_log.append(db, Event("", now, GIVEN, {"by": person, "name": name}))

    def reseal(self, person: str, before: str, after: str) -> None:
        """Put the same credentials, sealed anew, in the place of exactly these; what was changed meanwhile stays."""
        with self._moving() as db:
            db.execute(
                f"UPDATE erp_credentials SET sealed = ? WHERE {_OF_PERSON} AND sealed = ?",  # noqa: S608
                (after, self._connection, person, before),
            )

    def remove(self, person: str, by: str) -> bool:
        """Remove a person's credentials; False where there are none. `by` is who does it: a person, or the operator."""
        with self._moving() as db:
            removed = db.execute(
                f"DELETE FROM erp_credentials WHERE {_OF_PERSON}",  # noqa: S608
                (self._connection, person),
            )
            if removed.rowcount == 0:
                return False
            audit_log.append(db, Event("", self._clock(), REMOVED, {"of": person, "by": by}))
        return True

    def _select(self, where: str, *values: str) -> list[CredentialRow]:
        if not self._database.exists():  # looking makes no journal
            return []
        with self._database.reading() as db:
            rows = db.execute(
                f"SELECT person, sealed, given_at FROM erp_credentials WHERE {where} ORDER BY person",  # noqa: S608
                values,
            ).fetchall()
        return [CredentialRow(row["person"], row["sealed"], row["given_at"]) for row in rows]
