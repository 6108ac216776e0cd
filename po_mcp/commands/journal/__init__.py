"""`po-mcp journal`: what was asked for, what the person was shown, what came of it, and whether it was edited.

Looking changes nothing. `settle` alone writes, into the journal: it records how an operation ended whose
outcome is not known. No command here sends a write to the ERP.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from po_mcp.commands import _settings
from po_mcp.commands._status_text import state_of
from po_mcp.commands.journal import archive, json_output, tables
from po_mcp.commands.journal.adopt import adopt as adopt_all
from po_mcp.commands.journal.opening import (
    legible,
    need_journal,
    no_journal,
    opened,
    opened_for_reading,
    say_older_copy,
    the_one,
)
from po_mcp.commands.journal.settle import need_doubt
from po_mcp.commands.journal.settle import settle as settle_one
from po_mcp.commands.journal.tables import counted
from po_mcp.config import Settings
from po_mcp.connectors import connect
from po_mcp.errors import InvalidInput, JournalUnavailable
from po_mcp.untrusted import visible
from po_mcp.writes.consent import OPERATOR
from po_mcp.writes.journal import JournalStore
from po_mcp.writes.journal.database import is_postgres
from po_mcp.writes.local_time import LocalTime
from po_mcp.writes.operation import LIVE, Recorded

_LATEST_SHOWN = 20


@click.group("journal", invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Show, check and settle recorded operations.

    Without a command, lists them. Nothing here changes the ERP.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_operations)


@command.command("list")
@click.option(
    "--all", "everything", is_flag=True, help=f"All operations, not only open ones and the latest {_LATEST_SHOWN}."
)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.pass_obj
def list_operations(config: Path | None, everything: bool = False, as_json: bool = False) -> None:
    """List open and recent operations, newest last."""
    with opened_for_reading(config) as (settings, journal):
        if not journal.exists():
            # Beside the JSON: what a program reads on standard output is nothing else.
            click.echo(no_journal(settings), err=as_json)
        with legible():
            found = journal.all() if journal.exists() else []
            # Beside the JSON, too.
            say_older_copy(journal, err=as_json)
            begun = journal.starting_times() if found else {}
            shown = found if everything else _open_and_latest(found, journal.now())
            totals = Counter[str](state_of(recorded, journal.now()) for recorded in found)
            if as_json:
                rows = [
                    json_output.row_of(recorded, begun, journal.now(), LocalTime(settings.zone())) for recorded in shown
                ]
                json_output.print_json({"operations": rows, "totals": totals})
            elif found:
                tables.print_list(shown, begun, totals, journal.now(), LocalTime(settings.zone()))
            _say_unreadable(journal, len(found))
            _say_moved(settings, journal)


@command.command("show")
@click.argument("operation_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.pass_obj
def show(config: Path | None, operation_id: str, as_json: bool) -> None:
    """Show one operation in full.

    The start of its id is enough.
    """
    with opened_for_reading(config) as (settings, journal):
        recorded = the_one(settings, journal, operation_id)
        say_older_copy(journal, err=as_json)
        with legible():
            events = journal.events(recorded.operation.id)
            if as_json:
                json_output.print_json(json_output.whole(recorded, events, journal.now(), LocalTime(settings.zone())))
            else:
                local = LocalTime(settings.zone())
                tables.open_console().print(tables.whole(recorded, events, journal.now(), local))


@command.command("settle")
@click.argument("operation_id", metavar="ID")
@click.pass_obj
def settle(config: Path | None, operation_id: str) -> None:
    """Record how an unconfirmed operation ended.

    Checks the ERP first, then asks you. Sends nothing. Exit status: 0 settled, 3 left open.
    """
    console = tables.open_console()
    with opened(config) as (settings, journal):
        recorded = the_one(settings, journal, operation_id)
        need_doubt(recorded, journal.now())
        with legible():
            events, local = journal.events(recorded.operation.id), LocalTime(settings.zone())
            console.print(tables.whole(recorded, events, journal.now(), local))
        raise SystemExit(settle_one(console, settings, journal, recorded))


@command.command("adopt")
@click.pass_obj
def adopt(config: Path | None) -> None:
    """Say whose credentials these are.

    Also takes a journal that was put back or begun again. Sends nothing. Exit status: 0 recorded, 3 left open.
    """
    with opened(config) as (settings, journal):
        raise SystemExit(adopt_all(tables.open_console(), settings, journal))


@command.command("credentials")
@click.option("--remove", metavar="PERSON", help="Remove this person's, named as in the list.")
@click.pass_obj
def credentials(config: Path | None, remove: str | None) -> None:
    """List who gave ERP credentials of their own.

    Nobody is shown what was given. Exit status: 0 listed or removed, 1 that person has given none.
    """
    with opened(config) as (settings, journal):
        rows = journal.credential_rows(connect(settings, journal.shared_token).connection.key)
        if remove is not None and not rows.remove(remove, by=OPERATOR):
            raise InvalidInput("That person has given none.", effect="nothing_changed")
        for row in rows.all():
            click.echo(f"{LocalTime(settings.zone()).stamp(row.given_at)}  {visible(row.person)}")


@command.command("import")
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@click.pass_obj
def import_file(config: Path | None, path: Path) -> None:
    """Bring the journal of a file over into PostgreSQL.

    The file is sealed in the same step: nothing can be written there any more. Stop its servers first.
    """
    with opened(config) as (settings, journal):
        if not is_postgres(settings.journal_path()):
            raise InvalidInput(
                "PO_MCP_JOURNAL must be the postgresql:// address to bring it to.", effect="nothing_changed"
            )
        from po_mcp.writes.journal.importing import import_file as import_all  # late: psycopg takes its time

        count = import_all(path.absolute(), settings.journal_path())
        click.echo(f"{counted(count, 'operation')} brought over to {visible(settings.journal_name())}.")
        click.echo(f"{visible(str(path))} is sealed: nothing is written there any more.")
        if journal.upkeep.verify():
            raise JournalUnavailable("What was brought over has faults.", next_step="Run: po-mcp journal verify")


@command.command("export")
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_obj
def export_all(config: Path | None, file: Path) -> None:
    """Write the journal to a new file, for auditors.

    It is lines of JSON with the chain of hashes; po-mcp journal verify --file checks it anywhere.
    """
    with opened(config) as (settings, journal):
        need_journal(settings, journal)
        archive.write_new(file, journal.upkeep.export())
        # Read back from the disk: that is what an auditor gets.
        archive.report(archive.check_file(file))


@command.command("prune")
@click.option("--before", type=click.DateTime(["%Y-%m-%d"]), help="The day from which on entries stay.")
@click.option("--into", required=True, type=click.Path(path_type=Path), help="The new file that they are moved to.")
@click.pass_obj
def prune(config: Path | None, before: datetime | None, into: Path) -> None:
    """Move old entries to a file, and keep the chain.

    Without --before, what is older than PO_MCP_JOURNAL_DAYS. The last 30 days stay, and what is not at its end.
    """
    with opened(config) as (settings, journal):
        need_journal(settings, journal)
        # By the clock of the journal, which all who use it share.
        day = archive.choose_day(before, settings.journal_days, settings.date_at(journal.now()))
        click.echo(archive.prune(journal, day, settings.zone(), into))


@command.command("verify")
@click.option("--file", type=click.Path(path_type=Path), help="Check this exported file instead of the journal.")
@click.pass_obj
def verify(config: Path | None, file: Path | None) -> None:
    """Check that no entry was edited, added or removed."""
    if file is not None:
        try:
            archive.report(archive.check_file(file))
        except InvalidInput as exc:
            _settings.stop(str(exc), status=1)
        return
    with opened_for_reading(config) as (settings, journal):
        need_journal(settings, journal)
        operations, events = journal.counts()
        say_older_copy(journal)
        faults = journal.upkeep.verify()
        for fault in faults:
            click.echo(visible(fault))
        if not faults and journal.is_older_copy():  # what there is was not edited, and what was there may be gone
            click.echo(f"{counted(operations, 'operation')} and {counted(events, 'event')} of this copy checked.")
        if faults or journal.is_older_copy():
            raise SystemExit(1)
        click.echo(f"{counted(operations, 'operation')} and {counted(events, 'event')} checked, no changes found.")


def _say_unreadable(journal: JournalStore, read: int) -> None:
    """Say how many operations this version cannot read: they are not in the list, and block their orders."""
    unread = journal.counts()[0] - read if journal.exists() else 0
    if unread:
        click.echo(f"{counted(unread, 'operation')} cannot be read. Run: po-mcp journal verify", err=True)


def _say_moved(settings: Settings, journal: JournalStore) -> None:
    """Say that a file tells how things stood when it was brought over to another place."""
    if is_postgres(settings.journal_path()) or not journal.exists():
        return
    moves = [event for event in journal.events("") if event.event == "moved"]
    if moves:
        to = visible(str(moves[-1].detail.get("to")))
        click.echo(
            f"This journal was moved to {to}. This is how it stood then; PO_MCP_JOURNAL names the old place.", err=True
        )


def _open_and_latest(found: Sequence[Recorded], now: float) -> list[Recorded]:
    latest = {recorded.operation.id for recorded in found[-_LATEST_SHOWN:]}
    return [one for one in found if state_of(one, now) in LIVE or one.operation.id in latest]
