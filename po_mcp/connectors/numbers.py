"""Checks and comparisons of order numbers. No I/O."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote

from po_mcp.errors import BadAnswer, InvalidInput, OrderNotFound, OtherNumber
from po_mcp.orders import MAX_ORDER_NUMBER_CHARS, fold_number
from po_mcp.untrusted import mark_number, visible

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_UNSAFE_IN_PATH = "/\\%?#;"
"""Characters that gateways and servers decode, cut or refuse in a path, even percent-encoded."""


def check_readable(number: str) -> str:
    """Return the number if an existing order may have it.

    Raises:
        InvalidInput: no order can have this number.
    """
    if is_plain(number):
        return number
    # `.` and `..` are steps of a path, which clients and servers resolve before anybody reads them as a number.
    if not 1 <= len(number) <= MAX_ORDER_NUMBER_CHARS or not number.strip(". ") or any(map(_is_control, number)):
        raise InvalidInput(
            "That is not an order number.",
            effect="nothing_sent",
            next_step=f"Give the number as the list shows it, at most {MAX_ORDER_NUMBER_CHARS} characters, "
            "such as PO-2025-0042.",
        )
    return number


def check_creatable(number: str) -> str:
    """Return the number if a new order may be given it.

    Raises:
        InvalidInput: the order could not be read back by this number.
    """
    check_readable(number)
    # An order that cannot be read back could not be verified after a write of unknown outcome.
    if is_unsafe_in_path(number) or number != number.strip():
        raise InvalidInput(
            f"A new order's number has none of {' '.join(_UNSAFE_IN_PATH)} and no blanks around it: it could not be "
            "read back.",
            effect="nothing_sent",
            next_step="Give a number of letters, digits, dots, dashes and underscores, such as PO-2025-0042.",
        )
    return number


def is_plain(number: str) -> bool:
    """Tell whether the number stands in a path without encoding."""
    return _PLAIN.fullmatch(number) is not None


def is_unsafe_in_path(number: str) -> bool:
    """Tell whether a number may arrive changed, so that a 404 does not prove the order's absence."""
    return any(sign in number for sign in _UNSAFE_IN_PATH)


def leaves_its_path(number: str) -> bool:
    """Tell whether a server that decodes the number could read it as a path to another resource."""
    # Decoded until nothing changes: a gateway and the server behind it may each decode once.
    while (decoded := unquote(number)) != number:
        number = decoded
    return any(piece in (".", "..") for piece in re.split(r"[/\\]", number))


def order_not_found(erp: str, number: str, explanation: str = "") -> OrderNotFound:
    """Return the error for a number that no order has. `explanation`: the codes of the ERP's answer, after a blank."""
    return OrderNotFound(f"{erp} has no order {mark_number(number, 80)}{explanation}.")


def unopenable_order(erp: str, number: str, *, is_listed: bool = False) -> BadAnswer:
    """Return the error for an order that may exist and cannot be read by its number. `is_listed`: the list has it."""
    what = "If there is such an order, it cannot be opened or changed here"
    if is_listed:
        what = f"{erp} lists order {mark_number(number, 80)}, but it cannot be changed here"
    next_step = f"Open it in {erp} itself."
    if leaves_its_path(number):
        return BadAnswer(f"{what}: an address with its number may lead to something else.", next_step=next_step)
    return BadAnswer(
        f"{what}: {erp}, or a gateway before it, does not take the characters {_odd_signs(number)} of its number in an "
        "address.",
        next_step=next_step,
    )


def unproven_absence(erp: str, number: str) -> BadAnswer:
    """Return the error for an order that was answered with 404, where that proves nothing."""
    return BadAnswer(
        f"Whether there is an order {mark_number(number, 80)} is not known: {erp} answered that it is not found, or so "
        f"did a gateway that does not take the characters {_odd_signs(number)} in an address.",
        next_step=f"Check the number, or look for the order in {erp} itself.",
    )


def _odd_signs(number: str) -> str:
    """Return the signs of a number that stand encoded in an address."""
    return " ".join(dict.fromkeys(visible(sign) for sign in number if not re.match(r"[A-Za-z0-9._-]", sign)))


def wrong_order(erp: str, stored: str, number: str) -> BadAnswer:
    """Return the error for an answer whose order number is not the requested one."""
    # The same order, but the journal knows it by its exact letters, and would not find it by these.
    if is_same_number(stored, number, in_any_case=True):
        return BadAnswer(
            f"{erp} writes this order's number in other letters: {mark_number(stored)}.",
            next_step="Ask for it by that number.",
        )
    return BadAnswer(f"{erp} answered about a different order.")


def need_number_echo(erp: str, stored: str, number: str) -> None:
    """Raise `OtherNumber` where the answer to a create names another order: some ERPs number orders themselves."""
    if not is_number_echo(stored, number):
        raise OtherNumber(f"{erp} answered about a different order.", stored)


def is_same_number(stored: str, number: str, *, in_any_case: bool = False) -> bool:
    """Tell whether two numbers are equal; with `in_any_case`, the case and width of letters are ignored."""
    return stored == number or (in_any_case and fold_number(stored) == fold_number(number))


def is_number_echo(stored: str, number: str) -> bool:
    """Tell whether an ERP repeats our number; the case and width of letters, and blanks, are ignored."""
    return fold_number(stored) == fold_number(number)


def _is_control(sign: str) -> bool:
    # Cf too: signs that turn the direction of text, or show nothing, make two numbers look the same.
    return unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
