"""Orders with many lines, page by page: an order of 3,000 lines must not fill a chat."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from po_mcp.amounts import plain
from po_mcp.errors import InvalidInput
from po_mcp.orders import OrderLine, PurchaseOrder
from po_mcp.untrusted import mark_number
from po_mcp.writes.operation import digest_of

LINES_PER_PAGE = 100
MAX_PAGE_TOKENS = 4_000
"""Tokens of a page, in either form, as a model counts them."""
_TOKENS_BESIDE_LINES = 400
_TOKENS_PER_FIELD = 3.5
_TOKENS_OF_A_WORD = 0.5
"""Of each letter of a word, digit of a figure and blank, and byte of an East Asian letter."""
_TOKENS_OF_A_SIGN = 0.75
_TOKENS_ESCAPED = 1.0
"""Of what JSON or a table escapes, and of each byte of another script."""
_plain_words = re.compile(r"[a-z]{4,}|[0-9]{2,}|[ .]")
_EAST_ASIAN = r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\uff01-\uffee]"
_EAST_ASIAN_BYTES = 3
_escaped = re.compile(r'["\\|]')
_DIGEST_LENGTH, _NUMBER_DIGEST_LENGTH = 16, 8
_cursor = re.compile(r"([0-9]{1,7})-([0-9a-f]{8})-([0-9a-f]{16})", re.ASCII)
"""Where the page begins, and the digests of the order's number and of all of it; in few tokens."""


class OrderPage(PurchaseOrder):
    """An order with some of its lines, at most `LINES_PER_PAGE`; `line_count` counts all that the ERP has."""

    next_cursor: Annotated[str | None, Field(description="Fetches the lines after these")] = None


def page_of(order: PurchaseOrder, cursor: str | None) -> OrderPage:
    """Return a page of an order's lines, as many as take less than `MAX_PAGE_TOKENS`.

    Args:
        order: as it was read now.
        cursor: `next_cursor` of the page before; None for the first page.

    Raises:
        InvalidInput: the cursor is none of this order, or the order changed since its first page was read.
    """
    begin = 0 if cursor is None else _read_cursor(cursor, order)
    lines = order.lines or ()
    end = _end_of_page(lines, begin)
    following = _write_cursor(end, order) if end < len(lines) else None
    shown = None if order.lines is None else lines[begin:end]
    count = order.line_count if order.lines is None else len(lines) + order.untold_lines
    # Constructed and not validated once more: the order was when it was read.
    changed = {"lines": shown, "line_count": count, "next_cursor": following}
    return OrderPage.model_construct(**{**vars(order), **changed})


def _end_of_page(lines: Sequence[OrderLine], begin: int) -> int:
    """Return the place behind the last line that has room; a page has one line at least."""
    left: float = MAX_PAGE_TOKENS - _TOKENS_BESIDE_LINES
    held = [_write_values(line) for line in lines[begin : begin + LINES_PER_PAGE]]
    if sum(map(_bound_tokens, held)) <= left:  # few lines, of which no letter need be looked at
        return begin + LINES_PER_PAGE
    for place, values in enumerate(held, begin):
        left -= _estimate_tokens(values)
        # One line in any case, or the cursor would lead back to where it stands.
        if left < 0 and place > begin:
            return place
    return begin + LINES_PER_PAGE


def _write_values(line: OrderLine) -> list[str]:
    return [plain(one) if isinstance(one, Decimal) else str(one) for one in vars(line).values() if one is not None]


def _bound_tokens(values: Sequence[str]) -> float:
    """Return what `_estimate_tokens` is at most: no byte is taken for more than one that is escaped."""
    return _TOKENS_PER_FIELD * len(values) + _TOKENS_ESCAPED * len("".join(values).encode())


def _estimate_tokens(values: Sequence[str]) -> float:
    """Return about how many tokens a line takes as JSON: names and punctuation of its fields, and what they hold."""
    return _TOKENS_PER_FIELD * len(values) + sum(map(_estimate_value, values))


def _estimate_value(value: str) -> float:
    """Return about how many tokens a text takes at most, in JSON or in a table."""
    words, escaped = sum(map(len, _plain_words.findall(value))), len(_escaped.findall(value))
    in_ascii = len(value) if value.isascii() else sum(map(str.isascii, value))
    # Not compiled at the start, which would wait for it.
    east_asian = 0 if value.isascii() else _EAST_ASIAN_BYTES * len(re.findall(_EAST_ASIAN, value))
    foreign = len(value.encode()) - in_ascii - east_asian
    signs = in_ascii - words - escaped
    return _TOKENS_OF_A_WORD * (words + east_asian) + _TOKENS_OF_A_SIGN * signs + _TOKENS_ESCAPED * (escaped + foreign)


def _digest(order: PurchaseOrder) -> str:
    return digest_of(order.model_dump())[:_DIGEST_LENGTH]


def _digest_number(order: PurchaseOrder) -> str:
    return digest_of(order.number)[:_NUMBER_DIGEST_LENGTH]


def _write_cursor(begin: int, order: PurchaseOrder) -> str:
    # Bound to the order as it was: where a line goes, those behind it move up, and the next page would miss one. The
    # number has a digest of its own, since an order that changed is no other order.
    return f"{begin}-{_digest_number(order)}-{_digest(order)}"


def _read_cursor(cursor: str, order: PurchaseOrder) -> int:
    written = _cursor.fullmatch(cursor)
    if written is None or int(written[1]) <= 0 or written[2] != _digest_number(order):
        raise _foreign()
    if written[3] != _digest(order):
        raise InvalidInput(
            f"Order {mark_number(order.number)} changed since its first lines were read.",
            effect="nothing_sent",
            next_step="Leave the cursor out to read it again from its first line.",
        )
    return int(written[1])


def _foreign() -> InvalidInput:
    return InvalidInput(
        "This cursor belongs to another order.",
        effect="nothing_sent",
        next_step="Use next_cursor unchanged with the same number, or leave it out.",
    )
