"""How an operation stands, in words for a person. Pure: made of what the journal holds, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from po_mcp.approvals.pending import NOT_CARRIED_OUT
from po_mcp.untrusted import visible
from po_mcp.writes import order_text
from po_mcp.writes.forms import SANDBOX_TAG
from po_mcp.writes.journal import Event
from po_mcp.writes.kinds import kind_of
from po_mcp.writes.local_time import THIS_MACHINE, LocalTime
from po_mcp.writes.operation import STATE_LABELS, Recorded, State


@dataclass(frozen=True)
class StatusBanner:
    """How an operation stands: a heading, what it means, and how it feels (`good`, `bad`, `warn` or `open`).

    `looks_again` is after how many seconds the page looks again by itself; 0 where nothing is to be waited for.
    """

    heading: str
    text: str
    feel: str
    looks_again: int = 0


def _banner(state: State, feel: str, looks_again: int = 0, text: str = "") -> StatusBanner:
    return StatusBanner(STATE_LABELS[state], text, feel, looks_again)


_APPROVED_AND_RUNNING = StatusBanner(
    "In progress", "The order is read once more, then the request is sent. This page reloads by itself.", "open", 2
)
_AFTER_A_YES: dict[State, StatusBanner] = {
    "DECLINED": StatusBanner("Approval taken back", "Nothing was changed. You can close this page.", "bad"),
    "EXPIRED": StatusBanner(
        "Approved, then expired",
        "You approved this, but it was not sent in time. Nothing was changed. Ask your assistant to start again.",
        "bad",
    ),
}
_NOBODY_DECIDED = "Nobody decided in time. Nothing was changed. Ask your assistant to start again."
_BANNERS: dict[State, StatusBanner] = {
    "DECLINED": _banner("DECLINED", "bad"),
    "EXPIRED": _banner("EXPIRED", "bad", text=_NOBODY_DECIDED),
    "STALE": _banner("STALE", "bad"),
    "SENT": _banner("SENT", "open", 2),
    "WATCHED": _banner("WATCHED", "bad", 10),
    "DONE": _banner("DONE", "good"),
    "REFUSED": StatusBanner("Not done", "", "bad"),
    "UNKNOWN": _banner("UNKNOWN", "warn", 10),
    "NOT_APPLIED": _banner("NOT_APPLIED", "bad"),
    "CONFLICT": _banner("CONFLICT", "warn"),
}
"""What is shown of each state; where a text is empty, it is the outcome's own message."""


def describe_status(
    recorded: Recorded,
    events: Sequence[Event],
    is_running: bool,
    erp: str = "the ERP",
    local: LocalTime = THIS_MACHINE,
) -> StatusBanner | None:
    """Say how it stands; None while it waits for the person."""
    if recorded.state == "PROPOSED":
        return None
    if recorded.state == "APPROVED":
        return _APPROVED_AND_RUNNING if is_running else _describe_approval(recorded, events, local)
    # A person who said yes must not read that they declined, or that nobody decided.
    if recorded.state in _AFTER_A_YES and any(event.event == "APPROVED" for event in events):
        return _describe_end_after_a_yes(recorded)
    banner = _BANNERS[recorded.state]
    if recorded.state == "UNKNOWN":
        return replace(banner, text=_describe_doubt(recorded, events, local))
    if recorded.state == "SENT":
        return replace(
            banner, text=f"{order_text.begin_sentence(erp)} has not answered yet. This page reloads by itself."
        )
    return banner if banner.text else replace(banner, text=_describe_end(recorded))


def _describe_end_after_a_yes(recorded: Recorded) -> StatusBanner:
    banner = _AFTER_A_YES[recorded.state]
    if recorded.outcome is not None:
        return replace(banner, text=recorded.outcome.message.removeprefix(SANDBOX_TAG))
    if not recorded.operation.payload.consent.is_of_team:
        return banner
    return replace(banner, text=banner.text.replace("You approved this, but it", "It"))


def _describe_end(recorded: Recorded) -> str:
    """Return the outcome's own message, which says who declined; without one, what the state says."""
    if recorded.outcome is not None:
        return recorded.outcome.message.removeprefix(SANDBOX_TAG)
    number = order_text.number(recorded.operation.number)
    if recorded.state == "DECLINED":
        done = kind_of(recorded.operation.kind).words.done
        return f"Order {number} was not {done}. You can close this page."
    if recorded.state == "STALE":
        return f"A newer request for order {number} replaced this one. Nothing was changed by this one."
    return ""


def _describe_doubt(recorded: Recorded, events: Sequence[Event], local: LocalTime) -> str:
    """Say why it is not known, to a person; the outcome's own message tells an assistant what not to do."""
    if recorded.sent_at is None:
        return (
            "The record of changes was restored from a copy, which may lack that this was sent, so nobody knows yet "
            "whether it happened. Nothing is sent until that is known. Do not enter it a second time."
        )
    detail = next((event.detail for event in reversed(events) if event.event == "UNKNOWN"), {})
    why = str(detail.get("answer") or detail.get("observed") or "the process that sent it is gone")
    sent = local.time(recorded.sent_at, seconds=True)
    return (
        f"It was sent once at {sent}, and nobody knows yet whether it happened: {visible(why, 400).rstrip('.')}. "
        "Nothing more is sent until that is known. Do not enter it a second time."
    )


def _describe_approval(recorded: Recorded, events: Sequence[Event], local: LocalTime) -> StatusBanner:
    """Say that nothing was sent yet, and why where that is known."""
    failed = [str(event.detail.get("because", "")) for event in events if event.event == NOT_CARRIED_OUT]
    why = f"{visible(failed[-1], 600)} " if failed else "Nothing was sent yet. "
    text = (
        f"{why}The approval holds until {local.time(recorded.expires_at)}: send it here, or ask your assistant again."
    )
    return _banner("APPROVED", "open", text=text)
