"""`po-mcp approve`: what waits for a person, decided on in a terminal."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import click
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from po_mcp.approvals.pending import Decided, Decision, PendingApprovals, Verdict
from po_mcp.approvals.presentation import NOT_GIVEN, Order, Presentation, Row, misfit_of, pin_warnings, present_pending
from po_mcp.bootstrap import build_pin_setting, build_rules, connect_erp
from po_mcp.commands import _approver_pin, _settings
from po_mcp.commands._interrupted import ignore_interrupts, plain_signals
from po_mcp.commands._status_text import EXIT_STATUS, is_named
from po_mcp.commands._tables import Code, Figure, Words, table_of, under
from po_mcp.config import MEMORY, Settings
from po_mcp.erp import ERP
from po_mcp.errors import InvalidInput, JournalUnavailable, PurchaseOrderError
from po_mcp.untrusted import visible
from po_mcp.writes import order_text
from po_mcp.writes.approvers import THE_OPERATOR
from po_mcp.writes.approving import is_approval
from po_mcp.writes.executor import build_executor
from po_mcp.writes.forms import (
    MAX_TRIES,
    ORDER_NUMBER,
    SANDBOX_TAG,
    FormAnswer,
    approval_content,
    bare,
    is_typed_no,
)
from po_mcp.writes.journal import Journal, JournalStore
from po_mcp.writes.local_time import LocalTime
from po_mcp.writes.operation import WAITING, Recorded
from po_mcp.writes.policy import SettlementPolicy

NO_ANSWER = 3
_DECLINED: dict[Decision, str] = {
    "reject": "Declined. Nothing was changed.",
    "take_back": "Approval taken back. Nothing was changed.",
}

_SAID: dict[Verdict, str] = {
    "no_answer": "",
    "no_pin": "Enter your PIN. Nothing was changed.",
    "wrong_pin": "Wrong PIN. Nothing was changed.",
    "paused": "Too many wrong PINs: try again in a minute. Nothing was changed.",
    "taken": "",
    "not_recorded": "Nothing was recorded.",
    "elsewhere": "This cannot be decided here. Nothing was changed.",
    "not_allowed": "You may not decide on this. Nothing was changed.",
    "otherwise": "Nothing was changed.",
    "first": "Approved by you. Another person must approve it, too.",
    "already_sent": "It was sent already, so it cannot be taken back.",
    "too_late": "Already decided or expired. Your answer changed nothing.",
}


@click.command("approve")
@click.argument("operation", required=False)
@click.option(
    "--set-pin", "pin", flag_value="set", help="Set the approver PIN, or change it; the old one is asked for."
)
@click.option(
    "--reset-pin", "pin", flag_value="reset", help="Set a new PIN without the old; questions say so for 7 days."
)
@click.pass_obj
def command(config: Path | None, operation: str | None, pin: str | None) -> None:
    """Approve or decline what is waiting.

    OPERATION is an order number or an operation id. What you approve is sent at once, so the settings must be those
    of its ERP. What is approved and not sent yet can be sent, or taken back.

    Once a PIN is set, the page and every terminal ask for it. Where people sign in, you are the server's operator: one
    approver, whoever sits here.

    Exit status: 0 done or declined, 1 nothing to decide, too late or refused, 3 no answer, 4 not confirmed.
    """
    settings = _settings.load(config)
    # A yes that comes out of a pipe is a program's, not a person's.
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        _settings.stop("approve needs a terminal, not a pipe or a script", NO_ANSWER)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # the parent process may have had it ignored
    if sys.platform != "win32":
        # A terminal that is closed shows as the end of what is typed; what is being sent is recorded first.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if pin is not None:
        raise SystemExit(_set_pin(settings, is_reset=pin == "reset"))
    try:
        raise SystemExit(anyio.run(_decide, settings, operation))
    except (click.Abort, KeyboardInterrupt):
        ignore_interrupts()
        print("\nNo decision. Nothing was changed.")  # noqa: T201
        raise SystemExit(NO_ANSWER) from None
    except JournalUnavailable as exc:
        _settings.stop(str(exc), status=1)


def _set_pin(settings: Settings, *, is_reset: bool) -> int:
    """Set the PIN; return the command's status."""
    if settings.journal_path() == MEMORY:
        _settings.stop("the journal is in memory: PO_MCP_APPROVER_PIN is the PIN there")
    try:
        with closing(JournalStore(settings.journal_path(), settings.approval_ttl)) as store:
            _approver_pin.set_pin(store, is_reset=is_reset)
    except (click.Abort, KeyboardInterrupt):
        ignore_interrupts()
        print("\nThe PIN was not changed.")  # noqa: T201
        return NO_ANSWER
    except PurchaseOrderError as exc:
        print(exc)  # noqa: T201
        return NO_ANSWER if isinstance(exc, InvalidInput) else 1
    return 0


