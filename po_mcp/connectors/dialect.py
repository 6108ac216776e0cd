"""How an ERP says no, and which of our errors that is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from po_mcp.errors import (
    Conflict,
    ERPError,
    NotPermitted,
    OrderNotFound,
    Refused,
    SignInFailed,
    TooManyRequests,
    Unreachable,
)

PASSING_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
"""What an ERP or a gateway says that may answer the next time."""
_ABSENT = frozenset({404, 410})
_NOT_BUILT = 501
_CORRECT = "Correct what it complains of, or tell the user."
_LOOK = "Read the order with get_purchase_order and tell the user what stands there."


@dataclass(frozen=True)
class Answer:
    """A complete answer: status, the JSON of the body (None where there was none), the seconds asked to wait."""

    status: int
    body: Any
    retry_after: int | None = None


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
    scheme: str = "Bearer"

    def ended(self, answer: Answer) -> bool:
        """Tell whether the answer says that the token is no longer good."""
        return answer.status in self.expired or self.signed_out(answer.body)

    def refuse(self, answer: Answer, *, permission: str, of_order: bool, told: str = "") -> None:
        """Raise our error for an answer that says no; return where it does not.

        `permission` is the next step after a 403. `of_order`: the request named an order, and a 404
        says that there is none. `told`: a sentence on how often it was tried.
        """
        status = answer.status
        if self.ended(answer):
            raise SignInFailed(f"{self.name} does not accept our sign-in (HTTP {status}). Nothing was changed.")
        if status == 403:
            raise NotPermitted(f"{self.name} does not permit this. Nothing was changed.", next_step=permission)
        if status in _ABSENT and of_order:
            raise OrderNotFound(f"{self.name} knows no such order.")
        if status in PASSING_STATUSES:
            raise self.failed(answer, told)
        if 400 <= status < 500 or status == _NOT_BUILT:
            raise self._refusal(answer)
        if status >= 500 or 300 <= status < 400:
            raise Unreachable(f"{self.name} failed (HTTP {status}). Nothing was changed.")

    def failed(self, answer: Answer, told: str) -> ERPError:
        """Return the error for an answer that may be another one the next time."""
        if answer.retry_after is not None:
            wait = _in_words(answer.retry_after)
            return TooManyRequests(
                f"{self.name} asks to wait {wait}. Nothing was changed. {told}".strip(),
                next_step=f"Wait {wait} and try again.",
            )
        if answer.status == 429:
            return TooManyRequests(f"{self.name} asks for fewer requests. Nothing was changed. {told}".strip())
        return Unreachable(f"{self.name} failed (HTTP {answer.status}). Nothing was changed. {told}".strip())

    def _refusal(self, answer: Answer) -> ERPError:
        told = self.complaint(answer.body) or f" (HTTP {answer.status})"
        if answer.status == 409:
            return Conflict(f"{self.name} refused it{told}. Nothing was changed.", next_step=_LOOK)
        if answer.status == _NOT_BUILT:
            return Refused(
                f"{self.name} does not offer this call{told}. Nothing was changed.",
                next_step="Tell the user; the ERP's administrator knows whether it can be turned on.",
            )
        return Refused(f"{self.name} refused it{told}. Nothing was changed.", next_step=_CORRECT)


def _in_words(seconds: int) -> str:
    """Write a time as a person says it, never more than it is known for."""
    if seconds < 2:
        return "a second"
    if seconds < 100:
        return f"{seconds} seconds"
    if seconds <= 3600:
        return f"about {-(-seconds // 60)} minutes"
    return "more than an hour"
