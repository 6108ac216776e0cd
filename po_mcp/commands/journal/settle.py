"""Settling an operation whose outcome is not known: by reading the ERP, else by what the person says."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Literal

import anyio
import click
from rich.console import Console
from rich.text import Text

from po_mcp.approvals.pin import PinCheck, PinFault
from po_mcp.commands import _approver_pin
from po_mcp.commands._interrupted import ignore_interrupts, plain_signals
from po_mcp.commands._status_text import came_of, label_of, short
from po_mcp.commands.journal.tables import plain
from po_mcp.config import Settings
from po_mcp.errors import InvalidInput
from po_mcp.untrusted import visible
from po_mcp.writes import order_text
from po_mcp.writes.executor import build_executor
from po_mcp.writes.forms import MAX_TRIES, is_typed_number
from po_mcp.writes.journal import Journal, JournalStore
from po_mcp.writes.kinds import kind_of
from po_mcp.writes.local_time import LocalTime
from po_mcp.writes.operation import Recorded, State, WriteOutcome
from po_mcp.writes.policy import SettlementPolicy
from po_mcp.writes.reconcile import Reconciler
from po_mcp.writes.verdict import CONFIRMED, need_time, record_verdict, say_verdict

NOT_SETTLED = 3
_LOOKED = "I looked"

_Said = Literal["yes", "no"]


@dataclass(frozen=True)
class _Seen:
    """How the operation stands after a look, and what the ERP shows. `was_read`: the ERP was asked, and answered."""

    recorded: Recorded
    why: str
    was_read: bool


def need_doubt(recorded: Recorded, now: float) -> None:
    """Refuse what is no question. Raises: `InvalidInput`."""
    if recorded.state not in ("SENT", "UNKNOWN", "WATCHED"):
        raise InvalidInput(
            f"Operation {short(recorded)} is {label_of(recorded, now).lower()}; "
            "only one that is not confirmed can be settled."
        )


def need_end(store: JournalStore, recorded: Recorded, policy: SettlementPolicy, local: LocalTime) -> None:
    """Refuse what may still be on its way, or is still being checked. Raises: `InvalidInput`."""
    counts_from = recorded.counts_from or recorded.sent_at or 0.0
    ends = {"SENT": counts_from + policy.abandoned_after, "WATCHED": recorded.watched_until or 0.0}
    end = ends.get(recorded.state, 0.0)
    # Another process may be waiting for the answer at this moment.
    if store.now() < end:
        time = local.time(end, seconds=True)
        raise InvalidInput("It may still be in progress.", next_step=f"Try again after {time}.")


def settle(console: Console, settings: Settings, store: JournalStore, recorded: Recorded) -> int:
    """Settle it by reading, or by asking the person; return the command's status, 0 where it is settled.

    Where these settings lead to another ERP than the one that it was sent to, nothing can be looked up, and the
    person's word alone counts.

    Raises:
        InvalidInput: it cannot be settled yet, or was by another process.
    """
    reconciler = _reconciler(settings, store, recorded)
    if reconciler is None:
        where = visible(recorded.operation.connection)
        console.print(
            plain(f"\nIt was sent over another connection ({where}), so po-mcp cannot check it with these settings.")
        )
        need_end(store, recorded, SettlementPolicy(settings.timeout, *settings.bounds()), LocalTime(settings.zone()))
        seen = _Seen(recorded, "po-mcp could not check", was_read=False)
        return _ask(console, settings, store, seen)
    console.print(f"\nChecking {reconciler.words.name} (reading only) ...")
    seen = anyio.run(_look_up, reconciler, recorded)
    if seen.recorded.state == "UNKNOWN":
        console.print(plain(f"Not clear yet: {seen.why}."))
        return _ask(console, settings, store, seen)
    if seen.recorded.state in ("SENT", "WATCHED"):
        raise InvalidInput("It may still be in progress.", next_step="Try again in a minute.")
    console.print(Text("Settled. ", "bold green") + plain(came_of(seen.recorded, store.now())))
    return 0


def _reconciler(settings: Settings, store: JournalStore, recorded: Recorded) -> Reconciler | None:
    """Connect to the ERP that the operation was sent to; None where these settings lead to another."""
    from po_mcp.connectors import connect  # late: looking at the journal needs no connector

    # By the recorded connection: the same number may stand for another order in another ERP.
    erp = connect(settings, store.shared_token)
    if store.name_of(erp.connection) != recorded.operation.connection:
        anyio.run(erp.aclose)
        return None
    policy = SettlementPolicy(settings.timeout, *settings.bounds())
    return build_executor(erp, Journal(store), policy).reconciler


async def _look_up(reconciler: Reconciler, recorded: Recorded) -> _Seen:
    """Settle it by reading if that decides; return how it stands, and what the ERP shows."""
    try:
        recorded = await reconciler.reconcile(recorded)
        if recorded.state != "UNKNOWN":
            return _Seen(recorded, "", was_read=True)
        seen = await reconciler.look(recorded)
        return _Seen(recorded, "; ".join((seen.why, *seen.differences)), was_read=seen.seen != "unreadable")
    finally:
        await reconciler.erp.aclose()


def _ask(console: Console, settings: Settings, store: JournalStore, seen: _Seen) -> int:
    """Ask the person at the terminal what happened, and record it."""
    # What happened in the ERP is for somebody to say who looked, never for a script.
    if not sys.stdin.isatty():
        console.print("Your answer is needed; run this in a terminal. Nothing was recorded.")
        return NOT_SETTLED
    try:
        with plain_signals():
            said = _answer(console, seen)
    except (click.Abort, KeyboardInterrupt):
        ignore_interrupts()
        console.print()
        said = None
    if said is None:
        console.print("Left as not confirmed. Nothing was recorded.")
        return NOT_SETTLED
    if not _has_pin(console, store, seen.recorded):
        return NOT_SETTLED
    happened = said == "yes"
    policy = SettlementPolicy(settings.timeout, *settings.bounds())
    again = _reconciler(settings, store, seen.recorded) if seen.was_read else None  # an event loop has its own
    if again is not None:
        outcome = anyio.run(_record_after_look, again, seen.recorded, happened)
    else:
        outcome = _record_blindly(store, policy, seen, happened)
    if CONFIRMED in outcome.message:
        console.print(Text("Recorded. ", "bold green") + plain(outcome.message))
    else:  # by the last look, or by another process
        console.print(plain(f"Another process settled it first; your answer was not recorded. {outcome.message}"))
    return 0


def _answer(console: Console, seen: _Seen) -> _Said | None:
    """Return what the person says happened; None for anything but a clear answer with the order number.

    Where po-mcp could not look, a second word is wanted: nothing but the person's own look stands behind it.

    Raises:
        click.Abort, KeyboardInterrupt: Ctrl-C, or the end of the input.
    """
    operation = seen.recorded.operation
    number, done = order_text.number(operation.number), kind_of(operation.kind).words.done
    console.print(
        plain(
            f"Look at order {number} in the ERP now. Was it {done}?\n"
            "  yes    it was\n"
            "  no     it was not, and it cannot happen later\n"
            "  leave  not sure"
        )
    )
    said: str = click.prompt("Answer", type=click.Choice(["yes", "no", "leave"]))
    if said == "leave":
        return None
    if not _is_typed(console, f"Type {number} to record this", operation.number):
        return None
    if not seen.was_read and not _is_typed(console, f"po-mcp could not check. Type: {_LOOKED}", _LOOKED):
        return None
    return "yes" if said == "yes" else "no"


def _is_typed(console: Console, prompt: str, wanted: str) -> bool:
    """Tell whether exactly this is typed, in three tries."""
    for left in reversed(range(MAX_TRIES)):
        if is_typed_number(str(click.prompt(prompt)), wanted):
            return True
        if left:
            console.print(plain(f"That is not {order_text.number(wanted)}."))
    return False


def _has_pin(console: Console, store: JournalStore, recorded: Recorded) -> bool:
    """Ask for the approver's PIN where one is set; a verdict can release a second send as an approval does a first."""
    try:
        refused = anyio.run(_judge_pin, console, store, recorded)
    except (click.Abort, KeyboardInterrupt):
        ignore_interrupts()
        refused = "no_pin"
    if refused is not None:
        console.print(f"{_approver_pin.FAULTS[refused]} Nothing was recorded.")
    return refused is None


