"""The errors of the order book.

Refusal
  Missing   no such order, vendor, item or warehouse
  Conflict  the order's state, or another record, forbids it
  Invalid   the request itself is wrong; `problems` says where

Each API renders them in its own vendor's words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Problems = Mapping[str, Sequence[str]]


class Refusal(Exception):
    """The book did nothing; `str()` is a sentence that says why."""


class Missing(Refusal):
    """What was named is not in the book."""


class Conflict(Refusal):
    """The order is in a state, or another record exists, that forbids the change."""


class Invalid(Refusal):
    """The request breaks a rule; `problems` is field path -> sentences, e.g. `lines[0].quantity`."""

    def __init__(self, problems: Problems) -> None:
        """Keep the problems; the message joins them."""
        super().__init__("; ".join(f"{path} {text}" for path, texts in problems.items() for text in texts))
        self.problems = problems
