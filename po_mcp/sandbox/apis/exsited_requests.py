"""What callers of Exsited's API send: filters, stretches of a list, drafts and header changes."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from starlette.datastructures import URL

from po_mcp.sandbox import exact
from po_mcp.sandbox.apis import exsited_json as render
from po_mcp.sandbox.apis.fields import Fields
from po_mcp.sandbox.apis.http import BadRequest, Call
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
class Stretch:
    """The part of a list that a caller asked for."""

    url: URL
    limit: int
    offset: int

    @classmethod
    def of(cls, call: Call) -> "Stretch":
        """Read `limit` (20, at most 100) and `offset` (0). Raises: BadRequest."""
        limit = min(call.whole("limit", LIMIT), MAX_LIMIT)
        return cls(call.url, limit, call.whole("offset", 0, least=0))

    def cut(self, query: Query) -> Query:
        """Narrow a query to this stretch."""
        return replace(query, limit=self.limit, offset=self.offset)

    def wrap(self, name: str, rows: list[Any], count: int) -> dict[str, Any]:
        """Write rows that are this stretch of a list of `count`."""
        return {name: rows, "pagination": render.pagination(self.url, count, self.limit, self.offset)}

    def wrap_part(self, name: str, records: Sequence[T], row: Callable[[T], Any]) -> dict[str, Any]:
        """Write this stretch of a whole list."""
        part = records[self.offset : self.offset + self.limit]
        return self.wrap(name, [row(record) for record in part], len(records))


def order_query(call: Call, *conditions: Condition) -> Query:
    """Read sorting and filter of a list of orders; unsorted, the newest come first.

    Raises: BadRequest.
    """
    sort = call.query.get("order_by", "created_on")
    if sort not in ORDER_SORTS:
        raise BadRequest(f"order_by must be one of {', '.join(ORDER_SORTS)}.")
    return Query(
        where=(*conditions, *filters(call, "purchase-orders", ORDER_FILTERS)),
        sort=ORDER_SORTS[sort],
        descending=call.descending("order_by" not in call.query),
    )


def filters(call: Call, resource: str, fields: Mapping[str, str]) -> tuple[Condition, ...]:
    """Read `filter`, one condition such as `items/name contain 'bolt'`. Raises: BadRequest."""
    if not (text := call.query.get("filter", "")):
        return ()
    match = _FILTER.fullmatch(text)
    if match is None or match[1] != resource:
        raise BadRequest(f"filter must be of the form {resource}/field eq 'value'.")
    field, value = match[2], match[4]
    operator: Operator = match[3]  # type: ignore[assignment]
    if field == "status" and resource == "purchase-orders":
        return (_status_condition(operator, value),)
    if field not in fields:
        raise BadRequest(f"filter cannot name {field}; it can name {', '.join(fields)}.")
    return ((fields[field], operator, value),)


def order_draft(call: Call) -> OrderDraft:
    """Read the body of a new order. Raises: BadRequest, Invalid."""
    body = Fields(call.json())
    fields = body.nested("purchase_order")
    draft = OrderDraft(
        vendor=("account", fields.text("account_id")),
        lines=tuple(_line_draft(line) for line in fields.rows("lines")),
        number=_optional(fields, "id", fields.text),
        currency=_optional(fields, "currency", fields.text),
        ordered_at=_date(fields, "issue_date"),
        expected_at=_date(fields, "expected_completion_date"),
        due_at=_date(fields, "due_date"),
        note=_optional(fields, "purchase_order_note", fields.text) or "",
        supplier_invoice=_optional(fields, "supplier_invoice_id", fields.text) or "",
        tax_inclusive=bool(_optional(fields, "price_tax_inclusive", fields.flag_text)),
    )
    body.check()
    return draft


def header_changes(call: Call) -> dict[str, Any]:
    """Read the body of a changed header, whose root is `purchase-order`. Raises: BadRequest, Invalid."""
    body = Fields(call.json())
    fields = body.nested("purchase-order")
    readers: Mapping[str, tuple[str, Callable[[str], Any]]] = {
        "supplier_invoice_id": ("supplier_invoice", fields.text),
        "purchase_order_note": ("note", fields.text),
        "issue_date": ("ordered_at", lambda name: _date(fields, name)),
        "due_date": ("due_at", lambda name: _date(fields, name)),
        "expected_completion_date": ("expected_at", lambda name: _date(fields, name)),
    }
    for name in sorted(fields.names() - readers.keys()):
        fields.refuse(name, "cannot be changed here")
    changes = {column: read(name) for name, (column, read) in readers.items() if fields.has(name)}
    if "ordered_at" in changes and changes["ordered_at"] is None:
        fields.refuse("issue_date", "is required")
    body.check()
    return changes


def _status_condition(operator: Operator, value: str) -> Condition:
    if value not in STATUSES or operator not in ("eq", "ne"):
        raise BadRequest(f"status must be eq or ne one of {', '.join(STATUSES)}.")
    return ("status", "in" if operator == "eq" else "not_in", STATUSES[value])


def _line_draft(line: Fields) -> LineDraft:
    rule = line.nested("item_price_snapshot") if line.has("item_price_snapshot") else None
    rule = rule.nested("pricing_rule") if rule and rule.has("pricing_rule") else None
    warehouse = _optional(rule, "warehouse", rule.text) if rule else None
    return LineDraft(
        item=("uuid", line.text("item_uuid")) if line.has("item_uuid") else ("code", line.text("item_id")),
        quantity=line.decimal_text("item_quantity"),
        price=_optional(rule, "price", rule.decimal_text) if rule else None,
        warehouse=("name", warehouse) if warehouse else None,
    )


def _optional(fields: Fields, name: str, read: Callable[[str], T]) -> T | None:
    return read(name) if fields.has(name) else None


def _date(fields: Fields, name: str) -> datetime | None:
    text = _optional(fields, name, fields.text)
    if not text:
        return None
    try:
        return exact.instant(text)
    except (ValueError, OverflowError):
        fields.refuse(name, "must be a date, YYYY-MM-DD")
        return None
