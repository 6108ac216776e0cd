"""`python -m tests.conversations`: plays conversations as chats, or all of them as a table."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import click
from rich.console import Console

from tests.conversations.invariants import broken
from tests.conversations.script import read, scripts
from tests.conversations.show import Count, Played, chat, table
from tests.conversations.stage import play
from tests.harness import ERAS
from tests.homes import nobodys_home


@click.command("conversations")
@click.argument("names", nargs=-1)
@click.option("--list", "only_list", is_flag=True, help="Say which conversations there are.")
@click.option("--chat", "as_chat", is_flag=True, help="Show every one as a chat; so it is where you name some.")
@click.option("--era", "eras", type=click.Choice(ERAS), multiple=True, help="The protocol version; both unless named.")
def main(names: tuple[str, ...], only_list: bool, as_chat: bool, eras: tuple[str, ...]) -> None:
    """Play conversations against a fresh sandbox, and compare them with their scripts.

    NAMES are beginnings of names, or a .toml file of your own; all are played where none is given.
    """
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    found = {name: path for name, path in scripts().items() if name.startswith(names or ("",))}
    found |= {Path(name).stem: Path(name) for name in names if Path(name).suffix == ".toml"}
    if not found:
        raise click.UsageError("there is no such conversation; --list says which there are")
    if only_list:
        for name, path in found.items():
            console.print(f"{name}: {read(path).title}", markup=False)
        return
    logging.disable(logging.WARNING)  # what a server warns of is for its operator
    played = anyio.run(_all, found.items(), eras or (ERAS[:1] if names else ERAS))
    for one in played if names or as_chat else ():
        chat(console, one)
    table(console, played, _counter())
    raise SystemExit(any(one.wrong for one in played))


async def _all(found: Iterable[tuple[str, Path]], eras: Iterable[str]) -> list[Played]:
    return [await play_in_folder(name, path, era) for name, path in found for era in eras]


async def play_in_folder(name: str, path: Path, era: str) -> Played:
    """Play one conversation in a folder that is gone afterwards."""
    script = read(path)
    with TemporaryDirectory() as folder:
        record, off = await play(script, era, Path(folder))
    return Played(name, script, era, record, [*([str(off)] if off else []), *broken(record)])


def _counter() -> Count | None:
    """Return what counts tokens, where the package that has the vocabulary is installed."""
    try:
        from splintr import Tokenizer
    except ImportError:
        return None
    encoder = Tokenizer.from_pretrained("o200k_base")
    return lambda said: len(encoder.encode(said))


if __name__ == "__main__":
    with nobodys_home():
        main()
