"""`po-mcp journal`: what was asked for, what the person was shown, what came of it, and whether it was edited.

Looking changes nothing. `settle` alone writes, into the journal: it records how an operation ended whose
outcome is not known. No command here sends a write to the ERP.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NoReturn

import anyio
import click
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from po_mcp.commands import _settings
from po_mcp.config import Settings
from po_mcp.errors import InvalidInput, PurchaseOrderError
from po_mcp.untrusted import visible
from po_mcp.writes.execution import Executor
from po_mcp.writes.journal import Journal
from po_mcp.writes.observation import observe
from po_mcp.writes.operation import LIVE, Recorded, State
from po_mcp.writes.trail import Event

NOT_SETTLED = 3
_LATEST = 20
_SHORT = 12
_LOOK = 15.0  # seconds for the reading that tells the person what the ERP shows
_NOTICE = "SANDBOX: no real order. "
_WIDE = 110
_PIPE_WIDTH = 160

_STANDS: Mapping[str, str] = {
    "PROPOSED": "It waits for a person's yes.",
    "APPROVED": "It was approved, and not sent yet.",
    "SENT": "It was sent; its answer is not there yet.",
    "DECLINED": "A person rejected it. Nothing was sent.",
    "EXPIRED": "The time for approving it is over. Nothing was sent.",
    "STALE": "Another operation took its place. Nothing was sent.",
}
"""What to say of an operation that has no outcome of its own."""

_EVENTS: Mapping[str, str] = {
    "PROPOSED": "asked for",
    "asked again": "asked for again, and still waiting",
    "not approved": "the person was asked, and there was no clear yes",
    "APPROVED": "approved by a person",
    "SENT": "sent, once",
    "DONE": "it happened",
    "REFUSED": "refused; nothing was changed",
    "UNKNOWN": "what came of it is not known",
    "NOT_APPLIED": "it did not happen, and can be asked for again",
    "CONFLICT": "it did not happen: the ERP shows something else",
    "DECLINED": "rejected by a person",
    "EXPIRED": "its time was over; nothing was sent",
    "STALE": "no longer valid; nothing was sent",
}
_NOBODY_ASKED = "asked for; no person is asked before this"

# Up to the first full stop outside of quotes: a vendor's name may hold one.
_sentence = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^"])*?\.(?= |$)')

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


@click.group("journal", invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Show what was asked for, approved, sent and settled.

    Without a command it lists. Nothing here sends a write to the ERP.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_operations)


@command.command("list")
@click.option("--all", "everything", is_flag=True, help=f"Every operation, not only the open and latest {_LATEST}.")
@click.option("--json", "as_json", is_flag=True, help="Print it for programs.")
@click.pass_obj
def list_operations(config: Path | None, everything: bool = False, as_json: bool = False) -> None:
    """List the operations that are open and the latest ones, the newest last."""
    with _opened(config) as (settings, journal):
        if not journal.is_there():
            click.echo(_no_journal(settings), err=as_json)
        with _legible():
            found = journal.all() if journal.is_there() else []
            begun = journal.begun() if found else {}
            shown = found if everything else _open_and_latest(found, journal.now())
            totals = Counter[str](_state(recorded, journal.now()) for recorded in found)
            if as_json:
                rows = [_for_programs(recorded, begun, journal.now()) for recorded in shown]
                _print_json({"operations": rows, "totals": totals})
            elif found:
                console = _console()
                is_narrow = console.width < _WIDE
                console.print(_list(shown, begun, journal.now(), is_narrow), _totals(totals, len(shown)))


@command.command("show")
@click.argument("operation_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print it for programs.")
@click.pass_obj
def show(config: Path | None, operation_id: str, as_json: bool) -> None:
    """Show everything of one operation; the beginning of its id is enough."""
    with _opened(config) as (settings, journal):
        recorded = _the_one(settings, journal, operation_id)
        with _legible():
            events = journal.events(recorded.operation.id)
            if as_json:
                _print_json(_whole_for_programs(recorded, events, journal.now()))
            else:
                _console().print(_whole(recorded, events, journal.now()))


@command.command("settle")
@click.argument("operation_id", metavar="ID")
@click.pass_obj
def settle(config: Path | None, operation_id: str) -> None:
    """Settle an operation whose outcome is not known: by reading the ERP, else by asking you.

    Nothing is ever sent. Ends with 0 when it is settled, and 3 when it was left as it is.
    """
    console = _console()
    with _opened(config) as (settings, journal):
        recorded = _the_one(settings, journal, operation_id)
        _need_doubt(recorded, journal.now())
        with _legible():
            console.print(_whole(recorded, journal.events(recorded.operation.id), journal.now()))
        executor = _executor(settings, journal, recorded)
        console.print("\nLooking at the ERP, by reading only ...")
        recorded, seen = anyio.run(_looked_up, executor, recorded)
        if recorded.state == "UNKNOWN":
            raise SystemExit(_asked(console, executor, recorded, seen))
        _need_settled(recorded)
        console.print(Text("That decides it. ", "bold green") + _plain(_came_of(recorded, journal.now())))


@command.command("verify")
@click.pass_obj
def verify(config: Path | None) -> None:
    """Find out whether anything in the journal was edited, removed or added behind its back."""
    with _opened(config) as (settings, journal):
        _need_journal(settings, journal)
        operations, events = journal.counts()
        faults = journal.verify()
        for fault in faults:
            click.echo(visible(fault))
        if faults:
            raise SystemExit(1)
        click.echo(f"{_number(operations, 'operation')} and {_number(events, 'event')} checked: nothing was edited.")


# Finding


@contextmanager
def _opened(config: Path | None) -> Iterator[tuple[Settings, Journal]]:
    """Give the journal of these settings; what fails ends the command with one line and status 1."""
    settings = _settings.load(config)
    journal = Journal(settings.journal_path(), settings.approval_ttl)
    try:
        yield settings, journal
    except PurchaseOrderError as exc:
        _fail(str(exc))
    finally:
        journal.close()


@contextmanager
def _legible() -> Iterator[None]:
    """Say in one line that the journal holds what this program never wrote."""
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        _fail("The journal holds what cannot be read. What was edited is told by: po-mcp journal verify")


def _the_one(settings: Settings, journal: Journal, beginning: str) -> Recorded:
    """Return the operation whose id begins so."""
    _need_journal(settings, journal)
    with _legible():
        found = [one for one in journal.all() if one.operation.id.startswith(beginning.lower())]
    if len(found) == 1:
        return found[0]
    if found:
        raise InvalidInput(f"{len(found)} operations have an id that begins so.", next_step="Give more of it.")
    raise InvalidInput("No operation has an id that begins so.", next_step="See: po-mcp journal list --all")


def _need_journal(settings: Settings, journal: Journal) -> None:
    if not journal.is_there():
        _fail(_no_journal(settings))


def _no_journal(settings: Settings) -> str:
    return f"There is no journal yet: {visible(settings.journal_path())}. The first write that is asked for makes it."


def _open_and_latest(found: Sequence[Recorded], now: float) -> list[Recorded]:
    latest = {recorded.operation.id for recorded in found[-_LATEST:]}
    return [one for one in found if _state(one, now) in LIVE or one.operation.id in latest]


def _state(recorded: Recorded, now: float) -> State:
    """Return the state as it is now: whoever moves next finds a proposal expired whose time is over."""
    over = recorded.state in ("PROPOSED", "APPROVED") and recorded.expires_at <= now
    return "EXPIRED" if over else recorded.state


def _came_of(recorded: Recorded, now: float) -> str:
    state = _state(recorded, now)
    return recorded.outcome.message if recorded.outcome else _STANDS.get(state, state)


# Settling


def _need_doubt(recorded: Recorded, now: float) -> None:
    if recorded.state not in ("SENT", "UNKNOWN"):
        raise InvalidInput(
            f"Operation {_short(recorded)} is {_state(recorded, now)}: only one whose outcome is not known is settled."
        )


def _need_settled(recorded: Recorded) -> None:
    if recorded.state == "SENT":
        raise InvalidInput("It may still be on its way.", next_step="Try again in a while.")


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
    console.print(_plain(f"That does not decide it: {seen}."))
    if not sys.stdin.isatty():
        console.print("Only a person at a terminal can settle it now. Nothing was recorded.")
        return NOT_SETTLED
    said = _answer(console, recorded.operation.number)
    if said is None:
        console.print("It stays unknown. Nothing was recorded.")
        return NOT_SETTLED
    return _settled(console, executor, recorded, said, seen)


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


def _settled(console: Console, executor: Executor, recorded: Recorded, said: _Said, seen: str) -> int:
    after, status, text = _MEANT[said]
    outcome = executor.say(status, recorded.operation, text)
    detail = {"by": "a person at a terminal", "said": said, "observed": seen}
    if executor.journal.settle(recorded.operation.id, "UNKNOWN", after, outcome, detail):
        console.print(Text("Recorded. ", "bold green") + _plain(outcome.message))
        return 0
    raise InvalidInput(
        "It was settled by another process meanwhile, and your answer was not recorded.",
        next_step=f"See: po-mcp journal show {_short(recorded)}",
    )


# Showing


def _list(shown: Sequence[Recorded], begun: Mapping[str, float], now: float, is_narrow: bool) -> Table:
    """Return a table of one line each; on a narrow screen what came of it stands below."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("Id", "When", "What", "State")[: 2 if is_narrow else 4]:
        table.add_column(name, no_wrap=True)
    table.add_column("What came of it")
    for one in shown:
        what, state = f"{one.operation.kind} {one.operation.number}", _state(one, now)
        told = _first_sentence(_came_of(one, now))
        rest = (f"{what} {state}\n{told}",) if is_narrow else (what, state, told)
        cells = (_short(one), _minute(begun[one.operation.id]), *rest)
        table.add_row(*map(_plain, cells), style="yellow" if state in LIVE else "")
    return table


