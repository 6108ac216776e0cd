"""Inventory Pro's API v1 over the book, cissltd.com/docs/api: routes, parameters and refusals.

The rules are the book's; this module only translates. Errors are
`{"statusCode", "error", "message", "details"}`, `details` being per field or null.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from po_mcp.sandbox import exact
from po_mcp.sandbox.apis import inventory_pro_json as render
from po_mcp.sandbox.apis.fields import Fields
from po_mcp.sandbox.apis.http import (
    ApiCall,
    BadRequest,
    Handle,
    JsonResponse,
    Render,
    Unauthorized,
    make_application,
    make_endpoint,
)
from po_mcp.sandbox.apis.tokens import Credentials, Tokens
from po_mcp.sandbox.book import Book
from po_mcp.sandbox.query import Condition, Operator, Query, QueryResult
from po_mcp.sandbox.records import LIVE, LineDraft, Order, OrderDraft
from po_mcp.sandbox.refusals import Conflict, Invalid, Missing

TOKEN_SECONDS = 14399
PAGE_SIZE = 25
MAX_ORDERS_PER_PAGE = 50
MAX_ROWS_PER_PAGE = 250

T = TypeVar("T")

SORT_FIELDS = {
    "poNo": "number",
    "vendor": "vendor",
    "orderDate": "ordered_at",
    "expectedDate": "expected_at",
    "status": "status",
    "totalValue": "total",
}
# The book's words for what can be wrong in an order, in the vendor's words.
FIELD_NAMES = {
    "number": "poNumber",
    "vendor": "vendorID",
    "item": "shortID",
    "quantity": "units",
    "price": "unitPrice",
}


def create_inventory_pro(book: Book, credentials: Credentials) -> Starlette:
    """Make the application to be mounted at /api/v1."""
    api = _Api(book, credentials)
    return make_application(api.routes(), _REFUSALS)


class _Api:
    def __init__(self, book: Book, credentials: Credentials) -> None:
        self._book = book
        self._credentials = credentials
        self._tokens = Tokens(TOKEN_SECONDS, book.now)

    def routes(self) -> list[BaseRoute]:
        def make_route(method: str, path: str, handle: Handle) -> Route:
            return Route(
                path, make_endpoint(handle, self._tokens.is_valid, self._book.habits.handle_call), methods=[method]
            )

        return [
            Route("/Token", make_endpoint(self.issue_token), methods=["POST"]),
            make_route("GET", "/PurchaseOrder", self.list_orders),
            make_route("POST", "/PurchaseOrder", self.create_order),
            make_route("POST", "/PurchaseOrder/Finalize", self.finalize_order),
            make_route("GET", "/PurchaseOrder/{number}", self.get_order),
            make_route("GET", "/Vendor/All", self.list_vendors),
            make_route("GET", "/Vendor/{id}", self.get_vendor),
            make_route("GET", "/Item", self.list_active_items),
            make_route("GET", "/Item/All", self.list_items),
            make_route("GET", "/Location", self.list_locations),
        ]

    def issue_token(self, call: ApiCall) -> Response:
        """Sign in by form fields or HTTP Basic, cissltd.com/docs/api/authentication."""
        form = call.parse_form()
        user, password = call.read_basic_credentials()
        # Before the credentials: what is wrong with the request itself tells nothing of them.
        if form.get("grant_type") != "client_credentials":
            raise BadRequest("grant_type must be client_credentials.")
        if not self._credentials.is_match(form.get("client_id", user), form.get("client_secret", password)):
            raise Unauthorized
        token = self._tokens.issue()
        return _answer({"access_token": token, "token_type": "bearer", "expires_in": TOKEN_SECONDS})

    def list_orders(self, call: ApiCall) -> Response:
        """List open and partial orders; unsorted, the newest come first, as in the vendor's sample."""
        sort = call.query.get("sort", "orderDate")
        if sort not in SORT_FIELDS:
            raise BadRequest(f"sort must be one of {', '.join(SORT_FIELDS)}.")
        query = Query(
            where=(("status", "in", LIVE), *_date_conditions(call)),
            sort=SORT_FIELDS[sort],
            descending=call.is_descending("sort" not in call.query),
        )
        # Orders have a smaller maximum than other lists (cissltd.com/docs/api/pagination).
        page = _Page.read(call, MAX_ORDERS_PER_PAGE)
        return page.answer(self._book.orders(page.limit_query(query)), self._header)

    def get_order(self, call: ApiCall) -> Response:
        """Read one order, whatever its status."""
        # The list hides closed orders, this call does not: so far as the vendor's pages tell.
        order = self._book.order(call.path["number"])
        return _answer(self._header(order) | {"lines": render.lines(order)})

    def create_order(self, call: ApiCall) -> Response:
        """Enter an order; the answer is its header."""
        entered = self._book.enter(_draft(call))
        return _answer(self._header(entered.order), 201 if entered.is_new else 200)

    def finalize_order(self, call: ApiCall) -> Response:
        """Close an order, with or without a backorder."""
        fields = Fields(call.parse_json())
        number, create_backorder = fields.read_text("poNumber"), fields.read_flag("createBackorder")
        fields.check()
        return _answer(render.finalize_result(self._book.finalize(number, create_backorder=create_backorder)))

    def list_vendors(self, call: ApiCall) -> Response:
        """List all vendors, inactive ones too."""
        page = _Page.read(call, MAX_ROWS_PER_PAGE)
        return page.answer(self._book.vendors(page.limit_query(Query())), render.vendor)

    def get_vendor(self, call: ApiCall) -> Response:
        """Read one vendor by vendorID or shortID: the vendor's page does not say which one it is."""
        name = call.path["id"]
        is_number = name.isascii() and name.isdigit() and len(name) <= 9
        found = self._book.vendor("id", int(name)) if is_number else self._book.vendor("short_id", name)
        return _answer(render.vendor(found))

    def list_items(self, call: ApiCall) -> Response:
        """List all items, discontinued ones too."""
        return self._items(call, ())

    def list_active_items(self, call: ApiCall) -> Response:
        """List active items, or the one whose shortID is `key`."""
        where: list[Condition] = [("active", "eq", True)]
        if "key" in call.query:
            if call.query.get("type") != "id":
                raise BadRequest("type must be id: no item of this book has an alias.")
            where.append(("short_id", "eq", call.query["key"]))
        return self._items(call, tuple(where))

    def list_locations(self, call: ApiCall) -> Response:
        """List storage places, of all warehouses or of the one whose id is `wid`."""
        warehouse = call.read_integer("wid", 0)
        query = Query(where=(("warehouse_id", "eq", warehouse),) if warehouse else ())
        page = _Page.read(call, MAX_ROWS_PER_PAGE)
        return page.answer(self._book.spots(page.limit_query(query)), render.location)

    def _header(self, order: Order) -> dict[str, Any]:
        return render.order_header(order, with_creation="created-on" in self._book.habits)

    def _items(self, call: ApiCall, where: tuple[Condition, ...]) -> Response:
        page = _Page.read(call, MAX_ROWS_PER_PAGE)
        return page.answer(self._book.items(page.limit_query(Query(where=where))), render.item)


