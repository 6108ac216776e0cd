"""python -m tests.chaos: a team's server in trouble under load. It ends with 1 where a write is doubled or lost."""

from __future__ import annotations

import json
import logging
import sys
from functools import partial

import anyio
import click

from tests.chaos.run import TROUBLES, run
from tests.homes import nobodys_home


@click.command()
@click.option("--writes", default=0, help="How many writes are asked for; 0: as many as the minutes allow.")
@click.option("--minutes", default=0.0, help="After which no further write is begun; 0: no limit.")
@click.option("--buyers", default=8, show_default=True)
@click.option("--replicas", default=2, show_default=True)
@click.option("--erp-seconds", default=0.03, show_default=True, help="The longest that the ERP takes for an answer.")
@click.option("--trouble", "troubles", multiple=True, type=click.Choice([*TROUBLES]))
@click.option("--clocks-apart", default=0.0, help="Seconds; needs Debian's libfaketime.")
@click.option("--seed", default=1, show_default=True)
def main(**options: float | tuple[str, ...]) -> None:
    """Let buyers write at replicas behind nginx on one PostgreSQL, and make trouble meanwhile."""
    if not (options["writes"] or options["minutes"]):
        raise click.UsageError("say --writes or --minutes")
    logging.basicConfig(format="%(message)s")
    logging.getLogger("tests.chaos").setLevel(logging.INFO)
    report = anyio.run(partial(run, **options))  # type: ignore[arg-type]
    click.echo(json.dumps(report.facts, indent=2))
    for name in ("doubles", "lies", "lost", "unknown", "journal_faults"):
        found = getattr(report, name)
        click.echo("\n  ".join([f"{name}: {len(found)}", *found[:20]]))
    sys.exit(0 if report.is_clean else 1)


if __name__ == "__main__":
    with nobodys_home():
        main()