def _totals(totals: Mapping[str, int], shown: int) -> Text:
    count = sum(totals.values())
    each = ", ".join(f"{number} {state}" for state, number in sorted(totals.items()))
    rest = f" The other {count - shown}: po-mcp journal list --all" if shown < count else ""
    return _plain(f"\n{_number(count, 'operation')}: {each}.{rest}")


def _whole(recorded: Recorded, events: Sequence[Event], now: float) -> RenderableType:
    """Everything of one operation, for a person."""
    operation = recorded.operation
    head = _rows(
        ("operation", operation.id),
        ("what", f"{operation.kind} order {operation.number}"),
        ("connection", operation.connection),
        *_asker(events),
        ("state", _state(recorded, now)),
        ("outcome", _came_of(recorded, now)),
    )
    return Group(head, _shown_to_the_person(recorded), _timeline(events))


def _asker(events: Sequence[Event]) -> list[tuple[str, str]]:
    first = events[0].detail if events else {}
    return [("asked by", f"{first['client']}, MCP {first['protocol']}")] if "client" in first else []


def _shown_to_the_person(recorded: Recorded) -> Panel:
    question = recorded.operation.question
    if question is not None:
        return Panel(_plain(question.text), title="What the person was asked", title_align="left", style="yellow")
    return Panel(_plain(_ordered(recorded)), title="Nobody was asked; what was to be created", title_align="left")


