"""`python -m tests.sweep`: every scenario, every crash, every mutant; status 1 if anything is not as it must be."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import anyio
import click
from rich.console import Console
from rich.progress import Progress

from tests.homes import nobodys_home

from .cells import Table
from .crashes import INJECTED, Crashed, crash, crash_at_every_commit, list_crashes_at_the_wire
from .mutants import MUTANTS, kill
from .oracle import Ran
from .runner import rehearse_all, run
from .scenarios import FLOWS, Flow, Scenario, cells, every_scenario, sample

SEED = 20261122
SCENARIOS_AT_ONCE = 6
"""In each process."""
PARTS = ("cells", "faults", "crashes", "adversary", "mutants")
GAMES, MOVES = 60, 20
_SCENARIOS_PER_TASK = 24
_PROGRESS_EVERY = 5 * _SCENARIOS_PER_TASK
"""Scenarios after which a line of progress is written where no bar is shown."""


@dataclass
class Figures:
    """The counts of a part that are printed at its end; `other`: faults that are neither a double write nor a lie."""

    scenarios: int = 0
    doubles: int = 0
    lies: int = 0
    other: int = 0
    residual: int = 0
    answers: int = 0
    unknown: int = 0
    games: int = 0
    mutants: int = 0
    killed: int = 0
    wrong: list[str] = field(default_factory=list)
    table: Table = field(default_factory=Table)

    def add(self, ran: Ran) -> None:
        self.scenarios += 1
        self.answers += len(ran.answers)
        self.unknown += sum(answer.status == "unknown" for answer in ran.answers)
        if ran.is_residual:
            self.residual += 1
        elif ran.wrong:
            self.doubles += bool(ran.doubles)
            self.lies += bool(ran.lies)
            self.other += not (ran.doubles or ran.lies)
            self.wrong.append(f"{ran.scenario}\n    " + "\n    ".join(ran.wrong))
            click.echo(self.wrong[-1])

    @property
    def is_right(self) -> bool:
        return not self.wrong and self.killed == self.mutants


def play_all(scenarios: Sequence[Scenario]) -> list[Ran]:
    """Play scenarios in this process, a handful at a time."""
    return anyio.run(_play_at_once, [(run, scenario) for scenario in scenarios])


async def _play_at_once(todo: Sequence[tuple[Callable[[Any], Awaitable[Ran]], Any]]) -> list[Ran]:
    asyncio.get_running_loop().set_exception_handler(_ignore_torn_connections)
    done: list[Ran] = []
    places = anyio.CapacityLimiter(SCENARIOS_AT_ONCE)

    async def one(play: Callable[[Any], Awaitable[Ran]], at: Any) -> None:
        async with places:
            done.append(await play(at))

    async with anyio.create_task_group() as tasks:
        for play, at in todo:
            tasks.start_soon(one, play, at)
    return done


def _ignore_torn_connections(loop: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
    """Log no error of a connection, which the relay may tear down twice; hand on all others."""
    if not isinstance(context.get("exception"), OSError):
        loop.default_exception_handler(dict(context))


def sweep_cells(figures: Figures, seed: int, most: int, progress: Progress) -> None:
    """Play every kind of answer of the vendor's own under every habit; add what comes of it to the figures."""
    for ran in _play(list(cells(anyio.run(rehearse_all))), "Cells", figures, seed, most, progress):
        figures.table.add(ran)
    figures.wrong += figures.table.wrong
    figures.other += len(figures.table.wrong)


def sweep_faults(figures: Figures, seed: int, most: int, progress: Progress) -> None:
    """Play every fault at every request, pairs of them, moments, races, doubts under habits, and pairs of habits."""
    for _ in _play(list(every_scenario(anyio.run(rehearse_all), seed)), "Faults", figures, seed, most, progress):
        pass


def _play(
    scenarios: Sequence[Scenario], name: str, figures: Figures, seed: int, most: int, progress: Progress
) -> Iterator[Ran]:
    """Play scenarios in several processes, in an order that the seed decides; the first `most` of them."""
    chosen = sample(scenarios, most or len(scenarios), seed)
    parts = [chosen[place : place + _SCENARIOS_PER_TASK] for place in range(0, len(chosen), _SCENARIOS_PER_TASK)]
    task, before = progress.add_task(name, total=len(chosen)), figures.scenarios
    with ProcessPoolExecutor() as pool:
        for part in pool.map(play_all, parts):
            for ran in part:
                figures.add(ran)
                yield ran
            progress.advance(task, len(part))
            _note(progress, figures, figures.scenarios - before, len(chosen), name)