async def _decide(settings: Settings, wanted: str | None) -> int:
    store = JournalStore(settings.journal_path(), settings.approval_ttl)
    erp = connect_erp(settings, store)
    try:
        return await decide_on(Desktop(_pending(settings, Journal(store), erp)), wanted)
    finally:
        await erp.aclose()
        store.close()


def _pending(settings: Settings, journal: Journal, erp: ERP) -> PendingApprovals:
    """Return what waits on every connection; what is approved for this one is carried out here."""
    policy, local = SettlementPolicy(settings.timeout, *settings.bounds()), LocalTime(settings.zone())
    executor = build_executor(erp, journal, policy, local=local)
    return PendingApprovals(
        journal,
        executor,
        may_write=not settings.read_only,
        # What cannot be sent from here can still be declined here.
        all_connections=True,
        place="terminal",
        pin_setting=build_pin_setting(settings, journal),
        rules=build_rules(settings),
    )


async def decide_on(desktop: Desktop, wanted: str | None) -> int:
    """Have the person decide on one operation, and carry out what they approve; return the command's status."""
    recorded = await desktop.choose(wanted)
    if recorded is None:
        return 1
    await desktop.show(recorded)
    decision, content = await desktop.ask(recorded)
    if decision is None:
        desktop.say(_left(recorded))
        return NO_ANSWER
    decided = await _decide_with_pin(desktop, recorded, decision, content)
    if decided.verdict == "first":
        # Nothing is sent until another person has said yes, too.
        desktop.say(_SAID["first"], "bold")
        return NO_ANSWER
    if decided.verdict in ("wrong_pin", "no_pin"):
        desktop.say(_left(recorded))
        return NO_ANSWER
    if decided.verdict != "taken":
        desktop.say(decided.why or _SAID[decided.verdict] or misfit_of(recorded), "red")
        return 1 if decided.verdict in ("too_late", "already_sent") else NO_ANSWER
    if decision in ("approve", "carry_out"):
        return await _carry_out(desktop, recorded)
    desktop.say(_DECLINED[decision], "bold")
    return 0


def _left(recorded: Recorded) -> str:
    """Say how an operation stands that nothing was decided about."""
    if recorded.state == "APPROVED":
        return "No decision. It is still approved, and not sent yet."
    return "No decision. It is still waiting."


async def _decide_with_pin(
    desktop: Desktop, recorded: Recorded, decision: Decision, content: dict[str, Any]
) -> Decided:
    """Take the answer with the PIN, which may be typed again."""
    journal = desktop.pending.journal
    for left in reversed(range(_approver_pin.PIN_TRIES)):
        pin = await _approver_pin.prompt_pin(journal, desktop.say)
        decided = await desktop.pending.decide(recorded, decision, content, pin, {"through": "terminal"})
        if decided.verdict not in ("wrong_pin", "no_pin"):
            break
        more = f" {await _approver_pin.tries_left(journal)}" if left else ""
        desktop.say(f"{_SAID[decided.verdict]}{more}", "red")
    return decided