def _ordered(recorded: Recorded) -> str:
    """Write the order that a create was to make."""
    draft = json.loads(recorded.operation.intent)["draft"]
    lines = [f"  {line['quantity']} x {line['item']} at {line['unit_price']}" for line in draft["lines"]]
    return "\n".join([f"Order {draft['number']} from {draft['vendor']['name']}:", *lines])


def _timeline(events: Sequence[Event]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("Time", "Event"):
        table.add_column(name, no_wrap=True)
    table.add_column("What happened")
    for event in events:
        table.add_row(*map(_plain, (_time(event.at), event.event, _happened(event))))
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
        table.add_row(Text(name, "dim"), _plain(value))
    return table


def _for_programs(recorded: Recorded, begun: Mapping[str, float], now: float) -> dict[str, Any]:
    operation = recorded.operation
    settled_at = None if recorded.state in LIVE else recorded.settled_at  # of UNKNOWN it is when the doubt began
    times = {"expires_at": recorded.expires_at, "sent_at": recorded.sent_at, "settled_at": settled_at}
    return {
        "id": operation.id,
        "connection": operation.connection,
        "kind": operation.kind,
        "number": operation.number,
        "state": _state(recorded, now),
        "asked_at": _time(begun[operation.id]),
        **{name: _time(at) for name, at in times.items() if at is not None},
        "message": _came_of(recorded, now),
    }


def _whole_for_programs(recorded: Recorded, events: Sequence[Event], now: float) -> dict[str, Any]:
    operation = recorded.operation
    return {
        **_for_programs(recorded, {operation.id: events[0].at} if events else {}, now),
        "question": operation.question and operation.question.text,
        "intent": json.loads(operation.intent),
        "outcome": recorded.outcome and recorded.outcome.model_dump(mode="json", exclude_none=True),
        "events": [{"at": _time(one.at), "event": one.event, "detail": one.detail} for one in events],
    }


def _print_json(value: object) -> None:
    click.echo(json.dumps(value))


def _console() -> Console:
    return Console(highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)


def _plain(text: str) -> Text:
    """Return text without markup, and nothing in it that steers the terminal."""
    return Text("\n".join(visible(line, 10_000) for line in text.split("\n")))


def _first_sentence(message: str) -> str:
    message = message.removeprefix(_NOTICE)
    found = _sentence.match(message)
    return found[0] if found else message


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).astimezone().isoformat(timespec="seconds")


def _minute(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC).astimezone():%Y-%m-%d %H:%M}"


def _short(recorded: Recorded) -> str:
    return recorded.operation.id[:_SHORT]


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _fail(message: str) -> NoReturn:
    """End with status 1 and one line on standard error."""
    click.echo(f"po-mcp: {message}", err=True)
    raise SystemExit(1)
