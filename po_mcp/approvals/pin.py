"""The approver's PIN: what makes a link worth nothing to anyone who merely has it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Literal

import anyio.to_thread

from po_mcp.writes.journal import Journal

PinFault = Literal["no_pin", "wrong_pin", "locked", "paused"]

_TRIED, _FITTED = "pin tried", "pin fitted"
TRIES = 5
"""Wrong PINs after which an operation can no longer be decided on, for its life."""
TRIES_PER_HOUR = 10
"""Wrong PINs within an hour, over all operations of a journal, after which no PIN is judged: a new operation is easily
asked for, so that tries per operation alone are no limit."""


class Pin:
    """A PIN, held as its scrypt hash (RFC 7914) with a salt of this process."""

    def __init__(self, pin: str) -> None:
        self._salt = secrets.token_bytes(16)
        self._hash = self._hashed(pin)

    def fits(self, given: str) -> bool:
        """Compare in constant time; takes some 50 ms and 16 MB, which is what makes guessing dear."""
        return hmac.compare_digest(self._hashed(given), self._hash)

    def _hashed(self, pin: str) -> bytes:
        return hashlib.scrypt(pin.encode("utf-8", "replace"), salt=self._salt, n=2**14, r=8, p=1)


@dataclass(frozen=True)
class PinCheck:
    """Judges what is typed as the PIN; the audit log keeps the tries, so a new start changes nothing.

    Args:
        journal: where the tries are counted.
        pin: the operator's; None where none is set, and then nothing is asked for.
    """

    journal: Journal
    pin: Pin | None

    async def check(self, operation_id: str, given: str) -> PinFault | None:
        """Judge a PIN; None where it fits, or none is set.

        The try is counted before it is judged, so that many at once are not more than one after the other.
        One that fits is not counted against the limit.
        """
        if self.pin is None:
            return None
        if not given:
            return "no_pin"
        limit = TRIES + await self._count(operation_id, _FITTED)
        if not await self.journal.note_up_to(
            operation_id, _TRIED, limit, hourly_limit=TRIES_PER_HOUR, forgiven_by=_FITTED
        ):
            return "locked" if await self._count(operation_id, _TRIED) >= limit else "paused"
        if not await anyio.to_thread.run_sync(self.pin.fits, given):  # its hash takes its time
            return "wrong_pin"
        await self.journal.note(operation_id, _FITTED, {})
        return None

    async def tries_left(self, operation_id: str) -> int:
        """Return how many more wrong PINs it takes until nobody can decide any more."""
        tried, fitted = await self._count(operation_id, _TRIED), await self._count(operation_id, _FITTED)
        return max(0, TRIES + fitted - tried)

    async def _count(self, operation_id: str, event: str) -> int:
        return sum(one.event == event for one in await self.journal.events(operation_id))
