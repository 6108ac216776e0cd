"""Numbers of orders that are alike: short for another, easily taken for it, or of a follow-up of its order. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence, Set

from po_mcp.orders import PurchaseOrder, fold_number

_MAX_SIMILAR = 5
_pieces = re.compile(r"[0-9]+|[^\W\d_]+")
_follow_up = re.compile(
    r"(?P<base>.*[0-9].*?)(?:[-_./ ]?(?:BO|B/O|BACK-?ORDER|REV|RET)|[-_./ ](?:R|V|VER))[-_. ]?[1-9][0-9]?",
    re.ASCII | re.DOTALL | re.IGNORECASE,
)


def find_extended_number(number: str, known: Set[str]) -> str | None:
    """Return the longest known number that this one extends, as PO-2-1 extends PO-2; else None."""
    beginnings = (number[:end] for end in range(len(number) - 1, 0, -1))
    return next((one for one in beginnings if one in known and _is_extension(one, number)), None)


def find_confusing_numbers(number: str, known: Iterable[str]) -> list[str]:
    """Return the known numbers that a new one would be taken for: PO-43-A, PO-43B, PO-43(1) and PO-043 for PO-43."""
    # Behind PO-43-A stands an order PO-43, though the list may not show it.
    begin, pieces = fold_number(number), _split_number(number)
    return [
        one
        for one in known
        if _split_number(one) == pieces
        or ((other := fold_number(one)).startswith(begin) and other != begin and _is_extension(begin, other))
    ]


def find_similar_numbers(number: str, orders: Iterable[PurchaseOrder]) -> tuple[str, ...]:
    """Return numbers that `number` may be short for: PO-2025-42, or 42, for PO-2025-0042.

    Case, signs, blanks and leading zeros do not count, and what stands before a figure may be missing; a backorder may
    be meant by its order's number.
    """
    said = _split_number(number)
    known = dict.fromkeys(order.number for order in orders)
    if not any(isinstance(piece, int) for piece in said):  # a word alone is the end of too many
        return tuple(one for one in known if said and _split_number(one) == said)[:_MAX_SIMILAR]
    whole: list[str] = []
    follow_ups: list[str] = []
    for one in known:
        pieces = _split_number(one)
        if pieces[-len(said) :] == said:
            whole.append(one)
        elif _split_number(strip_follow_up(one, frozenset()))[-len(said) :] == said:
            follow_ups.append(one)
    return tuple((whole or follow_ups)[:_MAX_SIMILAR])


def find_meant_numbers(number: str, orders: Sequence[PurchaseOrder]) -> tuple[str, ...]:
    """Return numbers of orders that may be meant by that of a new one, or that it is easily taken for."""
    known = {order.number for order in orders}
    extended = find_extended_number(number, known)
    near = [*find_similar_numbers(number, orders), *find_confusing_numbers(number, known), extended]
    is_other = [one for one in dict.fromkeys(near) if one is not None and one != number]
    return tuple(is_other[:_MAX_SIMILAR])


def _split_number(number: str) -> list[str | int]:
    return [int(piece) if piece.isdecimal() else piece for piece in _pieces.findall(fold_number(number))]


def strip_follow_up(number: str, known: Set[str]) -> str:
    """Return the number of the original order of a backorder or revision; other numbers stay as they are."""
    while True:
        # Until nothing is left to take off: a backorder may have a backorder of its own.
        found = _follow_up.fullmatch(number)
        base = found["base"] if found is not None else find_extended_number(number, known)
        if base is None:
            return number
        number = base


def _is_extension(known: str, number: str) -> bool:
    rest = number[len(known) :]
    # PO-100 does not go on from PO-10: with a digit more it is another figure.
    return not (known[-1].isdecimal() and rest[0].isdecimal())