@dataclass(frozen=True)
class _Page:
    # cissltd.com/docs/api/pagination: a size above the maximum is capped, not refused.
    number: int
    size: int

    @classmethod
    def read(cls, call: ApiCall, most: int) -> _Page:
        return cls(call.read_integer("page", 1), min(call.read_integer("pageSize", PAGE_SIZE), most))

    def limit_query(self, query: Query) -> Query:
        return replace(query, limit=self.size, offset=(self.number - 1) * self.size)

    def answer(self, found: QueryResult[T], row: Callable[[T], dict[str, Any]]) -> Response:
        content = render.page([row(record) for record in found.records], found, self.number, self.size)
        counts = {"X-Total-Count": found.count, "X-Page-Size": self.size, "X-Page": self.number}
        return _answer(content, headers={name: str(count) for name, count in counts.items()})


def _answer(content: Any, status: int = 200, headers: Mapping[str, str] = MappingProxyType({})) -> Response:
    return JsonResponse(content, status, {"X-API-Version": "v1", **headers})


def _draft(call: ApiCall) -> OrderDraft:
    fields = Fields(call.parse_json())
    draft = OrderDraft(
        vendor=("id", fields.read_integer("vendorID")),
        number=fields.read_text("poNumber"),
        lines=tuple(_line_draft(line) for line in fields.read_objects("lines")),
    )
    fields.check()
    return draft


def _line_draft(line: Fields) -> LineDraft:
    return LineDraft(
        item=("short_id", line.read_text("shortID")),
        quantity=line.read_decimal("units"),
        price=line.read_decimal("unitPrice"),
        warehouse=("id", line.read_integer("warehouse")),
    )


def _date_conditions(call: ApiCall) -> list[Condition]:
    bounds: list[tuple[str, str, Operator]] = [
        ("startDate", "ordered_at", "ge"),
        ("endDate", "ordered_at", "le"),
        ("modifiedSince", "modified_at", "ge"),
    ]
    return [
        (field, operator, _instant(name, call.query[name], end_of_day=operator == "le"))
        for name, field, operator in bounds
        if call.query.get(name)
    ]


def _instant(name: str, text: str, *, end_of_day: bool) -> str:
    # Both ends are inclusive, so a date alone means, as an end, the whole of that day.
    try:
        bound = exact.parse_instant(text)
        if end_of_day and len(text) == len("2025-05-15"):
            bound += timedelta(days=1, seconds=-1)
        return exact.format_instant(bound)
    except (ValueError, OverflowError) as exc:
        raise BadRequest(f"{name} must be a date or a date-time in ISO 8601.") from exc


def _refuse(status: int, error: str, message: str, details: Any = None) -> Response:
    return _answer({"statusCode": status, "error": error, "message": message, "details": details}, status)


def _refuse_invalid(error: Exception) -> Response:
    assert isinstance(error, Invalid)
    details = {_vendor_path(path): list(texts) for path, texts in error.problems.items()}
    return _refuse(400, "validation_error", "Model validation failed.", details)


def _vendor_path(path: str) -> str:
    # The last name alone: before it stand `lines` and the index, which both vendors have as the book does.
    return re.sub(r"\w+$", lambda name: FIELD_NAMES.get(name[0], name[0]), path)


def _refuse_route(error: Exception) -> Response:
    if isinstance(error, HTTPException) and error.status_code == 405:
        # The vendor's list of error codes has none for a wrong method.
        return _refuse(405, "method_not_allowed", "The method is not allowed here.")
    return _refuse(404, "not_found", "There is no such endpoint.")


_REFUSALS: Mapping[type[Exception], Render] = {
    BadRequest: lambda error: _refuse(400, "bad_request", str(error)),
    Invalid: _refuse_invalid,
    Unauthorized: lambda _: _refuse(401, "unauthorized", "The credentials are missing, wrong or expired."),
    Missing: lambda error: _refuse(404, "not_found", str(error)),
    Conflict: lambda error: _refuse(409, "conflict", str(error)),
    HTTPException: _refuse_route,
    sqlite3.Error: lambda _: _refuse(500, "internal_error", "The order book cannot be used now."),
}
