"""The journal, for a command: opened, read, one operation found in it, or the end with status 1 and one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from po_mcp.commands import _settings
from po_mcp.config import Settings
from po_mcp.errors import InvalidInput, PurchaseOrderError
from po_mcp.untrusted import visible
from po_mcp.writes.journal import JournalStore
from po_mcp.writes.operation import Recorded
from po_mcp.writes.person_words import for_person

_OLDER_COPY = (
    "This journal is an older copy, or another one, than was used here before: its latest entries may be missing, and "
    "nothing is written to it. Look in the ERP at the orders that were sent last, then run: po-mcp journal adopt"
)


@contextmanager
def opened(config: Path | None) -> Iterator[tuple[Settings, JournalStore]]:
    """Give the journal of these settings; what fails ends the command with one line and status 1."""
    settings = _settings.load(config)
    journal = JournalStore(settings.journal_path(), settings.approval_ttl)
    try:
        yield settings, journal
    except PurchaseOrderError as exc:
        _settings.stop(for_person(str(exc)), status=1)
    finally:
        journal.close()


@contextmanager
def opened_for_reading(config: Path | None) -> Iterator[tuple[Settings, JournalStore]]:
    """Give the journal as `opened` does, also where it is an older copy, in which nothing is written."""
    with opened(config) as (settings, journal):
        journal.read_older_copy()
        yield settings, journal


def say_older_copy(journal: JournalStore, *, err: bool = False) -> None:
    """Say in the first line that what follows is an older copy."""
    if journal.is_older_copy():
        click.echo(_OLDER_COPY, err=err)


@contextmanager
def legible() -> Iterator[None]:
    """Say in one line that the journal holds what this program never wrote."""
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        message = "The journal has entries that cannot be read. Run: po-mcp journal verify"
        _settings.stop(message, status=1)


def the_one(settings: Settings, journal: JournalStore, beginning: str) -> Recorded:
    """Return the operation whose id begins so.

    Raises:
        InvalidInput: no operation has such an id, or more than one.
    """
    need_journal(settings, journal)
    with legible():
        found = journal.find_beginning(beginning.lower())
    if len(found) == 1:
        return found[0]
    if found:
        raise InvalidInput(f"{len(found)} operations have an id that starts like this.", next_step="Type more of it.")
    # A row that cannot be read is not among those found, and it must not be said that there is none.
    if any(fault.startswith(f"operation {beginning.lower()}") for fault in journal.upkeep.verify() if beginning):
        raise InvalidInput("That operation cannot be read.", next_step="Run: po-mcp journal verify")
    raise InvalidInput("No operation has an id that starts like this.", next_step="See: po-mcp journal list --all")


def need_journal(settings: Settings, journal: JournalStore) -> None:
    """End the command where nothing was asked for yet."""
    if not journal.exists():
        _settings.stop(no_journal(settings), status=1)


def no_journal(settings: Settings) -> str:
    """Say that there is no journal, and where it would be."""
    return f"No operations yet. The journal will be {visible(settings.journal_name())}."
