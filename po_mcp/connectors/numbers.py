"""Which order numbers can be asked for, which can be given, and when a number is the one that was asked for. Pure."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote

from po_mcp.errors import BadAnswer, InvalidInput
from po_mcp.untrusted import visible

MAX_NUMBER_CHARS = 100
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_UNSAFE_IN_PATH = "/\\%?#;"
"""What gateways and servers decode, cut or refuse in a path, however it is encoded."""


def check_readable(number: str) -> str:
    """Return the number if an order may have it; else `InvalidInput`."""
    if not 1 <= len(number) <= MAX_NUMBER_CHARS or not number.strip(". ") or any(map(_is_control, number)):
        raise InvalidInput(
            "That is no order number. Nothing was sent.",
            next_step=f"Give the number as the list shows it, at most {MAX_NUMBER_CHARS} characters, such as PO-2025-0042.",
        )
    return number


def check_creatable(number: str) -> str:
    """Return the number if a new order can be given it; else `InvalidInput`."""
    check_readable(number)
    if is_unsafe_in_path(number) or number != number.strip():
        raise InvalidInput(
            f"A new order's number has none of {' '.join(_UNSAFE_IN_PATH)} and no blanks around it: it could not be "
            "read back. Nothing was sent.",
            next_step="Take a number of letters, digits, dots, dashes and underscores, such as PO-2025-0042.",
        )
    return number


def is_plain(number: str) -> bool:
    """Tell whether a path carries the number as it is."""
    return _PLAIN.fullmatch(number) is not None


def is_unsafe_in_path(number: str) -> bool:
    """Tell whether a number may arrive as another one, so that its absence proves nothing."""
    return any(sign in number for sign in _UNSAFE_IN_PATH)


def leaves_its_path(number: str) -> bool:
    """Tell whether a server that decodes the number could take it for a path that leads elsewhere."""
    while (decoded := unquote(number)) != number:
        number = decoded
    return any(piece in (".", "..") for piece in re.split(r"[/\\]", number))


def unopenable_order(erp: str, number: str) -> BadAnswer:
    """Return the error for an order that is, or may be, in the book and cannot be read by its number."""
    signs = " ".join(dict.fromkeys(visible(sign) for sign in number if not re.match(r"[A-Za-z0-9._-]", sign)))
    return BadAnswer(
        f'This order cannot be opened here: its number has characters ("{signs}") that {erp}, or a gateway before it, '
        "does not take in an address.",
        next_step=f"Tell the user to work on it in {erp} itself.",
    )


def wrong_order(erp: str, stored: str, number: str) -> BadAnswer:
    """Return the error for an answer about an order of another number than was asked for."""
    if is_same_number(stored, number, in_any_case=True):
        return BadAnswer(
            f"{erp} writes this order's number in other letters: {visible(stored)}.",
            next_step="Ask for it by that number.",
        )
    return BadAnswer(f"{erp} answered about another order.")


def is_same_number(stored: str, number: str, *, in_any_case: bool = False) -> bool:
    """Tell whether a stored number is `number`, letter for letter; `in_any_case` looks past the letters' case."""
    return stored == number or (in_any_case and stored.casefold() == number.casefold())


def is_number_echo(stored: str, number: str) -> bool:
    """Tell whether an ERP repeats our number: it may write it in other letters, and pad it with blanks."""
    return " ".join(stored.split()).casefold() == " ".join(number.split()).casefold()


def _is_control(sign: str) -> bool:
    return unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
