"""What a person is asked about a new order: whether to make it, and which vendor, item or warehouse is meant. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from po_mcp.amounts import EXACT
from po_mcp.orders import DraftLine, choose_word
from po_mcp.writes import order_text as text
from po_mcp.writes.forms import DECISION, Field, Place, Question
from po_mcp.writes.payloads import CreatePayload, LineNote, Reason

_MAX_GUESSED_LINES = 100
"""Lines of a new order with a guess that a question shows; all others are at most `MAX_NEW_LINES`."""
_MAX_COLUMNS = 3 * text.HEAD_COLUMNS
"""Columns of a sentence that takes more than its own line."""
_Line = tuple[int, DraftLine, LineNote]
"""A line with its place in the order, counted from 1, and its note."""


def ask_create(payload: CreatePayload, place: Place) -> Question:
    """Make the question for an order that a person must see before it is created.

    What was understood stands beside what was said; a price that nobody gave stands with where it is from.
    """
    number, notes = text.number(payload.draft.number), notes_of(payload)
    # The safe one first: hosts mark the first option, and Enter takes what is marked.
    options = (("no", "No, do not create it"), ("yes", "Yes, create it"))
    about = _new_items(payload, notes)
    field = Field(DECISION, text.title("Create order", number, "Create this order"), about, options)
    said = [f"Vendor asked for as: {text.shown(payload.vendor_said, 53)}"] if payload.vendor_said else []
    reasons = (
        text.cut(reason.sentence, _MAX_COLUMNS)
        for reason in reasons_beside_lines(payload, _MAX_GUESSED_LINES)
        if not reason.is_said_by_short
    )
    unknown = [] if payload.currency else [text.CURRENCY_NOT_GIVEN]
    lines = [*_create_head(payload, place, notes), *said, *reasons, *_new_order(payload, notes), *unknown]
    return Question(_join(lines), (field,))


def _create_head(payload: CreatePayload, place: Place, notes: Sequence[LineNote]) -> list[str]:
    """Return what fits on the first screen: the question, the amount, and what to check."""
    number = text.number(payload.draft.number)
    return text.head(
        tag=place.tag,
        sentence=f"Create order {number} in {place.erp}?",
        short=f"Create {number}?",
        effect="",
        facts=[
            *_amounts(payload),
            *(reason.short for reason in payload.reasons if reason.short),
            *_to_check(payload, notes),
        ],
        vendor=_name_vendor(payload),
        where=place.label,
    )


def ask_which(
    tag: str,
    fields: Iterable[Field],
    as_of: str = "",
    order: CreatePayload | None = None,
    currency_note: str = "",
    doubts: Sequence[str] = (),
    *,
    is_last: bool = True,
    about: str = "",
    where: str = "",
) -> Question:
    """Make the question which vendor, item or warehouse is meant; it approves nothing.

    Args:
        tag: as of `Place`.
        fields: a choice for each word.
        as_of: when the lists were read, where that is long ago.
        order: the whole order, in which what is chosen stands as such; None where the person sees it afterwards.
        currency_note: what is known of the currency of its amounts, where that is not all.
        doubts: sentences on figures that may be meant otherwise.
        is_last: the person is not asked about the order again.
        about: which order is to be made, and in which ERP.
        where: whose books it goes to.
    """
    asked = tuple(fields)
    lines = _which_head(tag, asked, order, about, where, is_last=is_last)
    lines += [text.cut(doubt, _MAX_COLUMNS) for doubt in doubts]
    for field in asked:
        lines.append(text.cut(f"{field.title}? {field.description}", text.HEAD_COLUMNS))
        lines += [f"- {text.cut(label, text.HEAD_COLUMNS - 2)}" for _, label in field.choices[1:]]
    lines += [] if order is None else [*_new_order(order, notes_of(order)), currency_note]
    return Question(_join([*lines, as_of]), asked)


def _which_head(
    tag: str, asked: Sequence[Field], order: CreatePayload | None, about: str, where: str, *, is_last: bool
) -> list[str]:
    """Return the first lines of a choice: three that say all of the order, which some hosts draw and no more."""
    if not is_last:
        what = f"{asked[0].title}?" if len(asked) == 1 else f"{len(asked)} choices needed."
        sentence = f"{what} You see the whole order before it is made."
    elif len(asked) == 1:
        sentence = f"{asked[0].title}? The order is made with your choice."
    else:
        sentence = f"{len(asked)} choices needed. The order is made with them."
    if order is None:
        return [tag + sentence, text.DOT.join(filter(None, [about, text.shown(where, 29) if where else ""]))]
    return text.head(
        tag=tag,
        sentence=sentence,
        short=sentence,
        effect="",
        facts=[*_amounts(order), *([about[0].lower() + about[1:]] if about else [])],
        vendor=_name_vendor(order) if order.draft.vendor.name else "the one you choose",
        where=where,
    )


def describe_new(number: str | None, place: Place) -> str:
    """Say which order is to be made, and in which ERP."""
    order = f"New order {text.number(number)} in {place.erp}" if number else f"New order in {place.erp}"
    return text.cut(order, 42)


def notes_of(payload: CreatePayload) -> Sequence[LineNote]:
    """Return what is known of each line; nothing where an older version recorded none."""
    return payload.line_notes or [LineNote(name=line.item_word) for line in payload.draft.lines]


def reasons_beside_lines(payload: CreatePayload, shown: int) -> list[Reason]:
    """Return the reasons to tell beside the order's lines, of which at most `shown` are shown, those guessed first."""
    are_all_shown = sum(note.is_guessed for note in notes_of(payload)) <= shown
    return [reason for reason in payload.reasons if not (reason.is_said_by_lines and are_all_shown)]


