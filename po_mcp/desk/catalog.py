"""The catalog: the ERP's vendors, items and warehouses, read once and cached for a while."""

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

CACHE_TTL_S = 300.0
"""How long a list is cached."""
MAX_RESULTS = 10
"""Candidates of one search; without words to search for, five times as many."""


class Candidate(Record):
    """A vendor, item or warehouse that the words may mean.

    `id` is None where the ERP lists entries without ids, as some do for vendors; `why` says how the words fit.
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
class _CachedList:
    entries: tuple[Any, ...]
    index: Index[Any]
    at: float


class Catalog:
    """The ERP's lists, each read when it is first needed.

    Args:
        erp: the source of the lists.
        clock: a monotonic clock, in seconds.
    """

    def __init__(self, erp: ERP, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._erp = erp
        self._lists: dict[Kind, _CachedList] = {}
        self._reading: Mapping[Kind, anyio.Lock] = {kind: anyio.Lock() for kind in get_args(Kind)}

    async def vendors(self, *, refresh: bool = False) -> tuple[Vendor, ...]:
        """Return every vendor."""
        return await self.entries("vendor", refresh=refresh)

    async def items(self, *, refresh: bool = False) -> tuple[Item, ...]:
        """Return every item that can be ordered."""
        return await self.entries("item", refresh=refresh)

    async def warehouses(self, *, refresh: bool = False) -> tuple[Warehouse, ...]:
        """Return every warehouse."""
        return await self.entries("warehouse", refresh=refresh)

    async def entries(self, kind: Kind, *, refresh: bool = False) -> tuple[Any, ...]:
        """Return a list from the cache, or as it is now if `refresh` is set.

        Raises:
            ERPError: the list cannot be read.
        """
        return (await self._get_list(kind, refresh=refresh)).entries

    async def index(self, kind: Kind) -> Index[Any]:
        """Return the search index of a list.

        Raises:
            ERPError: the list cannot be read.
        """
        return (await self._get_list(kind)).index

    async def _get_list(self, kind: Kind, *, refresh: bool = False) -> _CachedList:
        # A call that waits for the lock takes the list of another call, if that read began after this call did.
        asked_at = self._clock()
        async with self._reading[kind]:
            cached = self._lists.get(kind)
            good_since = asked_at if refresh else self._clock() - CACHE_TTL_S
            if cached is None or cached.at < good_since:
                # The time before the read: an entry that is added during the read may be missing.
                at = self._clock()
                entries = await self._read(kind)
                cached = self._lists[kind] = _CachedList(entries, Index(entries, words_of), at)
        return cached

    async def _read(self, kind: Kind) -> tuple[Any, ...]:
        match kind:
            case "vendor":
                return await self._erp.vendors()
            case "item":
                return await self._erp.items()
            case "warehouse":
                return await self._erp.warehouses()

    async def find(self, kind: Kind, text: str) -> list[Match[Any]]:
        """Return the matches of the words, the best first; without a match, the list is read again first."""
        # A new entry of the ERP may be missing in the cache, so a search without a match reads the list once more,
        # unless it was read just now.
        before = self._lists.get(kind)
        matches = (await self._get_list(kind)).index.find(text)
        if matches or self._lists.get(kind) is not before:
            return matches
        return (await self._get_list(kind, refresh=True)).index.find(text)

    async def search(self, kind: Kind, text: str | None, *, refresh: bool = False) -> Candidates:
        """Return candidates for a few words; without words, the first entries of the list.

        Raises:
            ERPError: the ERP's list cannot be read.
        """
        entries = await self.entries(kind, refresh=refresh)
        if text is None:
            shown = sorted(entries, key=lambda entry: entry.name.casefold())[: 5 * MAX_RESULTS]
            candidates = tuple(to_candidate(entry, "listed") for entry in shown)
            return Candidates(kind=kind, candidates=candidates, matched=len(entries), known=len(entries))
        matches = await self.find(kind, text)
        candidates = tuple(to_candidate(match.entry, match.why) for match in matches[:MAX_RESULTS])
        known = len(await self.entries(kind))
        return Candidates(kind=kind, candidates=candidates, matched=len(matches), known=known)


def words_of(entry: Entry) -> Words:
    """Return the texts that an entry is found by, each with what it is."""
    code = None if isinstance(entry, Warehouse) else entry.code
    return (("id", entry.id), ("code", code), ("name", entry.name))


def to_candidate(entry: Entry, why: str) -> Candidate:
    """Return an entry as a candidate, with the reason why it was found."""
    # Only the exception is published: `active: true` on every entry would cost tokens and say nothing.
    active = None if isinstance(entry, Warehouse) or entry.active else False
    match entry:
        case Vendor():
            return Candidate(
                id=entry.id, name=entry.name, code=entry.code, currency=entry.currency, active=active, why=why
            )
        case Item():
            return Candidate(
                id=entry.id,
                name=entry.name,
                code=entry.code,
                unit=entry.unit,
                price=entry.price,
                active=active,
                why=why,
            )
        case Warehouse():
            return Candidate(id=entry.id, name=entry.name, why=why)


def format_ids(entries: Sequence[Entry]) -> str:
    """Return entries as `id ("name")`, for a sentence; an entry without an id as its quoted name."""
    return ", ".join(
        f"{entry.id} ({quote_text(entry.name)})" if entry.id else quote_text(entry.name) for entry in entries
    )
