"""Tables for a terminal of 80 columns, in which no code and no figure is ever cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.table import Column, Table
from rich.text import Text

_COLUMNS = 80
_GAP_COLUMNS = 2
_MIN_WORD_COLUMNS = 14
"""Columns that are left to words, at least, where codes and figures stay whole."""


@dataclass(frozen=True)
class Words:
    """A column whose words are broken into lines."""

    head: str


class Code(Words):
    """A column of codes, which stay whole where there is room."""


class Figure(Code):
    """A column of figures, right-aligned, which stay whole where there is room."""


Cell = str | Text


def table_of(columns: Sequence[Words], rows: Sequence[Sequence[Cell]]) -> Table:
    """Return a table; what has no room goes on below, since two codes may differ in their last letters alone."""
    needed = sum(
        max(cell_len(column.head), *(_width(row[at]) for row in rows), 0)
        if isinstance(column, Code)
        else _MIN_WORD_COLUMNS
        for at, column in enumerate(columns)
    )
    is_whole = needed + _GAP_COLUMNS * len(columns) <= _COLUMNS
    table = Table(*(_column(one, is_whole=is_whole) for one in columns), box=None, padding=(0, _GAP_COLUMNS, 0, 0))
    for row in rows:
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    return table


def under(item: str, below: Sequence[str]) -> Text:
    """Return a cell: a code, and on lines of their own what is said of it."""
    return Text("\n").join([Text(item), *(Text(one, "dim") for one in below)])


def _column(column: Words, *, is_whole: bool) -> Column:
    is_kept = is_whole and isinstance(column, Code)
    return Column(
        column.head, justify="right" if isinstance(column, Figure) else "left", no_wrap=is_kept, overflow="fold"
    )


def _width(cell: Cell) -> int:
    return cell_len(cell if isinstance(cell, str) else cell.plain)
