"""`python -m tests.tryton.play`: conversations of a buyer and an assistant, played on a real Tryton.

They are written as those of examples/conversations; the day is today, since Tryton keeps the real time.
"""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import anyio
import click
from rich.console import Console

from tests.conversations.invariants import broken
from tests.conversations.record import Record
from tests.conversations.script import read
from tests.conversations.show import Played, chat, table
from tests.conversations.stage import Stage, play_on
from tests.conversations.world_events import World
from tests.harness import ERAS
from tests.homes import nobodys_home
from tests.tryton.book import PURCHASE, TrytonUsers
from tests.tryton.harness import RpcWire, TrytonHarness, find_orders
from tests.tryton.server import serving

FOLDER = Path(__file__).parent / "conversations"


def scripts() -> dict[str, Path]:
    """Return every conversation's file by its name."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.toml"))}


def _press(users: TrytonUsers, verb: str, number: str) -> None:
    (order,) = find_orders(users, number)
    users.buyer.on(PURCHASE, verb.removesuffix("s"), [order.id])


def _write_a_note(users: TrytonUsers, number: str, note: str) -> None:
    (order,) = find_orders(users, number)
    users.buyer.write(PURCHASE, order.id, comment=note)


def _change_a_line(users: TrytonUsers, number: str, units: str) -> None:
    """Change the first line as the desktop client does: through its order."""
    (order,) = find_orders(users, number)
    line = users.buyer.read(PURCHASE, order.id, "lines")["lines"][0]
    users.buyer.write(PURCHASE, order.id, lines=[["write", [line], {"quantity": float(units)}]])


def _receive(users: TrytonUsers, units: str, item: str, number: str) -> None:
    (order,) = find_orders(users, number)
    users.receive(order.id, {item: units})


IN_TRYTON: Mapping[str, Callable[..., object]] = {
    r"Somebody (quotes|confirms|cancels|deletes) (\S+) in the ERP\.": _press,
    r"Somebody writes on (\S+) in the ERP: (.+)": _write_a_note,
    r"Somebody orders of the first line of (\S+) (\d+) units in the ERP\.": _change_a_line,
    r"(\d+) units of (\w+) arrive for (\S+)\.": _receive,
}


async def play(name: str, path: Path, era: str, url: str, users: TrytonUsers, folder: Path) -> Played:
    """Play one conversation over the book as it stands, and compare it with its script."""
    script, record = read(path), Record()
    wire = RpcWire(record=record, users=users)
    harness = TrytonHarness(folder / "book", wire, url=url, users=users)
    stage = Stage(script, World(harness, wire, time.time(), in_the_book=IN_TRYTON), record)
    _, off = await play_on(stage, era)
    return Played(name, script, era, record, [*([str(off)] if off else []), *broken(record)])


@click.command()
@click.argument("names", nargs=-1)
def main(names: tuple[str, ...]) -> None:
    """Play conversations on a Tryton server of their own; NAMES are beginnings of their names."""
    console = Console(highlight=False, width=None if os.isatty(1) else 120)
    logging.disable(logging.WARNING)  # what a server warns of is for its operator
    found = {name: path for name, path in scripts().items() if name.startswith(names or ("",))}
    played = []
    with serving() as (server, users):
        for name, path in found.items():
            server.reset()
            with tempfile.TemporaryDirectory() as folder:
                played.append(anyio.run(play, name, path, ERAS[0], server.url, users, Path(folder)))
            chat(console, played[-1])
    table(console, played, None)
    raise SystemExit(any(one.wrong for one in played))


if __name__ == "__main__":
    with nobodys_home():
        main()
