"""From a buyer's words to the ids of the ERP. Exact words are taken; a person must see every other match."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from po_mcp.amounts import plain
from po_mcp.desk.catalog import Entry, Kind, format_age, format_entries, format_entry
from po_mcp.desk.choosing import (
    build_question,
    build_refusal,
    describe_entry,
    draft_order,
    explain_names,
    list_candidates,
)
from po_mcp.desk.context import Desk
from po_mcp.desk.current_entries import Current, is_unchanged, read_current
from po_mcp.desk.limits import explain_amount
from po_mcp.desk.matches import Fit, Match, best_matches
from po_mcp.desk.matching import Index
from po_mcp.desk.pricing import describe_prices_of_words, say_free
from po_mcp.desk.resolution import Resolution, ResolvedOrder, WordMatch
from po_mcp.errors import ERPError, InvalidInput
from po_mcp.orders import Item, OrderRequest, Vendor, Warehouse
from po_mcp.writes import forms
from po_mcp.writes.approving import Approver
from po_mcp.writes.kinds import place_of
from po_mcp.writes.new_order_forms import describe_new
from po_mcp.writes.operation import WriteOutcome
from po_mcp.writes.order_text import in_currency, name
from po_mcp.writes.payloads import CreatePayload

MAX_CANDIDATES = 8
"""Candidates shown to a person for one word."""
_MAX_LISTED = 10
_MAX_INACTIVE = 3
"""Inactive entries that are named where nothing else matches."""
_THOUSANDS_DIGITS = 3
_CHECKED_KINDS: tuple[Kind, ...] = ("vendor", "item")
"""The kinds of which a write names what the ERP shows now."""


async def resolve(desk: Desk, asked: OrderRequest, approver: Approver) -> ResolvedOrder | WriteOutcome:
    """Find the vendor, items and warehouses that the order names; a person chooses for every word that is not exact.

    Raises:
        InvalidInput: a word has no candidate, or is not exact and this client cannot ask; the text lists the
            candidates with their ids.
    """
    resolution: Resolution | WriteOutcome = await _settle(desk, asked, await understand(desk, asked), approver)
    if isinstance(resolution, WriteOutcome):
        return resolution
    resolution, current = await _make_current(desk, resolution)
    if any(one.is_list_new for one in current.values()):
        # In the newer list a word may mean another entry, or several.
        again = _keep_choices(await understand(desk, asked), resolution)
        resolution = await _settle(desk, asked, again, approver)
        if isinstance(resolution, WriteOutcome):
            return resolution
    # Once more: what was chosen may be the one candidate whose id another has.
    await _refuse_shared_ids(desk, resolution)
    ages = [
        f"The ERP could not be asked about the {kind}{'s' if kind == 'item' else ''} now: "
        f"what is known of {'them' if kind == 'item' else 'it'} is {format_age(one.age)} old."
        for kind, one in current.items()
        if one.age is not None
    ]
    return replace(to_resolved_order(resolution), old_data=tuple(ages))


async def _settle(
    desk: Desk, asked: OrderRequest, resolution: Resolution, approver: Approver
) -> Resolution | WriteOutcome:
    return await _choose(desk, asked, resolution, approver) if resolution.needs_a_person else resolution


async def _make_current(desk: Desk, resolution: Resolution) -> tuple[Resolution, Mapping[Kind, Current]]:
    """Return the resolution with vendor and items as the ERP shows them now, as far as their lists are not fresh."""
    current: dict[Kind, Current] = {}
    for kind in _CHECKED_KINDS:
        taken = {match.taken.id: match.taken for match in resolution.matches if match.kind == kind and match.taken}
        current[kind] = await read_current(desk.catalog, kind, list(taken.values()))
    matches = [
        replace(match, taken=current[match.kind].entries.get(match.taken.id or "", match.taken))
        if match.taken is not None and match.kind in current
        else match
        for match in resolution.matches
    ]
    return replace(resolution, matches=tuple(matches)), current


def _keep_choices(again: Resolution, before: Resolution) -> Resolution:
    """Return the matches of a list that was read again, with a person's choices among those of the older one.

    Raises:
        InvalidInput: what the person chose has changed, or is gone.
    """
    kept: list[WordMatch] = []
    for match, old in zip(again.matches, before.matches, strict=True):
        if match.exact or not old.chosen or old.taken is None:
            kept.append(match)
            continue
        found = next((one for one in match.candidates if one.id == old.taken.id), None)
        # It was chosen as it was shown: as it is now, nobody has seen it.
        if found is None or not is_unchanged(old.taken, found):
            raise InvalidInput(
                f"The {match.kind} {format_entry(old.taken)} was changed in the ERP since it was listed.",
                effect="nothing_sent",
                next_step="Repeat the call: the list was read again.",
            )
        kept.append(replace(match, taken=found, chosen=True))
    return replace(before, matches=tuple(kept))


async def understand(desk: Desk, asked: OrderRequest) -> Resolution:
    """Return the matches of an order's words, without asking a person.

    Raises:
        InvalidInput: a word has no candidate, or no active one.
        ERPError: the vendors cannot be read.
    """
    resolution = Resolution(tuple([await _look_up(desk, kind, said) for kind, said in _words_of_order(asked)]))
    if resolution.missing:
        unknown = [await _describe_unknown(desk, match.kind, match.said) for match in resolution.missing]
        raise InvalidInput(
            " ".join(unknown),
            effect="nothing_sent",
            next_step="Try search_catalog with other words.",
        )
    for match in resolution.matches:
        _require_active(match.kind, match.candidates)
    await _refuse_shared_ids(desk, resolution)
    return resolution


def to_resolved_order(resolution: Resolution) -> ResolvedOrder:
    """Return the entries of a resolution in which every word is settled.

    Raises:
        InvalidInput: an entry that was chosen is not active.
    """
    # Once more: an inactive candidate that the word names in full may stand beside active ones.
    for match in resolution.matches:
        _require_active(match.kind, [match.taken] if match.taken is not None else [])
    warehouses = resolution.warehouses()
    return ResolvedOrder(
        vendor=resolution.vendor,
        items=resolution.items(),
        warehouses={said: warehouse.id for said, warehouse in warehouses.items()},
        warehouse_names={said: warehouse.name for said, warehouse in warehouses.items()},
        notes=resolution.notes,
        choice=resolution.choice,
        unchecked=tuple(
            f"The {match.kind} {name(match.said)} is in no list that the ERP shows; it is sent as an id, unchecked."
            for match in resolution.matches
            if match.unchecked
        ),
    )


def find_doubtful_figures(asked: OrderRequest, currency: str | None) -> tuple[tuple[str, str], ...]:
    """Return what each figure is that may be meant as thousands, and a sentence: "1.000" is 1 here, 1000 in German.

    The figures are read as JSON decimals, and a person must see them. Without a point, or with other than three
    decimals, a figure is plain. `currency` is that of the prices, None where the ERP has none.
    """
    doubts: list[tuple[str, str]] = []
    for place, line in enumerate(asked.lines, 1):
        figures = (("quantity", "quantity", line.quantity, None), ("price", "unit price", line.unit_price, currency))
        for short, what, number, unit in figures:
            if number is not None and _looks_like_thousands(number):
                meant = in_currency(_write_shortest(number), unit)
                not_meant = in_currency(plain(number).replace(".", ""), unit)
                written = f"was written {plain(number)}, which is {meant} here, and not {not_meant}"
                doubts.append((short, f"Line {place}: the {what} {written}."))
    return tuple(doubts)


def _looks_like_thousands(number: Decimal) -> bool:
    """Return whether it is one to three digits, the first not 0, a point and three digits."""
    return number.as_tuple().exponent == -_THOUSANDS_DIGITS and 1 <= number < 10**_THOUSANDS_DIGITS


def _write_shortest(number: Decimal) -> str:
    return plain(number).rstrip("0").rstrip(".")


def _words_of_order(asked: OrderRequest) -> list[tuple[Kind, str]]:
    """Return each word of the order once, with the kind of entry that it should name."""
    named: list[tuple[Kind, str]] = [("vendor", asked.vendor)]
    for line in asked.lines:
        named.append(("item", line.item))
        if line.warehouse is not None:
            named.append(("warehouse", line.warehouse))
    return list(dict.fromkeys(named))


async def _look_up(desk: Desk, kind: Kind, said: str) -> WordMatch:
    match = await _look_up_in_list(desk, kind, said)
    # What is not active may be active by now.
    if not desk.catalog.is_fresh(kind) and any(not entry.active for entry in match.candidates):
        await desk.catalog.entries(kind, refresh=True)
        match = await _look_up_in_list(desk, kind, said)
    return match


async def _look_up_in_list(desk: Desk, kind: Kind, said: str) -> WordMatch:
    matches = await _find_matches(desk, kind, said)
    if matches is None:
        why, has_lists = "as given: the ERP shows no list", "catalog" in desk.erp.capabilities
        return WordMatch(kind, said, _entry_of_id(kind, said), exact=True, why=why, unchecked=has_lists)
    index = await desk.catalog.index(kind)
    if (entry := index.find_exact(said)) is not None:
        return WordMatch(kind, said, entry, exact=True, candidates=(entry,), why=matches[0].why if matches else "")
    return _match_inexact(kind, said, [match for match in matches if _can_be_meant(match)], index)


def _match_inexact(kind: Kind, said: str, matches: list[Match[Any]], index: Index[Any]) -> WordMatch:
    # The word is exact for several entries, such as the id of one and the code of another.
    is_rivalled = bool(matches) and matches[0].fit is Fit.EXACT
    meant = (matches if is_rivalled else best_matches(matches))[:MAX_CANDIDATES]
    if not meant:
        return WordMatch(kind, said, None, exact=False)
    first, *others = meant
    # A candidate is preselected only if it is better than every other in figures and kind of match.
    is_alone = not is_rivalled and all(first.rank[:3] < other.rank[:3] for other in others)
    return WordMatch(
        kind=kind,
        said=said,
        taken=first.entry if is_alone else None,
        exact=False,
        candidates=tuple(match.entry for match in meant),
        why=first.why,
        names=_sure_names(index, [match.entry for match in meant]),
    )


def _sure_names(index: Index[Any], entries: Sequence[Any]) -> tuple[str, ...]:
    """Return the text that surely finds each entry; entries without such a text are numbered, for the form."""
    names: list[str] = []
    for place, entry in enumerate(entries, 1):
        name = _find_sure_word(index, entry) or index.find_sure_name(entry) or entry.id or entry.name
        names.append(f"{name} ({place})" if name in names else name)
    return tuple(names)


def _find_sure_word(index: Index[Any], entry: Any) -> str | None:
    """Return what people call an entry where it finds this entry alone, and reads as a name in a sentence."""
    word = entry.word
    return word if word is not None and name(word, 80) == word and index.find_exact(word) == entry else None


async def _find_matches(desk: Desk, kind: Kind, text: str) -> list[Match[Any]] | None:
    """Return the matches of a word; None if the ERP lists no such entries and must judge the word itself.

    An item or a warehouse can be ordered by its id without a list; a vendor cannot.
    """
    try:
        matches = await desk.catalog.find(kind, text)
        entries = await desk.catalog.entries(kind)
    except ERPError:
        if kind == "vendor":
            raise
        return None
    # A list of vendors without ids cannot show that an id is unknown: the ERP must judge it.
    if entries and kind == "vendor" and text.strip().isdecimal() and not (matches or any(one.id for one in entries)):
        return None
    if not entries and "catalog" in desk.erp.capabilities:
        raise InvalidInput(
            f"The ERP lists no {kind}s, so nothing can be ordered by {name(text)}.",
            effect="nothing_sent",
            next_step=f"Have somebody check in the ERP that its user may see the {kind}s, and repeat the call.",
        )
    return matches if entries else None


async def _refuse_shared_ids(desk: Desk, resolution: Resolution) -> None:
    """Refuse a word that means nothing but entries of an id that another has, too: by the id the ERP takes either.

    Raises:
        InvalidInput: there is such a word; the text lists the entries.
    """
    for match in resolution.matches:
        if match.unchecked or not match.candidates:
            continue
        index = await desk.catalog.index(match.kind)
        shared = [index.find_same_id(one.id) if one.id else [one] for one in match.meant]
        if all(len(entries) > 1 for entries in shared):
            raise InvalidInput(
                f"The ERP has {len(shared[0])} {match.kind}s of one id, and nobody can tell which it would take: "
                f"{'; '.join(map(describe_entry, shared[0][:MAX_CANDIDATES]))}.",
                effect="nothing_sent",
                next_step=f"Have the id of one changed in the ERP, or choose another {match.kind}.",
            )


def _entry_of_id(kind: Kind, text: str) -> Entry:
    text = text.strip()
    match kind:
        case "vendor":
            return Vendor(id=text, name=text)
        case "item":
            return Item(id=text, name=text)
        case "warehouse":
            return Warehouse(id=text, name=text)


def _can_be_meant(match: Match[Any]) -> bool:
    """Return whether an entry is offered: one with an id, and an inactive one only if the word names it in full."""
    return match.entry.id is not None and (match.fit in (Fit.EXACT, Fit.WHOLE) or match.entry.active)


async def _describe_unknown(desk: Desk, kind: Kind, text: str) -> str:
    known = [entry for entry in await desk.catalog.entries(kind) if entry.active]
    available = f" Available: {format_entries(known)}." if 0 < len(known) <= _MAX_LISTED else ""
    # What is asked for may be among the rows that cannot be used.
    available += "".join(f" {gap}" for gap in desk.catalog.describe_gaps(kind))
    matches = await desk.catalog.find(kind, text)
    without_id = [match.entry for match in best_matches(matches) if match.entry.id is None][:_MAX_INACTIVE]
    if without_id:
        have = "has" if len(without_id) == 1 else "have"
        named = "; ".join(map(describe_entry, without_id))
        return f"No {kind} with an id matches {name(text)}: {named} {have} no id here and cannot be ordered from."
    inactive = [match.entry for match in matches if not match.entry.active]
    if not inactive:
        return f"No {kind} matches {name(text)}.{available}"
    are = "is" if len(inactive) == 1 else "are"
    return (
        f"No active {kind} matches {name(text)}; {format_entries(inactive[:_MAX_INACTIVE])} {are} inactive.{available}"
    )


async def _choose(
    desk: Desk, asked: OrderRequest, resolution: Resolution, approver: Approver
) -> Resolution | WriteOutcome:
    """Have the person choose; return the settled resolution, or the outcome of the call if they did not."""
    # What is asked for may be among the rows that cannot be used.
    gaps = [
        gap for kind in {match.kind: 0 for match in resolution.unsettled} for gap in desk.catalog.describe_gaps(kind)
    ]
    as_of = " ".join(filter(None, [_describe_list_times(desk, resolution), *gaps]))
    order = draft_order(asked, resolution.meant)
    # The operator takes no yes from a form where the page comes first: what was chosen in one decides nothing yet.
    is_last = order is not None and not desk.page.comes_first and not explain_amount(desk, order.draft)
    doubts = _explain_figures(asked, order) if is_last else ()
    place = place_of(desk.erp)
    about = describe_new(asked.number, place)
    question = build_question(
        asked, resolution, place.tag, as_of, doubts, is_last=is_last, about=about, where=place.label
    )
    answer = await approver.choose(question)
    # The assistant gets the candidates in words, and can ask its user itself.
    if answer.how in ("not_asked", "cancelled", "timed_out"):  # no person saw the question
        raise build_refusal(resolution, as_of)
    values = forms.read_choices(answer, question)
    settled = resolution.with_choices(values) if values is not None else None
    if settled is None:
        # A no in a field that was not asked for keeps the rest from counting; that something was chosen is not denied.
        return _decline(desk, resolution, is_unfit=answer.how == "accepted" and values is None)
    # A person who was promised the whole order is shown it, whatever a second round of choices would do without.
    return replace(settled, choice="last" if is_last and resolution.choice != "first" else "first")


def _decline(desk: Desk, resolution: Resolution, *, is_unfit: bool) -> WriteOutcome:
    """Return the outcome of a question that brought no choice, with the candidates."""
    why = "No answer came that fits the question" if is_unfit else "Nothing was chosen"
    text = f"{why}, so nothing was ordered. {list_candidates(resolution)}"
    return desk.words.say("declined", None, text, explain_names(resolution))


def _explain_figures(asked: OrderRequest, order: CreatePayload | None) -> tuple[str, ...]:
    """Return a sentence on each figure that may be meant otherwise, on each price of 0, and on several prices."""
    currency = None if order is None else order.currency
    free = dict.fromkeys(name(line.item) for line in asked.lines if line.unit_price == 0)
    zeros = (say_free(item, currency) for item in free)
    doubts = [doubt for _, doubt in find_doubtful_figures(asked, currency)]
    return (*doubts, *zeros, *describe_prices_of_words(asked, currency))


def _describe_list_times(desk: Desk, resolution: Resolution) -> str:
    """Say when the lists were read that are not fresh, as a moment: a question is repeated letter for letter."""
    times = {match.kind: desk.catalog.read_at(match.kind) for match in resolution.unsettled}
    return " ".join(
        f"The list of {kind}s is of {datetime.fromtimestamp(read_at, UTC):%Y-%m-%d %H:%M} UTC."
        for kind, read_at in times.items()
        if read_at is not None and not desk.catalog.is_fresh(kind)
    )


def _require_active(kind: Kind, entries: Sequence[Entry]) -> None:
    """Raise `InvalidInput` if none of the entries is active."""
    if entries and not any(entry.active for entry in entries):
        raise InvalidInput(
            f"The {kind} {format_entry(entries[0])} is inactive in the ERP.",
            effect="nothing_sent",
            next_step=f"Choose another {kind}.",
        )
