"""`po-mcp approve`: what waits for a person, decided on in a terminal."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from po_mcp.approvals.docket import Decision, Docket, Verdict
from po_mcp.approvals.pin import Pin
from po_mcp.approvals.view import Order, Sheet, sheet_of
from po_mcp.commands import _settings
from po_mcp.config import Settings
from po_mcp.errors import JournalUnavailable
from po_mcp.writes.journal import Journal
from po_mcp.writes.operation import Recorded

NO_ANSWER = 3

_SAID: dict[Verdict, str] = {
    "no_answer": "That does not fit, so nothing was decided.",
    "no_pin": "Your PIN is needed. Nothing was decided.",
    "wrong_pin": "That is not the PIN. Nothing was decided.",
    "locked": "Too many wrong PINs were tried for this. It can no longer be decided.",
    "too_late": "It was decided elsewhere, or its time is over. Your answer changed nothing.",
}


@click.command("approve")
@click.argument("operation", required=False)
@click.pass_obj
def command(config: Path | None, operation: str | None) -> None:
    """Decide on what waits; OPERATION is an operation's id or an order number.

    Ends with 0 when it was decided, 1 when there is nothing to decide, or it came too late, and 3
    when nobody answered. Approving sends nothing by itself: the assistant goes on from there.
    """
    settings = _settings.load(config)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        _settings.stop("a person decides in a terminal, and this is none", NO_ANSWER)
    journal = Journal(settings.journal_path(), settings.approval_ttl)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started us may have had it ignored
    try:
        raise SystemExit(_decide(Desktop(_docket(settings, journal)), operation))
    except click.Abort:
        print("\nNothing was decided; it stays open.")  # noqa: T201
        raise SystemExit(NO_ANSWER) from None
    except JournalUnavailable as exc:
        _settings.stop(str(exc), status=1)
    finally:
        journal.close()


def _docket(settings: Settings, journal: Journal) -> Docket:
    pin = None if settings.approver_pin is None else Pin(settings.approver_pin.get_secret_value())
    return Docket(journal, None, pin=pin)


def _decide(desktop: Desktop, wanted: str | None) -> int:
    recorded = desktop.chosen(wanted)
    if recorded is None:
        return 1
    desktop.show(recorded)
    decision, content = desktop.answered(recorded)
    pin = desktop.pin()
    verdict = desktop.docket.decide(recorded, decision, content, pin, {"through": "terminal"})
    desktop.tell(decision, verdict)
    return 0 if verdict == "taken" else 1 if verdict == "too_late" else NO_ANSWER


class Desktop:
    """The person at this terminal."""

    def __init__(self, docket: Docket) -> None:
        self.docket = docket
        self._console = Console(highlight=False, markup=False, emoji=False)

    def chosen(self, wanted: str | None) -> Recorded | None:
        """Return what is to be decided; None, and why, where there is nothing."""
        waits = self._waiting()
        if wanted is not None:
            waits = [one for one in waits if wanted in (one.operation.id, one.operation.number)]
        if not waits:
            self._console.print("Nothing waits for a decision." if wanted is None else "Nothing of this name waits.")
            return None
        if len(waits) == 1:
            return waits[0]
        self._list(waits)
        place = click.prompt("Which one", type=click.IntRange(1, len(waits)))
        return waits[int(place) - 1]

    def show(self, recorded: Recorded) -> None:
        """Show one operation as the page shows it."""
        sheet, order = self._sheet(recorded), self._sheet(recorded).order
        question = recorded.operation.question
        if question is not None and question.text.startswith("SANDBOX"):
            self._console.print(Text(question.text.splitlines()[0], "yellow"))
        self._console.print(Panel(Text(f"{sheet.sentence}?\n{sheet.consequence}"), style="bold yellow"))
        for name, value in facts_of(sheet):
            self._console.print(Text.assemble((f"{name}: ", "dim"), value))
        for remark in order.remarks:
            self._console.print(Text(remark, "bold red"))
        self._console.print(lines_of(order))

    def answered(self, recorded: Recorded) -> tuple[Decision, dict[str, Any]]:
        """Ask yes or no, and what the question asks besides. Raises: `click.Abort`."""
        sheet = self._sheet(recorded)
        if "order_number" in sheet.fields:
            typed = click.prompt(
                "Type the order number to delete it, or: reject", default="", show_default=False, type=str
            )
            is_no = typed.strip().lower() == "reject"
            return ("reject", {}) if is_no else ("approve", {"order_number": typed})
        if not click.confirm("Approve it? (no rejects it)", default=None):
            return "reject", {}
        content: dict[str, Any] = {"confirm": True}
        if "create_backorder" in sheet.fields:
            content["create_backorder"] = click.confirm(
                "Order again what is outstanding, on a backorder?", default=None
            )
        return "approve", content

    def pin(self) -> str:
        """Ask for the PIN, unseen, where one is set."""
        if self.docket.pin is None:
            return ""
        return str(click.prompt("Your approver PIN", hide_input=True, default="", show_default=False)).strip()

    def tell(self, decision: Decision, verdict: Verdict) -> None:
        """Say what became of the answer."""
        if verdict != "taken":
            self._console.print(Text(_SAID[verdict], "red"))
        elif decision == "approve":
            self._console.print(Text("Approved. Nothing was sent yet: ask your assistant to go on.", "bold green"))
        else:
            self._console.print(Text("Rejected. Nothing was sent, and nothing will be.", "bold"))

    def _waiting(self) -> list[Recorded]:
        if not self.docket.journal.is_there():
            return []
        return [one for one in self.docket.open() if one.state == "PROPOSED"]

    def _sheet(self, recorded: Recorded) -> Sheet:
        journal = self.docket.journal
        return sheet_of(recorded, journal.events(recorded.operation.id), journal.now())

    def _list(self, waits: Sequence[Recorded]) -> None:
        table = Table("", "What", "Vendor", "Open until", box=None, padding=(0, 2, 0, 0))
        table.add_column("Total", justify="right")
        for place, sheet in enumerate(map(self._sheet, waits), 1):
            order = sheet.order
            table.add_row(*map(Text, (str(place), sheet.sentence, order.vendor, sheet.open_until, order.total)))
        self._console.print(table)


def facts_of(sheet: Sheet) -> list[tuple[str, str]]:
    """Return what is told of an order above its lines: name and value."""
    order = sheet.order
    facts = [
        ("Vendor", order.vendor + (f" (id {order.vendor_id})" if order.vendor_id else "")),
        ("Total", f"{order.total} {order.currency}".strip()),
        ("Status", order.status),
        ("Ordered", order.ordered),
        ("Expected", order.expected),
        ("Asked by", f"{sheet.asked_by} at {sheet.asked_at}, open until {sheet.open_until}"),
    ]
    return [(name, value) for name, value in facts if value]


def lines_of(order: Order) -> Table:
    """Return the lines as a table, figures right-aligned."""
    table = Table("Item", "Description", box=None, padding=(0, 2, 0, 0))
    for name in ("Quantity", "Received", "Outstanding", "Unit price", "Line total"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in order.rows:
        cells = (row.item, row.description, row.quantity, row.received, row.outstanding, row.unit_price, row.line_total)
        table.add_row(*map(Text, cells))
    if order.hidden:
        table.add_row(f"and {order.hidden} more lines that are not shown here")
    return table
