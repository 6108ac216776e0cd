r"""The words and figures of a text, and in what two texts differ: 15 is not 1.5, 1 mΩ not 1 MΩ, LH not RH. Pure.

A figure is one word with its sign, point, comma, fraction, dash and unit. What is found here puts candidates in
order for a person to see; it never lets one be taken without asking.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import NamedTuple

from po_mcp.desk.exactness import letter_pattern, normalize_blanks
from po_mcp.desk.units import is_unit, name_unit

MISSING_POINTS = 10
"""Points for a figure or a turning word that one text has and the other has not."""
OTHER_CASE_POINTS = 1
_OTHER_ORDER_POINTS = 1
_SIGN_APART_POINTS = 1
_DASH_POINTS = 2
_UNIT_NOT_SAID_POINTS = 2
_OTHER_WRITING_POINTS = 3
_THOUSANDS_POINTS = 4
UNIT_ONLY_SAID_POINTS = 5
"""Points for a unit that was said, where the text has the figure without one."""
_MAX_UNIT_CHARS = 5

_TURNING_WORDS = """
    no not non un without with except excluding less minus plus reverse reversed
    left right lefthand righthand cw ccw clockwise anticlockwise counterclockwise
    male female inner outer inside outside internal external inlet outlet open closed positive negative
    ohne mit nicht kein links rechts sans avec gauche droite sin con izquierda derecha
