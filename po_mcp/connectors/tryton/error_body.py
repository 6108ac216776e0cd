"""JSON-RPC as Tryton speaks it: an error comes as an HTTP 200, and its shape tells what it is. Pure.

Its texts are in the user's language and hold names and figures of the business, so none of them is read or shown
(https://docs.tryton.org/latest/server/ref/protocols/jsonrpc.html).
"""

from __future__ import annotations

from typing import Any

from po_mcp.errors import BadAnswer

_STATUSES = {"UserError": 400, "UserWarning": 400, "ConcurrencyException": 412, "LoginException": 401}
"""What Tryton itself refuses, and the HTTP status that says the same. Its transaction was rolled back."""
_WORDS = {
    "UserError": " (by a rule of its own, which its own client shows)",
    "UserWarning": " (it warns, and a person must confirm that in Tryton)",
    "ConcurrencyException": " (it was changed since it was read)",
}


def build_request(identifier: int, method: str, params: list[Any]) -> dict[str, Any]:
    """Build a call. The last parameter of a method of a model is the context."""
    return {"id": identifier, "method": method, "params": params}


def parse_result(body: Any, identifier: int) -> Any:
    """Return what a call answered.

    Raises:
        BadAnswer: it is an error, or the answer to another call.
    """
    # A proxy that mixes up two answers would confirm a write by the answer to a read.
    if not isinstance(body, dict) or body.get("id") != identifier:
        raise BadAnswer("Tryton gave an answer that belongs to no call of ours.")
    if "error" in body or "result" not in body:
        raise BadAnswer(f"Tryton answered with an error{describe_error(body)}.")
    return body["result"]


def is_refusal(body: Any) -> bool:
    """Tell whether a body is a refusal by Tryton itself; a crash of its own is none."""
    return _kind(body) in _STATUSES


def status_in(body: Any) -> int | None:
    """Return the HTTP status that says the same as a refusal."""
    return _STATUSES.get(_kind(body))


def is_signed_out(body: Any) -> bool:
    """Tell whether a body asks for a sign-in."""
    return _kind(body) == "LoginException"


def describe_error(body: Any) -> str:
    """Return what kind of error it is, in words of ours; nothing where that says nothing."""
    return _WORDS.get(_kind(body), "")


def _kind(body: Any) -> str:
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, list) or not error or not isinstance(error[0], str):
        return ""
    return error[0]
