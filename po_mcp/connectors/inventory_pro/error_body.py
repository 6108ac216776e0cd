"""Parsing of Inventory Pro's error bodies (https://cissltd.com/docs/api/errors/). No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from po_mcp.connectors.http.error_mapping import fields_of

_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_CODES = frozenset(
    {
        "bad_request",
        "validation_error",
        "unauthorized",
        "forbidden",
        "not_found",
        "conflict",
        "rate_limited",
        "not_implemented",
        "internal_error",
    }
)
"""https://cissltd.com/docs/api/errors/"""
_ARGUMENTS = {
    "vendorid": "vendor",
    "ponumber": "number",
    "lines": "lines",
    "shortid": "item",
    "units": "quantity",
    "unitprice": "unit_price",
    "warehouse": "warehouse",
    "createbackorder": "create_backorder",
    "startdate": "ordered_from",
    "enddate": "ordered_to",
    "pagesize": "limit",
}
"""Field of the API in lower case -> argument of the tool that fills it."""


def describe_error(body: Any) -> str:
    """Return the known code and fields of an error body, such as ` (validation_error: quantity)`, or ""."""
    members = fields_of(body)
    code = str(members.get("error")).casefold()
    # Only known codes are shown: the text of an ERP may hold what forges a line.
    if code not in _CODES:
        return ""
    details = members.get("details")
    fields = sorted(set(_argument_names(details))) if isinstance(details, dict) else []
    return f" ({code}: {', '.join(fields)})" if fields else f" ({code})"


def is_envelope(body: Any) -> bool:
    """Tell whether a body is an error and shows no order."""
    # An answer that shows the order may be of a write that was carried out, whatever else it says.
    return is_error(body) and fields_of(body).get("pono") is None


def is_error(body: Any) -> bool:
    """Tell whether a body has an HTTP status and an error code, as documented, in any letter case."""
    code = fields_of(body).get("error")
    return isinstance(code, str) and _CODE.fullmatch(code) is not None and status_in(body) is not None


def status_in(body: Any) -> int | None:
    """Return the HTTP status in an error body, written as a number or as text, or None."""
    members = fields_of(body).get("statuscode")
    text = str(members) if isinstance(members, int | str) and not isinstance(members, bool) else ""
    return int(text) if re.fullmatch(r"[1-5][0-9]{2}", text, re.ASCII) else None


def _argument_names(details: Mapping[str, Any]) -> Iterator[str]:
    """Yield the arguments for the paths of an error's details; `lines[0].units` is the quantity."""
    for path in details:
        field = path.rpartition(".")[2].partition("[")[0].casefold()
        if field in _ARGUMENTS:
            yield _ARGUMENTS[field]
