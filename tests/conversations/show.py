"""Conversations in a terminal: one as a chat, or all of them as a table."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from tests.conversations.record import Called, Calling, Put, Record, Said, Written
from tests.conversations.script import Script

Count = Callable[[str], int]
_LINES_SHOWN = 14


@dataclass(frozen=True)
class Played:
    """A conversation that was played: `wrong` is what was not as it must be."""

    name: str
    script: Script
    era: str
    record: Record
    wrong: Sequence[str]

    def row(self, count: Count | None) -> tuple[str, ...]:
        calls: list[Called] = self.record.of(Called)
        tokens = str(sum(count(called.text) for called in calls)) if count else "-"
        questions, writes = len(self.record.of(Put)), len(self.record.writes)
        return self.name, self.era, str(len(calls)), str(questions), str(writes), tokens


def chat(console: Console, played: Played) -> None:
    """Show a conversation as people and programs had it."""
    console.print()
    console.rule(Text(played.script.title, style="bold"), align="left")
    console.print(Text(played.script.about, style="dim"), end="\n\n")
    for event in played.record.events:
        match event:
            case Said():
                _words(console, event)
            case Calling():
                _call(console, event)
            case Called():
                style = "red" if event.is_error else "dim"
                console.print(Padding(Text(_cut(event.text), style=style), (0, 0, 1, 6)))
            case Put():
                _question(console, event)
            case Written():
                console.print(Padding(Text(f"⇒ the ERP is sent: {event.words}", style="magenta"), (0, 0, 0, 6)))
    for wrong in played.wrong:
        console.print(Text(f"NOT AS IT SHOULD BE: {wrong}", style="bold red"))


def _words(console: Console, said: Said) -> None:
    style = {"buyer": "bold cyan", "assistant": "bold green"}.get(said.who, "italic yellow")
    words = Text.assemble((f"{said.who.capitalize():<11}", style), said.words)
    console.print(Padding(words, (0, 0, 1, 0)))


def _call(console: Console, calling: Calling) -> None:
    arguments = ", ".join(f"{name}={_short(value)}" for name, value in calling.arguments.items())
    console.print(Padding(Text(f"→ {calling.tool}({arguments})", style="blue"), (0, 0, 0, 4)))


def _cut(reply: str) -> str:
    """Leave most of a long list out."""
    lines = reply.splitlines()
    more = len(lines) - _LINES_SHOWN
    return reply if more <= 1 else "\n".join([*lines[:_LINES_SHOWN], f"… and {more} more lines"])


def _short(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _question(console: Console, put: Put) -> None:
    fields: Mapping[str, Any] = put.schema["properties"]
    offered = [f"{field['title']}: {_choices(field)}" for field in fields.values()]
    answer = f"{put.action} {_short(put.content)}" if put.content else put.action
    body = Text.assemble(put.message, "\n\n", ("\n".join(offered), "dim"), "\n\n", ("The person: ", "bold"), answer)
    console.print(Padding(Panel(body, title="a person is asked", border_style="yellow"), (0, 0, 0, 4)))


def _choices(field: Mapping[str, Any]) -> str:
    choices = [choice["title"] for choice in field.get("oneOf", ())]
    return " / ".join(choices) or "________"


def table(console: Console, played: Sequence[Played], count: Count | None) -> None:
    """Show what each conversation took, and what they took together."""
    shown = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("conversation", "era", "calls", "questions", "writes", "tokens"):
        shown.add_column(name, no_wrap=True, justify="left" if name in ("conversation", "era") else "right")
    rows = [one.row(count) for one in played]
    for one, row in zip(played, rows, strict=True):
        shown.add_row(*row, style="bold red" if one.wrong else "")
    shown.add_row(f"{len(rows)} played", "", *_sums(rows), style="bold")
    console.print(shown)
    for one in played:
        for wrong in one.wrong:
            console.print(Text(f"{one.name} ({one.era}): {wrong}", style="red"))


def _sums(rows: Sequence[tuple[str, ...]]) -> list[str]:
    columns = list(zip(*rows, strict=True))[2:]
    return [str(sum(map(int, column))) if all(map(str.isdecimal, column)) else "-" for column in columns]
