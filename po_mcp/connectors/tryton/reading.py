"""Reading Tryton's records: one by its name, some by a condition, or a whole list page by page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import anyio

from po_mcp.concurrency import map_concurrently
from po_mcp.connectors.numbers import order_not_found
from po_mcp.connectors.page_reader import MAX_PAGES
from po_mcp.connectors.pagination import SCAN_TIMEOUT_S, select_orders
from po_mcp.connectors.tryton import drafts, names, schemas, translate
from po_mcp.connectors.tryton.rpc import Rpc
from po_mcp.erp import Progress
from po_mcp.errors import BadAnswer, Conflict, OrderNotFound
from po_mcp.orders import Entries, OrderQuery, OrderScan

R = TypeVar("R", bound=schemas.Identified)

_ORDERS_LOOKED_AT = 2_000
"""Of so many orders it is looked at which are in another currency; what is missed is refused before it is written."""
_PARTIES_ASKED_ABOUT = 100
"""Of so many of their vendors, the latest, Tryton is asked which currency is next: a call each."""
_ROWS_PER_PAGE = 200
"""Records of one page. An order's total is computed when it is read: a few milliseconds each."""


class _OrderPages:
    """The pages of orders that were read so far, in whatever order they came, of those that the ids make.

    Args:
        first: the first page.
        left: the ids behind it.
        progress: is awaited after each page with the numbers of orders read and in all.
    """

    def __init__(self, first: schemas.Page[schemas.Row], left: Sequence[int], progress: Progress | None) -> None:
        self.ids = _split_pages(left)
        self.total = first.length + len(left)
        self._pages = {0: first}
        self._progress = progress

    async def add(self, place: int, page: schemas.Page[schemas.Row]) -> None:
        """Take in a page; the first one has the place 0."""
        self._pages[place] = page
        await self.report()

    async def report(self) -> None:
        """Tell how many orders were read."""
        if self._progress is not None:
            await self._progress(sum(page.length for page in self._pages.values()), self.total)

    def describe(self) -> OrderScan:
        """Return the orders, in the order of the list, and what is known of those that were not read."""
        pages = [page for _, page in sorted(self._pages.items())]
        rows = [row for page in pages for row in page.rows]
        unreadable = sum(page.unreadable for page in pages)
        is_cut = len(pages) <= len(self.ids)
        return OrderScan(
            orders=translate.convert_rows(rows),
            read=len(rows),
            total=self.total,
            complete=not is_cut and not unreadable,
            is_cut=is_cut,
            unreadable=unreadable,
            unreadable_numbers=tuple(name for page in pages for name in page.unreadable_names),
        )


