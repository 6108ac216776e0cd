"""What an error of Exsited's says, in any of its envelopes and under any HTTP status. Pure."""

from __future__ import annotations

import re
from typing import Any

from po_mcp.errors import BadAnswer

_CODE = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)


def complaint(body: Any) -> str:
    """Return the codes of an error body, such as ` (validation_error)`, or nothing."""
    codes = [code for code in _codes(body) if _CODE.fullmatch(code)]
    return f" ({', '.join(dict.fromkeys(codes[:5]))})" if codes else ""


def signed_out(body: Any) -> bool:
    """Tell whether a body says that the token ended; Exsited can say so under any HTTP status."""
    return "401" in _codes(body)


def told(body: Any) -> Any:
    """Return the body unless it is an error, which Exsited can send as a success."""
    if _codes(body) or (isinstance(body, dict) and body.get("errors")):
        raise BadAnswer(f"Exsited answered with an error{complaint(body)}.")
    return body


def _codes(body: Any) -> list[str]:
    """Find the error codes: in `errors`, in the envelope of API v4, and in that of old sign-in errors."""
    if not isinstance(body, dict):
        return []
    errors = body.get("errors")
    found = [_code(error) for error in errors] if isinstance(errors, list) else []
    if body.get("object") == "error":
        found += [body.get("code"), body.get("status", "error")]
    if body.get("isSuccess") in (False, "false"):
        found.append(body.get("statusCode", "error"))
    return [str(code) for code in found if isinstance(code, int | str)]


def _code(error: Any) -> Any:
    """Return the code of one error; one without it is an error all the same."""
    return (error.get("code") if isinstance(error, dict) else None) or "error"
