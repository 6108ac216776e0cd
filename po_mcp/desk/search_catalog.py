"""What the ERP knows by name: vendors, items and warehouses, read once and kept for a while."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import anyio

from po_mcp.desk.matching import Index, Match, Words
from po_mcp.erp import ERP
from po_mcp.orders import Item, Money, Record, Text, Vendor, Warehouse
from po_mcp.untrusted import quote_text

Kind = Literal["vendor", "item", "warehouse"]
Entry = Vendor | Item | Warehouse

KEPT = 300.0
"""Seconds that a list is kept."""
MOST_SHOWN = 10
"""Candidates of one search; without words to search for, five times as many."""


class Candidate(Record):
    """A vendor, item or warehouse that the words may mean.

    `id` is what a new order names it by, where the ERP tells; `why` says how the words fit.
    """

    id: Text | None = None
    name: Text
    code: Text | None = None
    unit: Text | None = None
    price: Money | None = None
    currency: Text | None = None
    active: bool | None = None
    why: str


class Candidates(Record):
    """The best matches first. `known` counts all entries of this kind in the ERP, `matched` those that fit."""

    kind: Kind
    candidates: tuple[Candidate, ...]
    matched: int
    known: int


@dataclass(frozen=True)
class _Kept:
    entries: tuple[Any, ...]
    index: Index[Any]
    at: float


class Catalog:
    """The ERP's lists, each read when it is first needed.

    Args:
        erp: whose they are.
        clock: seconds that only go forward.
    """

    def __init__(self, erp: ERP, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._erp = erp
        self._kept: dict[Kind, _Kept] = {}
        self._reading: Mapping[Kind, anyio.Lock] = {kind: anyio.Lock() for kind in get_args(Kind)}

    async def vendors(self, *, anew: bool = False) -> tuple[Vendor, ...]:
        """Return every vendor."""
        return await self.entries("vendor", anew=anew)

    async def items(self, *, anew: bool = False) -> tuple[Item, ...]:
        """Return every item that can be ordered."""
        return await self.entries("item", anew=anew)

    async def warehouses(self, *, anew: bool = False) -> tuple[Warehouse, ...]:
        """Return every warehouse."""
        return await self.entries("warehouse", anew=anew)

    async def entries(self, kind: Kind, *, anew: bool = False) -> tuple[Any, ...]:
        """Return a list as it was read not long ago; `anew`: as it is now.

        Raises:
            ERPError: it cannot be read.
        """
        return (await self._list(kind, anew=anew)).entries

    async def index(self, kind: Kind) -> Index[Any]:
        """Return a list that is ready to be searched.

        Raises:
            ERPError: it cannot be read.
        """
        return (await self._list(kind)).index

    async def _list(self, kind: Kind, *, anew: bool = False) -> _Kept:
        asked_at = self._clock()
        async with self._reading[kind]:
            kept = self._kept.get(kind)
            good_since = asked_at if anew else self._clock() - KEPT
            if kept is None or kept.at < good_since:
                at = self._clock()
                entries = await self._read(kind)
                kept = self._kept[kind] = _Kept(entries, Index(entries, words_of), at)
        return kept

    async def _read(self, kind: Kind) -> tuple[Any, ...]:
        match kind:
            case "vendor":
                return await self._erp.vendors()
            case "item":
                return await self._erp.items()
            case "warehouse":
                return await self._erp.warehouses()

    async def find(self, kind: Kind, text: str) -> list[Match[Any]]:
        """Return what the words may mean, the best first; where nothing does, the list is read anew."""
        before = self._kept.get(kind)
        matches = (await self._list(kind)).index.find(text)
        if matches or self._kept.get(kind) is not before:
            return matches
        return (await self._list(kind, anew=True)).index.find(text)

    async def search(self, kind: Kind, text: str | None, *, anew: bool = False) -> Candidates:
        """Return candidates for a few words; without words, the list itself.

        Raises:
            ERPError: the ERP's list cannot be read.
        """
        entries = await self.entries(kind, anew=anew)
        if text is None:
            shown = sorted(entries, key=lambda entry: entry.name.casefold())[: 5 * MOST_SHOWN]
            candidates = tuple(candidate(entry, "listed") for entry in shown)
            return Candidates(kind=kind, candidates=candidates, matched=len(entries), known=len(entries))
        matches = await self.find(kind, text)
        candidates = tuple(candidate(match.entry, match.why) for match in matches[:MOST_SHOWN])
        known = len(await self.entries(kind))
        return Candidates(kind=kind, candidates=candidates, matched=len(matches), known=known)


def words_of(entry: Entry) -> Words:
    """Return what an entry goes by."""
    code = None if isinstance(entry, Warehouse) else entry.code
    return (("id", entry.id), ("code", code), ("name", entry.name))


def candidate(entry: Entry, why: str) -> Candidate:
    """Show an entry with the reason why it was found."""
    gone = None if isinstance(entry, Warehouse) or entry.active else False
    match entry:
        case Vendor():
            return Candidate(
                id=entry.id, name=entry.name, code=entry.code, currency=entry.currency, active=gone, why=why
            )
        case Item():
            return Candidate(
                id=entry.id,
                name=entry.name,
                code=entry.code,
                unit=entry.unit,
                price=entry.price,
                active=gone,
                why=why,
            )
        case Warehouse():
            return Candidate(id=entry.id, name=entry.name, why=why)


def ids(entries: Sequence[Entry]) -> str:
    """Write entries as `id ("name")`, for a sentence."""
    return ", ".join(
        f"{entry.id} ({quote_text(entry.name)})" if entry.id else quote_text(entry.name) for entry in entries
    )
