"""The approver's PIN where it is asked for: what makes a link worth nothing to a program that merely has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import anyio.to_thread

from po_mcp.writes.journal import Journal, PinPlace
from po_mcp.writes.journal.approver_pin import TRIES_PER_HOUR

PinFault = Literal["no_pin", "wrong_pin", "paused"]


@dataclass(frozen=True)
class PinStatus:
    """What a person is shown before the PIN is asked for.

    Args:
        is_needed: a PIN is set.
        tries_left: wrong PINs until this place takes no more, or slows down.
        wait_s: seconds until the next try here; 0 for now.
        wrong_tries: wrong PINs of the last hour, by place: each place counts its own.
        reset_at: when the PIN was reset without the one before it, in the last days; seconds since 1970.
    """

    is_needed: bool = False
    tries_left: int = TRIES_PER_HOUR
    wait_s: float = 0.0
    wrong_tries: Mapping[PinPlace, int] = field(default_factory=dict)
    reset_at: float | None = None


@dataclass(frozen=True)
class PinCheck:
    """Judges what is typed as the PIN; the audit log keeps the tries, so a new start changes nothing.

    Args:
        journal: where the PIN's hash is, and where the tries are counted.
        place: where it is typed. Too many wrong ones lock the page for a while, and slow a terminal down.
    """

    journal: Journal
    place: PinPlace

    async def check(self, operation_id: str, given: str) -> PinFault | None:
        """Judge a PIN; None where it fits, or none is set. `operation_id` is "" for what concerns no operation."""
        pin = await self.journal.approver_pin()
        if not pin.is_set:
            return None
        # An empty field is a slip, and counts as no try.
        if not given:
            return "no_pin"
        # Recorded before it is judged, so that many tries at once count as many.
        if await self.journal.note_pin_try(operation_id, self.place) > 0:
            return "paused"
        if not await anyio.to_thread.run_sync(pin.fits, given):  # its hash takes its time
            return "wrong_pin"
        await self.journal.note_pin_fit(operation_id, self.place)
        return None

    async def status(self) -> PinStatus:
        """Return what a person is shown."""
        pin = await self.journal.approver_pin()
        if not pin.is_set:
            return PinStatus(reset_at=pin.reset_at)
        wrong = pin.wrong_tries
        left = max(0, TRIES_PER_HOUR - wrong.get(self.place, 0))
        wait = await self.journal.seconds_to_pin_try(self.place) if not left else 0.0
        return PinStatus(True, left, wait, wrong, pin.reset_at)


def say_wrong_pins(tries: Mapping[PinPlace, int]) -> str:
    """Say where wrong PINs were typed within the hour; "" where none was."""
    said = [f"{count} {_PLACES[place]}" for place, count in tries.items() if count]
    return f"Wrong PINs in the last hour: {' and '.join(said)}." if said else ""


_PLACES: Mapping[PinPlace, str] = {"page": "on the page", "terminal": "in a terminal"}
