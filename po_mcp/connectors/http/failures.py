"""Requests without a readable answer: what each foreign error says of whether the request was sent. Pure."""

from __future__ import annotations

import httpx2

from po_mcp.connectors.http import exact_json, response_body
from po_mcp.connectors.http.cause import UNKNOWN_HOST, describe_cause
from po_mcp.errors import BadAnswer, ERPError, Unreachable

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


def no_answer_error(name: str, host: str, error: Exception, explanation: str) -> ERPError:
    """Return the error for a request that changed nothing and has no readable answer.

    Args:
        name: the ERP's.
        host: where it was looked for.
        error: what was raised in the place of an answer.
        explanation: how often it was tried; "" for once.
    """
    if isinstance(error, UNREADABLE):
        return BadAnswer(f"{name}'s answer could not be read ({error}). Nothing was changed. {explanation}".strip())
    if isinstance(error, NOT_SENT):
        why = describe_cause(error).replace(UNKNOWN_HOST, f"{UNKNOWN_HOST} {host}")
        return Unreachable(f"{name} cannot be reached: {why}. Nothing was sent. {explanation}".strip())
    return Unreachable(f"{name} did not answer completely. Nothing was changed. {explanation}".strip())
