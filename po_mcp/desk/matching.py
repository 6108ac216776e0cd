"""Which entry of a catalog a few words mean: the words of a person against ids, codes and names. Pure."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property, lru_cache
from typing import Generic, NamedTuple, TypeVar

from po_mcp.desk.exactness import as_written, is_same, without_case_and_blanks
from po_mcp.desk.figures import (
    MISSING,
    NONE,
    OTHER_CASE,
    Difference,
    Parsed,
    difference,
    joined_up,
    parse,
    without_figures,
)

T = TypeVar("T")

_LIKE = 76.0
"""Points of 100 from which on rapidfuzz's WRatio counts as a similar spelling: one slip in a short word is over it."""
_LIKE_ONE_WORD = 70.0
"""The same for one word, as its letters are in common: two swapped in a word of five are 80."""
_ENOUGH = 5
"""Better matches beside which similar spellings are not looked for."""
_MOST_SIMILAR = 200
_LOOKED_AT = 3000
"""Entries that hold all words of which the shortest are looked at closely: "bolt" stands in every name of a catalog."""
_SHORTEST_PART = 3
_BY_ID = "id:"
_PARSED_KEPT = 50_000
_digits_or_letters = re.compile(r"[0-9]+|[a-z]+")
_digits = re.compile(r"\d+")

Words = Sequence[tuple[str, str | None]]
"""What an entry goes by: (what it is, the text), such as ("id", "12") and ("name", "Acme Fasteners")."""


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
    difference: Difference = NONE

    @property
    def rank(self) -> tuple[bool, int, Fit, int, float]:
        """The smaller, the better: figures and turning words count before all but exactness."""
        return self.fit is not Fit.EXACT, self.difference.points, self.fit, self.difference.more, -self.points


class _Text(NamedTuple):
    """A text that an entry goes by; `place` is that of the entry."""

    place: int
    what: str
    written: str


def find(text: str, entries: Iterable[T], words_of: Callable[[T], Words]) -> list[Match[T]]:
    """Search a list that is searched once; see `Index.find`."""
    return Index(entries, words_of).find(text)


def best(matches: Sequence[Match[T]]) -> list[Match[T]]:
    """Return the matches that fit as well as the first one, which is the best."""
    return [match for match in matches if match.fit == matches[0].fit and _is_near(match) == _is_near(matches[0])]


def _is_near(match: Match[T]) -> bool:
    return match.difference.points < MISSING


