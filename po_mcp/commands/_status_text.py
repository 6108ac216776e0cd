"""How an operation of the journal stands, in the words that a person and a program are given."""

from __future__ import annotations

from collections.abc import Mapping

from po_mcp.writes import order_text
from po_mcp.writes.kinds import kind_of
from po_mcp.writes.operation import STATE_LABELS, Recorded, State

_SHORT_ID_CHARS = 12
_MIN_ID_CHARS = 4
"""Letters of an id that name an operation at least."""
NOTHING_SENT, UNKNOWN = 3, 4
EXIT_STATUS: Mapping[str, int] = {"done": 0, "refused": 1, "unknown": UNKNOWN}
"""What a command ends with for an outcome; for every other one it is `NOTHING_SENT`."""

_SENTENCES: Mapping[str, str] = {
    "PROPOSED": "Waiting for approval.",
    "APPROVED": "Approved, not carried out yet.",
    "WATCHED": "Refused; this is checked again for a while.",
    "SENT": "Sent, no answer yet.",
    "UNKNOWN": "The journal was restored from a copy, which may lack that this was sent.",
    "DECLINED": "Declined. Nothing was changed.",
    "EXPIRED": "Expired. Nothing was changed.",
    "STALE": "Replaced by a newer request. Nothing was changed.",
}
"""What to say of an operation that has no outcome of its own."""


def state_of(recorded: Recorded, now: float) -> State:
    """Return the state as it is now: the next move finds a proposal expired whose time is over."""
    over = recorded.state in ("PROPOSED", "APPROVED") and recorded.expires_at <= now
    return "EXPIRED" if over else recorded.state


def label_of(recorded: Recorded, now: float) -> str:
    """Return the state as people read it."""
    return STATE_LABELS[state_of(recorded, now)]


def request_of(recorded: Recorded) -> str:
    """Return what was requested: `Close order PO-2025-0037`."""
    operation = recorded.operation
    return f"{kind_of(operation.kind).words.request} {order_text.number(operation.number)}"


def came_of(recorded: Recorded, now: float) -> str:
    """Return what came of it: the message of its outcome, or a sentence where it has none."""
    state = state_of(recorded, now)
    return recorded.outcome.message if recorded.outcome else _SENTENCES.get(state, state)


def short(recorded: Recorded) -> str:
    """Return the beginning of an operation's id, which the command takes for the whole of it."""
    return recorded.operation.id[:_SHORT_ID_CHARS]


def is_named(recorded: Recorded, wanted: str) -> bool:
    """Tell whether a person means this operation: by its order's number, or by its id or the beginning of that."""
    operation_id, lowered = recorded.operation.id, wanted.lower()
    # A number in full: the beginning of one may be another order's.
    return wanted == recorded.operation.number or (len(wanted) >= _MIN_ID_CHARS and operation_id.startswith(lowered))
