"""Requests without a readable answer: what each foreign error says of whether the request was sent. Pure."""

from __future__ import annotations

import httpx2

from po_mcp.connectors.http import exact_json, response_body
from po_mcp.connectors.http.cause import NO_TUNNEL, UNKNOWN_HOST, describe_cause
from po_mcp.connectors.http.first_byte import FirstByte
from po_mcp.errors import BadAnswer, ERPError, OutcomeUnknown, Unreachable

# These errors arise before the first byte of a request is written, so a write was certainly not sent.
NOT_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,  # the proxy refuses the way to the ERP: httpcore2 raises it before the tunnel is open
    httpx2.UnsupportedProtocol,
    httpx2.LocalProtocolError,
    httpx2.InvalidURL,
)
# The answer arrived, but nothing can be concluded from its body.
UNREADABLE = (response_body.TooLarge, exact_json.NotExact)
# The connection failed during or after the request, so a write may have been executed.
BROKEN = (httpx2.HTTPError, httpx2.StreamError, TimeoutError, OSError)
FOREIGN = (*NOT_SENT, *UNREADABLE, *BROKEN)


CHECK_PROXY = (
    "Try again later. If it keeps failing, your administrator must check the proxy (PO_MCP_PROXY) and the network "
    "(po-mcp doctor)."
)
"""The next step where a proxy stands before the ERP, and opens no way to it."""


def no_answer_error(name: str, host: str, error: Exception, explanation: str) -> ERPError:
    """Return the error for a request that changed nothing and has no readable answer.

    Args:
        name: the ERP's.
        host: where it was looked for.
        error: what was raised in the place of an answer.
        explanation: how often it was tried; "" for once.
    """
    if isinstance(error, UNREADABLE):
        return BadAnswer(f"{name}'s answer could not be read ({error}).", effect="nothing_changed", detail=explanation)
    if isinstance(error, NOT_SENT):
        return _unreachable_error(name, host, describe_cause(error), explanation, _who_is_asked(error))
    return Unreachable(f"{name} did not answer completely.", effect="nothing_changed", detail=explanation)


def failed_write_error(name: str, host: str, error: Exception, first_byte: FirstByte | None) -> ERPError | None:
    """Return the error for a write without a readable answer; None where `error` is this program's own.

    Args:
        name: the ERP's.
        host: where it was looked for.
        error: what was raised in the place of an answer.
        first_byte: how far the write came.
    """
    is_ahead = first_byte is not None and first_byte.is_ahead
    if is_ahead or isinstance(error, NOT_SENT):
        # A refusal of the proxy says so by itself; silence, garbage and an end of the connection do not.
        is_at_proxy = first_byte is not None and first_byte.is_at_proxy and not isinstance(error, httpx2.ProxyError)
        next_step = CHECK_PROXY if is_at_proxy else _who_is_asked(error)
        return _unreachable_error(name, host, NO_TUNNEL if is_at_proxy else describe_cause(error), "", next_step)
    if isinstance(error, UNREADABLE):
        return unknown_outcome_error(name, "its answer could not be read")
    if isinstance(error, BROKEN):
        return unknown_outcome_error(name, "the connection broke before it answered")
    return None


def unknown_outcome_error(name: str, reason: str, answered_number: str | None = None) -> OutcomeUnknown:
    """Return the error for a write that was sent; `reason` says why its outcome is not known."""
    return OutcomeUnknown(
        f"Sent to {name}, but {reason}.",
        next_step="Do not repeat it. Check the order with get_purchase_order.",
        answered_number=answered_number,
    )


def _who_is_asked(error: Exception) -> str | None:
    return CHECK_PROXY if isinstance(error, httpx2.ProxyError) else None


def _unreachable_error(name: str, host: str, why: str, explanation: str, next_step: str | None) -> Unreachable:
    why = f"{UNKNOWN_HOST} {host}" if why == UNKNOWN_HOST else why
    what = f"{name} cannot be reached: {why}."
    return Unreachable(what, effect="nothing_sent", detail=explanation, next_step=next_step)
