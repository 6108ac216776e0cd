"""How an ERP says no, and which of our errors that is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from po_mcp.errors import (
    Conflict,
    NotPermitted,
    OrderNotFound,
    Refused,
    SignInFailed,
    TooManyRequests,
    Unreachable,
)

_ABSENT = frozenset({404, 410})


@dataclass(frozen=True)
class Answer:
    """A complete answer: status, and the JSON of the body (None where there was none)."""

    status: int
    body: Any


@dataclass(frozen=True)
class Dialect:
    """How one ERP says no.

    `complaint` turns an error body into words of ours: known codes and field names only, never the
    ERP's own text. `permission_to_read` and `permission_to_write` say which right a 403 is about.
    `expired` are the statuses that mean the token ended. `signed_out` finds the same inside a body.
    """

    name: str
    complaint: Callable[[Any], str]
    permission_to_read: str
    permission_to_write: str
    expired: frozenset[int] = frozenset({401})
    signed_out: Callable[[Any], bool] = lambda body: False

    def ended(self, answer: Answer) -> bool:
        """Tell whether the answer says that the token is no longer good."""
        return answer.status in self.expired or self.signed_out(answer.body)

    def refuse(self, answer: Answer, *, permission: str, of_order: bool) -> None:
        """Raise our error for an answer that says no; return where it does not.

        `permission` is the next step after a 403. `of_order`: the request named an order, and a 404
        says that there is none.
        """
        status = answer.status
        if self.ended(answer):
            raise SignInFailed(f"{self.name} does not accept our sign-in (HTTP {status}).")
        if status == 403:
            raise NotPermitted(f"{self.name} does not permit this.", next_step=permission)
        if status in _ABSENT and of_order:
            raise OrderNotFound(f"{self.name} knows no such order.")
        if status == 429:
            raise TooManyRequests(f"{self.name} asks for fewer requests.")
        if 400 <= status < 500:
            kind = Conflict if status == 409 else Refused
            told = self.complaint(answer.body) or f" (HTTP {status})"
            raise kind(f"{self.name} refused it{told}. Nothing was changed.")
        if status >= 500 or 300 <= status < 400:
            raise Unreachable(f"{self.name} failed (HTTP {status}). Nothing was changed.")
