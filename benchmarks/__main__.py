"""`python -m benchmarks`: every measure beside its reference, as a table, as JSON and as a picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path

import click

from benchmarks.fastmcp import find_interpreter
from benchmarks.report import Row, draw, show, write_json
from benchmarks.startup import measure_beside_fastmcp
from tests.homes import nobodys_home

PARTS = ("startup", "reads", "lists", "writes", "tokens")
MORE = ("memory", "replicas")
"""What takes some minutes, or needs nginx and PostgreSQL, and is measured by its name alone."""


@click.command("benchmarks")
@click.argument("parts", nargs=-1, type=click.Choice([*PARTS, *MORE]))
@click.option("--rounds", default=7, help="How often what is compared is measured in turn.")
@click.option("--fastmcp", is_flag=True, help="Measure the start beside FastMCP too, which pip installs for it.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the figures to this file too.")
@click.option("--picture", type=click.Path(path_type=Path), help="Draw them into this SVG file too.")
def main(parts: tuple[str, ...], rounds: int, fastmcp: bool, json_file: Path | None, picture: Path | None) -> None:
    """Measure PARTS, or all but `memory` and `replicas`; the status is 1 where a score is beyond its limit.

    `memory` takes some minutes, and `replicas` needs nginx and PostgreSQL.
    With FASTMCP_PYTHON set to an interpreter that has FastMCP, that one is taken for --fastmcp.
    """
    rows: list[Row] = []
    parts = parts or PARTS
    # It is kept in the user's own cache.
    interpreter = find_interpreter(may_install=fastmcp) if "startup" in parts else None
    with nobodys_home():
        for row in _measure(parts, rounds, interpreter):
            click.echo(f"{row.name}: {row.value:.4g} {row.unit}, score {row.score:.3g} {row.requirement}", err=True)
            rows.append(row)
    show(rows)
    if json_file is not None:
        write_json(rows, json_file)
    if picture is not None:
        draw(rows, picture)
    raise SystemExit(not all(row.is_reached for row in rows))


def _measure(parts: Sequence[str], rounds: int, interpreter: str | None) -> Iterator[Row]:
    for part in parts:
        measure: Callable[[int], Iterator[Row]] = import_module(f"benchmarks.{part}").measure
        yield from measure(rounds)
        if part == "startup" and interpreter:
            yield measure_beside_fastmcp(interpreter, rounds)


if __name__ == "__main__":
    main()
