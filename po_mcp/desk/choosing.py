"""The choice of a vendor, item or warehouse, with the whole order beside it: how much, and for how much. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence

from po_mcp.desk.catalog import Entry, Kind, format_entry, is_name_alone, words_of
from po_mcp.desk.exactness import normalize_blanks
from po_mcp.desk.resolution import Resolution, WordMatch, field_names
from po_mcp.errors import InvalidInput
from po_mcp.orders import DraftLine, Item, OrderDraft, OrderRequest, OrderRequestLine, Vendor, Warehouse, choose_word
from po_mcp.writes import order_text
from po_mcp.writes.forms import Field, Question
from po_mcp.writes.new_order_forms import ask_which
from po_mcp.writes.order_text import ITEMS_COLUMNS, columns, count, money, name, quantity, shown
from po_mcp.writes.payloads import CreatePayload, LineNote

NONE_OF_THESE = "none"
"""The choice, and the first of every field, that nothing offered is meant."""
_MIN_PLURAL_CHARS = 4
"""Letters from which on an s at the end is that of a plural."""
_tokens = re.compile(r"[^\W\d_]+|(?:(?<!\S)[+\-\u2212\u00b1])?\d+(?:[.,/]\d+)*")
_plain = re.compile(r"[\w.\-/]{1,40}( of [0-9]{1,6})?")
_MIN_SAID_COLUMNS = 16
_AS_CHOSEN = "as chosen"

Meant = Mapping[tuple[Kind, str], tuple[Sequence[Entry], bool]]
"""What each word of an order may mean, and whether that is settled."""


def build_question(
    asked: OrderRequest,
    resolution: Resolution,
    notice: str,
    as_of: str = "",
    doubts: Sequence[str] = (),
    *,
    is_last: bool = True,
    about: str = "",
    where: str = "",
) -> Question:
    """Return the question of an order: a choice among the candidates, or none, for every word that is not exact.

    The whole order stands beside it, unless a price is missing: then, and where it is not the last question, the
    person sees the whole order afterwards. `as_of` is a sentence on lists that are not fresh, `doubts` are those on
    figures of the order, `about` says which order it is, and `where` whose books it goes to.
    """
    meant = resolution.meant
    order = draft_order(asked, meant)
    fields = [
        Field(
            name,
            f"Which {match.kind}",
            _describe_wanted(asked, match, order),
            # None first: hosts mark the first option, and Enter takes what is marked.
            ((NONE_OF_THESE, "None of these"), *zip(match.names, describe_apart(match.candidates), strict=True)),
        )
        for name, match in zip(field_names(resolution), resolution.unsettled, strict=True)
    ]
    note = "" if order is None else describe_currency(asked, meant)
    is_last = is_last and order is not None
    return ask_which(notice, fields, as_of, order, note, doubts, is_last=is_last, about=about, where=where)


def _describe_wanted(asked: OrderRequest, match: WordMatch, order: CreatePayload | None) -> str:
    """Return what was said, and how much of it is wanted at which price where one line says it."""
    lines = [place for place, line in enumerate(asked.lines) if match.kind == "item" and line.item == match.said]
    more = ""
    if order is not None and len(lines) == 1:
        line, note = order.draft.lines[lines[0]], order.line_notes[lines[0]]
        more = f" · {quantity(line.quantity, note.unit)} at {money(line.unit_price, order.currency)}"
    return f"Asked for as: {shown(match.said, max(ITEMS_COLUMNS - 14 - columns(more), _MIN_SAID_COLUMNS))}{more}"


def build_refusal(resolution: Resolution, as_of: str = "") -> InvalidInput:
    """Return the error for a client that cannot ask: it lists the candidates, for the assistant to show its user."""
    what = " ".join(filter(None, [list_candidates(resolution), as_of]))
    return InvalidInput(
        f"Not exactly what the ERP calls it: {what}", effect="nothing_sent", next_step=explain_names(resolution)
    )


def list_candidates(resolution: Resolution) -> str:
    """Return a sentence on each word that is not exact, with its candidates and the sure name of each."""
    return " ".join(
        f"{_count_matches(match)} {name(match.said)}: "
        + "; ".join(_describe_with_name(entry, sure) for entry, sure in zip(match.candidates, match.names, strict=True))
        + "."
        for match in resolution.unsettled
    )


def explain_names(resolution: Resolution) -> str:
    """Return what the assistant is to do with `list_candidates`, and what stands there for the one that is chosen."""
    offered = [pair for match in resolution.unsettled for pair in zip(match.candidates, match.names, strict=True)]
    by_name = [entry for entry, sure in offered if sure == choose_word(entry)]
    exceptions = [
        "before the equals sign where there is one" if len(by_name) < len(offered) else "",
        "its name where there are no brackets" if any(map(is_name_alone, by_name)) else "",
    ]
    what = "Show the user the choices, and repeat the call with what stands before the brackets of the one they choose"
    return ": ".join(filter(None, [what, ", and ".join(filter(None, exceptions))])) + "."


def _count_matches(match: WordMatch) -> str:
    """Begin a sentence on the candidates of a word: `1 vendor matches`, `3 items match`, `1 item is nearest to`."""
    counted, is_one = count(len(match.candidates), match.kind), len(match.candidates) == 1
    # A word or a figure that is in none of them, such as female, 47k or 12V for +12V, may be another thing.
    if not all(_has_all_of(match.said, entry) for entry in match.candidates):
        return f"{counted} {'is' if is_one else 'are'} nearest to"
    return f"{counted} match{'es' if is_one else ''}"


def _has_all_of(said: str, entry: Entry) -> bool:
    """Tell whether each word and each figure with its sign that was said stands in the entry's id, code or name."""
    written = " ".join(text for _, text in words_of(entry) if text)
    return _split(said) <= _split(written)