class Index(Generic[T]):
    """The entries of a catalog, ready to be found by words.

    An entry that is listed twice, and two of one id, are one. What is exact is looked up; all else takes time in
    proportion to the number of entries.
    """

    def __init__(self, entries: Iterable[T], words_of: Callable[[T], Words]) -> None:
        self.entries: list[T] = []
        self._place_of: dict[int, int] = {}
        self._texts: list[list[_Text]] = []
        self._same: dict[str, list[_Text]] = {}
        seen: set[object] = set()
        for entry in entries:
            words = words_of(entry)
            key = next((text for what, text in words if what == "id" and text), None) or entry
            if key not in seen:
                seen.add(key)
                self._add(entry, words)

    def _add(self, entry: T, words: Words) -> None:
        place = len(self.entries)
        whats: dict[str, str] = {}
        for what, text in words:
            if text and (written := as_written(text)):
                whats.setdefault(written, what)
        texts = [_Text(place, what, written) for written, what in whats.items()]
        self.entries.append(entry)
        self._place_of[id(entry)] = place
        self._texts.append(texts)
        for one in texts:
            self._same.setdefault(without_case_and_blanks(one.written), []).append(one)

    def exact(self, text: str) -> T | None:
        """Return the one entry whose id, code or name the text is, as it is written; None where there is no such one.

        It is none, too, where it is the id of one and the code or name of another, or where another differs in case
        and blanks alone from what is not written letter for letter. `id:` before an id makes it an id alone.
        """
        meant, rivals = self._exact(as_written(text))
        places = {one.place for one in meant + rivals}
        return self.entries[places.pop()] if len(places) == 1 else None

    def name_of(self, entry: T) -> str | None:
        """Return the shortest sure way to name an entry: a text that `exact` takes for it; None where there is none."""
        place = self._place_of.get(id(entry))
        if place is None:  # it is of an earlier list
            place = next((place for place, one in enumerate(self.entries) if one == entry), None)
        if place is None:
            return None
        entry = self.entries[place]
        texts = self._texts[place]
        by_id = [f"{_BY_ID}{text.written}" for text in texts if text.what == "id"]
        return next((name for name in [*(text.written for text in texts), *by_id] if self.exact(name) is entry), None)

    def _exact(self, said: str) -> tuple[list[_Text], list[_Text]]:
        """Return the texts that it is, and those of other entries that keep it from being taken without asking."""
        rows = self._same.get(without_case_and_blanks(said), [])
        literal = [row for row in rows if row.written == said]
        if not literal and said.startswith(_BY_ID):
            wanted = said.removeprefix(_BY_ID).strip()
            rows = self._same.get(without_case_and_blanks(wanted), [])
            return [row for row in rows if row.what == "id" and row.written == wanted], []
        meant = literal or [row for row in rows if is_same(said, row.written)]
        if not meant:
            return [], []
        places, whats = {row.place for row in meant}, {row.what for row in meant}
        others = [row for row in rows if row.place not in places]
        return meant, [row for row in others if not literal or row.what not in whats]

    def find(self, text: str) -> list[Match[T]]:
        """Return the entries that the text may mean, the best first.

        What is exact stands alone. Else what has the same figures and turning words comes before what differs in
        them, and of these: the same words in whatever case, punctuation and order, before an entry that holds all
        of them, before a similar spelling.
        """
        written = as_written(text)
        said = parse(text)
        meant, rivals = self._exact(written)
        if meant:
            found = [Match(self.entries[row.place], Fit.EXACT, f"this {row.what}") for row in meant]
            found += [Match(self.entries[row.place], Fit.WHOLE, f"this {row.what} in other case") for row in rivals]
            return _each_once(found)
        if not said.words and not said.figures:
            return []
        places = sorted(self._holding(said, self._beginning_with), key=self._length)[:_LOOKED_AT]
        found = [match for place in places if (match := self._part(said, place)) is not None]
        if len(found) < _ENOUGH:
            found += self._similar(said, written)
        return sorted(_each_once(found), key=lambda match: match.rank)

    def _part(self, said: Parsed, place: int) -> Match[T] | None:
        """Match an entry of which every word wanted is one, or the beginning of one."""
        entry, matches = self.entries[place], []
        spoken = [(text, parsed) for text in self._texts[place] if (parsed := _parsed(text.written)).words]
        for text, parsed in spoken:
            apart = _apart(said, text, parsed)
            if apart.missing:
                continue
            if _is_whole(said, parsed) and not apart.more:
                matches.append(Match(entry, Fit.WHOLE, f"this {text.what}, written otherwise", 100.0, apart))
            elif text.what != "id" and _holds(said, parsed):
                matches.append(Match(entry, Fit.PART, f"part of its {text.what}", _share(said, parsed), apart))
        if not matches and len(spoken) > 1:
            joined = self._joined(place)
            apart = difference(said, joined)
            if not apart.missing and _holds(said, joined):
                why = "words of its code and name"
                matches.append(Match(entry, Fit.PART, why, _share(said, joined) / 2, apart))
        return min(matches, key=lambda match: match.rank, default=None)

    def _similar(self, said: Parsed, written: str) -> list[Match[T]]:
        """Match what is spelt like this: every word beside the same figures, or the text as a whole."""
        found: list[Match[T]] = []
        places = self._holding(said, self._spelt_like)
        for place in sorted(places, key=self._length)[:_LOOKED_AT]:
            joined = self._joined(place)
            apart = difference(said, joined)
            if not apart.missing:
                why = "its words are spelt like these"
                found.append(Match(self.entries[place], Fit.SIMILAR, why, _share_spelt_right(said, joined), apart))
        return found + self._resembling(said, written)

    def _resembling(self, said: Parsed, written: str) -> list[Match[T]]:
        """Match what is spelt like this as a whole; where some has one of the words, what has none is left out."""
        texts, spellings = self._spellings
        near = {texts[number]: points for number, points in _scored(_spelling(written), spellings).items()}
        sharing = {text: points for text, points in near.items() if _shares(said, _parsed(text.written))}
        return [
            Match(
                self.entries[text.place],
                Fit.RESEMBLING,
                f"its {text.what} is spelt like this",
                points,
                _apart(said, text, _parsed(text.written)),
            )
            for text, points in (sharing or near).items()
        ]

    def _joined(self, place: int) -> Parsed:
        """Return all that an entry goes by as one text. A figure of a code is no size: part number 12 is not 12 mm."""
        texts = [(text, _parsed(text.written)) for text in self._texts[place]]
        return joined_up([parsed if text.what == "name" else without_figures(parsed) for text, parsed in texts])

    @cached_property
    def _spellings(self) -> tuple[list[_Text], list[str]]:
        """All texts but plain figures, which no spelling is like, and how they are spelt."""
        texts = [text for texts in self._texts for text in texts if not text.written.isdecimal()]
        return texts, [_spelling(text.written) for text in texts]

    @cached_property
    def _places(self) -> dict[str, set[int]]:
        """In which entries a piece, of letters or digits, stands."""
        places: dict[str, set[int]] = {}
        for texts in self._texts:
            for text in texts:
                for piece in _pieces(text.written):
                    places.setdefault(piece.lstrip("0") or "0", set()).add(text.place)
        return places

    @cached_property
    def _vocabulary(self) -> list[str]:
        return sorted(self._places)

    def _holding(self, said: Parsed, standing: Callable[[str], set[int]]) -> set[int]:
        """Return where all words, each in `standing`, and figures may be; what is found is looked at more closely."""
        found = self._having(said) if said.figures else None
        for word in [word for word in said.words if word not in said.turning] or said.words:
            for piece in _pieces(word):
                found = standing(piece) if found is None else found & standing(piece)
        return found or set()

    def _length(self, place: int) -> int:
        return max(len(text.written) for text in self._texts[place])

    def _having(self, said: Parsed) -> set[int]:
        places = [self._places.get(_digits_of(figure.number), set()) for figure in said.figures]
        return set.intersection(*places) if places else set()

    def _beginning_with(self, word: str) -> set[int]:
        found = set(self._places.get(word, ()))
        if len(word) < _SHORTEST_PART or not word.isalpha():
            return found
        for singular in (word.removesuffix("s"), word.removesuffix("es")):
            found |= self._places.get(singular, set())
        for known in self._vocabulary[bisect_left(self._vocabulary, word) :]:
            if not known.startswith(word):
                break
            found |= self._places[known]
        return found

    def _spelt_like(self, word: str) -> set[int]:
        """Return where the word stands, begins one, or one is spelt like it."""
        from rapidfuzz import fuzz, process

        found = self._beginning_with(word)
        if len(word) > _SHORTEST_PART:
            cutoff = _LIKE_ONE_WORD
            for known, _, _ in process.extract(
                word, self._vocabulary, scorer=fuzz.ratio, score_cutoff=cutoff, limit=20
            ):
                found = found | self._places[known]
        return found


