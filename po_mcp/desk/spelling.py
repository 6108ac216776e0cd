"""How two texts are alike in their words: the same, a beginning, a plural, a slip of the keyboard. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from po_mcp.desk.figures import Parsed, parse

_MIN_SIMILARITY = 76.0
"""Points of 100 from which on rapidfuzz's WRatio counts as a similar spelling: one slip in a short word is over it."""
_MAX_SIMILAR = 200
MIN_PART_CHARS = 3
_PARSE_CACHE_SIZE = 50_000
_digits_or_letters = re.compile(r"[0-9]+|[a-z]+")
_digits = re.compile(r"\d+")


def score_spellings(wanted: str, spellings: Sequence[str]) -> dict[int, float]:
    """Return the places of the spellings that are like what is wanted, with their points."""
    from rapidfuzz import fuzz, process  # read late: most starts look nothing up

    found = process.extract(wanted, spellings, scorer=fuzz.WRatio, score_cutoff=_MIN_SIMILARITY, limit=_MAX_SIMILAR)
    return {place: points for _, points, place in found}


def spell(text: str) -> str:
    """Return a text as spellings are compared."""
    return " ".join(split(text))


def has_same_words(said: Parsed, text: Parsed) -> bool:
    """Tell whether both have the same words, in any order, or the same letters where words are glued."""
    return sorted(said.words) == sorted(text.words) or "".join(said.words) == "".join(text.words)


def has_every_word(said: Parsed, text: Parsed) -> bool:
    """Tell whether each word that was said is one of the text, or begins one."""
    return all(any(_is_word_or_beginning(word, other) for other in text.words) for word in said.words)


def count_words(said: Parsed, text: Parsed) -> int:
    """Count the words that were said and are of the text."""
    return sum(any(_is_word_or_beginning(word, other) for other in text.words) for word in said.words)


def score_share(said: Parsed, text: Parsed) -> float:
    """Return how much of a text was said, in points of 100."""
    return 100 * (len(said.words) + len(said.figures)) / max(len(text.words) + len(text.figures), 1)


def score_spelling(said: Parsed, text: Parsed) -> float:
    """Return points for words that are the text's as they are said; of equals, the shorter text has more."""
    return 99 * count_words(said, text) / max(len(said.words), 1) + min(score_share(said, text), 100) / 100


def _is_word_or_beginning(word: str, other: str) -> bool:
    """Tell whether `word` is `other` word, its beginning, or its plural."""
    if word == other:
        return True
    if not (word.isalpha() and other.isalpha()) or min(len(word), len(other)) < MIN_PART_CHARS:
        return False
    return other.startswith(word) or word in (f"{other}s", f"{other}es")


def split(text: str) -> list[str]:
    """Take a text apart into letters and digits, quickly: a catalog has tens of thousands."""
    if text.isascii():
        return _digits_or_letters.findall(text.lower())
    parsed = parse_once(text)
    figures = [piece for figure in parsed.figures for piece in (figure.prefix.casefold(), figure.unit.casefold())]
    digits = [digits for figure in parsed.figures for digits in _digits.findall(figure.number)]
    return [piece for piece in (*parsed.words, *figures, *digits) if piece]


def first_digits(number: str) -> str:
    """Return the first digits of a number, without zeros before them."""
    found = _digits.search(number)
    return (found[0].lstrip("0") or "0") if found else number


@lru_cache(_PARSE_CACHE_SIZE)
def parse_once(text: str) -> Parsed:
    """Take a text of the catalog apart."""
    return parse(text)
