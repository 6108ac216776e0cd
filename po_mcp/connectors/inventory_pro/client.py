"""Inventory Pro over HTTP (https://cissltd.com/docs/api/purchase-orders/)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, tzinfo
from typing import TypeVar

import httpx2

from po_mcp.connectors import numbers
from po_mcp.connectors.http.breaker import ErpBreaker
from po_mcp.connectors.http.call_limit import CallLimit
from po_mcp.connectors.http.client import ErpHttpClient
from po_mcp.connectors.http.error_mapping import ErrorMapping, is_sign_in
from po_mcp.connectors.http.exchange import Params
from po_mcp.connectors.http.retry import Retrier
from po_mcp.connectors.http.tokens import Tokens
from po_mcp.connectors.http.urls import normalize_base_url
from po_mcp.connectors.inventory_pro import catalog, error_body, schemas, translate
from po_mcp.connectors.lookup import read_by_path_or_list, read_for_write
from po_mcp.connectors.page_reader import OnRows, PagedList
from po_mcp.connectors.pages import Page
from po_mcp.connectors.pagination import MAX_CATALOG_PAGES, ConvertedRows, read_all_stable, scan_pages, select_orders
from po_mcp.erp import BeforeSend, Capability, Connection, Guarded, OnItems, Progress, send_at_once
from po_mcp.errors import InvalidInput, NotOffered, OrderNotFound
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

R = TypeVar("R", schemas.Vendor, schemas.Item, schemas.Location)

_API = "/api/v1"
_ORDERS = "/PurchaseOrder"
_FINALIZE = "Finalize"
# The vendor's pages have 201 for what was created, and no status for a finalize.
_DONE = frozenset({200, 201})
_FIRST_PAGE = 1
_ROWS_PER_PAGE = 250  # on one page, the most that https://cissltd.com/docs/api/pagination/ allows; of orders, 50

_ERROR_MAPPING = ErrorMapping(
    name="Inventory Pro",
    describe_error=error_body.describe_error,
    permission_to_read="Your ERP administrator must grant the right Preview PO (SecurityID 18) to the integration "
    "user.",
    permission_to_write="Your ERP administrator must grant the right Create/Modify PO (SecurityID 42) to the "
    "integration user.",
    is_envelope=error_body.is_envelope,
    status_in=error_body.status_in,
    is_sign_in=is_sign_in,
    cheap_read_path=f"{_ORDERS}?page=1&pageSize=1",
)
_PERMISSION_TO_LOOK_UP = (
    "Your ERP administrator must grant the rights to view vendors, items and locations to the integration user."
)


def _start_of_page(index: int, size: int) -> int:
    """Return the number of a page from its index, whatever the size of pages."""
    return _FIRST_PAGE + index


class InventoryPro:
    """A connection to one Inventory Pro installation.

    Args:
        base_url: such as `https://erp.example.com`, with or without `/api/v1`.
        client_id: of the integration user.
        client_secret: kept out of every text.
        timeout: seconds that one call may take.
        company: the company's name, which outlives a change of credentials.
        zone: the company's time zone; None for that of this machine.
        vendor_ids: vendor name to vendorID, which no documented call returns.
        transport: an httpx2 transport in place of the network.
        retrier: retries reads and sign-ins.
    """

    title = "Inventory Pro"
    notice = ""
    capabilities: frozenset[Capability] = frozenset({"list", "get", "create", "finalize", "catalog"})
    cancellable_statuses: frozenset[Status] = CANCELLABLE_STATUSES
    listed_statuses: frozenset[Status] = frozenset({"open", "partial"})
    limits = (
        "Inventory Pro lists only open and partly received orders. It cannot delete or cancel orders, edit lines or "
        "receive goods."
    )

    def __init__(
        self,
        base_url: str,
        client_id: str,
        client_secret: str,
        *,
        timeout: float = 60.0,
        company: str | None = None,
        zone: tzinfo | None = UTC,
        vendor_ids: Mapping[str, int] | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
        retrier: Retrier | None = None,
    ) -> None:
        # With the tail or without: both spellings must be one connection in the journal.
        root = base_url.rstrip("/").removesuffix(_API) + _API
        self.connection = Connection(
            "inventory-pro", normalize_base_url(root), company, Connection.fingerprint(client_id)
        )
        self._credentials = {"client_id": client_id, "client_secret": client_secret}
        self._zone = zone
        self._vendor_ids = dict(vendor_ids or {})
        self._http = ErpHttpClient(root, _ERROR_MAPPING, timeout=timeout, transport=transport, retrier=retrier)
        # Each process has its own: no page says that a new token ends the former.
        self._http.tokens = Tokens(self._sign_in)

    def __repr__(self) -> str:
        return f"<InventoryPro {self.connection.key}>"

    @property
    def clock_skew(self) -> float | None:
        """Seconds by which the ERP's clock was ahead at its last answer; None where it did not tell."""
        return self._http.clock_skew

    def check_number(self, number: str) -> str:
        """Return the number if an order may have it. `Finalize` is none: its path is that of a call."""
        if number.casefold() == _FINALIZE.casefold():
            raise InvalidInput("That is not an order number.", effect="nothing_sent")
        return numbers.check_readable(number)

    def check_draft(self, draft: OrderDraft) -> None:
        """Require an integer vendor id and a warehouse on every line; refuse a date and a note."""
        numbers.check_creatable(self.check_number(draft.number))
        translate.check_draft(draft)

    async def probe(self) -> None:
        """Read a page of one order; a 404, which a list may answer where it is empty, proves nothing here."""
        params: Params = {"page": 1, "pageSize": 1}
        translate.parse_orders_page((await self._http.read(_ORDERS, params=params)).body, params)

    async def scan_orders(self, query: OrderQuery, progress: Progress | None = None) -> OrderScan:
        """Return the open and partly received orders of the query."""
        # The ERP filters by date, this connector by status: the API has no filter by status
        # (https://cissltd.com/docs/api/purchase-orders/).
        translate.check_status(query.status)
        dates = translate.build_order_dates(query, self._zone)

        async def read_page(page: int) -> Page[PurchaseOrder]:
            params: Params = {"page": page, "pageSize": translate.MAX_ORDERS_PER_PAGE, **dates}
            return translate.parse_orders_page(await self._http.read_list(_ORDERS, params), params, self._zone)

        orders = PagedList(
            self.title,
            read_page,
            lambda order: order.number,
            _FIRST_PAGE,
            start_of_page=_start_of_page,
            pace=self._http.pace,
        )
        return select_orders(await scan_pages(orders, progress, query.max_orders), query)

    async def get_order(self, number: str, *, in_any_case: bool = False) -> PurchaseOrder:
        """Return one order with its lines, without them where it had to be read from the list."""
        return await read_by_path_or_list(
            self.title,
            self.check_number(number),
            lambda: self._read_order(number, in_any_case=in_any_case),
            lambda: self.scan_orders(OrderQuery()),
            in_any_case=in_any_case,
            # Closed orders are not in the list, so an order that is missing there may exist all the same.
            lists_all=False,
        )

    async def vendors(self) -> Entries[Vendor]:
        """Return every vendor; those without an id cannot be ordered from yet."""
        rows = await self._read_every("/Vendor/All", schemas.Vendor)
        nameless = sum((row.name or row.short_id) is None for row in rows)
        return Entries(catalog.convert_vendors(rows, self._vendor_ids), rows.left_out + nameless)

    async def items(self, on_items: OnItems | None = None) -> Entries[Item]:
        """Return every item that a line can name, discontinued ones too: an order for one is refused by its name."""
        converted = ConvertedRows(catalog.convert_items, on_items)
        rows: Entries[schemas.Item] = Entries()
        for path in ("/Item/All", "/Item"):
            if rows := await self._read_every(path, schemas.Item, converted.add):
                break
        without_id = catalog.convert_items_without_id(rows)
        left_out = rows.left_out + len(rows) - len(converted.found) - len(without_id)
        return Entries(converted.found, left_out, without_id)

    async def warehouses(self) -> Entries[Warehouse]:
        """Return every warehouse that has a storage place; no call lists warehouses."""
        rows = await self._read_every("/Location", schemas.Location)
        return Entries(catalog.convert_warehouses(rows), rows.left_out)

    async def read_vendor(self, vendor: Vendor) -> Vendor | None:
        """Return the vendor of this code, or of this id if it has no code.

        Raises:
            NotOffered: /Vendor/{id} shows no such vendor. The page does not say what its id is, so this proves nothing.
        """
        name = vendor.code or vendor.id
        if name is None:
            raise self._not_offered_error("read one vendor")
        try:
            answer = await self._http.read("/Vendor", name, permission=_PERMISSION_TO_LOOK_UP)
        except (OrderNotFound, InvalidInput) as exc:
            raise self._not_offered_error("read one vendor") from exc
        row = translate.parse_vendor(answer.body, vendor)
        return catalog.convert_vendors((row,), self._vendor_ids)[0]

    async def read_item(self, item: Item) -> Item | None:
        """Return the item of this id; None where Inventory Pro lists none (https://cissltd.com/docs/api/items/)."""
        params: Params = {"key": item.id, "type": "id", "page": 1, "pageSize": _ROWS_PER_PAGE}
        body = await self._http.read_list("/Item", params, permission=_PERMISSION_TO_LOOK_UP)
        found = catalog.convert_items(translate.parse_found_items(body, item.id))
        return found[0] if found else None

    async def snapshot(self, number: str, operation: Guarded) -> Snapshot:
        """Read the order. Inventory Pro has neither an id nor a version of it."""
        if operation not in self.capabilities:
            raise self._not_offered_error(operation)
        # Never from the list, which has no lines: a person approves what they can see.
        order = await read_for_write(
            self.title,
            self.check_number(number),
            lambda: self._read_order(number),
            lambda: self.scan_orders(OrderQuery()),
            lists_all=False,
        )
        return Snapshot(order=order)

    async def create_order(self, draft: OrderDraft, before_send: BeforeSend = send_at_once) -> PurchaseOrder:
        """Create the order; its answer has no lines."""
        self.check_draft(draft)
        return await self._http.write(
            "POST",
            _ORDERS,
            body=translate.build_order(draft),
            expect=_DONE,
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
        """Close the order, and carry what is outstanding into a backorder if asked."""
        return await self._http.write(
            "POST",
            f"{_ORDERS}/{_FINALIZE}",
            body=translate.build_finalize(self.check_number(number), create_backorder),
            expect=_DONE,
            verify=lambda answer: translate.parse_finalized(answer.body, number),
            number=number,
            before_send=before_send,
        )

    async def delete_order(
        self, number: str, before_send: BeforeSend = send_at_once, *, version: str | None = None
    ) -> None:
        """Raise `NotOffered`."""
        raise self._not_offered_error("delete")

    async def cancel_order(
        self, number: str, before_send: BeforeSend = send_at_once, *, version: str | None = None
    ) -> None:
        """Raise `NotOffered`."""
        raise self._not_offered_error("cancel")

    def limit_calls(self, limit: CallLimit, breaker: ErpBreaker | None = None) -> None:
        """Let every request from now on hold a place, and pass a breaker that other connectors share."""
        self._http.share(limit, breaker)

    async def aclose(self) -> None:
        """Close the sockets."""
        await self._http.aclose()

    async def _read_order(self, number: str, *, in_any_case: bool = False) -> PurchaseOrder:
        answer = await self._http.read(_ORDERS, number)
        return translate.parse_order(answer.body, number, self._zone, in_any_case=in_any_case)

    async def _read_every(self, path: str, row: type[R], on_rows: OnRows[R] | None = None) -> Entries[R]:
        """Read all pages of a list. Equal rows are the same row; a code alone may occur twice."""

        async def read_page(page: int) -> Page[R]:
            params: Params = {"page": page, "pageSize": _ROWS_PER_PAGE}
            body = await self._http.read_list(path, params, permission=_PERMISSION_TO_LOOK_UP)
            return Page((), None, None) if body is None else translate.parse_page(body, row, params)

        rows = PagedList(
            self.title,
            read_page,
            lambda row: row,
            _FIRST_PAGE,
            start_of_page=_start_of_page,
            pace=self._http.pace,
            max_pages=MAX_CATALOG_PAGES,
        )
        return await read_all_stable(rows, on_rows)

    async def _sign_in(self) -> tuple[str, float]:
        """Fetch a token (https://cissltd.com/docs/api/authentication/)."""
        form = {"grant_type": "client_credentials", **self._credentials}
        answer = await self._http.sign_in("/Token", form=form)
        return schemas.TokenResponse.parse_token(answer.body)

    def _not_offered_error(self, operation: str) -> NotOffered:
        return NotOffered(
            f"Inventory Pro has no call for this ({operation}).", effect="nothing_sent", detail=self.limits
        )
