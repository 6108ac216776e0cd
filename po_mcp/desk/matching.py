"""Which entry of a catalog a few words mean: the words of a person against ids, codes and names. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Generic, NamedTuple, TypeVar

from po_mcp.desk.exactness import fold_case_and_blanks, is_listed_again, is_same, normalize_blanks
from po_mcp.desk.figures import (
    MISSING_POINTS,
    OTHER_CASE_POINTS,
    Difference,
    Parsed,
    compare,
    drop_figures,
    find_thousands,
    join,
    parse,
    read_thousands,
)
from po_mcp.desk.glued import read_otherwise
from po_mcp.desk.matches import Fit, Match, keep_best_of_each
from po_mcp.desk.spelling import (
    MIN_PART_CHARS,
    count_words,
    first_digits,
    has_every_word,
    has_same_words,
    parse_once,
    score_share,
    score_spelling,
    score_spellings,
    spell,
    split,
)

T = TypeVar("T")

_MIN_WORD_SIMILARITY = 70.0
"""The same for one word, as its letters are in common: two swapped in a word of five are 80."""
_ENOUGH_MATCHES = 5
"""Better matches beside which similar spellings are not looked for."""
_MAX_COMPARED = 3000
"""Entries that hold all words of which the shortest are looked at closely: "bolt" stands in every name of a catalog."""
ID_PREFIX = "id:"
"""Stands before an id that is meant as one, and is not the code or name of another."""

Words = Sequence[tuple[str, str | None]]
"""What an entry goes by: (what it is, the text), such as ("id", "12") and ("name", "Acme Fasteners")."""


class _Text(NamedTuple):
    """A text that an entry goes by; `place` is that of the entry."""

    place: int
    what: str
    written: str


def find(text: str, entries: Iterable[T], words_of: Callable[[T], Words]) -> list[Match[T]]:
    """Search a list that is searched once; see `Index.find`."""
    return Index(entries, words_of).find(text)


class Index(Generic[T]):
    """The entries of a catalog, ready to be found by words.

    An entry that is listed twice is one. What is exact is looked up; all else takes time in proportion to their number.
    """

    def __init__(self, entries: Iterable[T], words_of: Callable[[T], Words]) -> None:
        self.entries: list[T] = []
        self._place_of: dict[int, int] = {}
        self._texts: list[list[_Text]] = []
        self._same: dict[str, list[_Text]] = {}
        self._words_of = words_of
        self._seen: dict[object, list[T]] = {}
        self._places: dict[str, set[int]] = {}
        self._split_until = 0
        self.added = 0
        """How many entries were added, those that are listed twice among them."""
        self._add_entries(entries)

    def add(self, entries: Iterable[T]) -> None:
        """Add entries, and take them apart at once: while others are on their way, it costs no time."""
        self._add_entries(entries)
        self._split_texts()
        for made in ("_vocabulary", "_spellings"):  # of fewer entries
            vars(self).pop(made, None)

    def _add_entries(self, entries: Iterable[T]) -> None:
        for entry in entries:
            words = self._words_of(entry)
            self.added += 1
            key: object = entry
            for what, text in words:
                if text and what == "id":
                    key = text
                    break
            # ERPs list an entry twice, for instance on two pages while the list changes.
            if (alike := self._seen.get(key)) is None:
                self._seen[key] = [entry]
            elif any(is_listed_again(entry, one, self._words_of) for one in alike):
                continue
            else:
                alike.append(entry)
            self._add(entry, words)

    def find_same_id(self, key: str) -> list[T]:
        """Return the entries of this very id: several where the ERP has given it twice."""
        return self._seen.get(key, [])

    def _add(self, entry: T, words: Words) -> None:
        place = len(self.entries)
        self.entries.append(entry)
        self._place_of[id(entry)] = place
        texts: list[_Text] = []
        self._texts.append(texts)
        known: set[str] = set()
        for what, text in words:
            if not text or not (written := normalize_blanks(text)) or written in known:
                continue
            known.add(written)
            one = _Text(place, what, written)
            texts.append(one)
            folded = fold_case_and_blanks(written)
            # Not by `setdefault`, which makes a list for each of tens of thousands.
            if (alike := self._same.get(folded)) is None:
                self._same[folded] = [one]
            else:
                alike.append(one)

    def find_exact(self, text: str) -> T | None:
        """Return the one entry whose id, code or name the text is, as it is written; None where there is no such one.

        It is none, too, where it is the id of one and the code or name of another, or where another differs in case
        and blanks alone from what is not written letter for letter. `id:` before an id makes it an id alone.
        """
        meant, rivals = self._find_exact_texts(normalize_blanks(text))
        places = {one.place for one in meant + rivals}
        return self.entries[places.pop()] if len(places) == 1 else None

    def find_called(self, text: str) -> list[T]:
        """Return every entry that goes by a text, whatever its case and blanks."""
        places = {row.place for row in self._same.get(fold_case_and_blanks(normalize_blanks(text)), ())}
        return [self.entries[place] for place in places]

    def find_sure_name(self, entry: T) -> str | None:
        """Return the shortest text that `find_exact` takes for this entry; None where there is none."""
        place = self._place_of.get(id(entry))
        if place is None:  # it is of an earlier list
            place = next((place for place, one in enumerate(self.entries) if one == entry), None)
        if place is None:
            return None
        entry = self.entries[place]
        texts = self._texts[place]
        by_id = [f"{ID_PREFIX}{text.written}" for text in texts if text.what == "id"]
        return next(
            (name for name in [*(text.written for text in texts), *by_id] if self.find_exact(name) is entry), None
        )

    def _find_exact_texts(self, said: str) -> tuple[list[_Text], list[_Text]]:
        """Return the texts that it is, and those of other entries that keep it from being taken without asking."""
        rows = self._same.get(fold_case_and_blanks(said), [])
        literal = [row for row in rows if row.written == said]
        if not literal and said.startswith(ID_PREFIX):
            wanted = said.removeprefix(ID_PREFIX).strip()
            rows = self._same.get(fold_case_and_blanks(wanted), [])
            return [row for row in rows if row.what == "id" and row.written == wanted], []
        meant = literal or [row for row in rows if is_same(said, row.written)]
        if not meant:
            return [], []
        places, whats = {row.place for row in meant}, {row.what for row in meant}
        # Entries that differ in case and blanks alone could be meant as well, unless the word is written exactly so.
        others = [row for row in rows if row.place not in places]
        return meant, [row for row in others if not literal or row.what not in whats]

    def find(self, text: str) -> list[Match[T]]:
        """Return the entries that the text may mean, the best first.

        What is exact stands alone. Else what has the same figures and turning words comes before what differs in
        them, and of these: the same words in whatever case, punctuation and order, before an entry that holds all
        of them, before a similar spelling.
        """
        written = normalize_blanks(text)
        said = parse(text)
        meant, rivals = self._find_exact_texts(written)
        if meant:
            found = [Match(self.entries[row.place], Fit.EXACT, f"same {row.what}") for row in meant]
            found += [Match(self.entries[row.place], Fit.WHOLE, f"same {row.what} in other case") for row in rivals]
            return keep_best_of_each(found)
        if not said.words and not said.figures:
            return []
        self._split_texts()
        return sorted(self._find_in_readings(written, said), key=lambda match: match.rank)

    def _find_in_readings(self, written: str, said: Parsed) -> list[Match[T]]:
        """Match a text as it is written, and as it may be meant where words are glued."""
        matches = self._find_parsed(written, said)
        for reading in read_otherwise(written, self._places):
            other = [match for match in self._find_parsed(reading, parse(reading)) if match.fit <= Fit.PART]
            if any(match.difference.points < MISSING_POINTS for match in other):
                # What resembles glued words only looks like them.
                kept = [match for match in matches if match.fit <= Fit.PART and not match.difference.points]
                matches = keep_best_of_each([*kept, *map(_read_otherwise, other)])
        return matches

    def _find_parsed(self, written: str, said: Parsed) -> list[Match[T]]:
        # The shortest texts first: the words cover more of them.
        places = sorted(self._places_of_words(said, self._places_of_word), key=self._longest_text)[:_MAX_COMPARED]
        found = [match for place in places if (match := self._match_part(said, place)) is not None]
        # Similar spellings are slow to find, and of no use beside enough entries with the very words.
        if len(found) < _ENOUGH_MATCHES:
            found += self._match_similar(said, written)
        return keep_best_of_each(found)

    def _match_part(self, said: Parsed, place: int) -> Match[T] | None:
        """Match an entry of which every word wanted is one, or the beginning of one."""
        entry, matches = self.entries[place], []
        spoken = [(text, parsed) for text in self._texts[place] if any((parsed := parse_once(text.written))[:2])]
        for text, parsed in spoken:
            distance = _compare(said, text, parsed)
            if distance.missing:
                continue
            if has_same_words(said, parsed) and not distance.more:
                matches.append(Match(entry, Fit.WHOLE, f"same {text.what}, written differently", 100.0, distance))
            elif text.what != "id" and has_every_word(said, parsed):
                matches.append(Match(entry, Fit.PART, f"part of the {text.what}", score_share(said, parsed), distance))
        if not matches and len(spoken) > 1:
            joined = self._join_texts(place)
            distance = compare(said, joined)
            if not distance.missing and has_every_word(said, joined):
                why = "words of code and name"
                matches.append(Match(entry, Fit.PART, why, score_share(said, joined) / 2, distance))
        return min(matches, key=lambda match: match.rank, default=None)

    def _match_similar(self, said: Parsed, written: str) -> list[Match[T]]:
        """Match what is spelt like this: every word beside the same figures, or the text as a whole."""
        found: list[Match[T]] = []
        places = self._places_of_words(said, self._places_of_similar_word)
        for place in sorted(places, key=self._longest_text)[:_MAX_COMPARED]:
            joined = self._join_texts(place)
            distance = compare(said, joined)
            if not distance.missing:
                why = "similar spelling"
                found.append(Match(self.entries[place], Fit.SIMILAR, why, score_spelling(said, joined), distance))
        return found + self._match_resembling(said, written)

    def _match_resembling(self, said: Parsed, written: str) -> list[Match[T]]:
        """Match what is spelt like this as a whole; where some has one of the words, what has none is left out."""
        texts, spellings = self._spellings
        near = {texts[number]: points for number, points in score_spellings(spell(written), spellings).items()}
        sharing = {text: points for text, points in near.items() if count_words(said, parse_once(text.written))}
        found = [
            Match(
                self.entries[text.place],
                Fit.RESEMBLING,
                f"similar spelling of the {text.what}",
                points,
                _compare(said, text, parse_once(text.written)),
            )
            for text, points in (sharing or near).items()
        ]
        # Beside another figure, whatever shares a word may be what is meant.
        return found if said.figures else self._keep_nearest(said, found)

    def _keep_nearest(self, said: Parsed, found: list[Match[T]]) -> list[Match[T]]:
        """Keep what has most of the words that were said."""
        shared = [count_words(said, self._join_texts(self._place_of[id(match.entry)])) for match in found]
        return [match for match, count in zip(found, shared, strict=True) if count == max(shared)]

    def _join_texts(self, place: int) -> Parsed:
        """Return all that an entry goes by as one text. A figure of a code is no size: part number 12 is not 12 mm."""
        texts = [(text, parse_once(text.written)) for text in self._texts[place]]
        return join([parsed if text.what == "name" else drop_figures(parsed) for text, parsed in texts])

    @cached_property
    def _spellings(self) -> tuple[list[_Text], list[str]]:
        """All texts but plain figures, which no spelling is like, and how they are spelt."""
        texts = [text for texts in self._texts for text in texts if not text.written.isdecimal()]
        return texts, [spell(text.written) for text in texts]

    def _split_texts(self) -> None:
        """Find in which entries a piece, of letters or digits, stands, as far as that was not done."""
        for place in range(self._split_until, len(self._texts)):
            for known in {piece.lstrip("0") or "0" for piece in _split_all(self._texts[place])}:
                # Not by `setdefault`, which makes a set for each of hundreds of thousands of pieces.
                if (places := self._places.get(known)) is None:
                    self._places[known] = {place}
                else:
                    places.add(place)
        self._split_until = len(self._texts)

    @cached_property
    def _vocabulary(self) -> list[str]:
        return sorted(self._places)

    def _places_of_words(self, said: Parsed, standing: Callable[[str], set[int]]) -> set[int]:
        """Return where all words, each in `standing`, and figures may be; what is found is looked at more closely."""
        found = self._places_of_figures(said) if said.figures else None
        for word in [word for word in said.words if word not in said.turning] or said.words:
            for piece in split(word):
                found = standing(piece) if found is None else found & standing(piece)
        return found or set()

    def _longest_text(self, place: int) -> int:
        return max(len(text.written) for text in self._texts[place])

    def _places_of_figures(self, said: Parsed) -> set[int]:
        places = [self._places_of_number(figure.number) for figure in said.figures]
        return set.intersection(*places) if places else set()

    def _places_of_number(self, number: str) -> set[int]:
        found = self._places.get(first_digits(number), set())
        thousands = read_thousands(number)
        return found if thousands is None else found | self._places.get(thousands, set())

    def _places_of_word(self, word: str) -> set[int]:
        found = set(self._places.get(word, ()))
        # A short beginning, or one of figures, stands at the start of too many words.
        if len(word) < MIN_PART_CHARS or not word.isalpha():
            return found
        for singular in (word.removesuffix("s"), word.removesuffix("es")):
            found |= self._places.get(singular, set())
        for known in self._vocabulary[bisect_left(self._vocabulary, word) :]:
            if not known.startswith(word):
                break
            found |= self._places[known]
        return found

    def _places_of_similar_word(self, word: str) -> set[int]:
        """Return where the word stands, begins one, or one is spelt like it."""
        from rapidfuzz import fuzz, process

        found = self._places_of_word(word)
        if len(word) > MIN_PART_CHARS:
            cutoff = _MIN_WORD_SIMILARITY
            for known, _, _ in process.extract(
                word, self._vocabulary, scorer=fuzz.ratio, score_cutoff=cutoff, limit=20
            ):
                found = found | self._places[known]
        return found


def _split_all(texts: Sequence[_Text]) -> list[str]:
    """Return the pieces of all texts of an entry, those of figures with signs of thousands among them."""
    # Together, since each call takes its time for tens of thousands; no piece goes on beyond its line.
    written = "\n".join([text.written for text in texts])
    pieces = split(written) if written.isascii() else [piece for text in texts for piece in split(text.written)]
    return pieces + find_thousands(written)


def _read_otherwise(match: Match[T]) -> Match[T]:
    """Return a match of words that were glued: one of what was written is nearer."""
    return replace(match, difference=match.difference._replace(points=match.difference.points + OTHER_CASE_POINTS))


def _compare(said: Parsed, text: _Text, parsed: Parsed) -> Difference:
    """Compare what was said with one text. The figures of an id or a code are no sizes: hose 12in is not HOSE-12."""
    distance = compare(said, parsed)
    if (
        text.what == "name"
        or distance.missing
        or not any(figure.unit for figure in said.figures)
        or distance.points <= OTHER_CASE_POINTS
    ):
        return distance
    return distance._replace(points=distance.points + MISSING_POINTS, missing=1)
