"""Mapping of an ERP's error answers to the errors of this program."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from po_mcp.connectors.numbers import order_not_found
from po_mcp.errors import (
    Conflict,
    ERPError,
    NotPermitted,
    Refused,
    SignInFailed,
    Stale,
    TooManyRequests,
    Unreachable,
)

TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses after which a repeated read may succeed."""
_UNAUTHORIZED = 401
_ABSENT_STATUSES = frozenset({404, 410})
_PRECONDITION_FAILED = 412
_NOT_IMPLEMENTED = 501
# A location that is missed leaves a doubt; one too many is caught by the read with the same token that follows.
_SIGN_IN = re.compile(r"(log|sign)[-_]?(in|on)|auth|sso|session", re.IGNORECASE)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# 460 (AWS) and 499 (nginx) say that the client left, 408 that a time-out passed, 425 that a replay was feared.
_DOUBTFUL_STATUSES = frozenset({408, 425, 460, 499})
"""Refusals by a gateway before the ERP, which may have carried the write out: time-outs, and a client that left."""
_READ_THE_ORDER = "Check the order with get_purchase_order before trying again."


@dataclass(frozen=True)
class Answer:
    """A complete answer.

    Args:
        status: the HTTP status.
        body: the JSON, None where there was none.
        retry_after: the seconds that the ERP asks to wait.
        location: the target of a redirect.
    """

    status: int
    body: Any
    retry_after: int | None = None
    location: str | None = None


