"""What was measured, as a table in a terminal, as JSON, and as a picture."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Row:
    """One measure.

    Args:
        name: what was measured.
        value: po-mcp's figure.
        unit: of the value and of the reference.
        reference: the figure beside it; None for a limit that is absolute.
        against: what the reference is.
        score: what is held against the limit: mostly value / reference.
        limit: the most, or with `at_least` the least, that the score may be; None where nothing is required.
    """

    name: str
    value: float
    unit: str
    reference: float | None
    against: str
    score: float
    limit: float | None
    at_least: bool = False

    @property
    def is_reached(self) -> bool:
        """Tell whether the score is within its limit."""
        if self.limit is None:
            return True
        return self.score >= self.limit if self.at_least else self.score <= self.limit

    @property
    def requirement(self) -> str:
        """Return the limit as text, such as `<= 1.05`."""
        return "" if self.limit is None else f"{'>=' if self.at_least else '<='} {self.limit:g}"


def show(rows: Sequence[Row]) -> None:
    """Print the table."""
    table = Table(title=describe_machine(), title_justify="left")
    for title in ("measure", "po-mcp", "reference", "against", "score", "must be"):
        table.add_column(title, justify="left" if title in ("measure", "against") else "right")
    for row in rows:
        reference = "" if row.reference is None else f"{row.reference:,.3g} {row.unit}"
        style = "" if row.is_reached else "bold red"
        cells = (row.name, f"{row.value:,.4g} {row.unit}", reference, row.against, _short(row.score), row.requirement)
        table.add_row(*cells, style=style)
    Console(width=None if os.isatty(1) else 150).print(table)


def describe_machine() -> str:
    """Say on what it was measured."""
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, {platform.system()}"


def write_json(rows: Sequence[Row], path: Path) -> None:
    """Write the rows for a program."""
    found = {"machine": describe_machine(), "rows": [{**asdict(row), "reached": row.is_reached} for row in rows]}
    path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def draw(rows: Sequence[Row], path: Path) -> None:
    """Draw each score as a bar whose end mark is its limit."""
    limited = [row for row in rows if row.limit is not None]
    height = 34 * len(limited) + 46
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 {height}" font-family="system-ui, sans-serif">',
        "<style>text{fill:#1f2328;font-size:13px}.bar{fill:#1a7f5a}.over{fill:#b3261e}.mark{stroke:#1f2328}"
        "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.mark{stroke:#e6edf3}}</style>",
        f'<text x="12" y="24">{escape(describe_machine())}; the mark is the limit</text>',
    ]
    for place, row in enumerate(limited):
        assert row.limit is not None
        y, scale = 34 * place + 40, 180 / (row.limit or 1)
        width, kind = min(330.0, row.score * scale), "bar" if row.is_reached else "over"
        parts += [
            f'<text x="12" y="{y + 17}">{escape(row.name)}</text>',
            f'<rect class="{kind}" x="400" y="{y + 4}" width="{max(width, 1):.0f}" height="18" rx="3"/>',
            f'<line class="mark" x1="580" x2="580" y1="{y}" y2="{y + 26}" stroke-width="2"/>',
            f'<text x="745" y="{y + 17}">{_short(row.score)} ({escape(row.requirement)})</text>',
        ]
    path.write_text("\n".join([*parts, "</svg>", ""]), encoding="utf-8")


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"
