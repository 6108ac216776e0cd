"""`python -m tests.faults`: every scenario of the matrix, as a table; status 1 if anything is not as it must be."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import groupby

import anyio
import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from po_mcp.sandbox.faults import FAULTS
from tests.homes import nobodys_home

from .matrix import Scenario, every_scenario
from .oracle import Judged, play

HEAD = ("fault", "call", "struck", "reported", "writes sent", "applied", "verdict")
WIDEST = 160


def row(result: Judged) -> tuple[str, ...]:
    at, seen = result.scenario, result.seen
    verdict = "; ".join(result.wrong) or "right"
    applied = "yes" if seen.applied else "no"
    return at.fault, f"{at.erp} {at.call}", at.struck, seen.reported, str(seen.writes_sent), applied, verdict


def play_part(scenarios: Sequence[Scenario]) -> list[Judged]:
    """Play scenarios in this process."""
    return anyio.run(play, scenarios)


def play_all(faults: Collection[str], jobs: int, progress: Progress) -> list[Judged]:
    """Play every scenario of the faults, each fault in one of a few processes."""
    parts = [[scenario for scenario in every_scenario() if scenario.fault == fault] for fault in faults]
    task = progress.add_task("Scenarios", total=sum(map(len, parts)))
    results: list[Judged] = []
    with ProcessPoolExecutor(jobs) as pool:
        for part in pool.map(play_part, parts):
            results += part
            progress.advance(task, len(part))
    return results


def show_table(console: Console, results: Sequence[Judged]) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in HEAD:
        table.add_column(name, no_wrap=name != "verdict")
    for result in results:
        table.add_row(*row(result), style="bold red" if result.wrong else "")
    console.print(table)


def show_markdown(results: Sequence[Judged]) -> None:
    for fault, group in groupby(results, key=lambda result: result.scenario.fault):
        click.echo(f"\n### {fault}\n\n{FAULTS[fault].description}\n")
        click.echo(f"| {' | '.join(HEAD[1:])} |\n|{' --- |' * len(HEAD[1:])}")
        for result in group:
            click.echo(f"| {' | '.join(row(result)[1:])} |")


def counts(results: Sequence[Judged]) -> str:
    reported = Counter(result.seen.reported for result in results)
    parts = [f"{len(results)} scenarios", *(f"{status}: {count}" for status, count in reported.most_common())]
    return ", ".join([*parts, f"violations: {sum(bool(result.wrong) for result in results)}"])


@click.command()
@click.option("--markdown", is_flag=True, help="Print the table in markdown, grouped by fault.")
@click.option("--fault", "faults", multiple=True, type=click.Choice(list(FAULTS)), help="Only this fault.")
@click.option("--jobs", type=click.IntRange(1, 64), default=os.cpu_count() or 1, help="Processes that play.")
@click.pass_context
def main(context: click.Context, markdown: bool, faults: Sequence[str], jobs: int) -> None:
    """Play every fault at every stage of every call, and judge what was reported to the client."""
    with Progress(console=Console(stderr=True)) as progress:
        results = play_all(faults or list(FAULTS), jobs, progress)
    if markdown:
        show_markdown(results)
    else:
        console = Console()
        console.width = max(console.width, WIDEST)
        show_table(console, results)
    click.echo(f"\n{counts(results)}")
    context.exit(any(result.wrong for result in results))


if __name__ == "__main__":  # a playing process imports this file too
    with nobodys_home():
        main()
