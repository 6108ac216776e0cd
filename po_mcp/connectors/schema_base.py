"""Base models for the JSON of every ERP: parsing of bodies, of rows and of sign-in answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, TypeAdapter, ValidationError

from po_mcp.connectors.values import parse_number
from po_mcp.errors import BadAnswer, SignInFailed, UnreadableOrder
from po_mcp.orders import OddField
from po_mcp.untrusted import mark_number, visible

M = TypeVar("M", bound=BaseModel)
# Visible ASCII alone: it goes into a header, which a line break would end. The length stands beside the pattern, since
# `{1,8192}` in it would be 8,192 states: 2.7 MB for as long as the process lives.
HeaderText = Annotated[str, Field(min_length=1, max_length=8192, pattern=r"^[\x21-\x7e]+$", repr=False)]
"""A secret that a sign-in answers, and that later requests carry in a header."""
_DEFAULT_LIFETIME_S = 300  # seconds; for a token whose answer has no lifetime
_MAX_LIFETIME_S = 30 * 24 * 3600
"""No token is kept for longer; a new one costs nothing, and seconds that are milliseconds would last for years."""


def _parse_lifetime(value: object) -> object:
    """Read seconds: a number, also with a fraction or as text; None for anything else."""
    try:
        number = parse_number(value)
    except ValueError:
        return None
    return number if number is not None and number.is_finite() else None


class ErpModel(BaseModel):
    """An object in an ERP's JSON. Validation errors do not contain the input."""

    # Built at its first use: a run reads a few of these shapes, and a start waits for none.
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, defer_build=True)

    erp_name: ClassVar[str]
    """The ERP's name in error messages."""
    name_key: ClassVar[str | None] = None
    """The key under which a row of a list says what it is called, such as an order's number."""

    @classmethod
    def parse(cls, body: Any) -> Self:
        """Parse a body.

        Raises:
            BadAnswer: the body does not have the documented shape.
        """
        try:
            return cls.model_validate(body)
        except ValidationError as exc:
            raise BadAnswer(f"{cls.erp_name}'s answer is not in the documented format.") from exc

    @classmethod
    def name_of(cls, body: Any) -> str | None:
        """Return what an object says it is called; None where it does not."""
        name = body.get(cls.name_key) if isinstance(body, Mapping) else None
        return str(name) if isinstance(name, str | int) and str(name).strip() else None

    @classmethod
    def show_value(cls, given: object) -> str:
        """Write what stands in a field, for people: short and safe."""
        return _show(given)

    @classmethod
    def parse_rows(cls, rows: Iterable[Any]) -> tuple[tuple[Self, ...], tuple[Any, ...]]:
        """Parse the rows of a list; return the valid ones, and the invalid ones as they came.

        Raises:
            BadAnswer: there are several rows and none is valid or says what it is, so the list has another shape.
        """
        rows = tuple(rows)
        # All in one call first: one for each of tens of thousands takes twice as long.
        with suppress(ValidationError):
            return _rows_type(cls).validate_python(rows), ()
        asked = [(row, cls._parse_row(row)) for row in rows]
        read = tuple(parsed for _, parsed in asked if parsed is not None)
        odd = tuple(row for row, parsed in asked if parsed is None)
        # A single invalid row may be one odd order; several show that the shape itself differs.
        if len(odd) > 1 and not read and not cls.name_rows(odd):
            raise BadAnswer(f"{cls.erp_name}'s list is not in the documented format.")
        return read, odd

    @classmethod
    def name_rows(cls, rows: Iterable[Any]) -> tuple[str, ...]:
        """Return what rows of a list are called, as far as they say it."""
        return tuple(name for name in map(cls.name_of, rows) if name is not None)

    @classmethod
    def _parse_row(cls, row: Any) -> Self | None:
        try:
            return cls.parse(row)
        except BadAnswer:
            return None