class Reader:
    """Reads what a user may see of one company."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc

    async def scan_orders(self, query: OrderQuery, progress: Progress | None = None) -> OrderScan:
        """Return the orders of the query, which Tryton picks, by ascending id.

        The ids are asked for once, and each page is read by its ids: what is created or deleted meanwhile moves no
        other order, and none is missed or returned twice.
        """
        domain = await self._build_company_domain(*translate.build_order_domain(query))
        first = await self._read_page(translate.PURCHASE, schemas.Row, schemas.ROW_FIELDS, domain)
        found = _OrderPages(first, await self._search_after(translate.PURCHASE, domain, first), progress)
        if not found.total:
            await self._rpc.check_company()
        await found.report()
        most = MAX_PAGES if query.max_orders is None else -(-query.max_orders // _ROWS_PER_PAGE)

        async def read_page(numbered: tuple[int, Sequence[int]]) -> None:
            place, ids = numbered
            page = await self._read_page(translate.PURCHASE, schemas.Row, schemas.ROW_FIELDS, domain, ids)
            await found.add(place, page)

        # What was read by then is of use, and is said to be cut.
        with anyio.move_on_after(SCAN_TIMEOUT_S):
            await map_concurrently(read_page, list(enumerate(found.ids, 1))[: most - 1])
        return select_orders(found.describe(), query)

    async def find_order(self, name: str, *, in_any_case: bool = False) -> schemas.Order:
        """Read the one order of this name; `in_any_case` looks past the letters' case where none has it exactly.

        Raises:
            OrderNotFound: there is none.
            Conflict: several have the name.
            NotPermitted: an order of the company may be out of the user's sight.
        """
        try:
            return await self._find_order(name, in_any_case)
        except OrderNotFound:
            await self._rpc.check_company()
            raise

    async def _find_order(self, name: str, in_any_case: bool) -> schemas.Order:
        try:
            # PO-1 and po-1 may be two orders, so the letters as they were given come first.
            return names.select_order(await self._read_orders(names.build_domain(name)), name)
        except OrderNotFound:
            if not in_any_case:
                raise
        alike = await self._read_orders(names.build_domain(name, in_any_case=True))
        return names.select_order(alike, name, in_any_case=True)

    async def read_by_id(self, identifier: int) -> schemas.Order:
        """Read the order of an id; one of another company is `Conflict`, since it only looks as if it were gone."""
        of_id = ["id", "=", identifier]
        found = await self._read_orders(of_id)
        if not found:
            await self._refuse_other_company(of_id)
        return names.select_order(found, names.format_id(identifier))

    async def find_created(self, reference: str) -> schemas.Order:
        """Read the order that was created with this reference: the oldest, since a copy carries it, too.

        Raises:
            OrderNotFound: there is none.
            Conflict: it is in another company.
        """
        # A person may have written beside it.
        of_reference = ["description", "ilike", f"%{drafts.describe_reference(reference)}%"]
        found = await self._read_orders(of_reference)
        if not found:
            await self._refuse_other_company(of_reference)
            raise order_not_found("Tryton", reference)
        return min(found, key=lambda order: order.id)

    async def read_warehouses(self) -> Entries[schemas.Warehouse]:
        """Read the active warehouses."""
        of_type = [["type", "=", "warehouse"]]
        return await self.read_every("stock.location", schemas.Warehouse, schemas.WAREHOUSE_FIELDS, of_type)

    async def read_own_company(self) -> Sequence[schemas.Company]:
        """Read the company's party and currency."""
        of_company = [["id", "=", await self._rpc.read_company()]]
        return await self._read_records("company.company", schemas.Company, schemas.COMPANY_FIELDS, of_company)

    async def read_parties(self, ids: Sequence[int]) -> Sequence[schemas.Party]:
        """Read the active parties of these ids."""
        return await self._read_records("party.party", schemas.Party, schemas.PARTY_FIELDS, [["id", "in", list(ids)]])

    async def read_products(self, ids: Sequence[int], *conditions: Any) -> Sequence[schemas.Product]:
        """Read the active products of these ids that meet the conditions."""
        domain = [["id", "in", list(ids)], *conditions]
        return await self._read_records("product.product", schemas.Product, schemas.PRODUCT_FIELDS, domain)

    async def read_paid_otherwise(self, currency: str | None, *conditions: Any) -> Mapping[int, str | None]:
        """Return the parties with orders in another currency, each with that of its next order; None where not known.

        Of the company's orders that meet the conditions the latest are looked at. Which currency is next depends on
        these, and Tryton itself is asked.
        """
        domain = await self._build_company_domain(["currency.code", "!=", currency], *conditions)
        found = await self._read_records(
            translate.PURCHASE, schemas.OrderedFrom, ("party",), domain, limit=_ORDERS_LOOKED_AT, latest=True
        )
        parties = list(dict.fromkeys(order.party for order in found if order.party is not None))
        asked = parties[:_PARTIES_ASKED_ABOUT]
        return {**dict.fromkeys(parties), **dict(zip(asked, await self._read_next_currencies(asked), strict=True))}

    async def fill_in(self, model: str, unsaved: Mapping[str, Any], field: str) -> Mapping[str, Any]:
        """Return what Tryton fills in where a field of a record that is not stored yet was changed."""
        return drafts.parse_values(await self._rpc.call_model(model, "on_change", unsaved, [field]))

    async def fill_in_order(self, party: int) -> Mapping[str, Any]:
        """Return what Tryton fills in where a vendor is chosen for a new order."""
        unsaved = drafts.build_unsaved_order(party, await self._rpc.read_company())
        return await self.fill_in(translate.PURCHASE, unsaved, "party")

    async def _read_next_currencies(self, parties: Sequence[int]) -> Sequence[str | None]:
        """Return the code of the currency in which Tryton would make an order for each party; None where it is none."""
        if not parties:
            return ()
        filled_in = [values.get("currency") for values in await map_concurrently(self.fill_in_order, parties)]
        of_ids = [["id", "in", [one for one in dict.fromkeys(filled_in) if type(one) is int]]]
        found = await self._read_records("currency.currency", schemas.CurrencyRecord, ("code",), of_ids)
        codes = {currency.id: currency.code for currency in found}
        return [codes.get(one) if type(one) is int else None for one in filled_in]

    async def read_currency(self, identifier: Any) -> str | None:
        """Return the code of a currency; None where there is none of this id."""
        of_id = [["id", "=", identifier]]
        found = await self._read_records("currency.currency", schemas.CurrencyRecord, ("code",), of_id)
        return next((currency.code for currency in found), None)

    async def read_names(self, condition: Any, *, limit: int, latest: bool = False) -> Sequence[schemas.Names]:
        """Read what the company's orders that meet a condition go by, the oldest or the `latest` first."""
        domain = await self._build_company_domain(condition)
        fields = schemas.NAME_FIELDS
        return await self._read_records(translate.PURCHASE, schemas.Names, fields, domain, limit=limit, latest=latest)

    async def probe(self) -> None:
        """Look for one order of the company, which must still be the user's."""
        await self._rpc.check_company()
        domain = await self._build_company_domain()
        await self._rpc.call_model(translate.PURCHASE, "search", domain, 0, 1, None)

    async def read_every(
        self, model: str, kind: type[R], fields: Sequence[str], domain: Sequence[Any] = ()
    ) -> Entries[R]:
        """Read all records of a domain but those that cannot be read, several pages at a time, by ascending id."""
        first = await self._read_page(model, kind, fields, domain)
        pages = _split_pages(await self._search_after(model, domain, first))
        if len(pages) >= MAX_PAGES:
            raise BadAnswer("Tryton's list is too long to read.", next_step="Narrow it down.")

        async def read_page(ids: Sequence[int]) -> schemas.Page[R]:
            return await self._read_page(model, kind, fields, domain, ids)

        read = [first, *await map_concurrently(read_page, pages)]
        return Entries((row for page in read for row in page.rows), sum(page.unreadable for page in read))

    async def _refuse_other_company(self, condition: Any) -> None:
        """Raise where the user's current company was changed since, so that such an order is out of sight alone."""
        of_others = [condition, ["company", "!=", await self._rpc.read_company()]]
        if await self._rpc.call_model(translate.PURCHASE, "search", of_others, 0, 1, None) != []:
            raise Conflict(
                "The order is in another company in Tryton than the one that its user works in now.",
                effect="nothing_changed",
                next_step="Tryton's administrator must give its user the former company again.",
            )

    async def _build_company_domain(self, *conditions: Any) -> list[Any]:
        """Return the domain of our company's orders that meet the conditions."""
        return [["company", "=", await self._rpc.read_company()], *conditions]

    async def _read_orders(self, condition: Any) -> Sequence[schemas.Order]:
        domain = await self._build_company_domain(condition)
        order, fields = [["id", "ASC"]], list(schemas.ORDER_FIELDS)
        params = (domain, 0, names.MAX_ALIKE, order, fields)
        return schemas.parse_orders(await self._rpc.call_model(translate.PURCHASE, "search_read", *params))

    async def _read_records(
        self,
        model: str,
        kind: type[R],
        fields: Sequence[str],
        domain: Sequence[Any],
        *,
        limit: int | None = None,
        latest: bool = False,
    ) -> Sequence[R]:
        """Read records of a domain by their ids, the lowest or the `latest` first."""
        order = [["id", "DESC" if latest else "ASC"]]
        found = await self._rpc.call_model(model, "search_read", list(domain), 0, limit, order, list(fields))
        return schemas.parse_records(found, kind)

    async def _search_after(self, model: str, domain: Sequence[Any], first: schemas.Page[R]) -> Sequence[int]:
        """Return the ids of a domain behind its first page, ascending; none where that is the only one."""
        if first.length < _ROWS_PER_PAGE:
            return ()
        # By id and not by offset: ids only grow, so what comes and goes meanwhile moves no other record.
        order, behind = [["id", "ASC"]], [*domain, ["id", ">", first.last]]
        found = await self._rpc.call_model(model, "search", behind, 0, None, order)
        return schemas.parse_ascending_ids(found, first.last)

    async def _read_page(
        self,
        model: str,
        kind: type[R],
        fields: Sequence[str],
        domain: Sequence[Any],
        ids: Sequence[int] | None = None,
    ) -> schemas.Page[R]:
        """Read the first records of a domain, or those of ascending `ids` that are still in it."""
        # With the domain again: an order may have left the status that was asked for since its id was read.
        chosen = list(domain) if ids is None else [*domain, ["id", "in", list(ids)]]
        before, most = (0, _ROWS_PER_PAGE) if ids is None else (ids[0] - 1, len(ids))
        params = (chosen, 0, most, [["id", "ASC"]], list(fields))
        page = schemas.parse_page(await self._rpc.call_model(model, "search_read", *params), kind, before)
        if page.length > most or (ids is not None and page.last > ids[-1]):
            raise BadAnswer("Tryton gave another page than was asked for.")
        return page


def _split_pages(ids: Sequence[int]) -> list[Sequence[int]]:
    return [ids[start : start + _ROWS_PER_PAGE] for start in range(0, len(ids), _ROWS_PER_PAGE)]
