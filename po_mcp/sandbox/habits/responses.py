"""Habits that change calls and answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any

from starlette.responses import Response

from po_mcp.sandbox.apis.exact_json import read_json
from po_mcp.sandbox.apis.http import ApiCall, BadRequest, Handle, JsonResponse
from po_mcp.sandbox.habits.habit import ChosenHabit
from po_mcp.sandbox.refusals import Refusal

Object = dict[str, Any]

AMOUNTS = frozenset(
    (
        *("units", "unitsReceived", "unitPrice", "totalValue"),
        *("item_quantity", "item_order_quantity", "receipt_quantity", "receipt_left"),
        *("price", "subtotal", "tax", "total", "total_expense", "estimated_total"),
        *("total_outstanding", "total_overdue", "last_invoice_total"),
    )
)
"""The fields of both APIs that hold amounts or quantities."""

DATES = frozenset(("expectedDate", "expected_completion_date"))
"""The fields of both APIs that hold a date which need not be set."""
_NO_DATE = "0001-01-01T00:00:00"

PAGE_SIZES = ("pageSize", "limit")
_PAGING = frozenset(("totalCount", "page", "pageSize", "pageCount", "hasMore", "pagination"))
_PAGING_HEADERS = ("X-Total-Count", "X-Page-Size", "X-Page")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_EXTRA = {"rowVersion": "AAAAAAAAB9E=", "customFields": [], "_links": {"self": {"href": "/odata/self"}}}


def change_json(answer: Response, chosen: ChosenHabit) -> Response:
    """Change the JSON of an answer that has any."""
    if not answer.body or chosen.habit.change_json is None:
        return answer
    content = chosen.habit.change_json(read_json(bytes(answer.body)), chosen.value)
    return JsonResponse(content, answer.status_code, _headers(answer))


def call_and_discard(handle: Handle, call: ApiCall) -> None:
    """Handle a call and discard its answer."""
    # What the first is refused for, the second is refused for as well, and that answer is passed on.
    with suppress(Refusal, BadRequest):
        handle(call)


def limit_page(call: ApiCall, rows: str) -> ApiCall:
    """Ask for that many rows, where more are asked for or nothing is said."""
    asked = {name: call.query.get(name, "") for name in PAGE_SIZES}
    # Under the names of both APIs; each passes over that of the other.
    smaller = {name: rows for name, text in asked.items() if not text or (text.isdecimal() and int(text) > int(rows))}
    return replace(call, query={**call.query, **smaller})


def rename_closed(content: Any, word: str) -> Any:
    """Replace the status Closed by another word."""

    def change(fields: Object) -> Object:
        return fields | {"status": word} if fields.get("status") == "Closed" else fields

    return _change_objects(content, change)


def drop_receipts(content: Any, _: str) -> Any:
    """Leave out what was received of a line."""
    return _drop_fields(content, frozenset(("unitsReceived",)))


def drop_backorder(content: Any, _: str) -> Any:
    """Leave out what an answer says of a backorder."""
    return _drop_fields(content, frozenset(("backorderCreated", "backorderPoNo")))


def write_zero_dates(content: Any, _: str) -> Any:
    """Replace dates that are not set by the least that .NET has."""

    def change(fields: Object) -> Object:
        return {name: _NO_DATE if name in DATES and not value else value for name, value in fields.items()}

    return _change_objects(content, change)


def write_nulls(content: Any, _: str) -> Any:
    """Replace empty texts by null."""
    return _change_objects(
        content, lambda fields: {name: None if value == "" else value for name, value in fields.items()}
    )


def add_fields(content: Any, _: str) -> Any:
    """Add fields to every object."""
    return _change_objects(content, lambda fields: fields | _EXTRA)


def write_amounts_as_text(content: Any, _: str) -> Any:
    """Write amounts as texts."""
    # In full: a text with an exponent would be one habit more.
    return _change_amounts(content, lambda value: value if isinstance(value, str) else f"{Decimal(value):f}")


def write_amounts_as_numbers(content: Any, _: str) -> Any:
    """Write amounts as numbers."""

    def number(value: Any) -> Any:
        return Decimal(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else value

    return _change_amounts(content, number)


def drop_paging(content: Any, _: str) -> Any:
    """Remove the paging fields."""
    return _drop_fields(content, _PAGING)


def drop_paging_headers(_: ApiCall, answer: Response) -> Response:
    """Remove the paging headers."""
    # Exsited's answers have none of them.
    for name in _PAGING_HEADERS:
        with suppress(KeyError):
            del answer.headers[name]
    return answer


def answer_200_for_201(_: ApiCall, answer: Response) -> Response:
    """Replace the status 201 by 200."""
    if answer.status_code == 201:
        answer.status_code = 200
    return answer


def drop_body(call: ApiCall, answer: Response) -> Response:
    """Leave out the body of an answer to a write."""
    return Response(status_code=answer.status_code, headers=_headers(answer)) if call.is_write else answer


def _drop_fields(content: Any, names: frozenset[str]) -> Any:
    return _change_objects(content, lambda fields: {name: value for name, value in fields.items() if name not in names})


def _headers(answer: Response) -> dict[str, str]:
    # Length and type are those of the new body.
    return {name: value for name, value in answer.headers.items() if name not in ("content-length", "content-type")}


def _change_objects(content: Any, change: Callable[[Object], Object]) -> Any:
    if isinstance(content, list):
        return [_change_objects(one, change) for one in content]
    if isinstance(content, dict):
        return change({name: _change_objects(value, change) for name, value in content.items()})
    return content


def _change_amounts(content: Any, spell: Callable[[Any], Any]) -> Any:
    def change(fields: Object) -> Object:
        return {
            name: spell(value) if name in AMOUNTS and value is not None else value for name, value in fields.items()
        }

    return _change_objects(content, change)
