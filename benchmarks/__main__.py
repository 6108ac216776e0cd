"""`python -m benchmarks`: every measure beside its reference, as a table, as JSON and as a picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import click

from benchmarks.report import Row, draw, show, write_json

PARTS = ("startup", "reads", "lists", "writes", "tokens")
MORE = ("replicas",)
"""What needs nginx and PostgreSQL, and is measured by its name alone."""


@click.command("benchmarks")
@click.argument("parts", nargs=-1, type=click.Choice([*PARTS, *MORE]))
@click.option("--rounds", default=7, help="How often what is compared is measured in turn.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the figures to this file too.")
@click.option("--picture", type=click.Path(path_type=Path), help="Draw them into this SVG file too.")
def main(parts: tuple[str, ...], rounds: int, json_file: Path | None, picture: Path | None) -> None:
    """Measure PARTS, or all but `replicas`; the status is 1 where a score is beyond its limit.

    `replicas` needs nginx and PostgreSQL.
    With FASTMCP_PYTHON set to an interpreter that has FastMCP, its start is measured too.
    """
    rows: list[Row] = []
    for part in parts or PARTS:
        measure: Callable[[int], Iterator[Row]] = import_module(f"benchmarks.{part}").measure
        for row in measure(rounds):
            click.echo(f"{row.name}: {row.value:.4g} {row.unit}, score {row.score:.3g} {row.requirement}", err=True)
            rows.append(row)
    show(rows)
    if json_file is not None:
        write_json(rows, json_file)
    if picture is not None:
        draw(rows, picture)
    raise SystemExit(not all(row.is_reached for row in rows))


if __name__ == "__main__":
    main()
