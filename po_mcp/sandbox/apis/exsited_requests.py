"""What callers of Exsited's API send: filters, stretches of a list, drafts and header changes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from starlette.datastructures import URL

from po_mcp.sandbox import exact
from po_mcp.sandbox.apis import exsited_json as render
from po_mcp.sandbox.apis.fields import Fields
from po_mcp.sandbox.apis.http import ApiCall, BadRequest
from po_mcp.sandbox.query import Condition, Operator, Query
from po_mcp.sandbox.records import LineDraft, OrderDraft, Status

LIMIT = 20
MAX_LIMIT = 100

T = TypeVar("T")

ORDER_SORTS = {
    "code": "number",
    "id": "number",
    "status": "status",
    "issue_date": "ordered_at",
    "expected_completion_date": "expected_at",
    "total": "total",
    "created_on": "created_at",
    "last_updated_on": "modified_at",
}
ORDER_FILTERS = {"code": "number", "supplier_invoice_id": "supplier_invoice"}
ACCOUNT_FILTERS = {"id": "account", "name": "name"}
ITEM_FILTERS = {"id": "code", "name": "description", "display_name": "short_id", "uuid": "uuid"}

STATUSES: Mapping[str, Sequence[Status]] = {
    "ACTIVE": (Status.OPEN, Status.PARTIAL, Status.CLOSED),
    "INACTIVE": (Status.CANCELLED,),
    "DELETED": (Status.DELETED,),
    "DRAFT": (),
}

_FILTER = re.compile(r"([a-z-]+)/([a-z_]+) (eq|ne|contain|not_contain) '([^']*)'")


@dataclass(frozen=True)
class ListWindow:
    """The part of a list that a caller asked for."""

    url: URL
    limit: int
    offset: int

    @classmethod
    def read(cls, call: ApiCall) -> ListWindow:
        """Read `limit` (20, at most 100) and `offset` (0).

        Raises:
            BadRequest: the call cannot be read.
        """
        limit = min(call.read_integer("limit", LIMIT), MAX_LIMIT)
        return cls(call.url, limit, call.read_integer("offset", 0, least=0))

    def limit_query(self, query: Query) -> Query:
        """Narrow a query to this stretch."""
        return replace(query, limit=self.limit, offset=self.offset)

    def wrap(self, name: str, rows: list[Any], count: int) -> dict[str, Any]:
        """Write rows that are this stretch of a list of `count`."""
        return {name: rows, "pagination": render.pagination(self.url, count, self.limit, self.offset)}

    def wrap_slice(self, name: str, records: Sequence[T], row: Callable[[T], Any]) -> dict[str, Any]:
        """Write this stretch of a whole list."""
        part = records[self.offset : self.offset + self.limit]
        return self.wrap(name, [row(record) for record in part], len(records))


def order_query(call: ApiCall, *conditions: Condition) -> Query:
    """Read sorting and filter of a list of orders; unsorted, the newest come first.

    Raises:
        BadRequest: the call cannot be read.
    """
    sort = call.query.get("order_by", "created_on")
    if sort not in ORDER_SORTS:
        raise BadRequest(f"order_by must be one of {', '.join(ORDER_SORTS)}.")
    return Query(
        where=(*conditions, *filters(call, "purchase-orders", ORDER_FILTERS)),
        sort=ORDER_SORTS[sort],
        descending=call.is_descending("order_by" not in call.query),
    )


def filters(call: ApiCall, resource: str, fields: Mapping[str, str]) -> tuple[Condition, ...]:
    """Read `filter`, one condition such as `items/name contain 'bolt'`.

    Raises:
        BadRequest: the call cannot be read.
    """
    if not (text := call.query.get("filter", "")):
        return ()
    match = _FILTER.fullmatch(text)
    if match is None or match[1] != resource:
        raise BadRequest(f"filter must be of the form {resource}/field eq 'value'.")
    field, value = match[2], match[4]
    operator: Operator = match[3]  # type: ignore[assignment]
    # The vendor's ACTIVE means three statuses of the book, so it is no plain comparison.
    if field == "status" and resource == "purchase-orders":
        return (_status_condition(operator, value),)
    if field not in fields:
        raise BadRequest(f"filter cannot name {field}; it can name {', '.join(fields)}.")
    return ((fields[field], operator, value),)


def order_draft(call: ApiCall) -> OrderDraft:
    """Read the body of a new order.

    Raises:
        BadRequest: the call cannot be read.
        Invalid: the request breaks a rule.
    """
    body = Fields(call.parse_json())
    fields = body.read_object("purchase_order")
    draft = OrderDraft(
        vendor=("account", fields.read_text("account_id")),
        lines=tuple(_line_draft(line) for line in fields.read_objects("lines")),
        number=_optional(fields, "id", fields.read_text),
        currency=_optional(fields, "currency", fields.read_text),
        ordered_at=_date(fields, "issue_date"),
        expected_at=_date(fields, "expected_completion_date"),
        due_at=_date(fields, "due_date"),
        note=_optional(fields, "purchase_order_note", fields.read_text) or "",
        supplier_invoice=_optional(fields, "supplier_invoice_id", fields.read_text) or "",
        tax_inclusive=bool(_optional(fields, "price_tax_inclusive", fields.read_flag_text)),
    )
    body.check()
    return draft


def header_changes(call: ApiCall) -> dict[str, Any]:
    """Read the body of a changed header, whose root is `purchase-order`.

    Raises:
        BadRequest: the call cannot be read.
        Invalid: the request breaks a rule.
    """
    body = Fields(call.parse_json())
    fields = body.read_object("purchase-order")
    readers: Mapping[str, tuple[str, Callable[[str], Any]]] = {
        "supplier_invoice_id": ("supplier_invoice", fields.read_text),
        "purchase_order_note": ("note", fields.read_text),
        "issue_date": ("ordered_at", lambda name: _date(fields, name)),
        "due_date": ("due_at", lambda name: _date(fields, name)),
        "expected_completion_date": ("expected_at", lambda name: _date(fields, name)),
    }
    # Refused, not passed over: a caller would take its change for made.
    for name in sorted(fields.names() - readers.keys()):
        fields.refuse(name, "cannot be changed here")
    changes = {column: read(name) for name, (column, read) in readers.items() if fields.has(name)}
    # The other dates may be taken away with an empty text; an order without its own date is none.
    if "ordered_at" in changes and changes["ordered_at"] is None:
        fields.refuse("issue_date", "is required")
    body.check()
    return changes


def _status_condition(operator: Operator, value: str) -> Condition:
    if value not in STATUSES or operator not in ("eq", "ne"):
        raise BadRequest(f"status must be eq or ne one of {', '.join(STATUSES)}.")
    return ("status", "in" if operator == "eq" else "not_in", STATUSES[value])


def _line_draft(line: Fields) -> LineDraft:
    rule = line.read_object("item_price_snapshot") if line.has("item_price_snapshot") else None
    rule = rule.read_object("pricing_rule") if rule and rule.has("pricing_rule") else None
    warehouse = _optional(rule, "warehouse", rule.read_text) if rule else None
    return LineDraft(
        item=("uuid", line.read_text("item_uuid")) if line.has("item_uuid") else ("code", line.read_text("item_id")),
        quantity=line.read_decimal_text("item_quantity"),
        price=_optional(rule, "price", rule.read_decimal_text) if rule else None,
        warehouse=("name", warehouse) if warehouse else None,
    )


def _optional(fields: Fields, name: str, read: Callable[[str], T]) -> T | None:
    return read(name) if fields.has(name) else None


def _date(fields: Fields, name: str) -> datetime | None:
    text = _optional(fields, name, fields.read_text)
    if not text:
        return None
    try:
        return exact.parse_instant(text)
    except (ValueError, OverflowError):
        fields.refuse(name, "must be a date, YYYY-MM-DD")
        return None
