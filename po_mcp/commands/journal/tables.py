"""The journal as a person reads it in a terminal: a list, and everything of one operation."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from po_mcp.commands._status_text import came_of, short, state_of, time_of
from po_mcp.untrusted import visible
from po_mcp.writes.journal import Event
from po_mcp.writes.operation import LIVE, Recorded
from po_mcp.writes.order_text import money, quantity
from po_mcp.writes.payloads import CreatePayload

_NOTICE = "SANDBOX: no real order. "
_WIDE = 110
_PIPE_WIDTH = 160

_EVENTS: Mapping[str, str] = {
    "PROPOSED": "asked for",
    "asked again": "asked for again, and still waiting",
    "not approved": "the person was asked, and there was no clear yes",
    "APPROVED": "approved by a person",
    "SENT": "sent, once",
    "DONE": "it happened",
    "WATCHED": "refused; checked again for a while",
    "REFUSED": "refused; nothing was changed",
    "UNKNOWN": "what came of it is not known",
    "NOT_APPLIED": "it did not happen, and can be asked for again",
    "CONFLICT": "it did not happen: the ERP shows something else",
    "DECLINED": "rejected by a person, or the approval was taken back",
    "EXPIRED": "its time was over; nothing was sent",
    "STALE": "no longer valid; nothing was sent",
}
_NOBODY_ASKED = "asked for; no person is asked before this"

# Up to the first full stop outside of quotes: a vendor's name may hold one.
_sentence = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^"])*?\.(?= |$)')


def open_console() -> Console:
    """Return the terminal, or what is as wide as the longest row where the output goes elsewhere."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)


def print_list(shown: Sequence[Recorded], begun: Mapping[str, float], totals: Mapping[str, int], now: float) -> None:
    """Print a line of each operation, and how many of which state there are in all."""
    console = open_console()
    console.print(_table(shown, begun, now, console.width < _WIDE), _totals(totals, len(shown)))


def _table(shown: Sequence[Recorded], begun: Mapping[str, float], now: float, is_narrow: bool) -> Table:
    """Return a table of one line each; on a narrow screen what came of it stands below."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("Id", "When", "What", "State")[: 2 if is_narrow else 4]:
        table.add_column(name, no_wrap=True)
    table.add_column("What came of it")
    for one in shown:
        what, state = f"{one.operation.kind} {one.operation.number}", state_of(one, now)
        result = _first_sentence(came_of(one, now))
        rest = (f"{what} {state}\n{result}",) if is_narrow else (what, state, result)
        cells = (short(one), _minute(begun[one.operation.id]), *rest)
        table.add_row(*map(plain, cells), style="yellow" if state in LIVE else "")
    return table


def _totals(totals: Mapping[str, int], shown: int) -> Text:
    count = sum(totals.values())
    each = ", ".join(f"{number} {state}" for state, number in sorted(totals.items()))
    rest = f" The other {count - shown}: po-mcp journal list --all" if shown < count else ""
    return plain(f"\n{counted(count, 'operation')}: {each}.{rest}")


def whole(recorded: Recorded, events: Sequence[Event], now: float) -> RenderableType:
    """Everything of one operation, for a person."""
    operation = recorded.operation
    head = _rows(
        ("operation", operation.id),
        ("what", f"{operation.kind} order {operation.number}"),
        ("connection", operation.connection),
        *_asker(events),
        ("state", state_of(recorded, now)),
        ("outcome", came_of(recorded, now)),
    )
    return Group(head, _shown_to_the_person(recorded), _timeline(events))


def _asker(events: Sequence[Event]) -> list[tuple[str, str]]:
    first = events[0].detail if events else {}
    return [("asked by", f"{first['client']}, MCP {first['protocol']}")] if "client" in first else []


def _shown_to_the_person(recorded: Recorded) -> Panel:
    question = recorded.operation.question
    if question is not None:
        return Panel(plain(question.text), title="What the person was asked", title_align="left", style="yellow")
    return Panel(plain(_ordered(recorded)), title="Nobody was asked; what was to be created", title_align="left")


def _ordered(recorded: Recorded) -> str:
    """Write the order that a create was to make."""
    payload = recorded.operation.payload
    assert isinstance(payload, CreatePayload)
    draft = payload.draft
    lines = [
        f"  {quantity(line.quantity)} x {line.item} at {money(line.unit_price, payload.currency)}"
        for line in draft.lines
    ]
    return "\n".join([f"Order {draft.number} from {draft.vendor.name}:", *lines])


def _timeline(events: Sequence[Event]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("Time", "Event"):
        table.add_column(name, no_wrap=True)
    table.add_column("What happened")
    for event in events:
        table.add_row(*map(plain, (time_of(event.at), event.event, _happened(event))))
    return table


def _happened(event: Event) -> str:
    words = _EVENTS.get(event.event, event.event)
    if event.event == "APPROVED" and "through" not in event.detail:
        words = _NOBODY_ASKED
    known = [f"{name}: {value}" for name, value in event.detail.items() if name not in ("shown", "client", "protocol")]
    return "; ".join([words, *known])


def _rows(*rows: tuple[str, str]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    for name, value in rows:
        table.add_row(Text(name, "dim"), plain(value))
    return table


def plain(text: str) -> Text:
    """Return text without markup, and nothing in it that steers the terminal."""
    return Text("\n".join(visible(line, 10_000) for line in text.split("\n")))


def _first_sentence(message: str) -> str:
    message = message.removeprefix(_NOTICE)
    found = _sentence.match(message)
    return found[0] if found else message


def _minute(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC).astimezone():%Y-%m-%d %H:%M}"


def counted(count: int, noun: str) -> str:
    """Write a number with its noun."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
