"""Who asked for an operation and who approved it, as a person is shown it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from po_mcp.untrusted import visible
from po_mcp.writes.journal import FIRST_YES, Event
from po_mcp.writes.local_time import LocalTime
from po_mcp.writes.operation import Operation

_UNNAMED = "an unnamed assistant"


@dataclass(frozen=True)
class Approved:
    """Who approved it, and when."""

    name: str
    at: str


def asker_of(operation: Operation, events: Sequence[Event]) -> str:
    """Say who asked, and with which assistant; the first event tells that."""
    client = visible(str(events[0].detail.get("client", _UNNAMED)), 80) if events else _UNNAMED
    who = operation.payload.consent.requested_by
    return f"{visible(who, 80)} with {client}" if who else client


def approvals_of(events: Sequence[Event], local: LocalTime, now: float) -> tuple[Approved, ...]:
    """Return every yes of somebody who is known, the first one first."""
    given = [event for event in events if event.event in ("APPROVED", FIRST_YES) and "by" in event.detail]
    return tuple(Approved(visible(str(one.detail.get("name", "")), 80), local.moment(one.at, now)) for one in given)
