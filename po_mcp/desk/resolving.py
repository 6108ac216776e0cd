"""From a buyer's words to the ids that the ERP takes; what is not plain is asked of the person, never guessed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from po_mcp.desk import Desk
from po_mcp.desk.catalog import Entry, Kind, ids
from po_mcp.desk.matching import Fit, Match, best
from po_mcp.errors import ERPError, InvalidInput
from po_mcp.orders import AskedOrder, Item, Vendor
from po_mcp.untrusted import quoted
from po_mcp.writes import approval
from po_mcp.writes.approval import Approver, Field
from po_mcp.writes.operation import WriteOutcome

_MOST_CHOICES = 8
_LISTED = 10
_ASK_WHICH = "Ask the user which, and give its id."


@dataclass(frozen=True)
class Found:
    """What the words of an order mean: an entry for each, and what a reader should know of how it was found."""

    vendor: Vendor
    items: Mapping[str, Item]
    warehouses: Mapping[str, str]
    notes: tuple[str, ...] = ()


@dataclass
class _Words:
    """The words of one order: what is plain so far, and between which entries the person must choose."""

    plain: dict[tuple[Kind, str], Any] = field(default_factory=dict)
    open: dict[tuple[Kind, str], Sequence[Entry]] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


async def resolve(desk: Desk, asked: AskedOrder, person: Approver) -> Found | WriteOutcome:
    """Find the vendor, items and warehouses that the order names, and ask which, where several are meant.

    Raises:
        InvalidInput: something is not known, or several are meant and this client cannot ask; the text lists
            what there is, with ids.
    """
    words = _Words()
    for kind, text in _named(asked):
        await _look_up(desk, words, kind, text)
    if words.unknown:
        raise InvalidInput(
            " ".join(words.unknown) + " Nothing was sent.",
            next_step="Look it up with search_catalog and other words, or ask the user which is meant.",
        )
    if words.open and (stopped := await _choose(desk, words, person)) is not None:
        return stopped
    return _found(words, asked)


def _named(asked: AskedOrder) -> list[tuple[Kind, str]]:
    """Return each word of the order once, with what it should be."""
    named: list[tuple[Kind, str]] = [("vendor", asked.vendor)]
    for line in asked.lines:
        named.append(("item", line.item))
        if line.warehouse is not None:
            named.append(("warehouse", line.warehouse))
    return list(dict.fromkeys(named))


async def _look_up(desk: Desk, words: _Words, kind: Kind, text: str) -> None:
    matches = await _matches(desk, kind, text)
    if matches is None:
        words.plain[kind, text] = _taken_as_id(kind, text)
        return
    meant = [match for match in best(matches) if _can_be_meant(match)] if matches else []
    if len(meant) == 1 and meant[0].fit is not Fit.SIMILAR:
        words.plain[kind, text] = meant[0].entry
        if meant[0].fit is Fit.PART:
            words.notes.append(f"{quoted(text)} is the {kind} {ids([meant[0].entry])}.")
    elif meant:
        words.open[kind, text] = [match.entry for match in meant[:_MOST_CHOICES]]
    else:
        words.unknown.append(await _unknown(desk, kind, text))


async def _matches(desk: Desk, kind: Kind, text: str) -> list[Match[Any]] | None:
    """Return what the words may mean; None where the ERP must judge them, since it shows nothing to find them in.

    A vendor cannot be ordered from without its list; an item or a warehouse by its id can.
    """
    try:
        matches = await desk.catalog.find(kind, text)
        entries = await desk.catalog.entries(kind)
    except ERPError:
        if kind == "vendor":
            raise
        return None
    if kind == "vendor" and not matches and text.strip().isdecimal() and not any(entry.id for entry in entries):
        return None
    return matches if entries else None


def _taken_as_id(kind: Kind, text: str) -> Any:
    text = text.strip()
    if kind == "warehouse":
        return text
    return Vendor(id=text, name=text) if kind == "vendor" else Item(id=text, name=text)


def _can_be_meant(match: Match[Any]) -> bool:
    """Leave vendors and items out that are not active, unless they were named in full."""
    return match.fit in (Fit.ID, Fit.WHOLE) or not isinstance(match.entry, Vendor | Item) or match.entry.active


async def _unknown(desk: Desk, kind: Kind, text: str) -> str:
    known = await desk.catalog.entries(kind)
    there_is = f" There is {ids(known)}." if len(known) <= _LISTED else ""
    return f"No {kind} is called {quoted(text)}.{there_is}"


async def _choose(desk: Desk, words: _Words, person: Approver) -> WriteOutcome | None:
    """Have the person choose; return None once all is plain, else the outcome of this call."""
    asked = list(words.open.items())
    fields = [_field(f"{kind}_{place}", kind, text, entries) for place, ((kind, text), entries) in enumerate(asked, 1)]
    question = approval.ask_which(desk.erp.notice, fields)
    answer = await person.choose(question)
    if answer.how == "not_asked":
        raise _several(words)
    values = approval.chosen(answer, question)
    if values is None:
        text = f"The person did not choose. Nothing was sent. {_listed(words)} {_ASK_WHICH}"
        return desk.executor.say("declined", None, text)
    for shown, (word, entries) in zip(fields, asked, strict=True):
        entry = next(entry for entry in entries if _key(entry) == values[shown.name])
        words.plain[word] = entry
        words.notes.append(f"{quoted(word[1])} is the {word[0]} {ids([entry])}, as the person chose.")
    return None


def _field(name: str, kind: Kind, text: str, entries: Sequence[Entry]) -> Field:
    choices = tuple((_key(entry), ids([entry])) for entry in entries)
    return Field(name, "string", f"Which {kind}", f"For {quoted(text)}", choices)


def _key(entry: Entry) -> str:
    return entry.id or entry.name


def _several(words: _Words) -> InvalidInput:
    return InvalidInput(f"{_listed(words)} Nothing was sent.", next_step=_ASK_WHICH)


def _listed(words: _Words) -> str:
    return " ".join(f"{quoted(text)} may be the {kind} {ids(entries)}." for (kind, text), entries in words.open.items())


def _found(words: _Words, asked: AskedOrder) -> Found:
    vendor: Vendor = words.plain["vendor", asked.vendor]
    if not vendor.active:
        raise InvalidInput(
            f"The vendor {ids([vendor])} is not active in the ERP. Nothing was sent.",
            next_step="Ask the user for another vendor.",
        )
    items: dict[str, Item] = {text: entry for (kind, text), entry in words.plain.items() if kind == "item"}
    if gone := [item for item in items.values() if not item.active]:
        raise InvalidInput(
            f"Not active in the ERP: {ids(gone)}. Nothing was sent.", next_step="Ask the user for another item."
        )
    warehouses = {text: entry for (kind, text), entry in words.plain.items() if kind == "warehouse"}
    return Found(
        vendor=vendor,
        items=items,
        warehouses={text: entry if isinstance(entry, str) else entry.id for text, entry in warehouses.items()},
        notes=tuple(words.notes),
    )
