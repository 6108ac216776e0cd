"""What a generated catalog is asked, and what must hold of every answer.

    python -m tests.desk.catalog_property [PAIRS] [SEED]

An item is made of parts (what it is, size, unit, thread, grade, colour, hand, words that turn the meaning, and more),
and its name is written from them in one of several ways. A request is written from the same parts, of an item of the
catalog or of one that is a part away, in another way. Since both are made from parts, what must hold is known without
taking any text apart:

1. An item is taken silently only where the request is its name as it is written: no other way of writing counts
   but runs of blanks, HTML entities, and the case of words of four letters or more without a figure beside them.
2. A name as it is written is taken, unless another entry keeps it from being sure.
3. What is put first differs in no figure, sign, unit or turning word where an item without a difference exists.
"""

from __future__ import annotations

import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from po_mcp.desk.catalog import words_of
from po_mcp.desk.matching import Index
from po_mcp.orders import Item

NOUNS = (
    "Cable",
    "Hydraulic hose",
    "Valve",
    "Hex bolt",
    "Резьба",
    "バルブ",
    "パルプ",
    "तीर",
    "तार",
    "край",
    "краи",
    "Müller clamp",
)
SIZES = (
    *("1.5", "15", "1,5", "1/5", "150", "0.15", "-15", "+15", "1 5", "1 1/5", "11/5", "5", "1.05", "105", "±15"),
    *("1 000", "1000", "1"),
)
UNITS = ("mm", "m", "Mm", "MΩ", "mΩ", "V", "mV", "MV", "kPa", "MPa", "mPa", "in", "mm2", "C", "%", "µF", "mF", "")
IN_OTHER_WORDS = (("µF", "uF"), ("µF", "μF"), ("µF", "microfarad"), ("mF", "millifarads"), ("mm", "millimetre"))
"""Units, and how they are written otherwise."""
THREADS = ("", "M8", "M80", "M8 x 30", "M30 x 8", "10-32", "1032", "1/4-20", "14-20", "4.7k", "47k", "4k7")
GRADES = ("", "A2", "A4", "8.8", "88", "IP67", "IP6.7")
COLOURS = ("", "red", "blue")
EXTRAS = ("", "", "zinc plated steel", "industrial heavy duty series packed singly")
HANDS = ("", "LH", "RH", "male", "female")
TURNS = ("", "non-return", "without lid", "with lid", "not sterile", "sterile", "threaded", "unthreaded")
MORE_OF_A_THING = ("sterile", "threaded")
"""Words that say more of a thing and turn nothing: they may be left out."""
RANGES = ("", "1/4 to 3/8", "3/8 to 1/4", "14 to 38")


@dataclass(frozen=True)
class Parts:
    """What an item is."""

    noun: str
    size: str
    unit: str
    thread: str = ""
    grade: str = ""
    colour: str = ""
    hand: str = ""
    turn: str = ""
    span: str = ""
    extra: str = ""

    def written(self, order: Sequence[int], unit_apart: bool, joint: str = " ") -> str:
        """Write the name, its parts after the noun in this order."""
        size = f"{self.size} {self.unit}".strip() if unit_apart else self.size + self.unit
        rest = [size, self.thread, self.grade, self.colour, self.hand, self.turn, self.span, self.extra]
        return joint.join([self.noun, *filter(None, (rest[place] for place in order))])

    def differs(self, other: Parts) -> bool:
        """Tell whether an item is another thing than these parts say, whatever it has beside them."""
        figures = ((self.size, other.size), (self.thread, other.thread), (self.grade, other.grade))
        spans = (self.span, other.span)
        turned = self.hand != other.hand or other.turn not in (self.turn, *(() if self.turn else MORE_OF_A_THING))
        unit = self.unit != other.unit
        return self.noun != other.noun or turned or unit or any(a != b for a, b in (*figures, spans))


AS_LISTED = tuple(range(8))


@dataclass(frozen=True)
class Request:
    """A text, the parts that it was written from, and how: `plainly` where it is the item's name as it is written."""

    said: str
    parts: Parts
    plainly: bool
    how: str


