"""`po-mcp approve`: what waits for a person, decided on in a terminal."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import click
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from po_mcp.approvals.pending import Decided, Decision, PendingApprovals, Verdict
from po_mcp.approvals.pin import Pin
from po_mcp.approvals.presentation import Order, Sheet, sheet_of
from po_mcp.commands import _settings
from po_mcp.config import Settings
from po_mcp.connectors import connect
from po_mcp.erp import ERP
from po_mcp.errors import JournalUnavailable
from po_mcp.writes.executor import build_executor
from po_mcp.writes.journal import Journal, JournalStore
from po_mcp.writes.operation import Recorded
from po_mcp.writes.policy import SettlementPolicy

NO_ANSWER = 3

_SAID: dict[Verdict, str] = {
    "no_answer": "That does not fit, so nothing was decided.",
    "no_pin": "Your PIN is needed. Nothing was decided.",
    "wrong_pin": "That is not the PIN. Nothing was decided.",
    "locked": "Too many wrong PINs were tried for this. It can no longer be decided.",
    "taken": "",
    "too_early": "It may still happen. Nothing was recorded.",
    "too_late": "It was decided elsewhere, or its time is over. Your answer changed nothing.",
}


@click.command("approve")
@click.argument("operation", required=False)
@click.pass_obj
def command(config: Path | None, operation: str | None) -> None:
    """Decide on what waits; OPERATION is an operation's id or an order number.

    Ends with 0 when it was decided, 1 when there is nothing to decide, or it came too late, and 3
    when nobody answered. What is approved is carried out at once where these settings lead to its ERP.
    """
    settings = _settings.load(config)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        _settings.stop("a person decides in a terminal, and this is none", NO_ANSWER)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started us may have had it ignored
    try:
        raise SystemExit(anyio.run(_decide, settings, operation))
    except (click.Abort, KeyboardInterrupt):
        print("\nNothing was decided; it stays open.")  # noqa: T201
        raise SystemExit(NO_ANSWER) from None
    except JournalUnavailable as exc:
        _settings.stop(str(exc), status=1)


async def _decide(settings: Settings, wanted: str | None) -> int:
    store = JournalStore(settings.journal_path(), settings.approval_ttl)
    erp = connect(settings, store.shared_token)
    try:
        return await _decide_on(Desktop(_pending(settings, Journal(store), erp)), wanted)
    finally:
        await erp.aclose()
        store.close()


def _pending(settings: Settings, journal: Journal, erp: ERP) -> PendingApprovals:
    """Return what waits on every connection; what is approved for this one is carried out here."""
    pin = None if settings.approver_pin is None else Pin(settings.approver_pin.get_secret_value())
    policy = SettlementPolicy(settings.timeout, *settings.bounds())
    executor = None if settings.read_only else build_executor(erp, journal, policy)
    return PendingApprovals(journal, executor, pin=pin, all_connections=True)


async def _decide_on(desktop: Desktop, wanted: str | None) -> int:
    recorded = await desktop.choose(wanted)
    if recorded is None:
        return 1
    await desktop.show(recorded)
    decision, content = await desktop.ask(recorded)
    pin = desktop.ask_pin()
    decided = await desktop.pending.decide(recorded, decision, content, pin, {"through": "terminal"})
    desktop.report(decision, decided)
    return 0 if decided.verdict == "taken" else 1 if decided.verdict == "too_late" else NO_ANSWER


class Desktop:
    """The person at this terminal."""

    def __init__(self, pending: PendingApprovals) -> None:
        self.pending = pending
        self._console = Console(highlight=False, markup=False, emoji=False)

    async def choose(self, wanted: str | None) -> Recorded | None:
        """Return what is to be decided; None, and why, where there is nothing."""
        waits = await self._waiting()
        if wanted is not None:
            waits = [one for one in waits if wanted in (one.operation.id, one.operation.number)]
        if not waits:
            self._console.print("Nothing waits for a decision." if wanted is None else "Nothing of this name waits.")
            return None
        if len(waits) == 1:
            return waits[0]
        await self._list(waits)
        place = click.prompt("Which one", type=click.IntRange(1, len(waits)))
        return waits[int(place) - 1]

    async def show(self, recorded: Recorded) -> None:
        """Show one operation as the page shows it."""
        sheet = await self._sheet(recorded)
        order = sheet.order
        question = recorded.operation.question
        if question is not None and question.text.startswith("SANDBOX"):
            self._console.print(Text(question.text.splitlines()[0], "yellow"))
        self._console.print(Panel(Text(f"{sheet.sentence}?\n{sheet.consequence}"), style="bold yellow"))
        for name, value in facts_of(sheet):
            self._console.print(Text.assemble((f"{name}: ", "dim"), value))
        for remark in order.remarks:
            self._console.print(Text(remark, "bold red"))
        self._console.print(lines_of(order))

    async def ask(self, recorded: Recorded) -> tuple[Decision, dict[str, Any]]:
        """Ask yes or no, and what the question asks besides. Raises: `click.Abort`."""
        sheet = await self._sheet(recorded)
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

    def ask_pin(self) -> str:
        """Ask for the PIN, unseen, where one is set."""
        if self.pending.pin is None:
            return ""
        return str(click.prompt("Your approver PIN", hide_input=True, default="", show_default=False)).strip()

    def report(self, decision: Decision, decided: Decided) -> None:
        """Say what became of the answer, and of the operation where it was carried out here."""
        if decided.verdict != "taken":
            self._console.print(Text(decided.why or _SAID[decided.verdict], "red"))
        elif decided.outcome is not None:
            is_done = decided.outcome.status == "done"
            self._console.print(Text(decided.outcome.message, "bold green" if is_done else "bold yellow"))
        elif decision == "approve":
            why = f"{decided.why} " if decided.why else ""
            text = f"Approved. {why}Nothing was sent yet: ask your assistant again for the same."
            self._console.print(Text(text, "bold green"))
        else:
            self._console.print(Text("Rejected. Nothing was sent, and nothing will be.", "bold"))

    async def _waiting(self) -> list[Recorded]:
        if not self.pending.journal.exists():
            return []
        return [one for one in await self.pending.open() if one.state == "PROPOSED"]

    async def _sheet(self, recorded: Recorded) -> Sheet:
        journal = self.pending.journal
        return sheet_of(recorded, await journal.events(recorded.operation.id), journal.now())

    async def _list(self, waits: Sequence[Recorded]) -> None:
        table = Table("", "What", "Vendor", "Open until", box=None, padding=(0, 2, 0, 0))
        table.add_column("Total", justify="right")
        sheets = [await self._sheet(one) for one in waits]
        for place, sheet in enumerate(sheets, 1):
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
