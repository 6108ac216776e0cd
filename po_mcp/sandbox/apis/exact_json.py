"""JSON whose numbers stay exact: 4250.00 is read and written as the decimal 4250.00."""

from __future__ import annotations

from typing import Any

import simplejson


def read_json(text: str | bytes) -> Any:
    """Read JSON; numbers with a point or an exponent become Decimal, NaN and Infinity are refused.

    Raises:
        ValueError: the text cannot be read.
    """
    try:
        return simplejson.loads(text, use_decimal=True)
    except (ArithmeticError, RecursionError) as exc:
        raise ValueError("The JSON holds a number or a nesting out of bounds.") from exc


def write_json(value: Any) -> bytes:
    """Write JSON in UTF-8."""
    text: str = simplejson.dumps(value, use_decimal=True, separators=(",", ":"))
    return text.encode()