async def _carry_out(desktop: Desktop, recorded: Recorded) -> int:
    """Carry out what was approved, and say what came of it."""
    desktop.say("Approved. Sending it ...", "dim")
    outcome = await desktop.pending.carry_out(recorded.operation.id)
    if isinstance(outcome, str):
        short = recorded.operation.id[:12]
        desktop.say(f"{outcome} It is still approved: send it, or take the approval back, with", "bold yellow")
        desktop.say(f"po-mcp approve {short}", "bold yellow")
        return NO_ANSWER
    desktop.say(outcome.message, "bold green" if outcome.status == "done" else "bold yellow")
    return EXIT_STATUS.get(outcome.status, NO_ANSWER)


class Desktop:
    """The person at this terminal."""

    def __init__(self, pending: PendingApprovals) -> None:
        self.pending = pending
        # Without markup: brackets and colons in a text of the ERP would be taken for styles and pictures.
        self._console = Console(highlight=False, markup=False, emoji=False)

    async def choose(self, wanted: str | None) -> Recorded | None:
        """Return what is to be decided; None, and why, where there is nothing."""
        waits = await self._waiting()
        if wanted is not None:
            waits = [one for one in waits if is_named(one, wanted)]
        if not waits:
            self.say(
                "Nothing is waiting for approval." if wanted is None else "Nothing is waiting under that number or id."
            )
            return None
        if len(waits) == 1:
            return waits[0]
        await self._list(waits)
        with plain_signals():
            place = click.prompt(f"Which one? (1-{len(waits)}, Ctrl-C to stop)", type=click.IntRange(1, len(waits)))
        return waits[int(place) - 1]

    async def show(self, recorded: Recorded) -> None:
        """Show one operation as the page shows it, its lines first: what is asked stays in sight above the prompt."""
        shown = await present_pending(self.pending, recorded)
        order = shown.order
        self._console.print(lines_of(order))
        question = recorded.operation.question
        if question is not None and question.text.startswith(SANDBOX_TAG):
            self._console.print(Text("Sandbox: no real orders.", "yellow"))
        self._console.print(Panel(Text(f"{shown.sentence}?\n{shown.consequence}"), style="bold yellow"))
        if no := await self.pending.say_earlier_no(recorded):
            self._console.print(Text(no, "bold red"))
        for warning in pin_warnings(await self.pending.pin_status(), self.pending.executor.words.local):
            self._console.print(Text(warning, "bold red"))
        self._console.print(Text.assemble(("Where: ", "dim"), visible(recorded.operation.connection, 200)))
        for name, value in facts_of(shown):
            self._console.print(Text.assemble((f"{name}: ", "dim"), value))
        for remark in order.remarks:
            self._console.print(Text(remark, "bold red"))

    async def ask(self, recorded: Recorded) -> tuple[Decision | None, dict[str, Any]]:
        """Ask what is to become of it, and what the question asks besides; None: leave it. Raises: `click.Abort`."""
        by_whom = self.pending.why_not_by(recorded, "approve", THE_OPERATOR) if recorded.state == "PROPOSED" else ""
        elsewhere = by_whom or await self.pending.why_not_here(recorded, "approve")
        if elsewhere:
            self.say(f"It cannot be approved here. {elsewhere}", "red")
        shown = await present_pending(self.pending, recorded)
        with plain_signals():
            if recorded.state == "APPROVED":
                return self._ask_of_approved(can_send=not elsewhere), {}
            if elsewhere:
                return ("reject" if click.confirm("Decline it?", default=None) else None), {}
            return self._ask_of_waiting(recorded, shown)

    def _ask_of_waiting(self, recorded: Recorded, shown: Presentation) -> tuple[Decision | None, dict[str, Any]]:
        if "order_number" in shown.fields:
            return self._ask_number(recorded, shown)
        # No default: Enter alone is neither a yes nor a no.
        if not click.confirm(f"{shown.verb.replace(' order', ' the order')}?", default=None):
            return "reject", {}
        with_backorder = None
        if "create_backorder" in shown.fields:
            with_backorder = click.confirm("Put the rest on a backorder?", default=None)
        assert recorded.operation.question is not None
        return "approve", approval_content(recorded.operation.question, with_backorder=with_backorder)

    def _ask_number(self, recorded: Recorded, shown: Presentation) -> tuple[Decision | None, dict[str, Any]]:
        """Have the order number typed, three times where it is mistyped."""
        for _ in range(MAX_TRIES):
            prompt = f'Type {shown.number} to delete it, or "no" to keep it'
            typed = str(click.prompt(prompt, default="", show_default=False))
            if is_typed_no(bare(typed), recorded.operation.number):
                return "reject", {}
            content = {ORDER_NUMBER: typed}
            if is_approval(recorded.operation, FormAnswer("accepted", content)):
                return "approve", content
            self.say(misfit_of(recorded), "red")
        return None, {}

    def _ask_of_approved(self, *, can_send: bool) -> Decision | None:
        choices: dict[str, Decision | None] = {"take back": "take_back", "leave": None}
        if can_send:
            choices = {"send": "carry_out", **choices}
        self.say("Approved, not sent yet.", "bold")
        return choices[click.prompt("What now", type=click.Choice(list(choices)))]

    def say(self, text: str, style: str = "") -> None:
        """Print a sentence."""
        self._console.print(Text(visible(text, 2_000), style))

    async def _waiting(self) -> list[Recorded]:
        if not self.pending.journal.exists():
            return []
        return [one for one in await self.pending.open() if one.state in WAITING]

    async def _list(self, waits: Sequence[Recorded]) -> None:
        rows: list[tuple[Text | str, ...]] = []
        for place, shown in enumerate([await present_pending(self.pending, one) for one in waits], 1):
            below = [shown.order.vendor, *(["approved"] if shown.state == "APPROVED" else [])]
            request = under(shown.sentence, below)
            rows.append((str(place), shown.id[:12], request, shown.open_until, shown.order.total))
        columns: list[Words] = [Code(""), Code("Id"), Words("Request"), Code("Expires"), Figure("Total")]
        self._console.print(table_of(columns, rows))


