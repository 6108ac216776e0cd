"""Habits that change a draft before it is checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from po_mcp.sandbox.records import ItemKey, LineDraft, OrderDraft


def uppercase_number(draft: OrderDraft) -> OrderDraft:
    """Put the number in capitals."""
    return replace(draft, number=draft.number.upper()) if draft.number else draft


def drop_note(draft: OrderDraft) -> OrderDraft:
    """Leave out the note."""
    return replace(draft, note="")


def uppercase_items(draft: OrderDraft) -> OrderDraft:
    """Put the item codes in capitals, as all codes of the sandbox are."""
    lines = (replace(line, item=(key, code.upper() if key != "uuid" else code)) for line, key, code in _items(draft))
    return replace(draft, lines=tuple(lines))


def strip_items(draft: OrderDraft) -> OrderDraft:
    """Take the blanks behind the item codes away."""
    return replace(draft, lines=tuple(replace(line, item=(key, code.rstrip())) for line, key, code in _items(draft)))


def _items(draft: OrderDraft) -> Iterator[tuple[LineDraft, ItemKey, str]]:
    for line in draft.lines:
        yield line, *line.item
