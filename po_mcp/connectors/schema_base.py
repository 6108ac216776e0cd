"""What every connector's JSON has in common: how a body is read, and what a sign-in answers."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from po_mcp.errors import BadAnswer, SignInFailed

_DEFAULT_LIFETIME_S = 300  # seconds that a token is used where its lifetime is not told


class ErpModel(BaseModel):
    """A piece of an ERP's JSON. Its errors do not repeat what was sent."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, defer_build=True)

    erp_name: ClassVar[str]
    """The ERP's name, for whoever is told of an answer that does not fit."""

    @classmethod
    def parse(cls, body: Any) -> Self:
        """Read a body.

        Raises:
            BadAnswer: it has another shape than is documented.
        """
        try:
            return cls.model_validate(body)
        except ValidationError as exc:
            raise BadAnswer(f"{cls.erp_name} gave an answer of another shape than it documents.") from exc

    @classmethod
    def parse_rows(cls, rows: Iterable[Any]) -> tuple[tuple[Self, ...], int]:
        """Read the rows of a list one by one: those that can be read, and how many cannot.

        Raises:
            BadAnswer: of several rows none can be read, so it is not a row that is odd.
        """
        asked = tuple(rows)
        read = tuple(row for row in map(cls._parse_row, asked) if row is not None)
        if len(asked) > 1 and not read:
            raise BadAnswer(f"{cls.erp_name} gave a list of another shape than it documents.")
        return read, len(asked) - len(read)

    @classmethod
    def _parse_row(cls, row: Any) -> Self | None:
        try:
            return cls.parse(row)
        except BadAnswer:
            return None


class TokenResponse(ErpModel):
    """An access token, and the seconds that it lives."""

    access_token: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,8192}$", repr=False)]
    expires_in: Decimal | None = None

    @classmethod
    def parse_token(cls, body: Any) -> tuple[str, float]:
        """Return the token of a sign-in's answer, and for how many seconds it is used.

        Raises:
            SignInFailed: the answer holds none.
        """
        try:
            token = cls.parse(body)
        except BadAnswer:
            raise SignInFailed(
                f"{cls.erp_name} gave no token. Nothing was sent."
            ) from None  # the cause holds the answer
        return token.access_token, int(token.expires_in or _DEFAULT_LIFETIME_S)
