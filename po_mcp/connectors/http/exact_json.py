"""JSON with exact numbers, and a strict reader.

Reading: every fraction is a `Decimal`, never a float; duplicate keys, NaN, Infinity, a byte order
mark, bytes that are not UTF-8, trailing data, over-long numbers, over-deep nesting and more values
than any answer has are refused.
Writing: a `Decimal` is written exactly, without an exponent.
"""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

import simplejson

_MAX_NUMBER_CHARS = 40  # characters; a 64-bit integer has 20, our own largest amount 19
_MAX_EXPONENT = 30
_MAX_VALUES = 500_000  # 8 MB of empty lists would be 300 MB of objects


class NotExact(ValueError):
    """The bytes are not JSON that can be read exactly. The message never contains any of them."""


def loads(body: bytes | bytearray) -> Any:
    """Parse one JSON document.

    Raises:
        NotExact: the bytes are not JSON, or not JSON that can be read exactly.
    """
    # Counted before parsing: the parser itself would already have allocated the objects.
    if sum(map(body.count, (b"[", b"{", b","))) > _MAX_VALUES:
        raise NotExact("too many values")
    try:
        # Decoded here: given bytes, `json.loads` guesses the encoding, UTF-16 among others.
        return json.loads(
            body.decode("utf-8"),
            parse_float=_parse_decimal,
            parse_int=_parse_integer,
            parse_constant=_refuse_constant,
            object_pairs_hook=_parse_object,
        )
    except NotExact:
        raise
    except RecursionError as exc:
        raise NotExact("nested too deeply") from exc
    except ValueError as exc:
        raise NotExact("not JSON") from exc


def dumps(value: Any) -> bytes:
    """Write `value` as UTF-8 JSON.

    Raises:
        TypeError: the value holds a float; amounts are `Decimal`.
        ValueError: the value holds NaN or Infinity.
    """
    # The standard library writes a Decimal as a float or a text, or not at all.
    return simplejson.dumps(_encode(value), allow_nan=False, separators=(",", ":")).encode()


def _encode(value: Any) -> Any:
    if isinstance(value, float):
        raise TypeError("a float cannot be written exactly; use Decimal")
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError("NaN and Infinity are not JSON")
        return simplejson.RawJSON(f"{value:f}")  # str() would write Decimal("1E+3") as 1E+3
    if isinstance(value, dict):
        return {key: _encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_encode(item) for item in value]
    return value


def _parse_decimal(text: str) -> Decimal:
    if len(text) > _MAX_NUMBER_CHARS:
        raise NotExact("a number has too many digits")
    try:
        number = Decimal(text)
    except InvalidOperation as exc:  # an exponent beyond the range of Decimal; InvalidOperation is no ValueError
        raise NotExact("a number is too large") from exc
    # 1e999999 is a short text, and a million digits once it is written without an exponent.
    if not -_MAX_EXPONENT <= number.adjusted() <= _MAX_EXPONENT:
        raise NotExact("a number is too large")
    return number


def _parse_integer(text: str) -> int:
    if len(text) > _MAX_NUMBER_CHARS:
        raise NotExact("a number has too many digits")
    return int(text)


def _refuse_constant(name: str) -> NoReturn:
    raise NotExact(f"{name} is not JSON")


def _parse_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    # Parsers differ in which of two equal keys they keep, so a total could be read in two ways.
    if len(found) != len(pairs):
        raise NotExact("duplicate key")
    return found