def _note(progress: Progress, figures: Figures, done: int, of: int, name: str) -> None:
    """Write how many are played, where the bar of progress is not shown."""
    if not progress.console.is_terminal and done % _PROGRESS_EVERY == 0:
        click.echo(f"{name}: {done} of {of}, {len(figures.wrong)} wrong", err=True)


def sweep_crashes(figures: Figures, seed: int, most: int, progress: Progress) -> None:
    anyio.run(_crashes, figures, progress)


async def _crashes(figures: Figures, progress: Progress) -> None:
    asyncio.get_running_loop().set_exception_handler(_ignore_torn_connections)
    wire, places = list(list_crashes_at_the_wire()), anyio.CapacityLimiter(SCENARIOS_AT_ONCE)
    task = progress.add_task("Crashes", total=None)

    def note(ran: Crashed) -> None:
        figures.add(ran)
        progress.advance(task)

    async def commits(flow: Flow, how: Any) -> None:
        async with places:
            async for ran in crash_at_every_commit(flow, how):
                note(ran)

    async with anyio.create_task_group() as tasks:
        for flow, how in product(FLOWS, INJECTED):
            tasks.start_soon(commits, flow, how)
        for ran in await _play_at_once([(crash, at) for at in wire]):
            assert isinstance(ran, Crashed)
            note(ran)


def sweep_adversary(figures: Figures, seed: int, most: int, progress: Progress) -> None:
    """Play games of two servers on one journal, with a client that replays, races, edits and crashes them."""
    from hypothesis import seed as seeded

    from .two_servers import TwoServers, make_settings

    game = TwoServers.TestCase
    game.settings = make_settings(GAMES, MOVES)
    logging.disable(logging.WARNING)  # the SDK logs every state that was sealed elsewhere
    task = progress.add_task("Games", total=1)
    try:
        seeded(seed)(game)("runTest").runTest()
    except Exception as exc:  # a game that cannot be played is no pass
        figures.other += 1
        figures.wrong.append(f"the adversary: {exc}")
        click.echo(figures.wrong[-1])
    figures.games += GAMES
    progress.advance(task)


def sweep_mutants(figures: Figures, seed: int, most: int, progress: Progress) -> None:
    anyio.run(_mutants, figures, progress)


async def _mutants(figures: Figures, progress: Progress) -> None:
    asyncio.get_running_loop().set_exception_handler(_ignore_torn_connections)
    baselines = await rehearse_all()
    for name in progress.track(MUTANTS, description="Mutants"):
        death = await kill(name, baselines)
        figures.mutants += 1
        figures.killed += death is not None
        progress.console.print(
            f"{name}: {f'{death.scenario}: {death.fault}' if death else 'SURVIVED'}", highlight=False
        )


@click.command()
@click.option("--seed", type=int, default=SEED, help="The order of the scenarios.")
@click.option("--part", type=click.Choice([*PARTS, "all"]), default="all", help="Only this part.")
@click.option("--most", type=click.IntRange(0), default=0, help="So many scenarios of a part at most; 0: all.")
@click.pass_context
def main(context: click.Context, seed: int, part: str, most: int) -> None:
    """Strike every flow at every point, and compare what is reported with the book."""
    sweeps = {
        "cells": sweep_cells,
        "faults": sweep_faults,
        "crashes": sweep_crashes,
        "adversary": sweep_adversary,
        "mutants": sweep_mutants,
    }
    is_right = True
    with Progress(console=Console(stderr=True)) as progress:
        for name in PARTS if part == "all" else (part,):
            figures, begun = Figures(), time.monotonic()
            sweeps[name](figures, seed, most, progress)
            _show(name, figures, time.monotonic() - begun, seed)
            is_right = is_right and figures.is_right
    context.exit(not is_right)


def _show(part: str, figures: Figures, seconds: float, seed: int) -> None:
    """Print the cells that were unknown, those that may be with the reason, and the figures of a part."""
    for line in (*figures.table.wrong, *figures.table.allowed):
        click.echo(line)
    percent = 100 * figures.unknown / figures.answers if figures.answers else 0
    rows = {
        "part": part,
        "scenarios": figures.scenarios,
        "double writes": figures.doubles,
        "lies": figures.lies,
        "other violations": figures.other,
        "answered unknown": f"{percent:.1f} % of {figures.answers}",
        "beyond the bounds (residual)": figures.residual,
        "games of two servers": figures.games,
        "mutants killed": f"{figures.killed}/{figures.mutants}",
        "wall time": f"{seconds:.0f} s",
        "seed": seed,
    }
    for name, value in rows.items():
        click.echo(f"{name + ':':30} {value}")
    click.echo()


if __name__ == "__main__":  # a playing process imports this file too
    with nobodys_home():
        main()
