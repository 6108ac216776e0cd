"""How an ERP says no, and which of our errors that is."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
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

TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
"""What an ERP or a gateway says that may answer the next time."""
_UNAUTHORIZED = 401
_ABSENT_STATUSES = frozenset({404, 410})
_NOT_IMPLEMENTED = 501
_SIGN_IN = re.compile(r"(log|sign)[-_]?(in|on)|auth|sso|session", re.IGNORECASE)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_DOUBTFUL_STATUSES = frozenset({408, 425, 460, 499})
"""Said by whoever stands before the ERP, which may have carried the write out: time-outs, and a caller that left."""
_CORRECT_THE_REQUEST = "Correct what it complains of, or tell the user."
_READ_THE_ORDER = "Read the order with get_purchase_order and tell the user what stands there."


@dataclass(frozen=True)
class Answer:
    """A complete answer.

    `body` is its JSON, None where there was none; `retry_after` the seconds it asks to wait; `location` where a
    redirect leads.
    """

    status: int
    body: Any
    retry_after: int | None = None
    location: str | None = None


@dataclass(frozen=True)
class ErrorMapping:
    """How one ERP says no.

    `describe_error` turns an error body into words of ours: known codes and field names only, never the
    ERP's own text. `permission_to_read` and `permission_to_write` say which right a 403 is about.
    `expired_statuses` are the statuses that mean the token ended. `is_signed_out` finds the same inside a body.
    `is_envelope` tells whether a body is an error in the shape that the vendor documents, and `status_in` the HTTP
    status that such a body tells, or None. `is_sign_in` tells whether a redirect leads to the sign-in; its location
    may be missing. `cheap_read_path` is the path of a read that costs little and needs a token.
    """

    name: str
    describe_error: Callable[[Any], str]
    permission_to_read: str
    permission_to_write: str
    expired_statuses: frozenset[int] = frozenset({401})
    is_signed_out: Callable[[Any], bool] = lambda body: False
    is_envelope: Callable[[Any], bool] = lambda body: False
    status_in: Callable[[Any], int | None] = lambda body: None
    is_sign_in: Callable[[str | None], bool] = lambda location: False
    cheap_read_path: str = "/"

    def is_token_expired(self, answer: Answer) -> bool:
        """Tell whether the answer says that the token is no longer good."""
        return answer.status in self.expired_statuses or self.is_signed_out(answer.body)

    def is_token_expired_at_write(self, answer: Answer) -> bool:
        """Tell whether a write's answer says that the token is no longer good. A redirect must lead to the sign-in."""
        if answer.status in _REDIRECTS:
            return self.is_sign_in(answer.location)
        return answer.status == _UNAUTHORIZED or self.is_signed_out(answer.body)

    def find_write_refusal(self, answer: Answer, *, of_order: bool) -> ERPError | None:
        """Return our error where the ERP itself refuses a write, in its own envelope; None where it does not.

        `of_order`: the request named an order, and a 404 says that there is none.
        """
        status = self._find_refusal_status(answer)
        if status is None:
            return None
        explanation = self.describe_error(answer.body) or f" (HTTP {answer.status})"
        if status == 403:
            return NotPermitted(
                f"{self.name} does not permit this{explanation}. Nothing was changed.",
                next_step=self.permission_to_write,
            )
        if status in _ABSENT_STATUSES and of_order:
            return OrderNotFound(f"{self.name} knows no such order{explanation}.")
        if status == 429:
            what = f"{self.name} asks for fewer requests{explanation}. Nothing was changed."
            wait = None if answer.retry_after is None else f"Wait {_format_seconds(answer.retry_after)} and try again."
            return TooManyRequests(what, next_step=wait, effect="nothing_changed")
        return self._refusal(status, explanation)

    def _find_refusal_status(self, answer: Answer) -> int | None:
        """Return the status of a refusal that the ERP wrote: the answer's, or that in the body of a success."""
        if not self.is_envelope(answer.body):
            return None
        inside = self.status_in(answer.body)
        status = answer.status
        if 200 <= status < 300:
            status = inside or 400
        said = (status, status if inside is None else inside)
        return status if all(map(_is_refusal, said)) else None

    def raise_for_read(self, answer: Answer, *, permission: str, of_order: bool, explanation: str = "") -> None:
        """Raise our error for an answer that says no; return where it does not.

        `permission` is the next step after a 403. `of_order`: the request named an order, and a 404
        says that there is none. `explanation`: a sentence on how often it was tried.
        """
        status = answer.status
        if self.is_token_expired(answer):
            raise SignInFailed(f"{self.name} does not accept our sign-in (HTTP {status}). Nothing was changed.")
        if status == 403:
            raise NotPermitted(f"{self.name} does not permit this. Nothing was changed.", next_step=permission)
        if status in _ABSENT_STATUSES and of_order:
            raise OrderNotFound(f"{self.name} knows no such order.")
        if status in TRANSIENT_STATUSES:
            raise self.transient_failure(answer, explanation)
        if 400 <= status < 500 or status == _NOT_IMPLEMENTED:
            raise self._refusal(status, self.describe_error(answer.body) or f" (HTTP {status})")
        if status >= 500 or 300 <= status < 400:
            raise Unreachable(f"{self.name} failed (HTTP {status}). Nothing was changed.")

    def transient_failure(self, answer: Answer, explanation: str) -> ERPError:
        """Return the error for an answer that may be another one the next time."""
        if answer.retry_after is not None:
            wait = _format_seconds(answer.retry_after)
            return TooManyRequests(
                f"{self.name} asks to wait {wait}. Nothing was changed. {explanation}".strip(),
                next_step=f"Wait {wait} and try again.",
            )
        if answer.status == 429:
            return TooManyRequests(f"{self.name} asks for fewer requests. Nothing was changed. {explanation}".strip())
        return Unreachable(f"{self.name} failed (HTTP {answer.status}). Nothing was changed. {explanation}".strip())

    def _refusal(self, status: int, explanation: str) -> ERPError:
        if status == 409:
            return Conflict(f"{self.name} refused it{explanation}. Nothing was changed.", next_step=_READ_THE_ORDER)
        if status == _NOT_IMPLEMENTED:
            return Refused(
                f"{self.name} does not offer this call{explanation}. Nothing was changed.",
                next_step="Tell the user; the ERP's administrator knows whether it can be turned on.",
            )
        return Refused(f"{self.name} refused it{explanation}. Nothing was changed.", next_step=_CORRECT_THE_REQUEST)


def fields_of(body: Any) -> Mapping[str, Any]:
    """Return a body's fields by their names in small letters; none where it is no object."""
    return {str(name).casefold(): value for name, value in body.items()} if isinstance(body, dict) else {}


def is_sign_in(location: str | None) -> bool:
    """Tell whether a redirect's location is, by its words, a page to sign in at."""
    return location is not None and _SIGN_IN.search(location) is not None


def _is_refusal(status: int) -> bool:
    """Tell whether a status means that a request was not carried out, if it was the ERP that said so."""
    return (400 <= status < 500 and status not in _DOUBTFUL_STATUSES) or status == _NOT_IMPLEMENTED


def _format_seconds(seconds: int) -> str:
    """Write a time as a person says it, never more than it is known for."""
    if seconds < 2:
        return "a second"
    if seconds < 100:
        return f"{seconds} seconds"
    if seconds <= 3600:
        return f"about {-(-seconds // 60)} minutes"
    return "more than an hour"
