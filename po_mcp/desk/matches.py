"""Matches: an entry that words may mean, how well they fit it, and which matches are as good as the best. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Generic, TypeVar

from po_mcp.desk.figures import MISSING_POINTS, NO_DIFFERENCE, UNIT_ONLY_SAID_POINTS, Difference

T = TypeVar("T")


class Fit(IntEnum):
    """How well the words fit an entry; the smaller, the better. Only EXACT may be taken without asking.

    WHOLE: its words in another case, punctuation or order; PART: all words are among its; SIMILAR: each is spelt like
    one of its; RESEMBLING: the text as a whole is spelt like its.
    """

    EXACT = 0
    WHOLE = 1
    PART = 2
    SIMILAR = 3
    RESEMBLING = 4


@dataclass(frozen=True)
class Match(Generic[T]):
    """An entry that the words may mean, how well they fit, and why, in words.

    `difference` says how far its figures and turning words are from what was said, `points` of 100 how much of it
    was said.
    """

    entry: T
    fit: Fit
    why: str
    points: float = 100.0
    difference: Difference = NO_DIFFERENCE

    @property
    def rank(self) -> tuple[bool, int, Fit, int, float]:
        """The smaller, the better: figures and turning words count before all but exactness."""
        # Where a figure is another, the name counts for more than figures that were not said: a nut is no bolt.
        more = 0 if self.difference.missing else self.difference.more
        return self.fit is not Fit.EXACT, self.difference.points, self.fit, more, -self.points


def best_matches(matches: Sequence[Match[T]]) -> list[Match[T]]:
    """Return the matches that fit as well as the first one, which is the best."""
    return [match for match in matches if match.fit == matches[0].fit and _distance(match) == _distance(matches[0])]


def _distance(match: Match[T]) -> int:
    """Return 0 for the same figures however they are written, 1 for a unit that is not said, 2 for another figure."""
    points = match.difference.points
    return (points >= UNIT_ONLY_SAID_POINTS) + (points >= MISSING_POINTS)


def keep_best_of_each(matches: Iterable[Match[T]]) -> list[Match[T]]:
    """Keep the best match of every entry."""
    kept: dict[int, Match[T]] = {}
    for match in matches:
        before = kept.get(id(match.entry))
        if before is None or match.rank < before.rank:
            kept[id(match.entry)] = match
    return list(kept.values())
