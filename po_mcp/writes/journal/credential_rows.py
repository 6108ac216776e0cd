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

    def keep(self, person: str, sealed: str, name: str, in_place_of: str | None = None) -> bool:
        """Keep a person's credentials in the place of former ones; False where those are others than was thought.

        Args:
            person: whose they are.
            sealed: the credentials.
            name: what people read, for the audit log.
            in_place_of: what must be kept until now, "" for nothing; None for whatever it is.
        """
        with self._moving() as db:
            # They were tried in the ERP meanwhile: what the person has changed or removed since stays.
            if in_place_of is not None and self._sealed_now(db, person) != in_place_of:
                return False
            now = self._clock()
            db.execute(_PUT, (self._connection, person, sealed, now))
            # Whose they are, and nothing of what was given: secrets reach no log.
            audit_log.append(db, Event("", now, GIVEN, {"by": person, "name": name}))
        return True

    def reseal(self, person: str, before: str, after: str) -> None:
        """Put the same credentials, sealed again, in the place of exactly these; what was changed meanwhile stays."""
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

    def _sealed_now(self, db: Transaction, person: str) -> str:
        """Return what is kept of a person within a transaction; "" for nothing."""
        found = db.execute(f"SELECT sealed FROM erp_credentials WHERE {_OF_PERSON}", (self._connection, person))  # noqa: S608
        row = found.fetchone()
        return "" if row is None else str(row["sealed"])

    def _select(self, where: str, *values: str) -> list[CredentialRow]:
        if not self._database.exists():  # looking makes no journal
            return []
        with self._database.reading() as db:
            rows = db.execute(
                f"SELECT person, sealed, given_at FROM erp_credentials WHERE {where} ORDER BY person",  # noqa: S608
                values,
            ).fetchall()
        return [CredentialRow(row["person"], row["sealed"], row["given_at"]) for row in rows]
