"""The journal as a person reads it in a terminal: a list, and everything of one operation."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from po_mcp.commands._status_text import came_of, label_of, request_of, short, state_of
from po_mcp.untrusted import visible
from po_mcp.writes import order_text
from po_mcp.writes.forms import SANDBOX_TAG
from po_mcp.writes.journal import Event
from po_mcp.writes.local_time import LocalTime
from po_mcp.writes.operation import LIVE, STATE_LABELS, Recorded
from po_mcp.writes.ordered_text import say_ordered
from po_mcp.writes.outcomes import PLACES
from po_mcp.writes.payloads import CreatePayload

_WIDE_COLUMNS = 110
_PIPE_COLUMNS = 160

_EVENTS: Mapping[str, str] = {
    "PROPOSED": "requested",
    "asked again": "asked again",
    "not approved": "no approval given",
    "APPROVED": "approved",
    "not carried out": "not carried out",
    "SENT": "sent",
    "DONE": "done",
    "WATCHED": "refused, being checked",
    "REFUSED": "refused, nothing changed",
    "UNKNOWN": "not confirmed",
    "NOT_APPLIED": "did not happen",
    "CONFLICT": "something else found",
    "DECLINED": "declined",
    "EXPIRED": "expired, nothing sent",
    "STALE": "out of date, nothing sent",
}
_NO_APPROVAL_NEEDED = "requested, no approval needed"
_LABELS = {"observed": "seen", "because": "reason"}

# Up to the first full stop outside of quotes: a vendor's name may hold one.
_sentence = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^"])*?\.(?= |$)')


def open_console() -> Console:
    """Return the terminal, or what is as wide as the longest row where the output goes elsewhere."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else _PIPE_COLUMNS)


def print_list(
    shown: Sequence[Recorded], begun: Mapping[str, float], totals: Mapping[str, int], now: float, local: LocalTime
) -> None:
    """Print a line of each operation, and how many of which state there are in all."""
    console = open_console()
    console.print(_table(shown, begun, now, local, console.width < _WIDE_COLUMNS), _totals(totals, len(shown)))


def _table(
    shown: Sequence[Recorded], begun: Mapping[str, float], now: float, local: LocalTime, is_narrow: bool
) -> Table:
    """Return a table of one line each; on a narrow screen the result stands below."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("Id", "When", "Request", "State")[: 2 if is_narrow else 4]:
        table.add_column(name, no_wrap=True)
    table.add_column("Result")
    for one in shown:
        request, state = request_of(one), label_of(one, now)
        result = _first_sentence(came_of(one, now))
        rest = (f"{request}: {state}\n{result}",) if is_narrow else (request, state, result)
        cells = (short(one), local.stamp(begun[one.operation.id]), *rest)
        table.add_row(*map(plain, cells), style="yellow" if state_of(one, now) in LIVE else "")
    return table


def _totals(totals: Mapping[str, int], shown: int) -> Text:
    count = sum(totals.values())
    each = ", ".join(f"{totals[state]} {_lower(label)}" for state, label in STATE_LABELS.items() if totals.get(state))
    more = f" {count - shown} more: po-mcp journal list --all" if shown < count else ""
    return plain(f"\n{counted(count, 'operation')}: {each}.{more}")


def _lower(label: str) -> str:
    return label[0].lower() + label[1:]


def whole(recorded: Recorded, events: Sequence[Event], now: float, local: LocalTime) -> RenderableType:
    """Everything of one operation, for a person."""
    head = _rows(
        ("Operation", recorded.operation.id),
        ("Request", request_of(recorded)),
        ("Connection", recorded.operation.connection),
        *_asker(events),
        ("State", label_of(recorded, now)),
        ("Result", came_of(recorded, now)),
    )
    return Group(head, _render_question(recorded), _timeline(events, local))


def _asker(events: Sequence[Event]) -> list[tuple[str, str]]:
    first = events[0].detail if events else {}
    who = f"{first['name']}, with " if "name" in first else ""
    return [("Requested by", f"{who}{first['client']}, MCP {first['protocol']}")] if "client" in first else []


def _render_question(recorded: Recorded) -> Panel:
    question = recorded.operation.question
    if question is not None:
        return Panel(plain(question.text), title="Question shown", title_align="left", style="yellow")
    return Panel(plain(_describe_order(recorded)), title="Order to create (no approval needed)", title_align="left")


def _describe_order(recorded: Recorded) -> str:
    """Write the order that a create was to make."""
    payload = recorded.operation.payload
    assert isinstance(payload, CreatePayload)
    draft = payload.draft
    currency = payload.currency or draft.vendor.currency
    head = f"Order {order_text.number(draft.number)} for {order_text.name(draft.vendor.name)}"
    return f"{head}\n{say_ordered(payload, currency)}"


def _timeline(events: Sequence[Event], local: LocalTime) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("Time", "Event"):
        table.add_column(name, no_wrap=True)
    table.add_column("Details")
    for event in events:
        table.add_row(*map(plain, (local.stamp(event.at, seconds=True), _name_event(event), _details(event))))
    return table


def _name_event(event: Event) -> str:
    # A person's yes names its place; one without a place was nobody's, since none was needed.
    if event.event == "APPROVED" and "through" not in event.detail:
        return _NO_APPROVAL_NEEDED
    return _EVENTS.get(event.event, event.event)


def _details(event: Event) -> str:
    known = {name: value for name, value in event.detail.items() if name not in ("shown", "client", "protocol")}
    place = [PLACES.get(str(known.pop("through")), "")] if "through" in known else []
    return "; ".join([*filter(None, place), *(f"{_LABELS.get(name, name)}: {value}" for name, value in known.items())])


def _rows(*rows: tuple[str, str]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    for name, value in rows:
        table.add_row(Text(name, "dim"), plain(value))
    return table


def plain(text: str) -> Text:
    """Return text without markup, and nothing in it that steers the terminal."""
    return Text("\n".join(visible(line, 10_000) for line in text.split("\n")))


def _first_sentence(message: str) -> str:
    message = message.removeprefix(SANDBOX_TAG)
    found = _sentence.match(message)
    return found[0] if found else message


def counted(count: int, noun: str) -> str:
    """Write a number with its noun."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
