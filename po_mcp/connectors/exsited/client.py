"""Exsited over HTTP (https://developer.exsited.com)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, tzinfo
from typing import Any, TypeVar

import httpx2

from po_mcp.connectors import numbers
from po_mcp.connectors.exsited import catalog, error_body, schemas, translate
from po_mcp.connectors.exsited.versions import Call, versions_with
from po_mcp.connectors.http.client import Params, Wire
from po_mcp.connectors.http.error_mapping import Dialect, is_sign_in
from po_mcp.connectors.http.retry import Retrying
from po_mcp.connectors.http.tokens import Tokens, TokenStore
from po_mcp.connectors.http.urls import base_address
from po_mcp.connectors.lookup import by_path, by_path_or_list
from po_mcp.connectors.pagination import Part, picked, scan, walk_still
from po_mcp.erp import BeforeSend, Capability, Connection, Guarded, send_at_once
from po_mcp.errors import BadAnswer, NotOffered, NotPermitted, OrderNotFound, Refused
from po_mcp.orders import (
    Finalized,
    Item,
    OrderDraft,
    OrderQuery,
    OrderScan,
    Progress,
    PurchaseOrder,
    Snapshot,
    Status,
    Vendor,
    Warehouse,
)

R = TypeVar("R", schemas.Account, schemas.Item, schemas.Invoice, schemas.Receipt)

_API_TAIL = re.compile(r"/api(/v[0-9]+)?$")
_ORDERS = "/purchase-orders"
_NO_CONTENT = 204
_ROWS = 100  # on one page; the most is not documented

_DIALECT = Dialect(
    name="Exsited",
    complaint=error_body.complaint,
    permission_to_read=(
        "The operator must ask the Exsited contact who gave out the client id to let it read purchase orders, "
        "their purchase invoices and item receipts."
    ),
    permission_to_write=(
        "The operator must ask the Exsited contact who gave out the client id to let it create, cancel and "
        "delete purchase orders."
    ),
    # A redirect leads to the sign-in page (https://github.com/exsited/exsited-php, responseProcessor).
    expired=frozenset({401, *range(300, 400)}),
    signed_out=error_body.signed_out,
    is_envelope=error_body.is_envelope,
    status_in=error_body.status_in,
    is_sign_in=lambda location: location is None or is_sign_in(location),
)
_PERMISSION_TO_LOOK_UP = (
    "The operator must ask the Exsited contact who gave out the client id to let it read accounts, items and settings."
)


class Exsited:
    """A connection to one Exsited installation.

    Args:
        base_url: such as `https://example.exsited.com`; a tail `/api` or `/api/v3` is dropped.
        client_id: as Exsited gave it.
        client_secret: kept out of every text.
        redirect_uri: as Exsited gave it; a token cannot be had without.
        timeout: seconds that one call may take.
        company: a name of whose books these are, which outlives a change of credentials.
        zone: the time zone of the company, whose days count; None: that of this machine.
        transport: an httpx2 transport in place of the network.
        token_store: where the processes of one user share the token, since a new one ends the former.
        api_versions: calls that this installation serves under another version than usual, such as
            `{"create": "v2"}`; `ConfigurationError` for one that is no call, or no version.
        retrying: how reads are tried again.
    """

    title = "Exsited"
    notice = ""
    capabilities: frozenset[Capability] = frozenset({"list", "get", "create", "cancel", "delete", "catalog"})
    listed: frozenset[Status] = frozenset({"draft", "open", "cancelled", "deleted"})
    limits = (
        "Exsited cannot finalize an order; editing its lines, receiving goods and making a cancelled order active "
        "again are not offered here."
    )

    def __init__(
        self,
        base_url: str,
        client_id: str,
        client_secret: str,
        redirect_uri: str,
        *,
        timeout: float = 60.0,
        company: str | None = None,
        zone: tzinfo | None = UTC,
        transport: httpx2.AsyncBaseTransport | None = None,
        token_store: TokenStore | None = None,
        api_versions: Mapping[str, str] | None = None,
        retrying: Retrying | None = None,
    ) -> None:
        root = _API_TAIL.sub("", base_url.rstrip("/"))
        self.connection = Connection("exsited", base_address(root), company, Connection.fingerprint(client_id))
        self._credentials = {
            "client_id": client_id,
            "client_secret": client_secret,
            "redirect_uri": redirect_uri,
        }
        self._zone = zone
        self._versions = versions_with(api_versions or {})
        dialect = replace(_DIALECT, cheap_read=f"{self._path('list')}?limit=1&offset=0")
        self._wire = Wire(root, dialect, timeout=timeout, transport=transport, retrying=retrying)
        self._wire.tokens = Tokens(self._sign_in, store=token_store)

    def __repr__(self) -> str:
        return f"<Exsited {self.connection.key}>"

    @property
    def clock_skew(self) -> float | None:
        """Seconds by which the ERP's clock was ahead at its last answer; None where it did not tell."""
        return self._wire.clock_skew

    def valid_number(self, number: str) -> str:
        """Return the number if an order may have it; Exsited takes ids of any pattern."""
        return numbers.readable(number)

    def check(self, draft: OrderDraft) -> None:
        """Need the vendor's account id and a number that can be read back; refuse a warehouse."""
        numbers.creatable(draft.number)
        translate.check(draft)

    async def probe(self) -> None:
        """Read a page of one order."""
        translate.orders_part(await self._orders(1, 0, {}), 0, None)

    async def scan_orders(self, query: OrderQuery, progress: Progress | None = None) -> OrderScan:
        """Return the orders of the query.

        How a filter by date is written, and how two filters are joined, is documented in parts only
        (https://developer.exsited.com, Purchase Order GET). So the ERP picks by status, and we by date.
        """
        chosen = translate.order_filter(query.status)

        async def part_at(offset: int) -> Part[PurchaseOrder]:
            body = await self._orders(_ROWS, offset, chosen)
            return translate.orders_part(body, offset, query.status, self._zone)

        scanned = await scan(self.title, part_at, lambda index, size: index * size, progress, query.most)
        return picked(scanned, query)

    async def get_order(self, number: str, *, in_any_case: bool = False) -> PurchaseOrder:
        """Return one order; what was received of it stays out where its receipts are not told."""

        async def read() -> PurchaseOrder:
            theirs = await self._order(number, in_any_case=in_any_case)
            return translate.complete(theirs, await self._receipts_if_told(theirs.id), self._zone)

        return await by_path_or_list(
            self.title,
            self.valid_number(number),
            read,
            self._listed_in_full,
            in_any_case=in_any_case,
            lists_all=True,
        )

    async def vendors(self) -> tuple[Vendor, ...]:
        """Return every supplier."""
        rows = await self._every(translate.accounts, schemas.Account, self._path("accounts", "/accounts"))
        return catalog.vendors(rows)

    async def items(self) -> tuple[Item, ...]:
        """Return every item; those that are not active say so."""
        return catalog.items(await self._every(translate.items, schemas.Item, self._path("items", "/items")))

    async def warehouses(self) -> tuple[Warehouse, ...]:
        """Return every warehouse."""
        path = self._path("warehouses", "/settings/warehouses")
        answer = await self._wire.read(path, permission=_PERMISSION_TO_LOOK_UP)
        return catalog.warehouses(translate.warehouses(answer.body))

    async def identity(self, number: str) -> tuple[str | None, str | None]:
        """Return the order's uuid and version: another order under the same number has others."""
        theirs = await self._order_by_path(number)
        return theirs.uuid, theirs.version

    async def snapshot(self, number: str, operation: Guarded) -> Snapshot:
        """Read the order and all that forbids its deletion. What cannot be read forbids it too: `BadAnswer`.

        Nothing forbids a cancel as far as is documented, so only the order itself must be told.
        """
        if operation not in self.capabilities:
            raise self._not_offered(operation)
        theirs = await self._order_by_path(number)
        if operation == "cancel":
            return translate.to_cancel(theirs, await self._receipts_if_told(number), self._zone)
        try:
            invoices = await self._invoices(number)
            receipts = await self._receipts(number)
        except OrderNotFound as exc:  # the order is there: this says nothing of it
            raise BadAnswer("Exsited does not tell what depends on this order.") from exc
        return translate.to_delete(theirs, invoices, receipts, self._zone)

    async def create_order(self, draft: OrderDraft, before_send: BeforeSend = send_at_once) -> PurchaseOrder:
        """Create the order under our number."""
        self.check(draft)
        return await self._wire.write(
            "POST",
            self._path("create"),
            body=translate.new_order(draft),
            expect=frozenset({200, 201}),
            verify=lambda answer: translate.created(answer.body, draft.number, self._zone),
            creates=True,
            before_send=before_send,
        )

    async def finalize_order(
        self,
        number: str,
        *,
        create_backorder: bool,
        before_send: BeforeSend = send_at_once,
        version: str | None = None,
    ) -> Finalized:
        """Raise `NotOffered`."""
        raise self._not_offered("finalize")

    async def delete_order(
        self, number: str, before_send: BeforeSend = send_at_once, *, version: str | None = None
    ) -> None:
        """Delete the order; 204 alone is a success (https://developer.exsited.com, Purchase Order DELETE)."""
        await self._wire.write(
            "DELETE",
            self._path("delete"),
            self._addressable(number),
            expect=frozenset({204}),
            verify=lambda answer: None,
            before_send=before_send,
        )

    async def cancel_order(
        self, number: str, before_send: BeforeSend = send_at_once, *, version: str | None = None
    ) -> None:
        """Make the order inactive (https://developer.exsited.com, Purchase Order); the request has no body.

        What a success answers is not documented. 204 says it alone; any other must show the order.
        """
        await self._wire.write(
            "POST",
            self._path("cancel"),
            self._addressable(number),
            "cancel",
            # What the vendor's own client takes for a success (https://github.com/exsited/exsited-php).
            expect=frozenset({200, 201, 202, 204}),
            verify=lambda answer: None if answer.status == _NO_CONTENT else translate.cancelled(answer.body, number),
            before_send=before_send,
        )

    async def aclose(self) -> None:
        """Close the sockets."""
        await self._wire.aclose()

    async def _order(self, number: str, *, in_any_case: bool = False) -> schemas.Order:
        answer = await self._wire.read(self._path("get"), self.valid_number(number))
        return translate.order(answer.body, number, in_any_case=in_any_case)

    async def _order_by_path(self, number: str) -> schemas.Order:
        """Read the order by the path that a write will take."""
        return await by_path(self.title, self.valid_number(number), lambda: self._order(number))

    def _addressable(self, number: str) -> str:
        """Return the number if no server can take it for another path; else `BadAnswer`, and nothing is sent."""
        if numbers.climbs(self.valid_number(number)):
            raise numbers.cannot_be_opened(self.title, number)
        return number

    async def _listed_in_full(self) -> OrderScan:
        """Return all orders as the list shows them, with their lines as far as it has them."""

        async def part_at(offset: int) -> Part[PurchaseOrder]:
            body = await self._orders(_ROWS, offset, {})
            return translate.orders_part(body, offset, None, self._zone, in_full=True)

        return await scan(self.title, part_at, lambda index, size: index * size, None, None)

    async def _orders(self, limit: int, offset: int, chosen: Mapping[str, str]) -> Any:
        """Read a page of orders; None where there is none."""
        # Oldest first: an order that is created meanwhile moves no other to another page.
        sort = {"order_by": "created_on", "direction": "asc"}
        params: Params = {"limit": limit, "offset": offset, **sort, **chosen}
        return await self._wire.read_list(self._path("list"), params)

    async def _invoices(self, number: str) -> tuple[schemas.Invoice, ...]:
        path = self._path("purchase_invoices")
        return await self._every(translate.invoices, schemas.Invoice, path, number, "purchase-invoices")

    async def _receipts(self, number: str) -> tuple[schemas.Receipt, ...]:
        path = self._path("item_receipts")
        return await self._every(translate.receipts, schemas.Receipt, path, number, "item-receipts")

    async def _receipts_if_told(self, number: str) -> tuple[schemas.Receipt, ...] | None:
        try:
            return await self._receipts(number)
        except (OrderNotFound, NotPermitted, Refused, BadAnswer):
            return None

    async def _every(
        self, read: Callable[[Any], schemas.Page], row: type[R], path: str, *segments: str
    ) -> tuple[R, ...]:
        """Read all pages of a list, by their numbers. Rows are one where they have an id and are the same in full.

        A row that cannot be read is left out, but not of an order's documents: they decide what may be done to it.
        """
        permission = None if segments else _PERMISSION_TO_LOOK_UP

        async def part_at(offset: int) -> Part[R]:
            params = {"limit": _ROWS, "offset": offset}
            answer = await self._wire.read(path, *segments, params=params, permission=permission)
            found = translate.part(read(answer.body), row, offset)
            if segments and found.unread:
                raise BadAnswer(f"{self.title} tells a document of this order that cannot be read.")
            return found

        return await walk_still(self.title, part_at, lambda row: row if row.id else None)

    def _path(self, call: Call, noun: str = _ORDERS) -> str:
        return f"/api/{self._versions[call]}{noun}"

    async def _sign_in(self) -> tuple[str, float]:
        """Fetch a token (https://developer.exsited.com, Authentication), always by the credentials.

        Exsited's refresh tokens are not used: how long they live is not documented.
        """
        body = {"grant_type": "client_credentials", **self._credentials}
        answer = await self._wire.sign_in("/api/v1/oauth2/token", body=body)
        return schemas.Token.issued(answer.body)

    def _not_offered(self, operation: str) -> NotOffered:
        return NotOffered(f"Exsited has no call for this ({operation}). Nothing was sent.")
