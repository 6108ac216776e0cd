"""schema.sql, from which each database makes the journal's tables, and the comparison of what one has with it."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator, Mapping
from importlib.resources import files

from po_mcp.errors import JournalUnavailable
from po_mcp.writes.journal.database import Transaction

VERSION = 5
"""Of schema.sql."""


def statements() -> Iterator[str]:
    """Yield the statements of schema.sql: executescript() would commit the transaction that these must be part of."""
    statement = ""
    script = files("po_mcp.writes.journal").joinpath("schema.sql").read_text("utf-8")
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def fill(db: Transaction) -> None:
    """Give new tables what every journal has: an id."""
    db.execute("INSERT INTO journal VALUES ('id', ?)", (secrets.token_hex(16),))


def find_faults(found: Mapping[str, str], expected: Mapping[str, str]) -> list[str]:
    """Return what was added, removed or changed; both are what a database defines, by its kind and name."""
    faults = [f"schema: {name} is missing" for name in expected.keys() - found.keys()]
    faults += [f"schema: {name} was added" for name in found.keys() - expected.keys()]
    return faults + [f"schema: {name} was changed" for name in found if found[name] != expected.get(name, found[name])]


def newer_error() -> JournalUnavailable:
    """Return the error for a journal whose version this program does not know yet."""
    what = "The journal was created by a newer po-mcp."
    return JournalUnavailable(what, effect="nothing_sent", next_step="Update po-mcp.")
