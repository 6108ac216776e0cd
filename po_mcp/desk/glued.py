"""Words and figures that are written without a blank, or with one too many: BOLTM8, M8NUT, hexbolt, M 8. Pure."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator

from po_mcp.desk.exactness import letter_pattern
from po_mcp.desk.figures import fold
from po_mcp.desk.units import is_unit

_MIN_WORD_CHARS = 3
"""Letters of a word that is looked for within another: two stand in too many."""
_MAX_PREFIX_CHARS = 3
_MAX_GLUED_CHARS = 40
_prefix_apart = re.compile(r"(?<![^\W_])(?P<prefix>[^\W\d_]) (?=\d)")


def read_otherwise(text: str, known: Container[str]) -> list[str]:
    """Return the ways in which a text may be meant whose words are glued, or have a blank before their figure.

    `known` has the words of the catalog, without case: only these are looked for within others.
    """
    apart = _split_glued(text, known)
    readings = [apart, _prefix_apart.sub(r"\g<prefix>", apart)]
    return [one for one in dict.fromkeys(readings) if one != text]


def _split_glued(text: str, known: Container[str]) -> str:
    letters = re.compile(rf"{letter_pattern(text.isascii())}+")
    pieces: list[str] = []
    end = 0
    for found in letters.finditer(text):
        before, after = text[: found.start()][-1:], text[found.end() :][:1]
        parts = _split_letters(found[0], known, before.isdecimal(), after.isdecimal())
        pieces += [text[end : found.start()], parts]
        end = found.end()
    return "".join([*pieces, text[end:]])


def _split_letters(letters: str, known: Container[str], is_after_figure: bool, is_before_figure: bool) -> str:
    """Return letters with blanks between the words that they are made of; as they are where that is not clear."""
    if len(letters) > _MAX_GLUED_CHARS or (_is_known(letters, known) and not (is_after_figure or is_before_figure)):
        return letters
    for begin in _units_at(letters) if is_after_figure else (0,):
        for end in _prefixes_at(letters) if is_before_figure else (len(letters),):
            words = _find_words(letters[begin:end], known) if begin < end else None
            if words is not None:
                unit = letters[:begin] if begin else ""
                return (
                    " ".join([unit, *words, letters[end:]]) if is_before_figure else " ".join([unit, *words]).rstrip()
                )
    return letters


def _units_at(letters: str) -> Iterator[int]:
    """Yield where the words may begin behind a figure: at once, or behind its unit."""
    if is_unit(letters):
        return
    yield 0
    yield from (end for end in range(1, len(letters)) if is_unit(letters[:end]) or letters[:end] in "xX")


def _prefixes_at(letters: str) -> Iterator[int]:
    """Yield where the words may end before a figure: at once, or before the letters that belong to it, as M to M8."""
    yield len(letters)
    yield from range(len(letters) - 1, max(0, len(letters) - _MAX_PREFIX_CHARS) - 1, -1)


def _find_words(letters: str, known: Container[str]) -> list[str] | None:
    """Return the fewest known words that the letters are made of; None where they are not."""
    best: list[list[str] | None] = [[]]
    for end in range(1, len(letters) + 1):
        found: list[str] | None = None
        for begin in range(max(0, end - _MAX_GLUED_CHARS), end - _MIN_WORD_CHARS + 1):
            before = best[begin]
            if before is None or (found is not None and len(found) <= len(before) + 1):
                continue
            if _is_known(letters[begin:end], known):
                found = [*before, letters[begin:end]]
        best.append(found)
    return best[-1]


def _is_known(letters: str, known: Container[str]) -> bool:
    word = fold(letters)
    return len(word) >= _MIN_WORD_CHARS and (word in known or word.removesuffix("s") in known)
