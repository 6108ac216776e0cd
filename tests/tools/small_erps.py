"""Two small ERPs on the wire, written from the vendors' pages, with books and habits that a test gives them.

https://cissltd.com/docs/api/ and https://developer.exsited.com. The sandbox has a book of its own; these hold what
other companies' books hold: lines without items, statuses and dates of other ERPs, numbers of any kind.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import anyio.lowlevel
import httpx2
import simplejson

from po_mcp.connectors.exsited import Exsited
from po_mcp.connectors.http.retry import Retrier
from po_mcp.connectors.inventory_pro import InventoryPro
from po_mcp.erp import ERP
from tests.connectors.calls import no_wait

Row = dict[str, Any]
Answer = tuple[int, Any]


def as_given(value: Any) -> Any:
    """Store a value as it was asked for."""
    return value


@dataclass
class SmallERP:
    """What both have in common.

    `sent` are method, path and body of each write; `is_answer_lost` loses the answer to the next one.
    """

    sent: list[tuple[str, str, Any]] = field(default_factory=list)
    is_answer_lost: bool = False
    store_price: Callable[[Decimal], Decimal] = as_given

    def connect(self, **more: Any) -> ERP:
        """Return a connection of production to this ERP."""
        raise NotImplementedError

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Answer:
        """Answer a request whose path has neither the API's beginning nor anything encoded but single segments."""
        raise NotImplementedError

    @property
    def transport(self) -> httpx2.MockTransport:
        return httpx2.MockTransport(self._handle)

    async def _handle(self, request: httpx2.Request) -> httpx2.Response:
        await anyio.lowlevel.checkpoint()  # as every network has one
        path = re.sub(r"^/api/v[0-9]", "", request.url.raw_path.decode().partition("?")[0])
        if "oken" in path:
            return _respond(200, {"access_token": "t", "refresh_token": "r", "expires_in": 3600})
        content = request.content
        body = json.loads(content, parse_float=Decimal) if content else None
        if request.method != "GET":
            self.sent.append((request.method, path, body))
        status, answer = self.answer(request.method, path, dict(request.url.params), body)
        if request.method != "GET" and self.is_answer_lost:
            self.is_answer_lost = False
            raise httpx2.ReadError("the connection ended", request=request)
        return _respond(status, answer)


def _respond(status: int, answer: Any) -> httpx2.Response:
    content = b"" if answer is None else simplejson.dumps(answer, use_decimal=True).encode()
    headers = {"Content-Type": "application/json"} if content else {}
    return httpx2.Response(status, stream=httpx2.ByteStream(content), headers=headers)


def line(
    item: str | None = "BOLT-M8-30", *, units: Any = 10, received: Any = 0, price: str = "0.45", **more: Any
) -> Row:
    """Return a line of Inventory Pro's."""
    known = {"lineNo": 1, "shortID": item, "description": item, "units": units, "unitsReceived": received}
    return {**known, "unitPrice": Decimal(price), "warehouse": 1, "warehouseName": "Main", **more}


def order(number: str, *lines: Row, **more: Any) -> Row:
    """Return an order of Inventory Pro's, open and of one line unless told otherwise."""
    known = {"poNo": number, "vendor": "Acme Fasteners", "status": "Open", "orderDate": "2026-11-01T00:00:00Z"}
    return {**known, "expectedDate": None, "lines": list(lines or [line()]), **more}