def _scored(wanted: str, spellings: Sequence[str]) -> dict[int, float]:
    """Return the places of the spellings that are like what is wanted, with their points."""
    from rapidfuzz import fuzz, process  # read late: most starts look nothing up

    found = process.extract(wanted, spellings, scorer=fuzz.WRatio, score_cutoff=_LIKE, limit=_MOST_SIMILAR)
    return {place: points for _, points, place in found}


def _spelling(text: str) -> str:
    return " ".join(_pieces(text))


def _each_once(matches: Iterable[Match[T]]) -> list[Match[T]]:
    """Keep the best match of every entry."""
    kept: dict[int, Match[T]] = {}
    for match in matches:
        before = kept.get(id(match.entry))
        if before is None or match.rank < before.rank:
            kept[id(match.entry)] = match
    return list(kept.values())


def _apart(said: Parsed, text: _Text, parsed: Parsed) -> Difference:
    """Compare what was said with one text. The figures of an id or a code are no sizes: hose 12in is not HOSE-12."""
    apart = difference(said, parsed)
    if (
        text.what == "name"
        or apart.missing
        or not any(figure.unit for figure in said.figures)
        or apart.points <= OTHER_CASE
    ):
        return apart
    return apart._replace(points=apart.points + MISSING, missing=1)


def _is_whole(said: Parsed, text: Parsed) -> bool:
    return sorted(said.words) == sorted(text.words) or "".join(said.words) == "".join(text.words)


def _holds(said: Parsed, text: Parsed) -> bool:
    return all(any(_begins(word, their) for their in text.words) for word in said.words)


def _shares(said: Parsed, text: Parsed) -> bool:
    return any(_begins(word, their) for word in said.words for their in text.words)


def _share(said: Parsed, text: Parsed) -> float:
    return 100 * (len(said.words) + len(said.figures)) / max(len(text.words) + len(text.figures), 1)


def _share_spelt_right(said: Parsed, text: Parsed) -> float:
    """Return points for words that are the text's as they are said; of equals, the shorter text has more."""
    right = sum(any(_begins(word, their) for their in text.words) for word in said.words)
    return 99 * right / max(len(said.words), 1) + min(_share(said, text), 100) / 100


def _begins(word: str, their: str) -> bool:
    """Tell whether `word` is `their` word, its beginning, or its plural."""
    if word == their:
        return True
    if not (word.isalpha() and their.isalpha()) or min(len(word), len(their)) < _SHORTEST_PART:
        return False
    return their.startswith(word) or word in (f"{their}s", f"{their}es")


def _pieces(text: str) -> list[str]:
    """Take a text apart into letters and digits, quickly: a catalog has tens of thousands."""
    if text.isascii():
        return _digits_or_letters.findall(text.lower())
    parsed = _parsed(text)
    figures = [piece for figure in parsed.figures for piece in (figure.prefix.casefold(), figure.unit.casefold())]
    digits = [digits for figure in parsed.figures for digits in _digits.findall(figure.number)]
    return [piece for piece in (*parsed.words, *figures, *digits) if piece]


def _digits_of(number: str) -> str:
    found = _digits.search(number)
    return (found[0].lstrip("0") or "0") if found else number


@lru_cache(_PARSED_KEPT)
def _parsed(text: str) -> Parsed:
    return parse(text)
