"""Parsing of Exsited's error bodies, in all of their envelopes and under any HTTP status. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from po_mcp.connectors.http.error_mapping import fields_of
from po_mcp.errors import BadAnswer

_STATUS = re.compile(r"[45][0-9]{2}", re.ASCII)
_CODE = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)


def describe_error(body: Any) -> str:
    """Return the codes of an error body, such as ` (validation_error)`, or ""."""
    # What does not look like a code is text of the ERP's, and is not passed on.
    codes = [code for code in _codes(body) if _CODE.fullmatch(code)]
    return f" ({', '.join(dict.fromkeys(codes[:5]))})" if codes else ""


def is_signed_out(body: Any) -> bool:
    """Tell whether a body says that the token expired, which Exsited can do under any HTTP status."""
    return "401" in _codes(body)


def is_envelope(body: Any) -> bool:
    """Tell whether a body is an error in one of Exsited's shapes, and shows no order."""
    members = fields_of(body)
    # An answer that shows the order is no refusal, whatever else it says: the write may have been executed.
    if members.get("purchase_order") or members.get("purchase-order"):
        return False
    errors = members.get("errors")
    return (isinstance(errors, list) and bool(errors)) or _is_error(members) or _is_no_success(members)


def status_in(body: Any) -> int | None:
    """Return the HTTP status in an error body, the highest of several, or None."""
    found = {int(code) for code in (*_codes(body), str(fields_of(body).get("status"))) if _STATUS.fullmatch(code)}
    # The highest: a server error among client errors means that the outcome is unknown.
    return max(found, default=None)


def raise_for_error(body: Any) -> Any:
    """Return the body of a 2xx.

    Raises:
        BadAnswer: the body is an error, which Exsited can send with a 2xx.
    """
    if _codes(body) or fields_of(body).get("errors"):
        raise BadAnswer(f"Exsited answered with an error{describe_error(body)}.")
    return body


def _codes(body: Any) -> list[str]:
    """Return the error codes in `errors`, in the envelope of API v4, and in that of old sign-in errors."""
    members = fields_of(body)
    errors = members.get("errors")
    found = [_code(error) for error in errors] if isinstance(errors, list) else []
    if _is_error(members):
        found += [members.get("code"), members.get("status", "error")]
    if _is_no_success(members):
        found.append(members.get("statuscode", "error"))
    return [str(code) for code in found if isinstance(code, int | str)]


def _is_error(members: Mapping[str, Any]) -> bool:
    """Tell whether a body is the envelope of API v4 (Exsited's Python package `exsited`, errors)."""
    return str(members.get("object")).casefold() == "error"


def _is_no_success(members: Mapping[str, Any]) -> bool:
    """Tell whether a body is the envelope of old errors (https://github.com/exsited/exsited-php)."""
    return str(members.get("issuccess")).casefold() == "false"


def _code(error: Any) -> Any:
    """Return the code of one error, or "error" where it has none."""
    return fields_of(error).get("code") or "error"