class OrderModel(ErpModel):
    """An order in an ERP's JSON, which can be read although some of its fields cannot."""

    dispensable: ClassVar[Mapping[str, str]] = {}
    """The keys that reading can do without, and what they are called in plain words."""
    # Of orders alone: pydantic makes private attributes in Python, which a catalog of 20,000 rows would wait for.
    _odd: tuple[OddField, ...] = PrivateAttr(())

    @classmethod
    def parse_order(cls, body: Any) -> Self:
        """Parse one order; of a field that reading can do without, an odd value is left out and kept as `odd`.

        Raises:
            UnreadableOrder: a field that is needed, such as one of its lines, holds what cannot be read.
            BadAnswer: the body does not have the documented shape.
        """
        try:
            return cls.model_validate(body)
        except ValidationError as exc:
            faults = [(fault["loc"], fault["input"]) for fault in exc.errors(include_url=False, include_context=False)]
            number = cls.name_of(body)
            if number is None:
                raise BadAnswer(f"{cls.erp_name}'s answer is not in the documented format.") from None
            odd = {loc[0]: given for loc, given in faults if loc[0] in cls.dispensable}
            for loc, given in faults:
                if loc[0] not in odd:
                    raise cls._unreadable(number, loc, given) from None  # the cause holds the answer
            found = cls.model_validate({key: value for key, value in body.items() if key not in odd})
            found._odd = tuple(OddField(field=cls.dispensable[str(key)], value=cls.show_value(odd[key])) for key in odd)
            return found

    @classmethod
    def _parse_row(cls, row: Any) -> Self | None:
        try:
            return cls.parse_order(row)
        except BadAnswer:
            return None

    @property
    def odd(self) -> tuple[OddField, ...]:
        """What `parse_order` left out."""
        return self._odd

    @classmethod
    def _unreadable(cls, number: str, loc: tuple[int | str, ...], given: object) -> UnreadableOrder:
        names = [str(part) for part in loc if isinstance(part, str)]
        line = next((f"line {part + 1}" for part in loc if isinstance(part, int)), "")
        # A line that is no object has no field to name.
        field = "" if isinstance(loc[-1], int) else visible(names[-1].strip("."), 40)
        place = " in ".join(filter(None, [field, line]))
        what = f"{cls.erp_name} has {cls.show_value(given)} for {place}"
        return UnreadableOrder(
            f"Order {mark_number(number, 80)} cannot be opened or changed here: {what}, which cannot be read."
        )


@cache
def _rows_type(row: type[M]) -> TypeAdapter[tuple[M, ...]]:
    """Return the type of a list's rows, which takes a moment to make."""
    return TypeAdapter(tuple[row, ...])  # type: ignore[valid-type]


def _show(given: object) -> str:
    """Write what stands in a field, for people: short and safe."""
    if isinstance(given, str):
        return '"' + visible(given, 40).replace('"', "'") + '"'
    if isinstance(given, Mapping):
        return "an object"
    if isinstance(given, list | tuple):
        return "a list"
    if given is None or isinstance(given, bool):
        return "null" if given is None else str(given).lower()
    return visible(str(given), 40)


class TokenResponse(ErpModel):
    """A sign-in's answer: an access token and its lifetime in seconds, which need not be told.

    "expires_in: RECOMMENDED" (RFC 6749, section 5.1). One that cannot be read is as one that is not told: it is a
    token all the same, and the ERP says itself when it is over.
    """

    access_token: HeaderText
    expires_in: Annotated[Decimal | None, BeforeValidator(_parse_lifetime)] = None

    @classmethod
    def parse_token(cls, body: Any) -> tuple[str, float]:
        """Return the token of a sign-in's answer and its lifetime in seconds, 0 for one that is over at once.

        Raises:
            SignInFailed: the answer has no token.
        """
        try:
            token = cls.parse(body)
        except BadAnswer:
            raise SignInFailed(
                f"{cls.erp_name} answered the sign-in without a token.", effect="nothing_sent"
            ) from None  # the cause holds the answer
        lifetime = _DEFAULT_LIFETIME_S if token.expires_in is None else token.expires_in
        return token.access_token, int(min(max(lifetime, 0), _MAX_LIFETIME_S))
