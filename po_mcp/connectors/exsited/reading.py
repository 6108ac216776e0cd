"""Reading Exsited's lists page by page: its catalog, and the documents of an order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from po_mcp.connectors.exsited import paging, schemas, translate
from po_mcp.connectors.exsited.versions import Call, Paths
from po_mcp.connectors.http.client import ErpHttpClient
from po_mcp.connectors.http.exchange import Params
from po_mcp.connectors.page_reader import OnRows, PagedList
from po_mcp.connectors.pages import Page
from po_mcp.connectors.pagination import MAX_CATALOG_PAGES, read_all_stable
from po_mcp.errors import BadAnswer, NotPermitted, OrderNotFound, Refused
from po_mcp.orders import Entries

R = TypeVar("R", schemas.Account, schemas.Item, schemas.Invoice, schemas.Receipt)

TITLE = "Exsited"
ROWS_PER_PAGE = 100  # the most is not documented

_PERMISSION_TO_LOOK_UP = (
    "Your administrator must ask your Exsited contact to let this client id read accounts, items and settings."
)


def start_of_page(index: int, size: int) -> int:
    """Return the offset of a page from its index."""
    return index * size


def _need_every_document(rows: Entries[R]) -> Entries[R]:
    if rows.left_out:
        raise BadAnswer("Exsited tells a document of this order that cannot be read, or does not tell all of them.")
    return rows


class Reader:
    """Reads the rows of lists that one installation serves."""

    def __init__(self, http: ErpHttpClient, paths: Paths) -> None:
        self._http = http
        self._paths = paths

    async def read_accounts(self) -> Entries[schemas.Account]:
        """Read every supplier's account."""
        return await self._read_list(translate.parse_accounts, schemas.Account, self._paths.accounts)

    async def read_items(self, on_rows: OnRows[schemas.Item]) -> Entries[schemas.Item]:
        """Read every item; `on_rows` gets those of each page as it arrives."""
        return await self._read_list(translate.parse_items, schemas.Item, self._paths.items, on_rows)

    async def read_warehouses(self) -> Any:
        """Read the one answer that holds every warehouse; None where there is none."""
        return await self._http.read_list(self._paths.warehouses, {}, permission=_PERMISSION_TO_LOOK_UP)

    async def read_one(self, path: str, identifier: str) -> Any:
        """Read one account or item by its id; None for a 404."""
        try:
            return (await self._http.read(path, identifier, permission=_PERMISSION_TO_LOOK_UP)).body
        except OrderNotFound:
            return None

    async def read_invoices(self, number: str) -> tuple[schemas.Invoice, ...]:
        """Read every purchase invoice of an order. Raises: as `read_receipts`."""
        return await self._read_documents(
            translate.parse_invoices, schemas.Invoice, "purchase_invoices", number, "purchase-invoices"
        )

    async def read_receipts(self, number: str) -> tuple[schemas.Receipt, ...]:
        """Read every item receipt of an order.

        Raises:
            BadAnswer: a row is missing, or cannot be read.
            OrderNotFound: Exsited answers with a 404.
        """
        return await self._read_documents(
            translate.parse_receipts, schemas.Receipt, "item_receipts", number, "item-receipts"
        )

    async def read_receipts_if_available(self, number: str) -> tuple[schemas.Receipt, ...] | None:
        """Read every item receipt of an order; None where they cannot be read."""
        try:
            return await self.read_receipts(number)
        # The order is worth showing without its receipts. That the ERP cannot be reached is none of these.
        except (OrderNotFound, NotPermitted, Refused, BadAnswer):
            return None

    async def _read_documents(
        self, parse: Callable[[Any], schemas.Page], row: type[R], call: Call, number: str, noun: str
    ) -> Entries[R]:
        path = self._paths.build(call)

        async def read_page(offset: int) -> Page[R]:
            # A 404 is about the order here, and no empty list.
            body = (await self._http.read(path, number, noun, params=_params_of_page(offset))).body
            return paging.parse_page(parse(body), row, offset, ROWS_PER_PAGE)

        # An order's documents decide whether it may be deleted: none may be missing.
        return _need_every_document(await self._read_pages(read_page))

    async def _read_list(
        self, parse: Callable[[Any], schemas.Page], row: type[R], path: str, on_rows: OnRows[R] | None = None
    ) -> Entries[R]:
        async def read_page(offset: int) -> Page[R]:
            # A 404 of a list, or a 204, is of an empty one.
            body = await self._http.read_list(path, _params_of_page(offset), permission=_PERMISSION_TO_LOOK_UP)
            if body is None:
                return Page((), None, None)
            return paging.parse_page(parse(body), row, offset, ROWS_PER_PAGE)

        return await self._read_pages(read_page, on_rows)

    async def _read_pages(
        self, read_page: Callable[[int], Awaitable[Page[R]]], on_rows: OnRows[R] | None = None
    ) -> Entries[R]:
        """Read all pages. Rows are the same if they have an id and are equal."""
        rows = PagedList(
            TITLE,
            read_page,
            lambda row: row if row.id else None,
            start_of_page=start_of_page,
            pace=self._http.pace,
            max_pages=MAX_CATALOG_PAGES,
        )
        return await read_all_stable(rows, on_rows)


def _params_of_page(offset: int) -> Params:
    return {"limit": ROWS_PER_PAGE, "offset": offset}
