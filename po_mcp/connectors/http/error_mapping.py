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
    Stale,
    TooManyRequests,
    Unreachable,
)

PASSING_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
"""What an ERP or a gateway says that may answer the next time."""
_SIGNED_OUT = 401
_ABSENT = frozenset({404, 410})
_CONDITION_FAILED = 412
_NOT_BUILT = 501
_SIGN_IN = re.compile(r"(log|sign)[-_]?(in|on)|auth|sso|session", re.IGNORECASE)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_IN_DOUBT = frozenset({408, 425, 460, 499})
"""Said by whoever stands before the ERP, which may have carried the write out: time-outs, and a caller that left."""
_CORRECT = "Correct what it complains of, or tell the user."
_LOOK = "Read the order with get_purchase_order and tell the user what stands there."


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
class Dialect:
    """How one ERP says no.

    `complaint` turns an error body into words of ours: known codes and field names only, never the
    ERP's own text. `permission_to_read` and `permission_to_write` say which right a 403 is about.
    `expired` are the statuses that mean the token ended. `signed_out` finds the same inside a body.
    `is_envelope` tells whether a body is an error in the shape that the vendor documents, and `status_in` the HTTP
    status that such a body tells, or None. `is_sign_in` tells whether a redirect leads to the sign-in; its location
    may be missing. `cheap_read` is the path of a read that costs little and needs a token; where that is a call, the
    body of its POST is `cheap_call`. `scheme` is what stands before the token in the header.
    """

    name: str
    complaint: Callable[[Any], str]
    permission_to_read: str
    permission_to_write: str
    expired: frozenset[int] = frozenset({401})
    signed_out: Callable[[Any], bool] = lambda body: False
    is_envelope: Callable[[Any], bool] = lambda body: False
    status_in: Callable[[Any], int | None] = lambda body: None
    is_sign_in: Callable[[str | None], bool] = lambda location: False
    cheap_read: str = "/"
    scheme: str = "Bearer"
    cheap_call: Any = None

    def ended(self, answer: Answer) -> bool:
        """Tell whether the answer says that the token is no longer good."""
        return answer.status in self.expired or self.signed_out(answer.body)

    def ended_at_a_write(self, answer: Answer) -> bool:
        """Tell whether a write's answer says that the token is no longer good. A redirect must lead to the sign-in."""
        if answer.status in _REDIRECTS:
            return self.is_sign_in(answer.location)
        return answer.status == _SIGNED_OUT or self.signed_out(answer.body)

    def refusal_of_a_write(self, answer: Answer, *, of_order: bool) -> ERPError | None:
        """Return our error where the ERP itself refuses a write, in its own envelope; None where it does not.

        `of_order`: the request named an order, and a 404 says that there is none.
        """
        status = self._refusing_status(answer)
        if status is None:
            return None
        told = self.complaint(answer.body) or f" (HTTP {answer.status})"
        if status == 403:
            return NotPermitted(
                f"{self.name} does not permit this{told}. Nothing was changed.", next_step=self.permission_to_write
            )
        if status in _ABSENT and of_order:
            return OrderNotFound(f"{self.name} knows no such order{told}.")
        if status == 429:
            what = f"{self.name} asks for fewer requests{told}. Nothing was changed."
            wait = None if answer.retry_after is None else f"Wait {_in_words(answer.retry_after)} and try again."
            return TooManyRequests(what, next_step=wait, effect="nothing_changed")
        return self._refusal(status, told)

    def _refusing_status(self, answer: Answer) -> int | None:
        """Return the status of a refusal that the ERP wrote: the answer's, or that in the body of a success."""
        if not self.is_envelope(answer.body):
            return None
        inside = self.status_in(answer.body)
        status = answer.status
        if 200 <= status < 300:
            status = inside or 400
        said = (status, status if inside is None else inside)
        return status if all(map(_is_refusal, said)) else None

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
            raise self._refusal(status, self.complaint(answer.body) or f" (HTTP {status})")
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

    def _refusal(self, status: int, told: str) -> ERPError:
        if status == 409:
            return Conflict(f"{self.name} refused it{told}. Nothing was changed.", next_step=_LOOK)
        if status == _CONDITION_FAILED:
            return Stale(f"{self.name} refused it{told}. Nothing was changed.")
        if status == _NOT_BUILT:
            return Refused(
                f"{self.name} does not offer this call{told}. Nothing was changed.",
                next_step="Tell the user; the ERP's administrator knows whether it can be turned on.",
            )
        return Refused(f"{self.name} refused it{told}. Nothing was changed.", next_step=_CORRECT)


def fields_of(body: Any) -> Mapping[str, Any]:
    """Return a body's fields by their names in small letters; none where it is no object."""
    return {str(name).casefold(): value for name, value in body.items()} if isinstance(body, dict) else {}


def is_sign_in(location: str | None) -> bool:
    """Tell whether a redirect's location is, by its words, a page to sign in at."""
    return location is not None and _SIGN_IN.search(location) is not None


def _is_refusal(status: int) -> bool:
    """Tell whether a status means that a request was not carried out, if it was the ERP that said so."""
    return (400 <= status < 500 and status not in _IN_DOUBT) or status == _NOT_BUILT


def _in_words(seconds: int) -> str:
    """Write a time as a person says it, never more than it is known for."""
    if seconds < 2:
        return "a second"
    if seconds < 100:
        return f"{seconds} seconds"
    if seconds <= 3600:
        return f"about {-(-seconds // 60)} minutes"
    return "more than an hour"
