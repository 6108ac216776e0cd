"""`po-mcp journal export`, `verify --file` and `prune`: what an auditor gets, and how old entries go."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta, tzinfo
from pathlib import Path

import click

from po_mcp.commands.journal.tables import counted
from po_mcp.errors import InvalidInput, JournalUnavailable
from po_mcp.untrusted import visible
from po_mcp.writes.journal import JournalStore
from po_mcp.writes.journal.export import Checked, check_lines

MIN_DAYS = 30
"""Days that always stay: what was done recently answers repeated calls, and settles what is not known."""


def write_new(path: Path, lines: Iterable[str]) -> None:
    """Write a file that is not there yet, for its owner alone, and wait until it is on the disk."""
    try:
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
            file.flush()
            # What is moved goes from the journal next, and is then here alone.
            os.fsync(file.fileno())
    except FileExistsError:
        raise InvalidInput(f"{visible(str(path))} is there already.", effect="nothing_changed") from None
    except OSError as exc:
        why = exc.strerror or type(exc).__name__
        raise InvalidInput(f"{visible(str(path))} cannot be written ({why}).", effect="nothing_changed") from exc


def check_file(path: Path) -> Checked:
    """Check an export.

    Raises:
        InvalidInput: it cannot be read.
    """
    try:
        with path.open(encoding="utf-8") as file:
            return check_lines(file)
    except (OSError, UnicodeDecodeError) as exc:
        raise InvalidInput(f"{visible(str(path))} cannot be read.") from exc


def choose_day(given: datetime | None, days: int | None, today: date) -> date:
    """Return the day before which entries go.

    Raises:
        InvalidInput: none is given or set, or it is too late.
    """
    if given is None and days is None:
        raise InvalidInput("Say from which day on entries stay: --before 2025-01-01, or set PO_MCP_JOURNAL_DAYS.")
    day = given.date() if given is not None else today - timedelta(days=days or 0)
    latest = today - timedelta(days=MIN_DAYS)
    if day > latest:
        raise InvalidInput(f"The last {MIN_DAYS} days always stay: --before may be {latest} at the latest.")
    return day


def prune(journal: JournalStore, day: date, zone: tzinfo | None, into: Path) -> str:
    """Let what ended before a day go, and return what was done."""
    if faults := journal.upkeep.verify():
        raise JournalUnavailable(
            f"The journal has faults ({counted(len(faults), 'fault')}), so nothing of it goes.",
            next_step="Run: po-mcp journal verify",
        )
    before = datetime.combine(day, time(), zone).timestamp()

    def keep(lines: list[str]) -> None:
        write_new(into, lines)
        if check_file(into).faults:  # a disk that answers otherwise than it was written to
            raise JournalUnavailable("What was written to the file is not what stands there.", effect="nothing_changed")

    gone = journal.upkeep.prune(before, keep)
    if not gone.events:
        return f"Nothing ended before {day}, or an operation before it is not at its end. Nothing was changed."
    what = f"{counted(gone.operations, 'operation')} and {counted(gone.events, 'event')}"
    return f"{what} from before {day} moved to {visible(str(into))}. Check it: po-mcp journal verify --file"


def report(checked: Checked) -> None:
    """Print what a check found, and end with status 1 where it found a fault."""
    for fault in checked.faults:
        click.echo(visible(fault))
    if checked.faults:
        raise SystemExit(1)
    what = f"{counted(checked.operations, 'operation')} and {counted(checked.events, 'event')}"
    click.echo(f"{what} checked, no changes found. The last event is {checked.end}.")