"""
_TURNING = frozenset(_TURNING_WORDS.split())
_SHORT_FOR = {"w/o": "without", "lh": "left", "lhs": "left", "rh": "right", "rhs": "right", "nc": "closed"}
_PREFIXES = ("non", "un", "anti", "dis", "in", "im", "ir", "de")
_SUFFIXES = ("less", "free")
_MIN_NEGATED_CHARS = 4
# Unicode takes no mark off these: to it they are letters of their own.
_LATIN = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "ß": "ss", "þ": "th"})
_SIGNS = str.maketrans(
    {
        **dict.fromkeys("\N{MINUS SIGN}\N{EN DASH}\N{EM DASH}\N{HYPHEN}\N{NON-BREAKING HYPHEN}", "-"),
        **dict.fromkeys("\N{FRACTION SLASH}\N{DIVISION SLASH}", "/"),
        "\N{MULTIPLICATION SIGN}": "x",
        "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    }
)
_thousands = re.compile(r"[1-9][0-9]{0,2}(?:[., '][0-9]{3})+(?![0-9])")
_apart = re.compile(r"[., ']")
_spaced_dash = re.compile(r"(?<=[0-9]) ?- (?=[0-9])")
_spaced_slash = re.compile(r"(?<=[0-9]) ?/ ?(?=[0-9])")
_mixed_fraction = re.compile(r"(?<![\w.,/\-])([0-9]+)-([0-9]+/[0-9]+)(?![0-9/])")
_minus = re.compile(r"(?<![0-9] )(?<![^\W_])\N{MINUS SIGN} (?=[.,]?[0-9])")
_plus_minus = re.compile(r"(?i)(?<![^\W\d_])(?:\+ ?/? ?-|plus ?(?:/|or)? ?minus) ?(?=[.,]?[0-9])")
_sign_word = re.compile(r"(?i)(?<![^\W_])(?:(plus|positive?)|minus|negative?|moins|menos) (?=[.,]?[0-9])")
_sign_apart = re.compile(r"[+\-] ")
_other_sign_apart = re.compile(r"^([^0-9]) ")
_times = re.compile(r"(?<=[0-9mn\"'])\s*[xX*]\s*(?=[.0-9])")


class Figure(NamedTuple):
    """A figure, the letters before it (`M` of M8) and its unit, as they are written."""

    prefix: str
    number: str
    unit: str


class Difference(NamedTuple):
    """How far a text is from what was said, in what must not differ: 0 is nowhere.

    `missing` of the figures that were said are not in the text; `more` counts those that were not said, which is no
    difference, yet fewer is nearer.
    """

    points: int
    missing: int = 0
    more: int = 0


NO_DIFFERENCE = Difference(0)


class Parsed(NamedTuple):
    """A text taken apart: its words without case and Latin accents, and its figures."""

    words: tuple[str, ...]
    figures: tuple[Figure, ...]
    turning: tuple[str, ...]

    @property
    def joined(self) -> str:
        """The text as spellings are compared."""
        return " ".join([*self.words, *("".join(figure).casefold() for figure in self.figures)])


def parse(text: str) -> Parsed:
    """Take a text apart."""
    text = _join_figures(_spell_out(normalize_blanks(text)))
    words: list[str] = []
    figures: list[Figure] = []
    place = 0
    following = _token_pattern(text.isascii())
    while (found := following.search(text, place)) is not None:
        place = found.end()
        if found["word"]:
            word = fold(found["word"])
            words.append(_SHORT_FOR.get(word, word))
            continue
        unit, place = _read_unit(text, place)
        number = found["number"]
        figures.append(
            Figure(
                found["prefix"] or "",
                number if _sign_apart.match(number) else _other_sign_apart.sub(r"\1", number),
                unit,
            )
        )
    return Parsed(tuple(words), tuple(figures), _turning_words(words))


def join(texts: Sequence[Parsed]) -> Parsed:
    """Return several texts as one."""
    words = tuple(word for text in texts for word in text.words)
    return Parsed(words, tuple(figure for text in texts for figure in text.figures), _turning_words(words))


def drop_figures(text: Parsed) -> Parsed:
    """Return the words of a text alone."""
    return text._replace(figures=())


def _turning_words(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(word for word in words if word in _TURNING)


def fold(word: str) -> str:
    """Return a word without case, and without the marks on Latin letters. Marks on other letters make other letters."""
    word = word.casefold()
    if word.isascii():
        return word
    letters: list[str] = []
    for character in unicodedata.normalize("NFD", word.translate(_LATIN)):
        if not (unicodedata.combining(character) and letters and letters[-1].isascii()):
            letters.append(character)
    return unicodedata.normalize("NFC", "".join(letters))


def compare(said: Parsed, text: Parsed) -> Difference:
    """Compare what was said with a text: the figures with signs and units, in order, and the turning words."""
    if said.words == text.words and said.figures == text.figures:
        return NO_DIFFERENCE
    points, missing, more = _compare_figures(said.figures, text.figures)
    if points and (_has_groups(said) or _has_groups(text)):
        # "2 500 ml" may be twice 500 ml.
        apart = _compare_figures(_split_groups(said.figures), _split_groups(text.figures))
        points, missing, more = min((points, missing, more), (apart[0] + _OTHER_ORDER_POINTS, *apart[1:]))
    return Difference(points + _compare_turning_words(said, text), missing, more)


def _has_groups(text: Parsed) -> bool:
    return any(" " in figure.number or "'" in figure.number for figure in text.figures)


def _split_groups(figures: Sequence[Figure]) -> list[Figure]:
    """Return figures with each group of digits as a figure of its own."""
    split: list[Figure] = []
    for figure in figures:
        groups = re.split(r"(?<=\d)[ ']", figure.number)
        split += [Figure(figure.prefix if not place else "", group, "") for place, group in enumerate(groups)]
        split[-1] = split[-1]._replace(unit=figure.unit)
    return split


@lru_cache(4096)
def normalize_number(number: str) -> str:
    """Return a number with one way of writing points and zeros: 1,50 as 1.5."""
    number = number.replace(",", ".")
    if re.fullmatch(r"[+\-]?[0-9]+\.[0-9]+", number):
        number = number.rstrip("0").rstrip(".")
    return re.sub(r"^([+\-]?)0+(?=[0-9])", r"\1", number)


@lru_cache(4096)
def read_thousands(number: str) -> str | None:
    """Return what a number means whose points, commas or blanks are of thousands, 1000 for 1,000; else None."""
    return _apart.sub("", number) if _thousands.fullmatch(number) else None


def find_thousands(text: str) -> list[str]:
    """Return the digits of each figure of a text that may be written with points, commas or blanks of thousands."""
    return [_apart.sub("", found) for found in _thousands.findall(text)]


def _compare_figures(said: Sequence[Figure], text: Sequence[Figure]) -> tuple[int, int, int]:
    points, missing, left, last = 0, 0, list(enumerate(text)), -1
    for figure in said:
        costs = [(_score_figure(figure, other), place < last, place) for place, other in left]
        # Each figure is compared with the nearest one that is left; figures in another order cost a point.
        cost, is_before, place = min(costs, default=(MISSING_POINTS, False, -1))
        points += cost
        if cost == MISSING_POINTS:
            missing += 1
            continue
        points += _OTHER_ORDER_POINTS if is_before else 0
        last = place
        left = [(one, other) for one, other in left if one != place]
    return points, missing, len(left)


def _score_figure(said: Figure, other: Figure) -> int:
    """Return the points for one figure in the place of another."""
    if said == other:
        return 0
    number = _score_number(said.number, other.number)
    if number == MISSING_POINTS:
        return MISSING_POINTS
    prefix, other_prefix = said.prefix.casefold().rstrip("-"), other.prefix.casefold().rstrip("-")
    unit = _score_unit(said.unit, other.unit)
    if prefix == other_prefix and unit < MISSING_POINTS:
        return max(min(number + unit, MISSING_POINTS - 1), OTHER_CASE_POINTS)
    if prefix not in ("", other_prefix) or (said.unit and unit == MISSING_POINTS):
        return UNIT_ONLY_SAID_POINTS if not other.unit and prefix == other_prefix else MISSING_POINTS
    return max(number, _UNIT_NOT_SAID_POINTS)


def _score_number(said: str, other: str) -> int:
    """Return the points for one number in the place of another: 1,5 for 1.5, +12 for 12, 1,000 for 1000."""
    if said == other:
        return 0
    if {said[0], other[0]} == {"+", "-"}:
        return MISSING_POINTS
    return min(
        max(_score_reading(one, another), points + other_points)
        for one, points in _readings(said)
        for another, other_points in _readings(other)
    )


def _readings(number: str) -> list[tuple[str, int]]:
    """Return what a number may mean: a dash apart from it may be its sign, or stand between it and a word."""
    if not _sign_apart.match(number):
        return [(number, 0)]
    return [(number.replace(" ", ""), _SIGN_APART_POINTS), (number[2:], _DASH_POINTS)]


def _score_reading(said: str, other: str) -> int:
    if said == other:
        return 0
    our_thousands, their_thousands = read_thousands(said), read_thousands(other)
    is_decimal = normalize_number(said).removeprefix("+") == normalize_number(other).removeprefix("+")
    is_in_thousands = (our_thousands or said) == (their_thousands or other)
    if "," in said + other:
        # A comma before three digits is seldom the decimal point.
        if is_in_thousands:
            return _OTHER_WRITING_POINTS
        if is_decimal:
            return _THOUSANDS_POINTS if our_thousands or their_thousands else _OTHER_WRITING_POINTS
        return MISSING_POINTS
    return _OTHER_WRITING_POINTS if is_decimal else _THOUSANDS_POINTS if is_in_thousands else MISSING_POINTS


def _score_unit(said: str, other: str) -> int:
    """Return the points for one unit in the place of another: inch for in, MΩ for MOhm."""
    if said == other:
        return 0
    if said.casefold() == other.casefold():
        return OTHER_CASE_POINTS
    our_name, other_name = name_unit(said), name_unit(other)
    if our_name == other_name:
        return _OTHER_WRITING_POINTS
    return _THOUSANDS_POINTS if our_name.casefold() == other_name.casefold() else MISSING_POINTS


def _compare_turning_words(said: Parsed, text: Parsed) -> int:
    if said.turning != text.turning:
        apart = (Counter(said.turning) - Counter(text.turning)) + (Counter(text.turning) - Counter(said.turning))
        return MISSING_POINTS * apart.total() if apart else _OTHER_ORDER_POINTS
    if said.words == text.words:
        return 0
    # "unthreaded" differs from "threaded" in its beginning alone, and means the opposite.
    opposites = _find_opposites(said.words)
    return MISSING_POINTS * sum(word in opposites for word in text.words) if opposites else 0


@lru_cache(256)
def _find_opposites(words: tuple[str, ...]) -> frozenset[str]:
    """Return words that say no to one of these by what stands before or after it: unthreaded, leadless."""
    found: set[str] = set()
    for word in words:
        if len(word) >= _MIN_NEGATED_CHARS:
            found |= {prefix + word for prefix in _PREFIXES} | {word + suffix for suffix in _SUFFIXES}
        stems = [word.removeprefix(prefix) for prefix in _PREFIXES] + [word.removesuffix(one) for one in _SUFFIXES]
        found |= {stem for stem in stems if len(stem) >= _MIN_NEGATED_CHARS}
    return frozenset(found).difference(words)


def _read_unit(text: str, place: int) -> tuple[str, int]:
    """Return the unit that stands at a place of the text, glued to its figure or after a blank, and where it ends."""
    found = _unit_pattern(text.isascii()).match(text, place)
    if found is None:
        return "", place
    unit = found["unit"]
    # A unit that is not known counts only right behind its figure: after a blank it may be a word.
    is_known = is_unit(unit)
    if is_known or (not found["blank"] and len(unit) <= _MAX_UNIT_CHARS and not unit[-1].isdecimal()):
        return unit, found.end()
    return "", place


def _join_figures(text: str) -> str:
    """Write what belongs to one figure as one word: 1 / 2 as 1/2, 1-1/2 as 1 1/2, minus 12 as -12, +/- 5 as ±5.

    A dash with blanks around it is left: it may be a sign, or stand between two words.
    """
    text = _minus.sub("-", text).translate(_SIGNS).replace("''", '"')
    text = _sign_word.sub(lambda found: "+" if found[1] else "-", _plus_minus.sub(" ±", text))
    text = _spaced_slash.sub("/", _spaced_dash.sub("-", _times.sub(" x ", text)))
    return _mixed_fraction.sub(r"\1 \2", text)


def _spell_out(text: str) -> str:
    """Return a text with fractions, powers and full-width characters as they are typed: ½ as 1/2, 1½ as 1 1/2."""
    if text.isascii():
        return text
    shown = ""
    for written in text:
        character = str(unicodedata.decimal(written)) if written.isdecimal() else written
        plain = unicodedata.normalize("NFKC", character)
        if plain != character and shown[-1:].isdecimal():
            shown += " " if "\N{FRACTION SLASH}" in plain else "^" if unicodedata.category(character) == "No" else ""
        shown += character if _keeps_form(character) else plain
    return unicodedata.normalize("NFC", shown)


def _keeps_form(character: str) -> bool:
    """Tell whether NFKC would make another letter or sign of a character."""
    return character in "µ" or unicodedata.category(character)[0] == "M"


@cache
def _token_pattern(is_ascii: bool) -> re.Pattern[str]:
    sign = r"(?:(?<![^\W_])[+\-±<>≤≥~#] ?)?"
    in_groups = rf"{sign}(?<![^\W_])[1-9]\d{{0,2}}(?:[ ']\d{{3}}(?!\d))+(?:[.,]\d+)?(?![.,/:^\-]*\d)"
    number = rf"{in_groups}|{sign}(?:(?<![^\W_])[.,])?\d+(?:[.,/:^\-]+\d+)*"
    one = letter_pattern(is_ascii)
    prefix = rf"(?<![^\W_]){one}{{1,3}}-?(?=\d)"
    return re.compile(rf"(?P<word>[wW]/[oO]\b|(?!{prefix}){one}+)|(?P<prefix>{prefix})?(?P<number>{number})")


@cache
def _unit_pattern(is_ascii: bool) -> re.Pattern[str]:
    one = letter_pattern(is_ascii)
    return re.compile(rf"(?P<blank>\s?)(?P<unit>°?{one}+[23]?(?!\d|{one})|[°%‰\"'\u2032\u2033])")
