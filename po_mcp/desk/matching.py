"""Which entry of a catalog a few words mean: the words of a person against ids, codes and names. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Generic, TypeVar

T = TypeVar("T")

_LIKE = 76.0
"""Points of 100 from which on rapidfuzz's WRatio counts as a similar spelling: one slip in a short word is over it."""
_ENOUGH = 5
"""Better matches beside which similar spellings are not looked for."""
_SHORTEST_PART = 3
_word = re.compile(r"[^\W_]+")
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "ß": "ss", "þ": "th"})

Words = Sequence[tuple[str, str | None]]
"""What an entry goes by: (what it is, the text), such as ("id", "12") and ("name", "Acme Fasteners")."""


class Fit(IntEnum):
    """How well the words fit an entry; the smaller, the better."""

    ID = 0
    WHOLE = 1
    PART = 2
    SIMILAR = 3


@dataclass(frozen=True)
class Match(Generic[T]):
    """An entry that the words may mean, how well they fit, and why, in words."""

    entry: T
    fit: Fit
    why: str
    points: float = 100.0


def find(text: str, entries: Iterable[T], words_of: Callable[[T], Words]) -> list[Match[T]]:
    """Return the entries that `text` may mean, the best first.

    Case, accents, punctuation and the order of the words do not count. An id, a code or a name that is the
    whole text is better than one that holds all of its words, and that is better than a similar spelling.
    """
    wanted = _Wanted(text)
    if not wanted.words:
        return []
    listed = [(entry, words_of(entry)) for entry in entries]
    if whole := [match for entry, words in listed if (match := _whole(wanted, entry, words)) is not None]:
        return sorted(whole, key=lambda match: match.fit)
    found = [match for entry, words in listed if (match := _part(wanted, entry, words)) is not None]
    if len(found) < _ENOUGH:
        known = {id(match.entry) for match in found}
        found += _similar(wanted, [(entry, words) for entry, words in listed if id(entry) not in known])
    return sorted(found, key=lambda match: (match.fit, -match.points))


def best(matches: Sequence[Match[T]]) -> list[Match[T]]:
    """Return the matches that fit best: all those of the first one's fit."""
    return [match for match in matches if match.fit == matches[0].fit]


def plain_words(text: str) -> list[str]:
    """Return the words of a text without case, accents and punctuation."""
    folded = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    return _word.findall("".join(letter for letter in folded if not unicodedata.combining(letter)))


class _Wanted:
    """What is looked for, taken apart once."""

    def __init__(self, text: str) -> None:
        self.raw = text.strip().casefold()
        self.words = plain_words(text)
        self.together = "".join(self.words)
        self.any_order = sorted(self.words)


def _whole(wanted: _Wanted, entry: T, words: Words) -> Match[T] | None:
    for what, text in words:
        if text is None:
            continue
        if what == "id" and text.casefold() == wanted.raw:
            return Match(entry, Fit.ID, "this id")
        theirs = plain_words(text)
        if theirs == wanted.words or (theirs and "".join(theirs) == wanted.together):
            return Match(entry, Fit.WHOLE, f"this {what}")
        if sorted(theirs) == wanted.any_order:
            return Match(entry, Fit.WHOLE, f"this {what}, its words in another order")
    return None


def _part(wanted: _Wanted, entry: T, words: Words) -> Match[T] | None:
    """Match an entry of which every word wanted is one, or the beginning of one."""
    for what, text in words:
        theirs = plain_words(text or "")
        if what != "id" and all(any(_begins(word, their) for their in theirs) for word in wanted.words):
            return Match(entry, Fit.PART, f"part of its {what}", 100 * len(wanted.words) / len(theirs))
    theirs = [word for _, text in words for word in plain_words(text or "")]
    if all(any(_begins(word, their) for their in theirs) for word in wanted.words):
        return Match(entry, Fit.PART, "words of its code and name", 50 * len(wanted.words) / len(theirs))
    return None


def _begins(word: str, their: str) -> bool:
    """Tell whether `word` is `their` word, its beginning, or its plural. A figure must be the whole figure."""
    if word == their:
        return True
    if not (word.isalpha() and their.isalpha()) or min(len(word), len(their)) < _SHORTEST_PART:
        return False
    return their.startswith(word) or word in (f"{their}s", f"{their}es")


def _similar(wanted: _Wanted, listed: Sequence[tuple[T, Words]]) -> list[Match[T]]:
    from rapidfuzz import fuzz, process  # read late: most starts look nothing up

    texts = [(entry, what, " ".join(plain_words(text))) for entry, words in listed for what, text in words if text]
    scored = process.extract(
        " ".join(wanted.words),
        [text for _, what, text in texts if what != "id" or not text.isdecimal()],
        scorer=fuzz.WRatio,
        score_cutoff=_LIKE,
        limit=20,
    )
    points = {text: score for text, score, _ in scored}
    best_of: dict[int, Match[T]] = {}
    for entry, what, text in texts:
        match = Match(entry, Fit.SIMILAR, f"its {what} is spelt like this", points.get(text, 0.0))
        if match.points > best_of.get(id(entry), Match(entry, Fit.SIMILAR, "", 0.0)).points:
            best_of[id(entry)] = match
    return list(best_of.values())
