"""Exsited's API v3 over the book, developer.exsited.com: routes, answers and refusals.

The rules are the book's; this module only translates. Errors are
`{"errors": [{"code", "message"}]}`.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Mapping
from secrets import token_urlsafe
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from po_mcp.sandbox.apis import exsited_json as render
from po_mcp.sandbox.apis.exsited_requests import (
    ACCOUNT_FILTERS,
    ITEM_FILTERS,
    ListWindow,
    filters,
    header_changes,
    order_draft,
    order_query,
)
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
from po_mcp.sandbox.drafting import CURRENCIES
from po_mcp.sandbox.query import Condition, Query
from po_mcp.sandbox.records import Order
from po_mcp.sandbox.refusals import Conflict, Invalid, Missing

TOKEN_SECONDS = 3600
SIGN_IN_PAGE = "/login"

# The book's words for what can be wrong in an order, in the vendor's words.
FIELD_NAMES = {
    "number": "id",
    "vendor": "account_id",
    "item": "item_id",
    "quantity": "item_quantity",
    "price": "item_price_snapshot.pricing_rule.price",
    "warehouse": "item_price_snapshot.pricing_rule.warehouse",
}


def create_exsited(book: Book, credentials: Credentials) -> tuple[Starlette, Starlette]:
    """Make the applications to be mounted at /api/v1/oauth2 and at /api/v3 (and /api/v2)."""
    # "A new token for the same credentials revokes the one before": apps that share them sign each other out.
    tokens = Tokens(TOKEN_SECONDS, book.now, only_latest=True)
    sign_in = Route("/token", make_endpoint(_SignIn(credentials, tokens).issue_token), methods=["POST"])
    orders = _Api(book, tokens)
    return make_application([sign_in], _REFUSALS), make_application(orders.routes(), _REFUSALS)


class _SignIn:
    def __init__(self, credentials: Credentials, tokens: Tokens) -> None:
        self._credentials = credentials
        self._tokens = tokens
        self._refresh_token = ""

    def issue_token(self, call: ApiCall) -> Response:
        """Sign in, or renew; wrong credentials are sent to a page for people, as the vendor does."""
        fields = Fields(call.parse_json())
        grant, given = (
            fields.read_text("grant_type"),
            (fields.read_text("client_id"), fields.read_text("client_secret")),
        )
        if grant not in ("client_credentials", "refresh_token"):
            fields.refuse("grant_type", "must be client_credentials or refresh_token")
        proof = fields.read_text("refresh_token" if grant == "refresh_token" else "redirect_uri")
        fields.check()
        if not self._credentials.is_match(*given):
            return RedirectResponse(SIGN_IN_PAGE, 302)
        if grant == "refresh_token" and proof != self._refresh_token:
            raise BadRequest("The refresh token is not valid.")
        return self._grant()

    def _grant(self) -> Response:
        access_token, self._refresh_token = self._tokens.issue(), token_urlsafe(32)
        return JsonResponse(
            {
                "access_token": access_token,
                "refresh_token": self._refresh_token,
                "expires_in": TOKEN_SECONDS,
            }
        )


class _Api:
    def __init__(self, book: Book, tokens: Tokens) -> None:
        self._book = book
        self._tokens = tokens

    def routes(self) -> list[BaseRoute]:
        def make_route(method: str, path: str, handle: Handle) -> Route:
            return Route(
                path, make_endpoint(handle, self._tokens.is_valid, self._book.habits.handle_call), methods=[method]
            )

        return [
            make_route("GET", "/purchase-orders", self.list_orders),
            make_route("POST", "/purchase-orders", self.create_order),
            make_route("GET", "/purchase-orders/{id}", self.get_order),
            make_route("DELETE", "/purchase-orders/{id}", self.delete_order),
            make_route("GET", "/purchase-orders/{id}/information", self.get_information),
            make_route("PATCH", "/purchase-orders/{id}/information", self.change_information),
            make_route("GET", "/purchase-orders/{id}/lines", self.get_lines),
            make_route("POST", "/purchase-orders/{id}/cancel", self.cancel_order),
            make_route("POST", "/purchase-orders/{id}/reactivate", self.reactivate_order),
            make_route("GET", "/purchase-orders/{id}/purchase-invoices", self.list_invoices),
            make_route("GET", "/purchase-orders/{id}/item-receipts", self.list_receipts),
            make_route("GET", "/accounts", self.list_accounts),
            make_route("GET", "/accounts/{id}", self.get_account),
            make_route("GET", "/accounts/{id}/purchase-orders", self.list_account_orders),
            make_route("GET", "/items", self.list_items),
            make_route("GET", "/items/{id}", self.get_item),
            make_route("GET", "/settings/warehouses", self.list_warehouses),
            make_route("GET", "/settings/currencies", self.list_currencies),
        ]

    def list_orders(self, call: ApiCall) -> Response:
        """List orders, whatever their status."""
        return JsonResponse(self._list_orders(call))

    def list_account_orders(self, call: ApiCall) -> Response:
        """List the orders of one supplier."""
        # Read first: a supplier that is not known is a 404, and no empty list.
        vendor = self._book.vendor("account", call.path["id"])
        return JsonResponse({"account": self._list_orders(call, ("account", "eq", vendor.account))})

    def get_order(self, call: ApiCall) -> Response:
        """Read one order."""
        return _answer_order(self._find_order(call))

    def get_information(self, call: ApiCall) -> Response:
        """Read one order's header."""
        return JsonResponse({"purchase_order": render.order_information(self._find_order(call))})

    def get_lines(self, call: ApiCall) -> Response:
        """Read one order's lines."""
        return JsonResponse({"purchase_order": {"lines": render.lines(self._find_order(call))}})

    def list_invoices(self, call: ApiCall) -> Response:
        """List an order's purchase invoices."""
        # An order that is not there is a 404 also of its documents, so an empty list is never a missing order.
        order = self._find_order(call)
        rows = ListWindow.read(call).wrap_slice(
            "purchase_invoices", order.invoices, lambda invoice: render.invoice(order, invoice)
        )
        return JsonResponse(rows)

    def list_receipts(self, call: ApiCall) -> Response:
        """List an order's item receipts."""
        receipts = self._find_order(call).receipts
        rows = ListWindow.read(call).wrap_slice("item_receipts", receipts, render.receipt)
        return JsonResponse({"purchase_order": rows})

    def create_order(self, call: ApiCall) -> Response:
        """Enter an order."""
        entered = self._book.enter(order_draft(call))
        # 200 only under the habit `upserts` or `overwrites`: else a taken number is a conflict.
        return _answer_order(entered.order, 201 if entered.is_new else 200)

    def delete_order(self, call: ApiCall) -> Response:
        """Delete an order for good; the answer is 204 and empty."""
        self._book.delete(call.path["id"])
        return Response(status_code=204)

    def cancel_order(self, call: ApiCall) -> Response:
        """Make an order inactive."""
        return _answer_order(self._book.cancel(call.path["id"]))

    def reactivate_order(self, call: ApiCall) -> Response:
        """Make a cancelled order active again."""
        return _answer_order(self._book.reactivate(call.path["id"]))

    def change_information(self, call: ApiCall) -> Response:
        """Change an order's header; the answer's root differs from the request's, as the vendor's does."""
        return _answer_order(self._book.revise(call.path["id"], **header_changes(call)))

    def list_accounts(self, call: ApiCall) -> Response:
        """List suppliers."""
        where = filters(call, "accounts", ACCOUNT_FILTERS)
        window = ListWindow.read(call)
        found = self._book.vendors(window.limit_query(Query(where=where)))
        return JsonResponse(window.wrap("accounts", [render.account(one) for one in found.records], found.count))

    def get_account(self, call: ApiCall) -> Response:
        """Read one supplier by its short id."""
        return JsonResponse({"account": render.account(self._book.vendor("account", call.path["id"]))})

    def get_item(self, call: ApiCall) -> Response:
        """Read one item by its id, a discontinued one too."""
        return JsonResponse({"item": render.item(self._book.item("code", call.path["id"]))})

    def list_items(self, call: ApiCall) -> Response:
        """List items, discontinued ones too."""
        where = filters(call, "items", ITEM_FILTERS)
        window = ListWindow.read(call)
        found = self._book.items(window.limit_query(Query(where=where)))
        return JsonResponse(window.wrap("items", [render.item(one) for one in found.records], found.count))

    def list_warehouses(self, _: ApiCall) -> Response:
        """List warehouses."""
        rows = [render.warehouse(one) for one in self._book.warehouses()]
        return JsonResponse({"settings": {"warehouses": rows}})

    def list_currencies(self, _: ApiCall) -> Response:
        """List the currencies that an order can have."""
        rows = [render.currency(code) for code in CURRENCIES]
        return JsonResponse({"settings": {"currencies": rows}})

    def _find_order(self, call: ApiCall) -> Order:
        return self._book.order(call.path["id"])

    def _list_orders(self, call: ApiCall, *conditions: Condition) -> dict[str, Any]:
        window = ListWindow.read(call)
        # Whole orders, as the vendor's sample of a list has them.
        found = self._book.orders(window.limit_query(order_query(call, *conditions)), complete=True)
        return window.wrap("purchase_orders", [render.order(one) for one in found.records], found.count)


