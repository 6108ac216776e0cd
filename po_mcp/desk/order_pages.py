"""Orders with many lines, page by page: an order of 3,000 lines must not fill a chat."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from po_mcp.errors import InvalidInput
from po_mcp.orders import OrderLine, PurchaseOrder
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
_east_asian = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\uff01-\uffee]")
_EAST_ASIAN_BYTES = 3
_escaped = re.compile(r'["\\|]')
_DIGEST_LENGTH = 16


class OrderPage(PurchaseOrder):
    """An order with some of its lines, at most `LINES_PER_PAGE`; `line_count` counts all of them."""

    next_cursor: Annotated[str | None, Field(description="Fetches the lines after these")] = None


def page_of(order: PurchaseOrder, cursor: str | None) -> OrderPage:
    """Return a page of an order's lines, as many as take less than `MAX_PAGE_TOKENS`.

    Args:
        order: as it was read now.
        cursor: `next_cursor` of the page before; None for the first page.

    Raises:
        InvalidInput: the cursor is none of this order, or the order changed since its first page was read.
    """
    digest = digest_of(order.model_dump())[:_DIGEST_LENGTH]
    begin = 0 if cursor is None else _read_cursor(cursor, order.number, digest)
    lines = order.lines or ()
    end = _end_of_page(lines, begin)
    following = _write_cursor(end, order.number, digest) if end < len(lines) else None
    fields = {name: getattr(order, name) for name in PurchaseOrder.model_fields}
    shown = None if order.lines is None else lines[begin:end]
    count = order.line_count if order.lines is None else len(lines)
    return OrderPage(**{**fields, "lines": shown, "line_count": count, "next_cursor": following})


def _end_of_page(lines: Sequence[OrderLine], begin: int) -> int:
    """Return the place behind the last line that has room; a page has one line at least."""
    left: float = MAX_PAGE_TOKENS - _TOKENS_BESIDE_LINES
    for place, line in enumerate(lines[begin : begin + LINES_PER_PAGE], begin):
        left -= _estimate_tokens(line)
        if left < 0 and place > begin:
            return place
    return begin + LINES_PER_PAGE


def _estimate_tokens(line: OrderLine) -> float:
    """Return about how many tokens a line takes as JSON: names and punctuation of its fields, and what they hold."""
    values = [str(value) for value in line.model_dump(mode="json", exclude_none=True).values()]
    return _TOKENS_PER_FIELD * len(values) + sum(map(_estimate_value, values))


def _estimate_value(value: str) -> float:
    """Return about how many tokens a text takes at most, in JSON or in a table."""
    words, escaped = sum(map(len, _plain_words.findall(value))), len(_escaped.findall(value))
    plain = sum(map(str.isascii, value))
    east_asian = _EAST_ASIAN_BYTES * len(_east_asian.findall(value))
    foreign = len(value.encode()) - plain - east_asian
    signs = plain - words - escaped
    return _TOKENS_OF_A_WORD * (words + east_asian) + _TOKENS_OF_A_SIGN * signs + _TOKENS_ESCAPED * (escaped + foreign)


def _write_cursor(begin: int, number: str, digest: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([begin, number, digest]).encode()).decode().rstrip("=")


def _read_cursor(cursor: str, number: str, digest: str) -> int:
    try:
        begin, of_number, of_digest = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, TypeError, binascii.Error, RecursionError) as exc:
        raise _foreign() from exc
    if type(begin) is not int or begin <= 0 or of_number != number:
        raise _foreign()
    if of_digest != digest:
        raise InvalidInput(
            f"Order {number} changed since its first lines were read. Nothing was sent.",
            next_step="Leave the cursor out to read it again from its first line.",
        )
    return begin


def _foreign() -> InvalidInput:
    return InvalidInput(
        "This cursor belongs to another order. Nothing was sent.",
        next_step="Use next_cursor unchanged with the same number, or leave it out.",
    )