def sort_guessed_first(lines: Sequence[DraftLine], notes: Sequence[LineNote]) -> list[_Line]:
    """Return the lines with their places, those first in which something was guessed: they must be seen."""
    placed = [(place, line, note) for place, (line, note) in enumerate(zip(lines, notes, strict=True), 1)]
    return sorted(placed, key=lambda one: not one[2].is_guessed)


def _amounts(payload: CreatePayload) -> list[str]:
    draft = payload.draft
    return [f"Total {text.money(draft.total, payload.currency)}", text.count(len(draft.lines), "line")]


def _name_vendor(payload: CreatePayload) -> str:
    vendor = payload.draft.vendor
    known_as = choose_word(vendor)
    return vendor.name + (f", {known_as}" if known_as and known_as != vendor.name else "")


def _to_check(payload: CreatePayload, notes: Sequence[LineNote]) -> list[str]:
    matched, filled = sum(bool(note.said) for note in notes), sum(bool(note.price_source) for note in notes)
    places = len({note.warehouse_said for note in notes if note.warehouse_said})
    what = ["the vendor"] if payload.vendor_said else []
    what += [text.count(matched, "item")] if matched else []
    what += [text.count(places, "warehouse")] if places else []
    what += [text.count(filled, "price")] if filled else []
    *firsts, last = what or [""]
    return [f"check {', '.join(firsts)} and {last}" if firsts else f"check {last}"] if what else []


def _new_items(payload: CreatePayload, notes: Sequence[LineNote]) -> str:
    """Write the lines that were guessed, else all, for a field's description."""
    pairs = list(zip(payload.draft.lines, notes, strict=True))
    doubtful = [pair for pair in pairs if pair[1].is_guessed]
    items = [
        (line.quantity, note.name, f" at {text.money(line.unit_price, payload.currency)}")
        for line, note in doubtful or pairs
    ]
    return text.items_line("Check" if doubtful else "Items", items)


def _new_order(payload: CreatePayload, notes: Sequence[LineNote]) -> list[str]:
    """Write the details of a new order, below the head: first the lines in which something was guessed."""
    draft = payload.draft
    rows = [f"Expected: {text.day(draft.expected_on)}"] if draft.expected_on else []
    # Said once where it is the same for all: a line that is repeated is not read.
    places = {
        (note.warehouse or line.warehouse, note.warehouse_said) for line, note in zip(draft.lines, notes, strict=True)
    }
    is_one_place = len(places) == 1
    if is_one_place:
        where, said = places.pop()
        rows += ["Deliver to: " + text.shown(where, text.HEAD_COLUMNS - 12)] if where else []
        rows += ["    asked for as: " + text.shown(said, 56)] if said else []
    rows += ["Note: " + text.shown(draft.note, 200)] if draft.note else []
    lines = sort_guessed_first(draft.lines, notes)
    guessed = sum(note.is_guessed for note in notes)
    # What was guessed has room beyond the usual number: it must be seen.
    size = min(max(guessed, text.MAX_NEW_LINES), _MAX_GUESSED_LINES)
    for line in lines[:size]:
        rows += _new_line(line, payload.currency, with_place=not is_one_place)
    rest = len(lines) - size
    to_check = f", {guessed - size} of them to check" if guessed > size else ""
    return [*rows, *([f"and {text.count(rest, 'more line')}{to_check}"] if rest > 0 else [])]


def _new_line(placed: _Line, currency: str | None, *, with_place: bool) -> list[str]:
    place, line, note = placed
    price = text.money(line.unit_price, currency)
    amount = text.money(EXACT.multiply(line.quantity, line.unit_price), currency)
    start = f"{place}) {text.quantity(line.quantity, note.unit)} at {price} = {amount}: "
    what = line.item_word if note.name == line.item_word else f"{line.item_word}, {note.name}"
    rows = [start + text.shown(what, max(20, text.HEAD_COLUMNS - text.columns(start)))]
    if with_place and note.warehouse:
        said = text.shown(note.warehouse_said, 24) if note.warehouse_said else ""
        where = text.shown(note.warehouse, 58 - (text.columns(said) + 16 if said else 0))
        rows.append(f"    deliver to: {where}" + (f", asked for as: {said}" if said else ""))
    rows += ["    asked for as: " + text.shown(note.said, 56)] if note.said else []
    rows += [text.cut(f"    no price given: {note.price_source}", _MAX_COLUMNS)] if note.price_source else []
    return rows


def _join(lines: Sequence[str]) -> str:
    return "\n".join(line for line in lines if line)