async def _judge_pin(console: Console, store: JournalStore, recorded: Recorded) -> PinFault | None:
    check = PinCheck(Journal(store), "terminal")
    return await _approver_pin.ask_pin(check, console.print, recorded.operation.id)


async def _record_after_look(reconciler: Reconciler, recorded: Recorded, happened: bool) -> WriteOutcome:
    detail = {"by": "terminal", "said": "yes" if happened else "no"}
    try:
        return await record_verdict(reconciler, recorded, happened=happened, detail=detail)
    finally:
        await reconciler.erp.aclose()


def _record_blindly(store: JournalStore, policy: SettlementPolicy, seen: _Seen, happened: bool) -> WriteOutcome:
    """Record what the person says where po-mcp could not look."""
    operation = seen.recorded.operation
    if not happened:
        # A no alone: what has not happened yet may still come.
        need_time(Journal(store), policy, seen.recorded)
    message = say_verdict(operation, happened=happened, seen="po-mcp could not check")
    outcome = WriteOutcome(status="done" if happened else "refused", operation_id=operation.id, message=message)
    after: State = "DONE" if happened else "NOT_APPLIED"
    detail = {"by": "terminal", "said": "yes" if happened else "no", "observed": seen.why}
    if seen.recorded.state in ("SENT", "WATCHED"):
        store.finish(operation.id, seen.recorded.state, "UNKNOWN", outcome, {"observed": seen.why})
    if store.finish(operation.id, "UNKNOWN", after, outcome, detail):
        return outcome
    raise InvalidInput(
        "Another process settled it first; your answer was not recorded.",
        next_step=f"See: po-mcp journal show {short(seen.recorded)}",
    )
