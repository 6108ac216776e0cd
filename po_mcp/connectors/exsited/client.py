"""Exsited over HTTP (https://developer.exsited.com)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, tzinfo
from typing import Any

import httpx2

from po_mcp.connectors import numbers
from po_mcp.connectors.exsited import catalog, error_body, paging, schemas, translate
from po_mcp.connectors.exsited.reading import ROWS_PER_PAGE, TITLE, Reader, start_of_page
from po_mcp.connectors.exsited.status_filter import scan_status
from po_mcp.connectors.exsited.versions import Paths
from po_mcp.connectors.http.breaker import ErpBreaker
from po_mcp.connectors.http.call_limit import CallLimit
from po_mcp.connectors.http.client import ErpHttpClient
from po_mcp.connectors.http.error_mapping import ErrorMapping, is_sign_in
from po_mcp.connectors.http.exchange import Params
from po_mcp.connectors.http.retry import Retrier
from po_mcp.connectors.http.tokens import Tokens, TokenStore
from po_mcp.connectors.http.urls import normalize_base_url
from po_mcp.connectors.lookup import read_by_path_or_list, read_for_write
from po_mcp.connectors.page_reader import PagedList
from po_mcp.connectors.pages import Page
from po_mcp.connectors.pagination import ConvertedRows, scan_pages, select_orders
from po_mcp.erp import BeforeSend, Capability, Connection, Guarded, OnItems, Progress, send_at_once
from po_mcp.errors import BadAnswer, NotOffered, OrderNotFound
from po_mcp.orders import (
    CANCELLABLE_STATUSES,
    Entries,
    Finalized,
    Item,
    OrderDraft,
    OrderQuery,
    OrderScan,
    PurchaseOrder,
    Snapshot,
    Status,
    Vendor,
    Warehouse,
)

_API_TAIL = re.compile(r"/api(/v[0-9]+)?$")
_NO_CONTENT = 204

_ERROR_MAPPING = ErrorMapping(
    name="Exsited",
    describe_error=error_body.describe_error,
    permission_to_read=(
        "Your administrator must ask your Exsited contact to let this client id read purchase orders, purchase "
        "invoices and item receipts."
    ),
    permission_to_write=(
        "Your administrator must ask your Exsited contact to let this client id create, cancel and "
        "delete purchase orders."
    ),
    # The pages give v2 and v3 for a create (https://developer.exsited.com, Purchase Order POST).
    missing_path_next_step=(
        "Check the vendor and the items. If every new order is refused so, your administrator must set "
        "PO_MCP_API_VERSIONS to the version under which your Exsited creates orders, such as create=v2."
    ),
    # A redirect leads to the sign-in page (https://github.com/exsited/exsited-php, responseProcessor).
    expired_statuses=frozenset({401, *range(300, 400)}),
    is_signed_out=error_body.is_signed_out,
    is_envelope=error_body.is_envelope,
    status_in=error_body.status_in,
    is_sign_in=lambda location: location is None or is_sign_in(location),
)
_OLDEST_FIRST = {"order_by": "created_on", "direction": "asc"}


class Exsited:
    """A connection to one Exsited installation.

    Args:
        base_url: such as `https://example.exsited.com`; a tail `/api` or `/api/v3` is dropped.
        client_id: as Exsited gave it.
        client_secret: kept out of every text.
        redirect_uri: as Exsited gave it; a sign-in needs it.
        timeout: seconds that one call may take.
        company: the company's name, which outlives a change of credentials.
        zone: the company's time zone; None for that of this machine.
        transport: an httpx2 transport in place of the network.
        token_store: where the processes of one user share the token, since a new token revokes the former.
        api_versions: calls that this installation serves under another version than documented, such as
            `{"create": "v2"}`.
        retrier: retries reads and sign-ins.

    Raises:
        ConfigurationError: `api_versions` names no call, or gives no version.
    """

    title = TITLE
    notice = ""
    capabilities: frozenset[Capability] = frozenset({"list", "get", "create", "cancel", "delete", "catalog"})
    cancellable_statuses: frozenset[Status] = CANCELLABLE_STATUSES
    listed_statuses: frozenset[Status] = frozenset({"draft", "open", "cancelled", "deleted"})
    limits = (
        "Exsited cannot close (finalize) orders. Editing lines, receiving goods and reactivating cancelled orders "
        "are not possible here."
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
        retrier: Retrier | None = None,
    ) -> None:
        # Each call has a version of its own, so the address must not bring one.
        root = _API_TAIL.sub("", base_url.rstrip("/"))
        self.connection = Connection("exsited", normalize_base_url(root), company, Connection.fingerprint(client_id))
        self._credentials = {
            "client_id": client_id,
            "client_secret": client_secret,
            "redirect_uri": redirect_uri,
        }
        self._zone = zone
        self._paths = Paths(api_versions or {})
        mapping = replace(_ERROR_MAPPING, cheap_read_path=f"{self._paths.build('list')}?limit=1&offset=0")
        self._http = ErpHttpClient(root, mapping, timeout=timeout, transport=transport, retrier=retrier)
        self._reader = Reader(self._http, self._paths)
        self._http.tokens = Tokens(self._sign_in, store=token_store)

    def __repr__(self) -> str:
        return f"<Exsited {self.connection.key}>"

    @property
    def clock_skew(self) -> float | None:
        """Seconds by which the ERP's clock was ahead at its last answer; None where it did not tell."""
        return self._http.clock_skew

    def check_number(self, number: str) -> str:
        """Return the number if an order may have it; Exsited accepts ids of any pattern."""
        return numbers.check_readable(number)

    def check_draft(self, draft: OrderDraft) -> None:
        """Require the vendor's account id and a number that can be read back; refuse a warehouse."""
        numbers.check_creatable(draft.number)
        translate.check_draft(draft)

    async def probe(self) -> None:
        """Read a page of one order; a 404, which a list may answer where it is empty, proves nothing here."""
        answer = await self._http.read(self._paths.build("list"), params={"limit": 1, "offset": 0, **_OLDEST_FIRST})
        translate.parse_orders_page(answer.body, 0, None)

    async def scan_orders(self, query: OrderQuery, progress: Progress | None = None) -> OrderScan:
        """Return the orders of the query."""

        # How a date is filtered, and how two filters are joined, is documented in parts only
        # (https://developer.exsited.com, Purchase Order GET), so dates are picked here.
        async def read(status: Status | None) -> OrderScan:
            return await self._scan(status, progress, query.max_orders if status == query.status else None)

        if query.status is None:
            return select_orders(await read(None), query)
        return select_orders(await scan_status(query.status, read, self._count_orders), query)

    async def get_order(self, number: str, *, in_any_case: bool = False) -> PurchaseOrder:
        """Return one order, without received quantities where its item receipts cannot be read."""

        async def read() -> PurchaseOrder:
            source = await self._read_order(number, in_any_case=in_any_case)
            return translate.combine(source, await self._reader.read_receipts_if_available(source.id), self._zone)

        return await read_by_path_or_list(
            self.title,
            self.check_number(number),
            read,
            self._scan_with_lines,
            in_any_case=in_any_case,
            lists_all=True,
        )

    async def vendors(self) -> Entries[Vendor]:
        """Return every supplier."""
        rows = await self._reader.read_accounts()
        return Entries(catalog.convert_vendors(rows), rows.left_out + catalog.count_nameless(rows))

    async def items(self, on_items: OnItems | None = None) -> Entries[Item]:
        """Return every item, inactive ones too."""
        converted = ConvertedRows(catalog.convert_items, on_items)
        rows = await self._reader.read_items(converted.add)
        without_id = catalog.convert_items_without_id(rows)
        left_out = rows.left_out + len(rows) - len(converted.found) - len(without_id)
        return Entries(converted.found, left_out, without_id)

    async def warehouses(self) -> Entries[Warehouse]:
        """Return every warehouse."""
        body = await self._reader.read_warehouses()
        rows, unreadable = ((), 0) if body is None else translate.parse_warehouses(body)
        return Entries(catalog.convert_warehouses(rows), unreadable)

    async def read_vendor(self, vendor: Vendor) -> Vendor | None:
        """Return the supplier of this account id; None where Exsited knows none."""
        if vendor.id is None:
            raise self._not_offered_error("read a supplier without an id")
        body = await self._reader.read_one(self._paths.accounts, vendor.id)
        found = () if body is None else catalog.convert_vendors((translate.parse_account(body, vendor.id),))
        return found[0] if found else None

    async def read_item(self, item: Item) -> Item | None:
        """Return the item of this id; None where Exsited knows none."""
        body = await self._reader.read_one(self._paths.items, item.id)
        return None if body is None else catalog.convert_items((translate.parse_item(body, item.id),))[0]

    async def read_identity(self, number: str) -> tuple[str | None, str | None]:
        """Return the order's uuid and version, which differ from those of a later order with the same number."""
        source = await self._read_order_by_path(number)
        return source.uuid, source.version

    async def snapshot(self, number: str, operation: Guarded) -> Snapshot:
        """Read the order and, for a delete, the documents that forbid it.

        Raises:
            BadAnswer: a document cannot be read, so whether it forbids the delete is not known.
        """
        if operation not in self.capabilities:
            raise self._not_offered_error(operation)
        source = await self._read_order_by_path(number)
        if operation == "cancel":  # no document is known to forbid a cancel
            return translate.build_cancel_snapshot(
                source, await self._reader.read_receipts_if_available(number), self._zone
            )
        try:
            invoices = await self._reader.read_invoices(number)
            receipts = await self._reader.read_receipts(number)
        except OrderNotFound as exc:  # the order exists, so this 404 is not about it
            raise BadAnswer("Exsited does not say which documents use this order, so it is not deleted.") from exc
        return translate.build_delete_snapshot(source, invoices, receipts, self._zone)

    async def create_order(self, draft: OrderDraft, before_send: BeforeSend = send_at_once) -> PurchaseOrder:
        """Create the order under the draft's number."""
        self.check_draft(draft)
        return await self._http.write(
            "POST",
            self._paths.build("create"),
            body=translate.build_order(draft),
            # Which of the two a create answers is not documented.
            expect=frozenset({200, 201}),
            verify=lambda answer: translate.parse_created(answer.body, draft.number, self._zone),
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
        raise self._not_offered_error("finalize")

    async def delete_order(
        self, number: str, before_send: BeforeSend = send_at_once, *, version: str | None = None
    ) -> None:
        """Delete the order; 204 alone is a success (https://developer.exsited.com, Purchase Order DELETE)."""
        await self._http.write(
            "DELETE",
            self._paths.build("delete"),
            self._check_addressable(number),
            # The vendor documents 204 only; any other 2xx leaves the outcome unknown.
            expect=frozenset({204}),
            verify=lambda answer: None,
            number=number,
            before_send=before_send,
        )

    async def cancel_order(
        self, number: str, before_send: BeforeSend = send_at_once, *, version: str | None = None
    ) -> None:
        """Make the order inactive (https://developer.exsited.com, Purchase Order); the request has no body."""
        # What a success answers is not documented: a 204 needs no body, any other success must show the order.
        await self._http.write(
            "POST",
            self._paths.build("cancel"),
            self._check_addressable(number),
            "cancel",
            # The statuses that the vendor's own client treats as success (https://github.com/exsited/exsited-php).
            expect=frozenset({200, 201, 202, 204}),
            verify=lambda answer: (
                None if answer.status == _NO_CONTENT else translate.check_cancelled(answer.body, number)
            ),
            number=number,
            before_send=before_send,
        )

    def limit_calls(self, limit: CallLimit, breaker: ErpBreaker | None = None) -> None:
        """Let every request from now on hold a place, and pass a breaker that other connectors share."""
        self._http.share(limit, breaker)

    async def aclose(self) -> None:
        """Close the sockets."""
        await self._http.aclose()

    async def _read_order(self, number: str, *, in_any_case: bool = False) -> schemas.Order:
        answer = await self._http.read(self._paths.build("get"), self.check_number(number))
        return translate.parse_order(answer.body, number, in_any_case=in_any_case)

    async def _read_order_by_path(self, number: str) -> schemas.Order:
        """Read the order by the path that a write uses."""
        return await read_for_write(
            self.title,
            self.check_number(number),
            lambda: self._read_order(number),
            lambda: self.scan_orders(OrderQuery()),
            lists_all=True,
        )

    def _check_addressable(self, number: str) -> str:
        """Return the number if no server can read it as a path to another resource.

        Raises:
            BadAnswer: a server could; nothing is sent.
        """
        # If a server read the path in another way, the delete or the cancel would be of another order.
        if numbers.leaves_its_path(self.check_number(number)):
            raise numbers.unopenable_order(self.title, number)
        return number

    async def _scan_with_lines(self) -> OrderScan:
        """Return all orders of the list, with the lines that it shows."""
        return await self._scan(None, in_full=True)

    async def _scan(
        self,
        status: Status | None,
        progress: Progress | None = None,
        max_orders: int | None = None,
        *,
        in_full: bool = False,
    ) -> OrderScan:
        """Return the orders of the list, filtered by status; with `in_full`, with the lines that it shows."""
        chosen = translate.build_order_filter(status)

        async def read_page(offset: int) -> Page[PurchaseOrder]:
            body = await self._read_orders_page(ROWS_PER_PAGE, offset, chosen)
            return translate.parse_orders_page(body, offset, status, self._zone, asked=ROWS_PER_PAGE, in_full=in_full)

        pages = PagedList(
            self.title, read_page, lambda order: order.number, start_of_page=start_of_page, pace=self._http.pace
        )
        return await scan_pages(pages, progress, max_orders)

    async def _count_orders(self, status: Status | None) -> int | None:
        """Return how many orders of a status Exsited counts, or how many in all; None where it does not say."""
        body = await self._read_orders_page(1, 0, translate.build_order_filter(status))
        return 0 if body is None else paging.count_records(translate.parse_orders(body), 0)

    async def _read_orders_page(self, limit: int, offset: int, chosen: Mapping[str, str]) -> Any:
        """Read a page of orders; None for an empty list."""
        # Oldest first: an order that is created during the scan does not move the others to later pages.
        params: Params = {"limit": limit, "offset": offset, **_OLDEST_FIRST, **chosen}
        return await self._http.read_list(self._paths.build("list"), params)

    async def _sign_in(self) -> tuple[str, float]:
        """Fetch a token by the credentials (https://developer.exsited.com, Authentication)."""
        # Refresh tokens are not used: their lifetime is not documented.
        body = {"grant_type": "client_credentials", **self._credentials}
        answer = await self._http.sign_in("/api/v1/oauth2/token", body=body)
        return schemas.TokenResponse.parse_token(answer.body)

    def _not_offered_error(self, operation: str) -> NotOffered:
        return NotOffered(f"Exsited has no call for this ({operation}).", effect="nothing_sent")
