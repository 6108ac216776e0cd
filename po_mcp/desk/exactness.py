"""Whether words are an id, a code or a name as it is written: the only words that are taken without asking. Pure."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from typing import TypeVar

T = TypeVar("T")

_MIN_CHARS_IN_ANY_CASE = 4
"""Letters of a word from which on its case does not count: m and M, Pa and PA are other units."""
_COMBINING = {0x309B: 0x3099, 0x309C: 0x309A}
"""Voice marks of kana that are typed as signs of their own, and the marks that they stand for."""
_MARKS = (
    (0x300, 0x1E00),
    (0x20D0, 0x2100),
    (0x2CEF, 0x3100),
    (0xA66F, 0xAC00),
    (0xFB1E, 0xFE30),
    (0x10A00, 0x12000),
)
_entity = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")


def normalize_blanks(text: str) -> str:
    """Return a text as it is compared letter for letter.

    Runs of blanks are one blank, HTML entities are what they stand for, and a letter with a mark is one character
    however it is encoded. Nothing else is changed: not case, nor signs, nor compatibility forms such as `²`.
    """
    # Some ERPs store names HTML-encoded: `Nuts &amp; Bolts`.
    if "&" in text:
        text = _entity.sub(lambda found: html.unescape(found[0]), text)
    # NFC and not NFKC: NFKC would make `m²` and `m2` one.
    if not text.isascii():
        text = unicodedata.normalize("NFC", text.translate(_COMBINING))
    return " ".join(text.split())


def fold_case_and_blanks(written: str) -> str:
    """Return what two texts have in common that differ in case and blanks alone."""
    return written.replace(" ", "").casefold()


def is_listed_again(entry: T, known: T, words_of: Callable[[T], Sequence[tuple[str, str | None]]]) -> bool:
    """Tell whether an entry is a known one of its id that is listed twice, whatever its price; else it is another."""
    now, before = (
        [normalize_blanks(text or "") for _, text in words_of(one)]
        + [str(getattr(one, what, None)) for what in ("unit", "active", "currency")]
        for one in (entry, known)
    )
    return now == before


def is_same(said: str, written: str) -> bool:
    """Tell whether `said` is `written`, both as `normalize_blanks` returns them.

    The case of a word may differ where it has four letters or more and no figure stands next to it: in the same
    word, or as the word before or after it.
    """
    if said == written:
        return True
    said_runs, written_runs = _split_runs(said), _split_runs(written)
    if len(said_runs) != len(written_runs):
        return False
    return all(
        said_run == written_run or (said_run.lower() == written_run.lower() and _case_is_free(written_runs, place))
        for place, (said_run, written_run) in enumerate(zip(said_runs, written_runs, strict=True))
    )


def _case_is_free(runs: list[str], place: int) -> bool:
    run = runs[place]
    if _is_figure(run):
        return False  # such as the power in MOHM²
    letters = sum(character.isalpha() for character in run)
    # Beside a figure letters may be its unit: 1 mohm is another thing than 1 Mohm.
    return letters >= _MIN_CHARS_IN_ANY_CASE and not any(_is_figure(one) for one in _adjacent_words(runs, place))


def _adjacent_words(runs: list[str], place: int) -> list[str]:
    """Return the words next to one, on either side, across blanks and signs."""
    before = next((run for run in reversed(runs[:place]) if _is_word(run)), "")
    after = next((run for run in runs[place + 1 :] if _is_word(run)), "")
    return [before, after]


def _is_word(run: str) -> bool:
    return run[0].isalpha() or _is_figure(run)


def _is_figure(run: str) -> bool:
    return any(unicodedata.category(character)[0] == "N" for character in run)


def _split_runs(text: str) -> list[str]:
    """Split a text into letters with their marks, figures, and single signs and blanks."""
    return _run_pattern(text.isascii()).findall(text)


@cache
def _run_pattern(is_ascii: bool) -> re.Pattern[str]:
    return re.compile(rf"{letter_pattern(is_ascii)}+|\d+|.", re.DOTALL)


@cache
def letter_pattern(is_ascii: bool) -> str:
    r"""Return a regular expression of one letter or one combining mark; `is_ascii`: as far as ASCII has any.

    `\w` leaves marks out, though the vowel signs of Indic scripts and the voice marks of kana tell one word from
    another. They lie in few blocks, so that not all of Unicode is looked through.
    """
    if is_ascii:
        return "[A-Za-z]"
    marks = (chr(code) for begin, end in _MARKS for code in range(begin, end))
    found = "".join(f"\\U{ord(mark):08x}" for mark in marks if unicodedata.category(mark)[0] == "M")
    return rf"(?:[^\W\d_]|[{found}])"
