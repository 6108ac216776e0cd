"""The approver's PIN as the journal keeps it: its scrypt hash (RFC 7914), when it was reset, and the tries.

Every process that uses the journal finds the same PIN here, so a person who decides in a terminal needs the one that
the page wants. It is set at a terminal only. Wrong tries are counted by the place where they are made, within an hour
and over all operations, because a new operation is easily asked for.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from po_mcp.writes.journal import audit_log
from po_mcp.writes.journal.audit_log import Event
from po_mcp.writes.journal.database import Ask, Row, Transaction

PinPlace = Literal["page", "terminal"]
PinChange = Literal["PIN set", "PIN changed", "PIN reset"]
"""The event of a new PIN: the first, one set with the PIN before it, and one set without it."""

TRIES_PER_HOUR = 10
"""Wrong PINs within an hour after which the page takes none, and a terminal one a minute."""
TERMINAL_GAP_S = 60.0
"""Seconds between two tries in a terminal from then on."""
RESET_IS_SHOWN_S = 7 * 86_400.0
"""Seconds for which every question says that the PIN was reset without the one before it."""
_HOUR_S = 3600.0
_NAME = "approver_pin"
_HOUR_AGO = "coalesce((SELECT place FROM audit_log WHERE at <= ? ORDER BY place DESC LIMIT 1), 0)"
"""The place after which the events of the last hour stand: found from the end of the log, which may be years long."""
_STORED = "SELECT value FROM journal WHERE name = ?"
_COST = {"n": 2**14, "r": 8, "p": 1}


@dataclass(frozen=True)
class ApproverPin:
    """What is known of the PIN.

    Args:
        hash: its hash as `hash_pin` writes it; None where none is set.
        reset_at: when it was reset without the one before it, in seconds since 1970; None where that is long ago.
        wrong_tries: the wrong PINs of the last hour, by place.
    """

    hash: str | None = None
    reset_at: float | None = None
    wrong_tries: Mapping[PinPlace, int] = field(default_factory=dict)

    @property
    def is_set(self) -> bool:
        """Tell whether a decision needs the PIN."""
        return self.hash is not None

    def fits(self, pin: str) -> bool:
        """Compare a PIN in constant time; takes some 50 ms and 16 MB, which is what makes guessing dear."""
        return self.hash is not None and hmac.compare_digest(_hash(pin, self.hash.split("$")[1]), self.hash)


def hash_pin(pin: str) -> str:
    """Return the hash of a PIN with a random salt, as text for the journal: `scrypt$salt$hash`, both in hex."""
    return _hash(pin, secrets.token_hex(16))


def _hash(pin: str, salt: str) -> str:
    made = hashlib.scrypt(pin.encode("utf-8", "replace"), salt=bytes.fromhex(salt), **_COST)
    return f"scrypt${salt}${made.hex()}"


def ask_held(now: float) -> Ask:
    """Ask for the PIN as it stands, and when it was reset."""
    reset = "SELECT MAX(at) FROM audit_log WHERE operation_id = '' AND event = 'PIN reset' AND at > ?"
    return Ask(f"SELECT ({_STORED}) AS hash, ({reset}) AS reset_at", (_NAME, now - RESET_IS_SHOWN_S))


def ask_all_tries(now: float) -> Ask:
    """Ask for the tries of the last hour."""
    return _ask_tries(get_args(PinPlace), now)


def read(held: Row, tries: Sequence[Row]) -> ApproverPin:
    """Return what was asked for by both; without a PIN there is nothing to try."""
    wrong: dict[PinPlace, int] = {place: len(_find_wrong(tries, place)) for place in get_args(PinPlace)}
    return ApproverPin(held["hash"], held["reset_at"], wrong)


def replace(db: Transaction, new: str, former: str | None, event: PinChange, now: float, detail: Any) -> bool:
    """Set the hash and record it; False where another process set one meanwhile."""
    # Compare and set: of two terminals that set a PIN at once the second must see that it was changed.
    if _read_stored(db) != former:
        return False
    db.execute(
        "INSERT INTO journal VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", (_NAME, new)
    )
    audit_log.append(db, Event("", now, event, {**detail, "digest": _digest(new)}))
    return True


def carry_over(db: Transaction, now: float) -> None:
    """Record once more which PIN is set, before the event that says so is pruned."""
    if (stored := _read_stored(db)) is not None:
        audit_log.append(db, Event("", now, "PIN kept", {"digest": _digest(stored)}))


def note_try(db: Transaction, operation_id: str, place: PinPlace, now: float) -> float:
    """Record a try before it is judged, and return 0; or return in how many seconds the next one may be made.

    Recorded first, so that many at once are not more than one after the other.
    """
    # Within the transaction that records the try: two at once see each other.
    wait = seconds_to_wait(db, place, now)
    if wait <= 0:
        audit_log.append(db, Event(operation_id, now, _name_try(place), {}))
    return wait


def note_fit(db: Transaction, operation_id: str, place: PinPlace, now: float) -> None:
    """Record that the PIN fitted, which takes the try back from the count of wrong ones."""
    audit_log.append(db, Event(operation_id, now, _name_fit(place), {}))


def seconds_to_wait(db: Transaction, place: PinPlace, now: float) -> float:
    """Return in how many seconds the next try may be made in this place; 0 for now."""
    [tries] = db.ask(_ask_tries((place,), now))
    wrong = _find_wrong(tries, place)
    if len(wrong) < TRIES_PER_HOUR:
        return 0.0
    # The page opens when so many of them are an hour old that fewer than the limit are left.
    end = wrong[-1] + TERMINAL_GAP_S if place == "terminal" else wrong[-TRIES_PER_HOUR] + _HOUR_S
    return max(0.0, end - now)


def find_faults(db: Transaction) -> Iterator[str]:
    """Yield what was done to the PIN behind the journal's back."""
    row = db.execute(
        "SELECT detail FROM audit_log WHERE operation_id = ''"
        " AND event IN ('PIN set', 'PIN changed', 'PIN reset', 'PIN kept') ORDER BY place DESC LIMIT 1"
    ).fetchone()
    stored = _read_stored(db)
    if (row is None) != (stored is None) or (row and stored and f'"digest":"{_digest(stored)}"' not in row["detail"]):
        yield "approver PIN: edited"


def _read_stored(db: Transaction) -> str | None:
    row = db.execute(_STORED, (_NAME,)).fetchone()
    return None if row is None else str(row["value"])


def _ask_tries(places: Sequence[PinPlace], now: float) -> Ask:
    """Ask for the tries of the last hour in these places, and which of them fitted, in order."""
    names = [name(place) for place in places for name in (_name_try, _name_fit)]
    return Ask(
        f"SELECT at, event FROM audit_log WHERE place > {_HOUR_AGO}"  # noqa: S608
        f" AND event IN ({', '.join('?' * len(names))}) ORDER BY place",
        (now - _HOUR_S, *names),
    )


def _find_wrong(tries: Sequence[Row], place: str) -> list[float]:
    """Return when wrong PINs were tried in this place, in seconds since 1970, oldest first."""
    wrong: list[float] = []
    for at, event in tries:
        if event == _name_try(place):
            wrong.append(at)
        elif event == _name_fit(place) and wrong:
            # That very try, which was recorded before it was judged; the wrong ones before it stay.
            wrong.pop()
    return wrong


def _name_try(place: str) -> str:
    return f"PIN tried: {place}"


def _name_fit(place: str) -> str:
    return f"PIN fitted: {place}"


def _digest(stored: str) -> str:
    return hashlib.sha256(stored.encode()).hexdigest()
