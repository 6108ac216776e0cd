"""The approver PIN at a terminal: it is asked for, set, changed and reset here, and nowhere else."""

from __future__ import annotations

import getpass
from collections.abc import Callable

import anyio
import click

from po_mcp.approvals.pin import PinCheck, PinFault
from po_mcp.commands._interrupted import plain_signals
from po_mcp.commands._prose import say
from po_mcp.config import SHORTEST_PIN
from po_mcp.errors import InvalidInput
from po_mcp.writes.journal import Journal, JournalStore
from po_mcp.writes.journal.approver_pin import RESET_IS_SHOWN_S, PinChange, hash_pin

FAULTS: dict[PinFault, str] = {
    "no_pin": "Enter the approver PIN.",
    "wrong_pin": "Wrong PIN.",
    "paused": "Too many wrong PINs: try again in a minute.",
}
PIN_TRIES = 3
"""How often a PIN may be typed before the command ends."""
_LONGEST_PIN = 200


async def prompt_pin(journal: Journal, say: Callable[[str], None], text: str = "Approver PIN") -> str:
    """Ask for the PIN, unseen; after too many wrong ones only when the next try may be made. "" where none is set.

    Raises:
        click.Abort: Ctrl-C.
    """
    status = await PinCheck(journal, "terminal").status()
    if not status.is_needed:
        return ""
    # Waited for before it is typed: until then the right PIN is refused, too.
    if status.wait_s > 0:
        say(f"Too many wrong PINs within an hour: the next try is in {status.wait_s:.0f} seconds.")
        await anyio.sleep(status.wait_s)
    with plain_signals():
        return str(click.prompt(text, hide_input=True, default="", show_default=False, err=True)).strip()


async def ask_pin(
    check: PinCheck, say: Callable[[str], None], operation_id: str = "", text: str = "Approver PIN"
) -> PinFault | None:
    """Ask for the PIN and judge it; None where it fits, or none is set. A wrong one may be typed again.

    Raises:
        click.Abort: Ctrl-C.
    """
    fault: PinFault | None = None
    for left in reversed(range(PIN_TRIES)):
        pin = await prompt_pin(check.journal, say, text)
        fault = await check.check(operation_id, pin)
        if fault is None or fault == "paused" or not left:
            break
        say(f"{FAULTS[fault]} {await tries_left(check.journal)}")
    return fault


async def tries_left(journal: Journal) -> str:
    """Say how many wrong PINs a terminal still takes without a wait."""
    left = (await PinCheck(journal, "terminal").status()).tries_left
    tries = "1 more try" if left == 1 else f"{left} more tries"
    return f"{tries} within the hour, then one a minute."


def set_pin(store: JournalStore, *, is_reset: bool = False) -> None:
    """Ask for a new PIN and keep its hash; the one before it is wanted unless it is reset.

    Raises:
        InvalidInput: nothing was changed, and why.
        click.Abort: Ctrl-C.
    """
    held = store.approver_pin()
    event: PinChange = "PIN set"
    if held.is_set and is_reset:
        days = RESET_IS_SHOWN_S / 86_400
        say(f"Every question will say for {days:.0f} days that the PIN was reset without the old one.")
        if not click.confirm("Reset the PIN?", default=False):
            raise InvalidInput("The PIN was not changed.")
        event = "PIN reset"
    elif held.is_set:
        if (fault := anyio.run(_judge_current, Journal(store))) is not None:
            raise InvalidInput(
                f"{FAULTS[fault]} The PIN was not changed.", next_step="Forgotten: po-mcp approve --reset-pin"
            )
        event = "PIN changed"
    new = _ask_new()
    if not store.upkeep.set_approver_pin(hash_pin(new), held.hash, event, {"through": "terminal", "user": _user()}):
        raise InvalidInput("The PIN was set in another terminal meanwhile, and not here.")
    say("The approver PIN is set. The page and every terminal on this journal ask for it from now on.")


async def _judge_current(journal: Journal) -> PinFault | None:
    return await ask_pin(PinCheck(journal, "terminal"), say, text="Current PIN")


def _ask_new() -> str:
    while True:
        text = f"New PIN, {SHORTEST_PIN} characters or more"
        new = str(click.prompt(text, hide_input=True, confirmation_prompt="The same again")).strip()
        if SHORTEST_PIN <= len(new) <= _LONGEST_PIN:
            return new
        say(f"A PIN has {SHORTEST_PIN} to {_LONGEST_PIN} characters.")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        # Accounts without a name, as in containers; and Windows has no module that knows them.
        return ""