def _answer_order(record: Order, status: int = 200) -> Response:
    return JsonResponse({"purchase_order": render.order(record)}, status)


def _refuse(status: int, *messages: str) -> Response:
    return JsonResponse(render.errors(status, messages), status)


def _refuse_invalid(error: Exception) -> Response:
    assert isinstance(error, Invalid)
    problems = ((_vendor_path(path), text) for path, texts in error.problems.items() for text in texts)
    return _refuse(400, *(f"{path} {text}." for path, text in problems))


def _vendor_path(path: str) -> str:
    return re.sub(r"\w+$", lambda name: FIELD_NAMES.get(name[0], name[0]), path)


def _refuse_route(error: Exception) -> Response:
    wrong_method = isinstance(error, HTTPException) and error.status_code == 405
    return _refuse(405, "Method not allowed.") if wrong_method else _refuse(404, "No such resource.")


def _refuse_with(status: int) -> Callable[[Exception], Response]:
    return lambda error: _refuse(status, str(error))


_REFUSALS: Mapping[type[Exception], Render] = {
    BadRequest: _refuse_with(400),
    Invalid: _refuse_invalid,
    Unauthorized: lambda _: _refuse(401, "The access token is missing, expired or revoked."),
    Missing: _refuse_with(404),
    Conflict: _refuse_with(409),
    HTTPException: _refuse_route,
    sqlite3.Error: lambda _: _refuse(500, "The order book cannot be used now."),
}
