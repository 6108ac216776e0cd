"""Exsited over HTTP (https://developer.exsited.com)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, TypeVar

import httpx2

from po_mcp.connectors.dialect import Dialect
from po_mcp.connectors.exsited import translate, wire
from po_mcp.connectors.http import Wire, checked_segment
from po_mcp.connectors.tokens import Tokens
from po_mcp.erp import Guarded, Operation
from po_mcp.errors import BadAnswer, NotOffered, NotPermitted, OrderNotFound, SignInFailed
from po_mcp.orders import (
    Finalized,
    OrderDraft,
    OrderPage,
    OrderQuery,
    PurchaseOrder,
    Snapshot,
    Vendor,
)

T = TypeVar("T")
Call = Literal["list", "get", "create", "delete", "accounts", "purchase_invoices", "item_receipts"]

API_VERSIONS: Mapping[Call, str] = {
    "list": "v3",
    "get": "v3",
    "create": "v3",
    "delete": "v3",
    "accounts": "v3",
    # The vendor's Python client reads what hangs on an order under v2 (https://pypi.org/project/exsited/1.0.40/).
    "purchase_invoices": "v2",
    "item_receipts": "v2",
}
"""Which version of the API serves which call; an installation may differ."""

_API_TAIL = re.compile(r"/api(/v[0-9]+)?$")
_ORDERS = "/purchase-orders"
_SHORT_LIFETIME = 300  # seconds that a token is used where its lifetime is not told
_ROWS = 100
_MOST_PAGES = 200

_DIALECT = Dialect(
    name="Exsited",
    complaint=translate.complaint,
    permission_to_read="Exsited must give this client the right to read purchase orders.",
    permission_to_write="Exsited must give this client the right to write purchase orders.",
    # A redirect leads to the sign-in page (https://github.com/exsited/exsited-php, responseProcessor).
    expired=frozenset({401, *range(300, 400)}),
    signed_out=translate.signed_out,
)


class Exsited:
    """A connection to one Exsited installation.

    Args:
        base_url: such as `https://example.exsited.com`; a tail `/api` or `/api/v3` is dropped.
        client_id: as Exsited gave it.
        client_secret: kept out of every text.
        redirect_uri: as Exsited gave it; a token cannot be had without.
        timeout: seconds that one call may take.
        transport: an httpx2 transport in place of the network.
        api_versions: calls that this installation serves under another version than `API_VERSIONS`.
    """

    title = "Exsited"
    notice = ""
    operations: frozenset[Operation] = frozenset({"list", "get", "create", "delete"})
    limits = "Exsited cannot finalize an order; editing its lines and receiving goods are not offered here."

    def __init__(
        self,
        base_url: str,
        client_id: str,
        client_secret: str,
        redirect_uri: str,
        *,
        timeout: float = 60.0,
        transport: httpx2.AsyncBaseTransport | None = None,
        api_versions: Mapping[Call, str] | None = None,
    ) -> None:
        root = _API_TAIL.sub("", base_url.rstrip("/"))
        identity = hashlib.sha256(client_id.encode()).hexdigest()[:12]
        self.connection = f"exsited {httpx2.URL(root).netloc.decode()} {identity}"
        self._credentials = {
            "client_id": client_id,
            "client_secret": client_secret,
            "redirect_uri": redirect_uri,
        }
        self._versions = {**API_VERSIONS, **(api_versions or {})}
        self._wire = Wire(root, _DIALECT, timeout=timeout, transport=transport)
        self._wire.tokens = Tokens(self._sign_in)

    def __repr__(self) -> str:
        return f"<Exsited {self.connection}>"

    def valid_number(self, number: str) -> str:
        """Return the number if a path can carry it; Exsited takes ids of any pattern."""
        return checked_segment(number)

    def check(self, draft: OrderDraft) -> None:
        """Need the vendor's account id; refuse a warehouse."""
        self.valid_number(draft.number)
        translate.check(draft)

    async def list_orders(self, query: OrderQuery) -> OrderPage:
        """Return one page of orders, oldest first.

        How a filter by date is written is documented in parts only, so with dates every order is read
        and picked here.
        """
        if query.ordered_from is None and query.ordered_to is None:
            return translate.order_page(await self._orders(query.limit, query.offset), query)
        rows = await _every(lambda offset: self._orders(_ROWS, offset), translate.orders)
        return translate.page_of_all(rows, query)

    async def get_order(self, number: str) -> PurchaseOrder:
        """Return one order; what was received of it stays out where its receipts are not told."""
        theirs = await self._order(number)
        try:
            receipts: tuple[wire.Receipt, ...] | None = await self._receipts(number)
        except (OrderNotFound, NotPermitted):
            receipts = None
        return translate.complete(theirs, receipts)

    async def vendors(self) -> tuple[Vendor, ...]:
        """Return every supplier."""
        path = self._path("accounts", "/accounts")
        rows = await _every(lambda offset: self._page(_ROWS, offset, path), translate.accounts)
        return translate.vendors(rows)

    async def identity(self, number: str) -> tuple[str | None, str | None]:
        """Return the order's uuid and version: another order under the same number has others."""
        theirs = await self._order(number)
        return theirs.uuid, theirs.version

    async def snapshot(self, number: str, operation: Guarded) -> Snapshot:
        """Read the order and all that forbids its deletion. What cannot be read forbids it too: `BadAnswer`."""
        if operation not in self.operations:
            raise self._not_offered(operation)
        theirs = await self._order(number)
        try:
            invoices = await self._invoices(number)
            receipts = await self._receipts(number)
        except OrderNotFound as exc:  # the order is there: this says nothing of it
            raise BadAnswer("Exsited does not tell what depends on this order.") from exc
        return translate.to_delete(theirs, invoices, receipts)

    async def create_order(self, draft: OrderDraft) -> PurchaseOrder:
        """Create the order under our number."""
        self.check(draft)
        return await self._wire.write(
            "POST",
            self._path("create"),
            body=translate.new_order(draft),
            expect=frozenset({200, 201}),
            verify=lambda body: translate.created(body, draft),
            creates=True,
        )

    async def finalize_order(self, number: str, *, create_backorder: bool) -> Finalized:
        """Raise `NotOffered`."""
        raise self._not_offered("finalize")

    async def delete_order(self, number: str) -> None:
        """Delete the order; 204 alone is a success (https://developer.exsited.com, Purchase Order DELETE)."""
        await self._wire.write(
            "DELETE",
            self._path("delete"),
            self.valid_number(number),
            expect=frozenset({204}),
            verify=lambda body: None,
        )

    async def aclose(self) -> None:
        """Close the sockets."""
        await self._wire.aclose()

    async def _order(self, number: str) -> wire.Order:
        answer = await self._wire.read(self._path("get"), self.valid_number(number))
        return translate.order(answer.body, number)

    async def _orders(self, limit: int, offset: int) -> Any:
        # Oldest first: an order that is created meanwhile moves no other to another page.
        return await self._page(limit, offset, self._path("list"), order_by="created_on", direction="asc")

    async def _invoices(self, number: str) -> tuple[wire.Invoice, ...]:
        path = self._path("purchase_invoices")
        return await _every(
            lambda offset: self._page(_ROWS, offset, path, number, "purchase-invoices"), translate.invoices
        )

    async def _receipts(self, number: str) -> tuple[wire.Receipt, ...]:
        path = self._path("item_receipts")
        return await _every(lambda offset: self._page(_ROWS, offset, path, number, "item-receipts"), translate.receipts)

    async def _page(self, limit: int, offset: int, path: str, *segments: str, **sort: str) -> Any:
        params: dict[str, str | int] = {"limit": limit, "offset": offset, **sort}
        return (await self._wire.read(path, *segments, params=params)).body

    def _path(self, call: Call, noun: str = _ORDERS) -> str:
        return f"/api/{self._versions[call]}{noun}"

    async def _sign_in(self) -> tuple[str, float]:
        """Fetch a token (https://developer.exsited.com, Authentication), always by the credentials.

        Exsited's refresh tokens are not used: how long they live is not documented.
        """
        body = {"grant_type": "client_credentials", **self._credentials}
        answer = await self._wire.sign_in("/api/v1/oauth2/token", body=body)
        try:
            token = wire.Token.of(answer.body)
        except BadAnswer:
            raise SignInFailed("Exsited gave no token.") from None  # the cause holds the answer
        return token.access_token, int(token.expires_in or _SHORT_LIFETIME)

    def _not_offered(self, operation: str) -> NotOffered:
        return NotOffered(f"Exsited has no call for this ({operation}). Nothing was sent.")


async def _every(body_at: Callable[[int], Awaitable[Any]], read: Callable[[Any], wire.Rows[T]]) -> tuple[T, ...]:
    """Read all pages of a list, by their numbers, and return its rows.

    Raises:
        BadAnswer: a page is missing, or there are more than `_MOST_PAGES`.
    """
    rows: list[T] = []
    offset = 0
    for _ in range(_MOST_PAGES):
        page = read(await body_at(offset))
        rows.extend(page.rows)
        following = translate.next_offset(page, offset)
        if following is None:
            return tuple(rows)
        offset = following
    raise BadAnswer("Exsited's list is longer than is read.", next_step="Ask for fewer: leave out the dates.")