def catalog_of(chance: random.Random, size: int) -> list[tuple[Parts, str]]:
    """Make items that are easily taken for each other: a few nouns, and parts that differ in a sign."""
    nouns = chance.sample(NOUNS, 2)
    made: dict[str, Parts] = {}
    while len(made) < size:
        if made and chance.random() < 0.5:
            parts = _part_away(chance, chance.choice(list(made.values())))
            made.setdefault(parts.written(AS_LISTED, unit_apart=chance.random() < 0.5), parts)
            continue
        parts = Parts(
            noun=chance.choice(nouns),
            size=chance.choice(SIZES),
            unit=chance.choice(UNITS),
            thread=chance.choice(THREADS) if chance.random() < 0.3 else "",
            grade=chance.choice(GRADES) if chance.random() < 0.3 else "",
            colour=chance.choice(COLOURS),
            hand=chance.choice(HANDS) if chance.random() < 0.3 else "",
            turn=chance.choice(TURNS) if chance.random() < 0.3 else "",
            span=chance.choice(RANGES) if chance.random() < 0.2 else "",
            extra=chance.choice(EXTRAS),
        )
        made.setdefault(parts.written(AS_LISTED, unit_apart=chance.random() < 0.5), parts)
    return [(parts, name) for name, parts in made.items()]


def requests_of(chance: random.Random, catalog: Sequence[tuple[Parts, str]]) -> Iterator[Request]:
    """Make requests for every item: its name in several ways, and for what is a part away from it."""
    for parts, name in catalog:
        yield Request(name, parts, True, "as it is written")
        yield Request(f"  {name.replace(' ', '   ')} ", parts, True, "with more blanks")
        yield Request(name.replace("ü", "u\u0308"), parts, True, "with marks apart")
        yield Request(name.replace(" ", "").swapcase(), parts, False, "glued, in other case")
        yield Request(name.swapcase(), parts, False, "in other case")
        yield Request(
            name.replace(".", "").replace("-", "").replace("/", "").replace("+", ""), parts, False, "unsigned"
        )
        changed = _part_away(chance, parts)
        for one, how in (
            (parts, "otherwise"),
            (changed, "a part away"),
            (replace(parts, colour="", extra=""), "in part"),
            (replace(changed, colour="", extra=""), "a part away, in part"),
        ):
            order = list(AS_LISTED)
            chance.shuffle(order)
            said = one.written(order, unit_apart=chance.random() < 0.5)
            yield Request(said, one, False, how)
            yield Request(_misspelt(chance, said, one.noun), one, False, f"{how}, misspelt")
            if (renamed := _rename_unit(chance, one, order)) is not None:
                yield Request(renamed, one, False, "its unit in other words")
        if (said := _signs_apart(chance, name)) != name:
            yield Request(said, parts, False, "signs and fractions apart")


def _part_away(chance: random.Random, parts: Parts) -> Parts:
    field, pool = chance.choice(
        (
            ("size", SIZES),
            ("unit", UNITS),
            ("thread", THREADS),
            ("grade", GRADES),
            ("hand", HANDS),
            ("turn", TURNS),
            ("turn", TURNS),
            ("span", RANGES),
        )
    )
    return replace(parts, **{field: chance.choice(pool)})


def _rename_unit(chance: random.Random, parts: Parts, order: Sequence[int]) -> str | None:
    """Write the unit otherwise; None where there is no other way."""
    others = [other for unit, other in IN_OTHER_WORDS if unit == parts.unit]
    return replace(parts, unit=chance.choice(others)).written(order, unit_apart=True) if others else None


def _signs_apart(chance: random.Random, name: str) -> str:
    """Write signs before figures, and the strokes of fractions, with blanks; a sign maybe as another, or as a word."""
    minus = chance.choice(("- ", "\N{EN DASH} ", "\N{MINUS SIGN} ", "\N{MINUS SIGN}", "minus "))
    plus = chance.choice(("+ ", "plus "))
    both = chance.choice(("± ", "+/-", "+/- ", "plus/minus "))
    for sign, other in (("-", minus), ("+", plus), ("±", both)):
        name = re.sub(rf"(?<= ){re.escape(sign)}(?=[0-9])", other, name)
    return re.sub(r"(?<=[0-9])/(?=[0-9])", " / ", name)