def facts_of(shown: Presentation) -> list[tuple[str, str]]:
    """Return what is shown of an order above its lines: name and value."""
    order = shown.order
    facts = [
        ("Vendor", order.vendor + (f" (id {order.vendor_id})" if order.vendor_id else "")),
        ("Total", order.total),
        ("Status", order.status),
        ("Ordered", order.ordered),
        ("Expected", order.expected),
        ("Requested by", f"{shown.asked_by} at {shown.asked_at}, expires {shown.open_until}"),
        ("Approved by", ", ".join(f"{one.name} at {one.at}" for one in shown.approved_by)),
        ("Needs", "two approvers" if shown.needed > 1 else ""),
    ]
    return [(name, value) for name, value in facts if value]


def lines_of(order: Order) -> Table:
    """Return the lines as a table, figures right-aligned."""
    prices = (Figure("Unit price"), Figure("Line total"))
    columns: list[Words] = [Words("Item"), *map(Figure, ("Quantity", "Received", "Outstanding")), *prices]
    if order.is_new:
        columns = [Words("Item"), Figure("Quantity"), Code("Unit"), *prices, Words("Deliver to")]
    table = table_of(columns, [_cells(row, is_new=order.is_new) for row in order.rows])
    if order.hidden:
        table.add_row(order_text.count(order.hidden, "more line"))
    return table


def _cells(row: Row, *, is_new: bool) -> tuple[Text | str, ...]:
    item = under(row.item, [*([row.description] if row.description != NOT_GIVEN else []), *row.remarks])
    prices = (row.unit_price, row.line_total)
    if is_new:
        return item, row.quantity, row.unit, *prices, row.deliver_to
    return item, row.quantity, row.received, row.outstanding, *prices
