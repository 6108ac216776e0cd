"""When a number that an ERP tells is the number that was asked for. Pure."""

from __future__ import annotations


def is_number(stored: str, number: str, *, in_any_case: bool = False) -> bool:
    """Tell whether a stored number is `number`, letter for letter; `in_any_case` looks past the letters' case."""
    return stored == number or (in_any_case and stored.casefold() == number.casefold())


def is_echo(stored: str, number: str) -> bool:
    """Tell whether an ERP repeats our number: it may write it in other letters, and pad it with blanks."""
    return " ".join(stored.split()).casefold() == " ".join(number.split()).casefold()