def _misspelt(chance: random.Random, said: str, noun: str) -> str:
    """Swap two letters in a word of the noun, or add its plural; words of other scripts stay as they are."""
    if not noun.isascii():
        return said
    if chance.random() < 0.5:
        return said.replace(noun, f"{noun}s")
    place = chance.randrange(1, len(noun) - 2)
    swapped = noun[:place] + noun[place + 1] + noun[place] + noun[place + 2 :]
    return said.replace(noun, swapped) if noun[place : place + 2].isalpha() else said


def check(chance: random.Random, size: int = 12) -> Iterator[tuple[Request, str | None]]:
    """Yield the requests for one catalog, each with what is wrong with its answer, or None."""
    catalog = catalog_of(chance, size)
    items = [
        Item(id=f"ITEM-{'ABCDEFGHIJKLMNOPQRSTUVWXYZ'[place]}Q", name=name) for place, (_, name) in enumerate(catalog)
    ]
    index = Index(items, words_of)
    parts_of = {item.id: parts for item, (parts, _) in zip(items, catalog, strict=True)}
    names = Counter(name for _, name in catalog)
    for request in requests_of(chance, catalog):
        yield request, _wrong(request, index, parts_of, names)


def _wrong(request: Request, index: Index[Item], parts_of: dict[str, Parts], names: Counter[str]) -> str | None:
    taken = index.find_exact(request.said)
    literal = request.said in names
    if taken is not None and not (request.plainly or literal or _in_other_case(request.said, taken.name)):
        return f"took {taken.name!r}"
    if taken is not None and request.plainly and parts_of[taken.id] != request.parts:
        return f"took {taken.name!r}, another"
    if taken is None and request.plainly:
        return "did not take what it is"
    if request.how in ("glued, in other case", "in other case", "unsigned"):
        return None  # what was meant is no longer in these
    found = index.find(request.said)
    right = [parts for parts in parts_of.values() if not request.parts.differs(parts)]
    if right and (not found or request.parts.differs(parts_of[found[0].entry.id])):
        first = found[0].entry.name if found else "nothing"
        return f"put first {first!r}, though there is {right[0]}"
    return None


def _in_other_case(said: str, name: str) -> bool:
    """Tell whether the two differ in the case of words alone that stand without figures and have four letters."""
    said_words, name_words = said.split(), name.split()
    if len(said_words) != len(name_words):
        return False
    for place, (our, their) in enumerate(zip(said_words, name_words, strict=True)):
        around = "".join(name_words[max(place - 1, 0) : place + 2])
        is_free = len(their) >= 4 and not any(map(str.isdigit, around))
        if our != their and not (is_free and our.lower() == their.lower()):
            return False
    return True


def run(pairs: int, seed: int, size: int = 12) -> tuple[Counter[str], list[str]]:
    """Make so many requests; return how many there were of each way, and what was wrong."""
    chance = random.Random(seed)
    counted: Counter[str] = Counter()
    wrong: list[str] = []
    while counted.total() < pairs:
        for request, fault in check(chance, size):
            counted[request.how] += 1
            if fault is not None:
                wrong.append(f"{request.said!r} ({request.how}): {fault}")
    return counted, wrong


def main() -> int:
    pairs, seed = (
        int(sys.argv[place]) if len(sys.argv) > place else default for place, default in ((1, 20_000), (2, 1))
    )
    begun = time.monotonic()
    counted, wrong = run(pairs, seed)
    lines = [*wrong, *(f"{count:7} {how}" for how, count in sorted(counted.items()))]
    summary = f"{counted.total()} requests, {len(wrong)} wrong, in {time.monotonic() - begun:.1f} s; seed {seed}"
    sys.stdout.write("\n".join([*lines, summary, ""]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
