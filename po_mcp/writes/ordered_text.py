"""What was ordered, for the outcome of a create: quantity, item, price and warehouse of its lines. Pure.

An order whose words are exact is sent in silence, so its outcome is the first that a person reads of it. How the ERP
stored a line otherwise stands behind it, as a difference.
"""

from __future__ import annotations

from collections.abc import Sequence

from po_mcp.orders import DraftLine
from po_mcp.writes import order_text
from po_mcp.writes.payloads import CreatePayload, LineNote

_MAX_PLACES = 8
"""Warehouses that are named of the lines which are only counted."""


def say_ordered(payload: CreatePayload, currency: str | None) -> str:
    """Return what was ordered, in the ERP's units and names; where all of it goes stands once, behind the lines.

    `currency` is that of the prices; None where nobody tells it.
    """
    lines = payload.draft.lines
    # An older version recorded no notes.
    notes = payload.line_notes or (None,) * len(lines)
    places = [_find_place(line, note) for line, note in zip(lines, notes, strict=True)]
    is_one_place = len(set(places)) == 1
    texts = [
        _say_line(line, note, currency) + ("" if is_one_place else _say_to([place]))
        for line, note, place in zip(lines, notes, places, strict=True)
    ][: order_text.MAX_NEW_LINES]
    if rest := len(lines) - len(texts):
        more = "" if is_one_place else _say_to(places[len(texts) :])
        texts.append(f"and {order_text.count(rest, 'more line')}{more}")
    where = f" Deliver to: {order_text.name(places[0])}." if is_one_place and places[0] else ""
    return f"Ordered: {'; '.join(texts)}.{where}"


def _say_line(line: DraftLine, note: LineNote | None, currency: str | None) -> str:
    unit = f"{order_text.name(note.unit, 12)} of " if note and note.unit else ""
    name = f" ({order_text.name(note.name)})" if note and note.name != line.item_word else ""
    price = order_text.money(line.unit_price, currency)
    return f"{order_text.quantity(line.quantity)} {unit}{order_text.name(line.item_word)}{name} at {price}"


def _find_place(line: DraftLine, note: LineNote | None) -> str:
    """Return the name of the warehouse of a line, its id where the ERP has no name for it; "" without one."""
    return (note and note.warehouse) or line.warehouse or ""


def _say_to(places: Sequence[str]) -> str:
    names = [order_text.name(place) for place in dict.fromkeys(filter(None, places))]
    more = [f"{len(names) - _MAX_PLACES} more"] if len(names) > _MAX_PLACES else []
    return f", to {', '.join([*names[:_MAX_PLACES], *more])}" if names else ""
