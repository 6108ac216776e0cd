"""What tells orders of the same content: vendor, items and quantities, whatever their number, note and date. Pure."""

from __future__ import annotations

import unicodedata
from decimal import Decimal

from po_mcp.amounts import EXACT
from po_mcp.orders import DraftLine, OrderDraft
from po_mcp.writes.operation import canonical_json, digest_of


def fold(text: str) -> str:
    """Return text as ERPs that pad and capitalise would make it one, however its letters with marks are encoded."""
    return " ".join(unicodedata.normalize("NFC", text).split()).casefold()


def digest_of_content(draft: OrderDraft) -> str:
    """Digest the vendor and the lines, however these are split and in whatever order they stand."""
    # Number, note and date are left out: the same need, asked for twice, rarely has the same.
    merged: dict[tuple[str, str, str], Decimal] = {}
    for line in draft.lines:
        key = _line_key(line)
        # Two lines of 5 are one of 10: the same goods would arrive.
        merged[key] = EXACT.add(line.quantity, merged.get(key, Decimal(0)))
    lines = sorted([*key, canonical_json(quantity)] for key, quantity in merged.items())
    return digest_of([vendor_key(draft), lines])


def vendor_key(draft: OrderDraft) -> str:
    """Return what names the vendor."""
    return fold(draft.vendor.id or draft.vendor.name)


def item_keys(draft: OrderDraft) -> frozenset[str]:
    """Return what names the items."""
    return frozenset(fold(line.item) for line in draft.lines)


def _line_key(line: DraftLine) -> tuple[str, str, str]:
    # Other prices or warehouses are another order, which a buyer may well place beside the first.
    return fold(line.item), canonical_json(line.unit_price), line.warehouse or ""
