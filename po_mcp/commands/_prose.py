"""Sentences on a terminal: lines end between words. What is to be copied, such as a file's text, is not for this."""

from __future__ import annotations

import shutil
import sys
import textwrap
from typing import TextIO

import click


def say(text: str = "", *, err: bool = False) -> None:
    """Print sentences: in a terminal wrapped at blanks to its width, elsewhere as they are."""
    stream = sys.stderr if err else sys.stdout
    click.echo(wrap(text, shutil.get_terminal_size().columns) if _is_terminal(stream) else text, err=err)


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()  # None where a program without a console was started


def wrap(text: str, width: int) -> str:
    """Return sentences in lines of less than so many columns; a longer word, such as a path, stays whole.

    Each line of the text is wrapped by itself, and what follows it begins with as many blanks.
    """
    rows = []
    for line in text.split("\n"):
        blanks = " " * (len(line) - len(line.lstrip(" ")))
        # Not in the last column: some terminals begin a line of their own after it.
        how = textwrap.TextWrapper(
            width=max(width - 1, 10),
            subsequent_indent=blanks,
            break_long_words=False,
            # Options and numbers of orders are full of them, and are there to be copied.
            break_on_hyphens=False,
            replace_whitespace=False,
        )
        rows += how.wrap(line) or [""]
    return "\n".join(rows)
