"""Exact numbers and instants, and their one spelling in the book.

Money has at least 2 decimals and at most 6 ("4250.00", "0.085"), a quantity 0 to 6 ("1000", "87.5").
An instant is UTC, to the second: "2025-05-15T00:00:00Z".
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Context, Decimal

PLACES = 6
# The book stores at most 12 digits before the point and PLACES after it.
LIMIT = Decimal(10**12)

# Two numbers of 12 + 6 digits multiply to 36; the default context keeps 28.
_EXACT = Context(prec=60, rounding=ROUND_HALF_UP)


def normalize_money(value: Decimal) -> Decimal:
    """Spell an amount; beyond 6 decimals it is rounded half up."""
    return _normalize(value, at_least=2)


def normalize_quantity(value: Decimal) -> Decimal:
    """Spell a quantity; beyond 6 decimals it is rounded half up."""
    return _normalize(value, at_least=0)


def format_fixed(value: Decimal) -> str:
    """Return the number with exactly 6 decimals, as Exsited writes it: "40.000000"."""
    return f"{_round(value, PLACES):f}"


def multiply(units: Decimal, price: Decimal) -> Decimal:
    """Multiply without loss, then spell as money."""
    return normalize_money(_EXACT.multiply(units, price))


def add_up(amounts: Iterable[Decimal]) -> Decimal:
    """Add without loss and spell as money; nothing adds up to 0.00."""
    result = Decimal(0)
    for amount in amounts:
        result = _EXACT.add(result, amount)
    return normalize_money(result)


def is_storable(value: Decimal) -> bool:
    """Tell whether the number has at most 12 digits before the point and 6 after it."""
    # The exponent of NaN and of infinity is a letter.
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -PLACES and abs(value) < LIMIT


def format_instant(instant: datetime) -> str:
    """Spell an aware instant in UTC."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_instant(text: str) -> datetime:
    """Read an ISO 8601 date or date-time; without a zone it is UTC.

    Raises:
        ValueError: the text cannot be read.
        OverflowError: the moment is out of range.
    """
    # Clients write days and moments; a day is its first moment.
    read = datetime.fromisoformat(text)
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)


def _normalize(value: Decimal, at_least: int) -> Decimal:
    rounded = _round(value, PLACES)
    decimals = len(f"{rounded:f}".partition(".")[2].rstrip("0"))
    return _round(rounded, max(decimals, at_least))


def _round(value: Decimal, places: int) -> Decimal:
    # Adding zero turns -0 into 0.
    return _EXACT.add(_EXACT.quantize(value, Decimal(1).scaleb(-places)), Decimal(0))