@dataclass(frozen=True)
class ErrorMapping:
    """How one ERP reports errors.

    Args:
        name: the ERP's name in error messages.
        describe_error: returns the known codes and field names of an error body, never the ERP's own text.
        permission_to_read: the next step after a 403 to a read: which right is missing, and who grants it.
        permission_to_write: the next step after a 403 to a write.
        expired_statuses: the statuses that mean that the token expired.
        is_signed_out: tells whether a body says that the token expired.
        is_envelope: tells whether a body is an error in the shape that the vendor documents.
        status_in: returns the HTTP status inside such a body, or None.
        is_sign_in: tells whether the location of a redirect, which may be missing, is the sign-in.
        cheap_read_path: the path and query of a small read that needs a token.
        cheap_read_body: the JSON body where that read is a POST; None where it is a GET.
        auth_scheme: the scheme before the token in the Authorization header.
        missing_path_next_step: what to do after a 404 to a write that names no order; "" for what other refusals say.
        sign_in_next_steps: by status, what to do where it says of a sign-in more than that it failed.
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
    cheap_read_body: Any = None
    auth_scheme: str = "Bearer"
    missing_path_next_step: str = ""
    sign_in_next_steps: Mapping[int, str] = field(default_factory=dict)

    def is_token_expired(self, answer: Answer) -> bool:
        """Tell whether the answer to a read says that the token expired."""
        return answer.status in self.expired_statuses or self.is_signed_out(answer.body)

    def is_token_expired_at_write(self, answer: Answer) -> bool:
        """Tell whether the answer to a write says that the token expired. A redirect must lead to the sign-in."""
        # Any other redirect may come from a gateway that has passed the write on.
        if answer.status in _REDIRECTS:
            return self.is_sign_in(answer.location)
        return answer.status == _UNAUTHORIZED or self.is_signed_out(answer.body)

    def find_write_refusal(self, answer: Answer, *, number: str | None) -> ERPError | None:
        """Return the error where the ERP refuses a write in its own error envelope, else None.

        `number` is that of the order that the request named, which a 404 says does not exist; None where it named none.
        """
        # A status alone proves nothing: a gateway writes it without knowing what the ERP did.
        status = self._find_refusal_status(answer)
        if status is None:
            return None
        # Codes only: the ERP's own message may hold text that commands an assistant.
        explanation = self.describe_error(answer.body) or f" (HTTP {answer.status})"
        # The next step names the right that is missing: only the ERP's administrator can grant the right.
        if status == 403:
            return NotPermitted(
                f"{self.name} does not allow this{explanation}.",
                effect="nothing_changed",
                next_step=self.permission_to_write,
            )
        if status in _ABSENT_STATUSES and number is not None:
            return order_not_found(self.name, number, explanation)
        if status == 429:
            what = f"{self.name} is getting too many requests{explanation}."
            wait = None if answer.retry_after is None else f"Wait {_format_seconds(answer.retry_after)} and try again."
            return TooManyRequests(what, next_step=wait, effect="nothing_changed")
        if status in _ABSENT_STATUSES and self.missing_path_next_step:
            what = f"{self.name} refused it{explanation}."
            return Refused(what, effect="nothing_changed", next_step=self.missing_path_next_step)
        return self._refusal(status, explanation)

    def _find_refusal_status(self, answer: Answer) -> int | None:
        """Return the status of a refusal in the ERP's envelope, the answer's or that in a 2xx body, else None."""
        if not self.is_envelope(answer.body):
            return None
        inside = self.status_in(answer.body)
        status = answer.status
        # Both vendors can send an error envelope with a 2xx.
        if 200 <= status < 300:
            status = inside or 400
        # Where status and body disagree, one of them is not the ERP's word: both must refuse.
        said = (status, status if inside is None else inside)
        return status if all(map(_is_refusal, said)) else None

    def raise_for_read(self, answer: Answer, *, permission: str, number: str | None, explanation: str = "") -> None:
        """Raise the error for an error answer to a read; return for any other answer.

        Args:
            answer: the answer.
            permission: the next step after a 403.
            number: the number of the order that the request named, which a 404 says does not exist; None for none.
            explanation: a sentence on the tries.
        """
        status = answer.status
        # First: a 401 in the envelope would else count as a refusal of the call.
        if self.is_token_expired(answer):
            raise SignInFailed(f"{self.name} rejected the sign-in (HTTP {status}).", effect="nothing_changed")
        if status == 403:
            raise NotPermitted(f"{self.name} does not allow this.", effect="nothing_changed", next_step=permission)
        if number is not None and self._says_absent(answer):
            raise order_not_found(self.name, number)
        if status in TRANSIENT_STATUSES:
            raise self.transient_failure(answer, explanation)
        if 400 <= status < 500 or status == _NOT_IMPLEMENTED:
            raise self._refusal(status, self.describe_error(answer.body) or f" (HTTP {status})")
        if status >= 500 or 300 <= status < 400:
            raise Unreachable(f"{self.name} failed (HTTP {status}).", effect="nothing_changed")

    def _says_absent(self, answer: Answer) -> bool:
        """Tell whether a read's answer is a 404, or the ERP's own error of a 404 under a success or another refusal."""
        if answer.status in _ABSENT_STATUSES:
            return True
        is_own = (200 <= answer.status < 300 or _is_refusal(answer.status)) and self.is_envelope(answer.body)
        return is_own and self.status_in(answer.body) in _ABSENT_STATUSES

    def transient_failure(self, answer: Answer, explanation: str) -> ERPError:
        """Return the error for an answer with one of `TRANSIENT_STATUSES`."""
        # The ERP itself says when; without that there is no time to name.
        if answer.retry_after is not None:
            wait = _format_seconds(answer.retry_after)
            return TooManyRequests(
                f"{self.name} asks to wait {wait}.",
                effect="nothing_changed",
                detail=explanation,
                next_step="Try again after that.",
            )
        if answer.status == 429:
            what = f"{self.name} is getting too many requests."
            return TooManyRequests(what, effect="nothing_changed", detail=explanation)
        return Unreachable(f"{self.name} failed (HTTP {answer.status}).", effect="nothing_changed", detail=explanation)

    def _refusal(self, status: int, explanation: str) -> ERPError:
        if status == 409:
            return Conflict(
                f"{self.name} refused it{explanation}.", effect="nothing_changed", next_step=_READ_THE_ORDER
            )
        # Only a write that was bound to a version can be refused so: the order is another one now.
        if status == _PRECONDITION_FAILED:
            return Stale(f"{self.name} refused it{explanation}.", effect="nothing_changed")
        if status == _NOT_IMPLEMENTED:
            return Refused(
                f"{self.name} does not support this{explanation}.",
                effect="nothing_changed",
                next_step="Ask your ERP administrator whether it can be turned on.",
            )
        return Refused(
            f"{self.name} refused it{explanation}.", effect="nothing_changed", next_step=_correct(explanation)
        )


def _correct(explanation: str) -> str:
    """Return the next step after a refusal, such as ` (validation_error: quantity)`: its fields where it has any."""
    fields = explanation.partition(": ")[2].rstrip(")")
    return f"Correct {fields} and try again." if fields else "Check the values and try again."


def fields_of(body: Any) -> Mapping[str, Any]:
    """Return the fields of a JSON object by lower-case name; an empty mapping for any other body."""
    return {str(name).casefold(): value for name, value in body.items()} if isinstance(body, dict) else {}


def is_sign_in(location: str | None) -> bool:
    """Tell whether a redirect's location looks like a sign-in page."""
    return location is not None and _SIGN_IN.search(location) is not None


def _is_refusal(status: int) -> bool:
    """Tell whether a status, written by the ERP itself, means that the request was not carried out."""
    # No other 5xx: an ERP that fails may have carried the write out before.
    return (400 <= status < 500 and status not in _DOUBTFUL_STATUSES) or status == _NOT_IMPLEMENTED


def _format_seconds(seconds: int) -> str:
    """Format seconds for people, such as "90 seconds" or "about 3 minutes"."""
    if seconds < 2:
        return "a second"
    if seconds < 100:
        return f"{seconds} seconds"
    if seconds <= 3600:
        return f"about {-(-seconds // 60)} minutes"
    return "more than an hour"
