"""Settling an operation whose outcome is not known: by reading the ERP, else by what the person says."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Literal

import anyio
import click
from rich.console import Console
from rich.text import Text

from po_mcp.commands._journal_tables import plain
from po_mcp.commands._standing import came_of, short, state_of
from po_mcp.config import Settings
from po_mcp.errors import InvalidInput
from po_mcp.untrusted import visible
from po_mcp.writes.execution import Executor
from po_mcp.writes.journal import Journal
from po_mcp.writes.observation import observe
from po_mcp.writes.operation import Recorded, State

NOT_SETTLED = 3
_LOOK = 15.0  # seconds for the reading that tells the person what the ERP shows

_Said = Literal["applied", "not applied"]
_MEANT: Mapping[_Said, tuple[State, Literal["done", "refused"], str]] = {
    "applied": (
        "DONE",
        "done",
        "Done: a person looked and says that it happened (the answer to the write itself did not arrive).",
    ),
    "not applied": (
        "NOT_APPLIED",
        "refused",
        "It was not applied: a person looked and says that it did not happen. It may be asked for again.",
    ),
}


def need_doubt(recorded: Recorded, now: float) -> None:
    """Refuse what is no question. Raises: `InvalidInput`."""
    if recorded.state not in ("SENT", "UNKNOWN"):
        raise InvalidInput(
            f"Operation {short(recorded)} is {state_of(recorded, now)}: only one whose outcome is not known is settled."
        )


def settled(console: Console, settings: Settings, journal: Journal, recorded: Recorded) -> int:
    """Settle it by reading, or by asking the person; return the command's status, 0 where it is settled.

    Raises:
        InvalidInput: it cannot be settled with these settings, or not yet, or was by another process.
    """
    executor = _executor(settings, journal, recorded)
    console.print("\nLooking at the ERP, by reading only ...")
    recorded, seen = anyio.run(_looked_up, executor, recorded)
    if recorded.state == "UNKNOWN":
        return _asked(console, executor, recorded, seen)
    if recorded.state == "SENT":
        raise InvalidInput("It may still be on its way.", next_step="Try again in a while.")
    console.print(Text("That decides it. ", "bold green") + plain(came_of(recorded, journal.now())))
    return 0


def _executor(settings: Settings, journal: Journal, recorded: Recorded) -> Executor:
    """Connect to the ERP that the operation was sent to, and to no other."""
    from po_mcp.connectors import connect  # late: looking at the journal needs no connector

    erp = connect(settings, journal.shared_token)
    if erp.connection != recorded.operation.connection:
        raise InvalidInput(
            f"It was sent to another connection, {visible(recorded.operation.connection)}.",
            next_step="Settle it with the settings of that one.",
        )
    return Executor(erp, journal, settings.timeout, *settings.bounds())


async def _looked_up(executor: Executor, recorded: Recorded) -> tuple[Recorded, str]:
    """Settle it by reading if that decides; return how it stands, and what the ERP shows."""
    seen = "the ERP did not answer in time"
    try:
        recorded = await executor.reconcile(recorded)
        if recorded.state == "UNKNOWN":
            with anyio.move_on_after(_LOOK):
                seen = (await observe(executor.erp, recorded.operation)).why
    finally:
        await executor.erp.aclose()
    return recorded, seen


def _asked(console: Console, executor: Executor, recorded: Recorded, seen: str) -> int:
    """Ask the person at the terminal what happened, and record it."""
    console.print(plain(f"That does not decide it: {seen}."))
    if not sys.stdin.isatty():
        console.print("Only a person at a terminal can settle it now. Nothing was recorded.")
        return NOT_SETTLED
    said = _answer(console, recorded.operation.number)
    if said is None:
        console.print("It stays unknown. Nothing was recorded.")
        return NOT_SETTLED
    return _recorded(console, executor, recorded, said, seen)


def _answer(console: Console, number: str) -> _Said | None:
    """Return what the person says happened; None for anything but a clear answer with the order number."""
    console.print(
        "Look at the order in the ERP itself.\n"
        "  applied      the ERP shows what was asked for\n"
        "  not applied  it does not, and nothing can come late: it may be sent again\n"
        "  leave        you cannot tell"
    )
    try:
        said = click.prompt("Did it happen", type=click.Choice(["applied", "not applied", "leave"]))
        if said == "leave" or click.prompt("To record this, type the order number").strip() != number:
            return None
    except click.Abort:
        console.print()
        return None
    return "applied" if said == "applied" else "not applied"


def _recorded(console: Console, executor: Executor, recorded: Recorded, said: _Said, seen: str) -> int:
    after, status, text = _MEANT[said]
    outcome = executor.say(status, recorded.operation, text)
    detail = {"by": "a person at a terminal", "said": said, "observed": seen}
    if executor.journal.settle(recorded.operation.id, "UNKNOWN", after, outcome, detail):
        console.print(Text("Recorded. ", "bold green") + plain(outcome.message))
        return 0
    raise InvalidInput(
        "It was settled by another process meanwhile, and your answer was not recorded.",
        next_step=f"See: po-mcp journal show {short(recorded)}",
    )
