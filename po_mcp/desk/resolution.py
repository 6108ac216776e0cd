"""What the words of an order are taken for. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from po_mcp.desk.catalog import Entry, Kind, format_entry
from po_mcp.orders import Item, Vendor, Warehouse
from po_mcp.writes.order_text import name


@dataclass(frozen=True)
class WordMatch:
    """The entry that one word of an order is taken for, and the candidates.

    `exact`: `said` is an id, a code or a name of `taken`, as it is written, and of nothing else. Otherwise a person
    must see `candidates`, the best first; `taken` is what seems meant, or None where several fit alike.
    `why` says how `taken`, or the first candidate, fits. `names` are what each candidate is surely found by.
    `unchecked`: `said` is taken for an id, since the ERP's list could not be read or shows no ids.
    """

    kind: Kind
    said: str
    taken: Entry | None
    exact: bool
    candidates: tuple[Entry, ...] = ()
    why: str = ""
    names: tuple[str, ...] = ()
    chosen: bool = False
    unchecked: bool = False

    @property
    def is_settled(self) -> bool:
        """Whether the word is exact or was chosen by a person."""
        return self.exact or self.chosen

    @property
    def meant(self) -> tuple[Entry, ...]:
        """What it may mean: one entry where it is settled."""
        return (self.taken,) if self.is_settled and self.taken is not None else self.candidates

    @property
    def note(self) -> str:
        """The sentence on a person's choice, for the outcome; "" for an exact word."""
        if not self.chosen or self.taken is None:
            return ""
        return f"{self.kind.capitalize()}: {format_entry(self.taken)} (chosen for: {name(self.said)})."


Choice = Literal["first", "last"]
"""Whether the question in which words were chosen is followed by one that shows the whole order, or says all."""


@dataclass(frozen=True)
class Resolution:
    """The matches of an order's words, each word once, in the sequence of the order; `choice` as in `ResolvedOrder`."""

    matches: tuple[WordMatch, ...]
    choice: Choice | None = None

    @property
    def needs_a_person(self) -> bool:
        """Whether a word is not exact: nothing may be sent before a person saw what it is taken for."""
        return any(not match.is_settled for match in self.matches)

    @property
    def missing(self) -> tuple[WordMatch, ...]:
        """The words without a candidate."""
        return tuple(match for match in self.matches if not match.is_settled and not match.candidates)

    @property
    def unsettled(self) -> tuple[WordMatch, ...]:
        """The words that a person must see."""
        return tuple(match for match in self.matches if not match.is_settled)

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence on each choice of a person."""
        return tuple(match.note for match in self.matches if match.note)

    @property
    def vendor(self) -> Vendor:
        """The vendor, once all is settled."""
        [vendor] = [match.taken for match in self.matches if isinstance(match.taken, Vendor)]
        return vendor

    @property
    def meant(self) -> dict[tuple[Kind, str], tuple[Sequence[Entry], bool]]:
        """What each word may mean, and whether that is settled."""
        return {(match.kind, match.said): (match.meant, match.is_settled) for match in self.matches}

    def items(self) -> dict[str, Item]:
        """Return the items by what was said."""
        return {match.said: match.taken for match in self.matches if isinstance(match.taken, Item)}

    def warehouses(self) -> dict[str, Warehouse]:
        """Return the warehouses by what was said."""
        return {match.said: match.taken for match in self.matches if isinstance(match.taken, Warehouse)}

    def with_choices(self, chosen: Mapping[str, str]) -> Resolution | None:
        """Return the resolution with what a person chose in the fields of `build_question`; None for a "none"."""
        by_field = dict(zip(field_names(self), self.unsettled, strict=True))
        settled: dict[WordMatch, WordMatch] = {}
        for field, match in by_field.items():
            place = next((place for place, key in enumerate(match.names) if key == chosen.get(field)), None)
            # One word without a choice is enough: an order is made whole, or not at all.
            if place is None:
                return None
            settled[match] = replace(match, taken=match.candidates[place], chosen=True)
        return replace(self, matches=tuple(settled.get(match, match) for match in self.matches))


@dataclass(frozen=True)
class ResolvedOrder:
    """The entries of the ERP that an order names, by the words of the request, and notes on the choices.

    `choice`: the person chose a word in a question that was the last one, or the first of two; None without a choice.
    `old_data` has a sentence on each list that is old and of which the ERP gave nothing newer, `unchecked` one on each
    id that was in no list.
    """

    vendor: Vendor
    items: Mapping[str, Item]
    warehouses: Mapping[str, str]
    warehouse_names: Mapping[str, str]
    notes: tuple[str, ...] = ()
    old_data: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()
    choice: Choice | None = None


def field_names(resolution: Resolution) -> list[str]:
    """Return the names of the fields in which a person chooses, one for each unsettled word."""
    return [f"{match.kind}_{place}" for place, match in enumerate(resolution.unsettled, 1)]