@dataclass
class SmallInventoryPro(SmallERP):
    """Inventory Pro: its list shows what is not closed."""

    orders: Sequence[Row] = ()
    items: Sequence[Row] = ({"partNo": 1, "shortID": "BOLT-M8-30", "description": "M8 x 30mm Hex Bolt", "uOM": "EA"},)
    vendors: Sequence[Row] = ({"vendorID": 12, "shortID": "ACME", "name": "Acme Fasteners", "active": True},)
    largest_page: int = 250
    store_number: Callable[[str], str] = as_given
    fold_number: Callable[[str], str] = as_given
    makes_backorders: bool = True

    def __post_init__(self) -> None:
        self.book: dict[str, Row] = {one["poNo"]: one for one in self.orders}

    def connect(self, **more: Any) -> InventoryPro:
        own = {"transport": self.transport, "retrier": Retrier(sleep=no_wait), **more}
        return InventoryPro("http://localhost", "id", "secret", **own)

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Answer:
        if path == "/PurchaseOrder":
            return self._create(body) if method == "POST" else self._list(query)
        if path == "/PurchaseOrder/Finalize":
            return self._finalize(body)
        if path.startswith("/PurchaseOrder/"):
            found = self._find(unquote(path.removeprefix("/PurchaseOrder/"))) if path.count("/") == 2 else None
            return _not_found() if found is None else (200, {**self._header(found), "lines": found["lines"]})
        if path.startswith("/Vendor/") and path != "/Vendor/All":
            code = unquote(path.removeprefix("/Vendor/"))
            return next(((200, one) for one in self.vendors if one["shortID"] == code), _not_found())
        if path == "/Item" and "key" in query:
            found_items = [one for one in self.items if one["shortID"] == query["key"]]
            return self._page(found_items, query, self.largest_page)
        rows = {"/Vendor/All": self.vendors, "/Item": self.items, "/Item/All": self.items, "/Location": _PLACES}
        return self._page(rows[path], query, self.largest_page) if path in rows else _not_found()

    def _page(self, rows: Sequence[Row], query: dict[str, str], most: int) -> Answer:
        page, size = int(query.get("page", 1)), min(int(query.get("pageSize", 25)), most)
        pages = -(-len(rows) // size)
        shown = list(rows[(page - 1) * size : page * size])
        facts = {"totalCount": len(rows), "page": page, "pageSize": size, "pageCount": pages, "hasMore": page < pages}
        return 200, {"value": shown, **facts}

    def _list(self, query: dict[str, str]) -> Answer:
        rows = [one for one in self.book.values() if one["status"] != "Closed"]
        if "startDate" in query:
            rows = [one for one in rows if one["orderDate"][:10] >= query["startDate"][:10]]
        if "endDate" in query:
            rows = [one for one in rows if one["orderDate"][:10] <= query["endDate"][:10]]
        return self._page([self._header(one) for one in rows], query, 50)

    def _header(self, order: Row) -> Row:
        # Of lines whose figures cannot be added up, the test says the total.
        added = [] if "totalValue" in order else order["lines"] or []
        total = sum((Decimal(str(one["units"])) * one["unitPrice"] for one in added), start=Decimal("0.00"))
        facts = {name: value for name, value in order.items() if name != "lines"}
        return {"totalLines": len(order["lines"] or []), "totalValue": total, **facts}

    def _find(self, number: str) -> Row | None:
        wanted = self.fold_number(number)
        return next((one for name, one in self.book.items() if self.fold_number(name) == wanted), None)

    def _create(self, body: Row) -> Answer:
        number = self.store_number(body["poNumber"])
        if self._find(number) is not None:
            return 409, {"statusCode": 409, "error": "conflict", "message": "PO number must be unique", "details": None}
        lines = [
            line(one["shortID"], units=one["units"], lineNo=place, unitPrice=self.store_price(one["unitPrice"]))
            for place, one in enumerate(body["lines"], 1)
        ]
        self.book[number] = order(number, *lines, orderDate="2026-11-26T10:00:00Z")
        return 201, self._header(self.book[number])

    def _finalize(self, body: Row) -> Answer:
        found = self._find(body["poNumber"])
        if found is None:
            return _not_found()
        found["status"] = "Closed"
        made: Row = {"poNo": found["poNo"], "status": "Closed", "backorderCreated": False}
        if body["createBackorder"] and self.makes_backorders:
            name = f"{found['poNo']}-BO1"
            rest = [{**one, "units": one["units"] - one["unitsReceived"], "unitsReceived": 0} for one in found["lines"]]
            self.book[name] = order(name, *(one for one in rest if one["units"]))
            made |= {"backorderCreated": True, "backorderPoNo": name}
        return 200, made


_PLACES: Sequence[Row] = ({"spot": "A1", "warehouseID": 1, "warehouseName": "Main", "active": True},)


def _not_found() -> Answer:
    return 404, {"statusCode": 404, "error": "not_found", "message": "no such record", "details": None}


def exsited_line(
    item: str = "ITEM-0055", name: str = "Bolt", *, units: str = "40.000000", price: str = "0.450000"
) -> Row:
    """Return a line of Exsited's."""
    known = {"uuid": f"l-{item}", "version": "1", "item_id": item, "item_uuid": f"u{item}" if item else ""}
    amounts = {"item_quantity": units, "item_order_quantity": units, "total": f"{Decimal(units) * Decimal(price):.6f}"}
    return {**known, "item_name": name, **amounts, "item_price_snapshot": {"pricing_rule": {"price": price}}}


def exsited_order(number: str, *lines: Row, **more: Any) -> Row:
    """Return an order of Exsited's, active and of one line unless told otherwise."""
    known = {"id": number, "uuid": f"u-{number}", "version": "1", "status": "ACTIVE", "account_id": "LHROM9"}
    days = {"issue_date": "2026-11-01T00:00:00Z", "expected_completion_date": ""}
    content = {"currency": {"name": "AUD"}, "kpis": {"total_purchase_invoice": 0}}
    return {**known, **days, **content, "lines": list(lines or [exsited_line()]), **more}


@dataclass
class SmallExsited(SmallERP):
    """Exsited: its list does not say what was received."""

    orders: Sequence[Row] = ()
    receipts: dict[str, list[Row]] = field(default_factory=dict)
    store_number: Callable[[str], str] = as_given

    def __post_init__(self) -> None:
        self.book: dict[str, Row] = {one["id"]: one for one in self.orders}

    def connect(self, **more: Any) -> Exsited:
        own = {"transport": self.transport, "retrier": Retrier(sleep=no_wait), **more}
        return Exsited("http://localhost", "id", "secret", "https://x/", **own)

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Answer:
        if path == "/purchase-orders":
            if method == "POST":
                return self._create(body["purchase_order"])
            return self._page("purchase_orders", [self._shown(one) for one in self.book.values()], query)
        if path in ("/accounts", "/items"):
            return self._page(path[1:], [_ACCOUNT if path == "/accounts" else _ITEM], query)
        found = re.fullmatch(r"/purchase-orders/([^/]+)(/[a-z-]+)?", path)
        if found is None or (number := unquote(found[1])) not in self.book:
            return 404, {"errors": [{"code": 404, "message": "not found"}]}
        return self._answer_one(method, number, found[2] or "")

    def _answer_one(self, method: str, number: str, tail: str) -> Answer:
        if method == "DELETE":
            del self.book[number]
            return 204, None
        if tail == "/cancel":
            self.book[number]["status"] = "INACTIVE"
            return 204, None
        paging = {"limit": 100, "offset": 0, "next_page": "NULL"}
        if tail == "/item-receipts":
            rows = self.receipts.get(number, [])
            return 200, {"purchase_order": {"item_receipts": rows, "pagination": {"records": len(rows), **paging}}}
        if tail == "/purchase-invoices":
            return 200, {"purchase_invoices": [], "pagination": {"records": 0, **paging}}
        return 200, {"purchase_order": self._shown(self.book[number])}

    def _shown(self, order: Row) -> Row:
        total = sum((Decimal(one["total"]) for one in order.get("lines") or []), Decimal(0))
        return {"total": f"{total:.6f}", **order}

    def _page(self, name: str, rows: Sequence[Row], query: dict[str, str]) -> Answer:
        limit, offset = int(query.get("limit", 20)), int(query.get("offset", 0))
        end = "NULL" if offset + limit >= len(rows) else "more"
        paging = {"records": len(rows), "limit": limit, "offset": offset, "previous_page": "", "next_page": end}
        return 200, {name: list(rows[offset : offset + limit]), "pagination": paging}

    def _create(self, body: Row) -> Answer:
        lines = []
        for one in body["lines"]:
            price = self.store_price(Decimal(one["item_price_snapshot"]["pricing_rule"]["price"]))
            units = f"{Decimal(one['item_quantity']):.6f}"
            lines.append(exsited_line(one["item_id"], units=units, price=f"{price:.6f}"))
        note = {"purchase_order_note": body.get("purchase_order_note", "")}
        number = self.store_number(body["id"])
        self.book[number] = exsited_order(number, *lines, account_id=body["account_id"], **note)
        return 201, {"purchase_order": self._shown(self.book[number])}


_ACCOUNT: Row = {
    "id": "LHROM9",
    "name": "Acme Fasteners",
    "display_name": "Acme Fasteners",
    "type": "SUPPLIER",
    "status": "ACTIVE",
    "currency": {"name": "AUD"},
}
_ITEM: Row = {"id": "ITEM-0055", "name": "Bolt", "uuid": "uITEM-0055", "status": "ACTIVE"}
