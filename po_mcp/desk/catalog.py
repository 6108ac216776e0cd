"""The catalog: the ERP's vendors, items and warehouses, read once, and kept in memory and on disk for a while."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import anyio
from anyio import to_thread
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from po_mcp.amounts import Money
from po_mcp.concurrency import let_requests_go, map_concurrently, open_tasks
from po_mcp.desk.catalog_file import CatalogFile
from po_mcp.erp import ERP
from po_mcp.errors import BadAnswer, TooManyRequests, Unreachable
from po_mcp.garbage import collect_seldom
from po_mcp.orders import (
    Item,
    ItemWithoutId,
    Record,
    Text,
    Vendor,
    Warehouse,
    choose_word,
    count_left_out,
    list_without_id,
)
from po_mcp.untrusted import imitating_scripts
from po_mcp.writes import order_text

if TYPE_CHECKING:
    from po_mcp.desk.matches import Match
    from po_mcp.desk.matching import Index, Words

Kind = Literal["vendor", "item", "warehouse"]
Entry = Vendor | Item | Warehouse

FRESH_S = 600.0
"""How old an entry may be that a write names without a word about its age."""
KEEP_S = 24 * 3600.0
"""How old a list may be that is searched; an older one is read again."""
MAX_STORED_S = 30 * 24 * 3600.0
"""How old a list on disk may be that stands in where the ERP does not answer."""
_MAX_CLOCK_SKEW_S = 60.0
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
    """The best matches first. `known` counts all entries of this kind in the ERP, `matched` those that fit.

    `age` is that of the list, in words, where it is not fresh. `gaps` are sentences on what cannot be ordered.
    """

    kind: Kind
    candidates: tuple[Candidate, ...]
    matched: int
    known: int
    age: str | None = None
    # Not published: it stands in the note.
    gaps: Annotated[SkipJsonSchema[tuple[str, ...]], Field(exclude=True)] = ()


@dataclass(frozen=True)
class _CachedList:
    """A list and when it was read: `at` by the monotonic clock, `read_at` in seconds since 1970."""

    entries: tuple[Any, ...]
    index: Index[Any]
    at: float
    read_at: float

    @cached_property
    def without_id(self) -> Index[ItemWithoutId]:
        """The items without ids, which can be found and not ordered."""
        return _index(list_without_id(self.entries))


class Catalog:
    """The ERP's lists, each read when it is first needed and nothing that was kept is young enough.

    Args:
        erp: the source of the lists.
        clock: a monotonic clock, in seconds.
        file: where lists are kept between starts; None to keep them in memory alone.
        now: the time, in seconds since 1970.
    """

    def __init__(
        self,
        erp: ERP,
        clock: Callable[[], float] = time.monotonic,
        file: CatalogFile | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._erp = erp
        self._file = file
        self._now = now
        self._lists: dict[Kind, _CachedList] = {}
        # One for each kind: a long list of items must not keep a question about a vendor waiting.
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

    def age(self, kind: Kind) -> float:
        """Return the seconds since the list was read; 0 for one that was not read yet."""
        cached = self._lists.get(kind)
        return 0.0 if cached is None else max(0.0, self._clock() - cached.at)

    def describe_gaps(self, kind: Kind) -> tuple[str, ...]:
        """Return a sentence on rows that the list lacks, and one on entries without the id that an order needs."""
        cached = self._lists.get(kind)
        if cached is None:
            return ()
        gaps: list[str] = []
        if left_out := count_left_out(cached.entries):
            they = "it is" if left_out == 1 else "they are"
            what = f"{order_text.count(left_out, f'{kind} row')} of the ERP's list cannot be used"
            gaps.append(f"{what} (no id, not readable, or not sent): {they} not shown or ordered.")
        without_id = list_without_id(cached.entries)
        if unnamed := sum(entry.id is None for entry in cached.entries) + len(without_id):
            has, ordered = "has" if unnamed == 1 else "have", "ordered from" if kind == "vendor" else "ordered"
            gaps.append(f"{order_text.count(unnamed, kind)} {has} no id here and cannot be {ordered}.")
        return tuple(gaps)

    def is_fresh(self, kind: Kind) -> bool:
        """Tell whether a write may name what the list shows, without another look."""
        return self.age(kind) < FRESH_S

    def read_at(self, kind: Kind) -> float | None:
        """Return when the list was read, in seconds since 1970; None where it was not."""
        cached = self._lists.get(kind)
        return None if cached is None else cached.read_at

    async def read_now(self, entries: Sequence[Entry]) -> list[Entry | None]:
        """Return vendors or items as the ERP shows them now, each read alone; None for one that it has no more.

        Raises:
            ERPError, NotOffered, InvalidInput: one of them cannot be read alone.
        """
        return await map_concurrently(self._read_one, entries)

    async def _read_one(self, entry: Entry) -> Entry | None:
        match entry:
            case Vendor():
                return await self._erp.read_vendor(entry)
            case Item():
                return await self._erp.read_item(entry)
            # The port reads no single one: there are few, and their list is read whole.
            case Warehouse():
                return entry

    async def _get_list(self, kind: Kind, *, refresh: bool = False) -> _CachedList:
        # A call that waits for the lock takes the list of another call, if that read began after this call did.
        asked_at = self._clock()
        async with self._reading[kind]:
            cached = self._lists.get(kind)
            good_since = asked_at if refresh else self._clock() - KEEP_S
            if not refresh and (cached is None or cached.at < good_since):
                cached = await self._load(kind) or cached
            if cached is None or cached.at < good_since:
                cached = await self._read_again(kind, None if refresh else cached)
            self._lists[kind] = cached
        return cached

    async def _read_again(self, kind: Kind, older: _CachedList | None) -> _CachedList:
        """Read a list and keep it. Where the ERP does not answer, the older one is returned, which tells its age."""
        # The time before the read: an entry that is added during the read may be missing.
        at, read_at = self._clock(), self._now()
        try:
            with collect_seldom():
                entries, index = await self._read(kind)
        # Not for a refusal: who may no longer read the list must not be shown an older one.
        except (Unreachable, TooManyRequests, BadAnswer):
            if older is None:
                raise
            return older
        # An empty list may be one that the ERP's user may not see: it is worth another look after a start.
        if self._file is not None and entries:
            await to_thread.run_sync(self._file.save, kind, entries, read_at)
        return _CachedList(entries, index, at, read_at)

    async def _load(self, kind: Kind) -> _CachedList | None:
        """Return the list that was kept on disk, if it is not older than lists are kept."""
        stored = None if self._file is None else await to_thread.run_sync(self._file.load, kind)
        if stored is None:
            return None
        age = self._now() - stored.read_at
        # A time in the future proves that a clock was changed: nobody knows how old the list is.
        if not -_MAX_CLOCK_SKEW_S <= age < MAX_STORED_S:
            return None
        at = self._clock() - max(0.0, age)
        with collect_seldom():
            return _CachedList(stored.entries, _index(stored.entries), at, stored.read_at)

    async def _read(self, kind: Kind) -> tuple[tuple[Any, ...], Index[Any]]:
        match kind:
            case "vendor":
                entries: tuple[Any, ...] = await self._erp.vendors()
            case "item":
                return await self._read_items()
            case "warehouse":
                entries = await self._erp.warehouses()
        return entries, _index(entries)

    async def _read_items(self) -> tuple[tuple[Any, ...], Index[Any]]:
        """Read the items: tens of thousands, which are taken apart while others are on their way."""
        made: list[Index[Any]] = []

        def index() -> Index[Any]:
            if not made:
                made.append(_index(()))
            return made[0]

        async def prepare() -> None:
            # Beside the first page: what this imports takes a while, in which its request would not be sent.
            await let_requests_go()
            index()

        async with open_tasks() as tasks:
            tasks.start_soon(prepare)
            entries = await self._erp.items(lambda items: index().add(items))
        return entries, index() if index().added == len(entries) else _index(entries)

    async def find(self, kind: Kind, text: str) -> list[Match[Any]]:
        """Return the matches of the words, the best first; without a match, the list is read again first."""
        # A new entry of the ERP may be missing in a list of before this call, also in one that was kept on disk.
        asked_at = self._clock()
        cached = await self._get_list(kind)
        matches = cached.index.find(text)
        if matches or cached.at >= asked_at:
            return matches
        return (await self._get_list(kind, refresh=True)).index.find(text)

    async def search(self, kind: Kind, text: str | None, *, refresh: bool = False) -> Candidates:
        """Return candidates for a few words; without words, the first entries of the list.

        Raises:
            ERPError: the ERP's list cannot be read.
        """
        entries = await self.entries(kind, refresh=refresh)
        if text is None:
            # By name: in the ERP's own order a person finds nothing.
            every = sorted((*entries, *list_without_id(entries)), key=lambda entry: entry.name.casefold())
            candidates = tuple(to_candidate(entry, "listed") for entry in every[: 5 * MAX_RESULTS])
            return self._candidates(kind, candidates, len(every), len(every))
        # The list may be read again here, if nothing in it matches.
        orderable, cached = await self.find(kind, text), await self._get_list(kind)
        matches = sorted((*orderable, *cached.without_id.find(text)), key=lambda match: match.rank)
        candidates = tuple(to_candidate(match.entry, match.why) for match in matches[:MAX_RESULTS])
        known = len(cached.entries) + len(list_without_id(cached.entries))
        return self._candidates(kind, candidates, len(matches), known)

    def _candidates(self, kind: Kind, candidates: tuple[Candidate, ...], matched: int, known: int) -> Candidates:
        age = None if self.is_fresh(kind) else format_age(self.age(kind))
        gaps = self.describe_gaps(kind)
        return Candidates(kind=kind, candidates=candidates, matched=matched, known=known, age=age, gaps=gaps)


def format_age(seconds: float) -> str:
    """Write how old something is: `12 minutes`, `3 hours`, `2 days`."""
    # Rounded down, in one unit: that it is old matters, not by how many minutes.
    for size, noun in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {noun}{'' if count == 1 else 's'}"
    return "less than a minute"


def _index(entries: Sequence[Entry | ItemWithoutId]) -> Index[Any]:
    from po_mcp.desk.matching import Index  # late, for a quick start

    return Index(entries, words_of)


def words_of(entry: Entry | ItemWithoutId) -> Words:
    """Return the texts that an entry is found by, each with what it is."""
    if isinstance(entry, ItemWithoutId):
        return (("code", entry.code), ("name", entry.name))
    code = None if isinstance(entry, Warehouse) else entry.code
    other_name = entry.other_name if isinstance(entry, Vendor) else None
    return (("id", entry.id), ("code", code), ("name", entry.name), ("name", other_name))


def to_candidate(entry: Entry | ItemWithoutId, why: str) -> Candidate:
    """Return an entry as a candidate, with the reason why it was found."""
    # Only the exception is published: `active: true` on every entry would cost tokens and say nothing.
    active = None if entry.active else False
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
                currency=None if entry.price is None else entry.currency,
                active=active,
                why=why,
            )
        case Warehouse():
            return Candidate(id=entry.id, name=entry.name, active=active, why=why)
        case ItemWithoutId():
            return Candidate(name=entry.name, code=entry.code, unit=entry.unit, active=active, why=why)


def format_entries(entries: Sequence[Entry]) -> str:
    """Return entries for a sentence, each as `format_entry` writes it."""
    return ", ".join(map(format_entry, entries))


def format_entry(entry: Entry) -> str:
    """Return an entry as `id (name)` for a sentence; one without an id as its name.

    Where the id is a number that only the ERP uses, what people call the entry stands in its place.
    """
    called, name = choose_word(entry), _write_name(entry.name)
    if not called or is_name_alone(entry):
        return name
    return f"{called if entry.word is None else _write_name(called)} ({name})"


def is_name_alone(entry: Entry) -> bool:
    """Tell whether `format_entry` returns the name of an entry without brackets."""
    called = choose_word(entry)
    return not called or (entry.word is not None and called == entry.name)


def _write_name(name: str) -> str:
    """Return a name for a sentence, after a warning where it may imitate another: the end of a long name is cut."""
    scripts = imitating_scripts(name)
    warning = f"CAUTION, mixes {' and '.join(scripts)} letters: " if scripts else ""
    return warning + order_text.name(name, 80)
