"""What an ERP's answer to a sign-in says. Pure."""

from __future__ import annotations

from po_mcp.connectors.http.error_mapping import TRANSIENT_STATUSES, Answer, ErrorMapping
from po_mcp.connectors.http.failures import UNREADABLE, no_answer_error
from po_mcp.connectors.http.retry import AttemptResult
from po_mcp.errors import SignInFailed, Unreachable

_CHECK_ADDRESS_TOO = "Your administrator must check PO_MCP_CLIENT_ID, PO_MCP_CLIENT_SECRET and PO_MCP_BASE_URL."


def require_signed_in(mapping: ErrorMapping, host: str, result: AttemptResult) -> Answer:
    """Return the answer to a sign-in that was accepted.

    Raises:
        SignInFailed: the ERP does not accept the credentials.
        Unreachable, TooManyRequests: no token could be fetched.
    """
    name, answer = mapping.name, result.outcome
    if isinstance(answer, UNREADABLE):
        what = f"{name}'s answer to the sign-in could not be read."
        raise Unreachable(what, effect="nothing_sent") from answer
    if isinstance(answer, Exception):
        raise no_answer_error(name, host, answer, result.explanation) from answer
    status = answer.status
    if 200 <= status < 300:
        return answer
    # Exsited answers wrong credentials with a redirect to a page for people.
    if status in (400, 401, 403) or 300 <= status < 400:
        # So does a server that has moved, such as from http to https.
        moved = _CHECK_ADDRESS_TOO if 300 <= status < 400 else None
        what = f"{name} rejected the client id or secret (HTTP {status})."
        raise SignInFailed(what, effect="nothing_sent", next_step=moved)
    if status in TRANSIENT_STATUSES:
        raise mapping.transient_failure(answer, result.explanation)
    # These say that there is no sign-in at this address, which no other secret would change.
    next_step = "Your administrator must check PO_MCP_BASE_URL." if status in (404, 405, 501) else None
    next_step = mapping.sign_in_next_steps.get(status, next_step)
    raise Unreachable(f"Sign-in to {name} failed (HTTP {status}).", effect="nothing_sent", next_step=next_step)