def _split(text: str) -> set[str]:
    found = _tokens.findall(unicodedata.normalize("NFKC", normalize_blanks(text)).casefold())
    return {one.removesuffix("s") if len(one) >= _MIN_PLURAL_CHARS else one for one in found}


def describe_apart(entries: Sequence[Entry]) -> list[str]:
    """Return each entry as `describe_entry` does, and its id where it could not be told from another without."""
    described = [describe_entry(entry) for entry in entries]
    return [
        f"{text}, id {entry.id}" if described.count(text) > 1 and entry.word is not None else text
        for entry, text in zip(entries, described, strict=True)
    ]


def describe_entry(entry: Entry) -> str:
    """Return an entry in words for a choice: `id (name), code ..., unit, currency`; its word, if any, for the id."""
    more: list[str] = []
    if isinstance(entry, Item):
        more = [f"per {_quote_if_unclear(entry.unit)}"] if entry.unit else []
    elif isinstance(entry, Vendor):
        more = [_quote_if_unclear(entry.currency)] if entry.currency else []
    more += [] if entry.active else ["inactive"]
    code = None if isinstance(entry, Warehouse) else entry.code
    if code and code not in (choose_word(entry), entry.name):
        more = [f"code {_quote_if_unclear(code)}", *more]
    return ", ".join([format_entry(entry), *more])


def _quote_if_unclear(text: str) -> str:
    """Return a code or unit, quoted if it could be read as words of this server."""
    return text if _plain.fullmatch(text) else name(text, 40)


def _describe_with_name(entry: Entry, name: str) -> str:
    shown = describe_entry(entry)
    return shown if name == choose_word(entry) else f"{name} = {shown}"


def draft_order(asked: OrderRequest, meant: Meant) -> CreatePayload | None:
    """Return an order as far as it is known before the choice; None where a price is missing.

    Where there are several candidates `as chosen` stands in their place, with the unit if all have the same.
    """
    vendors, _ = meant["vendor", asked.vendor]
    vendor, currency = _find_one(vendors), _agree([one.currency for one in vendors if isinstance(one, Vendor)])
    lines: list[DraftLine] = []
    notes: list[LineNote] = []
    for line in asked.lines:
        if line.unit_price is None:
            # It depends on the item that is chosen, and the person sees the whole order afterwards.
            return None
        item = _find_one(meant["item", line.item][0])
        note = _note(line, meant)
        code = note.name if item is None or item.id is None else item.id
        word = None if item is None or not isinstance(item, Item) else item.word
        lines.append(DraftLine(item=code, quantity=line.quantity, unit_price=line.unit_price, word=word))
        notes.append(note)
    return CreatePayload(
        draft=OrderDraft(
            number=asked.number or "",
            vendor=vendor if isinstance(vendor, Vendor) else Vendor(id=None, name="", currency=currency),
            lines=tuple(lines),
            expected_on=asked.expected_on,
            note=asked.note,
        ),
        line_notes=tuple(notes),
        currency=currency,
    )


def describe_currency(asked: OrderRequest, meant: Meant) -> str:
    """Say that the currency is not given, or follows from the choice of the vendor; "" where it is known."""
    currencies = {one.currency for one in meant["vendor", asked.vendor][0] if isinstance(one, Vendor)}
    if not any(currencies):
        return order_text.CURRENCY_NOT_GIVEN
    return "" if len(currencies) == 1 else "The currency is that of the vendor you choose."


def _note(line: OrderRequestLine, meant: Meant) -> LineNote:
    items, is_sure = meant["item", line.item]
    places, is_sure_place = ((), True) if line.warehouse is None else meant["warehouse", line.warehouse]
    item, place = _find_one(items), _find_one(places)
    return LineNote(
        name=_AS_CHOSEN if item is None else item.name,
        unit=_agree([one.unit for one in items if isinstance(one, Item)]),
        warehouse=place.name if place is not None else _AS_CHOSEN if places else None,
        warehouse_said=None if is_sure_place else line.warehouse,
        said=None if is_sure else line.item,
    )


def _find_one(entries: Sequence[Entry]) -> Entry | None:
    return entries[0] if len(entries) == 1 else None


def _agree(values: Sequence[str | None]) -> str | None:
    """Return the value that all have; None where they differ."""
    return values[0] if len(set(values)) == 1 else None
