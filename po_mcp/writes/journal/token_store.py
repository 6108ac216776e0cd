"""The token of a connection, kept where all processes of one user find it.

An ERP that grants one token at a time ends the former with every new one, so two processes that each
had their own would sign each other out.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable

from po_mcp.errors import JournalUnavailable
from po_mcp.writes.journal.database import Database

_PUT = (
    "INSERT INTO shared_tokens VALUES (?, ?, ?)"
    " ON CONFLICT (connection) DO UPDATE SET token = excluded.token, ends_at = excluded.ends_at"
)


class SharedToken:
    """One connection's token, in the journal's file. `clock` gives seconds since 1970."""

    def __init__(self, file: Database, name: str, clock: Callable[[], float]) -> None:
        self._file = file
        # Hashed, so that the file names neither address nor client id beside a token.
        self._name = hashlib.sha256(name.encode()).hexdigest()
        self._clock = clock

    def load(self) -> tuple[str, float] | None:
        """Return the token and the seconds that it lasts; None where there is none, or the file cannot be used."""
        try:
            with self._file.reading() as db:
                row = db.execute(
                    "SELECT token, ends_at FROM shared_tokens WHERE connection = ?", (self._name,)
                ).fetchone()
        except JournalUnavailable:
            return None
        return (row["token"], row["ends_at"] - self._clock()) if row is not None else None

    def save(self, token: str, lifetime: float) -> None:
        """Keep the token; where the file cannot be used, every process has its own."""
        with contextlib.suppress(JournalUnavailable), self._file.writing() as db:
            db.execute(_PUT, (self._name, token, self._clock() + lifetime))

    def claim(self, lease: float) -> bool:
        """Take the right to fetch a token, for `lease` seconds; everybody has it where the file cannot be used."""
        try:
            with self._file.writing() as db:
                taken = db.execute("SELECT ends_at FROM shared_tokens WHERE connection = ?", (self._lease,)).fetchone()
                # A lease and no lock: a process that dies while it signs in must not keep the others out.
                if taken is not None and taken["ends_at"] > self._clock():
                    return False
                db.execute(_PUT, (self._lease, "", self._clock() + lease))
        except JournalUnavailable:
            return True
        return True

    def release(self) -> None:
        """Give the right back."""
        with contextlib.suppress(JournalUnavailable), self._file.writing() as db:
            db.execute("DELETE FROM shared_tokens WHERE connection = ?", (self._lease,))

    @property
    def _lease(self) -> str:
        return f"{self._name} is being fetched"
