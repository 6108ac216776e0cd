"""A connection to Tryton: what the port asks of an ERP."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Literal

import httpx2

from po_mcp.connectors.http.breaker import ErpBreaker
from po_mcp.connectors.http.call_limit import CallLimit
from po_mcp.connectors.http.retry import Retrier
from po_mcp.connectors.http.tokens import Clock
from po_mcp.connectors.http.urls import normalize_base_url
from po_mcp.connectors.tryton import catalog, drafts, names, schemas, translate
from po_mcp.connectors.tryton.reading import Reader
from po_mcp.connectors.tryton.rpc import Rpc
from po_mcp.connectors.tryton.writing import Writer
from po_mcp.erp import BeforeSend, Capability, Connection, Guarded, OnItems, Progress, send_at_once
from po_mcp.errors import NotOffered
from po_mcp.orders import (
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


class Tryton:
    """A connection to one database of a Tryton server.

    Args:
        base_url: address and database, such as `https://erp.example.com/po`; a tail `/rpc` is dropped.
        login: of the user whose rights and company are used.
        password: kept out of every text.
        timeout: seconds that one call may take.
        company: a name of whose books these are, which outlives a change of credentials.
        transport: an httpx2 transport in place of the network.
        retrier: retries reads and sign-ins.
        clock: monotonic seconds.
    """

    title = "Tryton"
    notice = ""
    capabilities: frozenset[Capability] = frozenset({"list", "get", "create", "cancel", "delete", "catalog"})
    cancellable_statuses: frozenset[Status] = frozenset({"draft"})
    listed_statuses: frozenset[Status] = translate.LISTED
    limits = (
        "Tryton gets new orders as drafts, which a person quotes and confirms there, and numbers them itself: our "
        "number is the order's reference. Only drafts and quotations can be cancelled, and only drafts and cancelled "
        "orders deleted. Tryton has no finalize: what is outstanding stays on the order, and an order is done once "
        "its goods and invoices are. Editing lines and receiving goods are not offered here."
    )

    creates_drafts: Literal[True] = True
    lists_receipts: Literal[True] = True

    def __init__(
        self,
        base_url: str,
        login: str,
        password: str,
        *,
        timeout: float = 60.0,
        company: str | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
        retrier: Retrier | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        root = base_url.rstrip("/").removesuffix("/rpc")
        self.connection = Connection("tryton", normalize_base_url(root), company, Connection.fingerprint(login))
        self._rpc = Rpc(root, login, password, timeout=timeout, transport=transport, retrier=retrier, clock=clock)
        self._reader = Reader(self._rpc)
        self._writer = Writer(self._rpc, self._reader)

    def __repr__(self) -> str:
        return f"<Tryton {self.connection.key}>"

    @property
    def clock_skew(self) -> float | None:
        """Seconds by which the ERP's clock was ahead at its last answer; None where it did not tell."""
        return self._rpc.clock_skew

    def check_number(self, number: str) -> str:
        """Return the number, the reference, or the id in brackets, if an order may go by it."""
        return names.check_readable(number)

    def check_draft(self, draft: OrderDraft) -> None:
        """Need ids of vendor and items, one warehouse, and a number that Tryton itself will not give."""
        drafts.check_draft(draft)

    async def probe(self) -> None:
        """Look for one order."""
        await self._reader.probe()

    async def read_rights(self) -> frozenset[Capability]:
        """Return which writes of orders the user's groups allow."""
        access = await self._rpc.read_access()
        allowed: dict[Capability, bool] = {
            "create": access.create,
            # Tryton has no right of its own for a cancel, which writes the order's state.
            "cancel": access.write,
            "delete": access.delete,
        }
        return frozenset(kind for kind, is_allowed in allowed.items() if is_allowed)

    async def read_books(self) -> str:
        """Return the id of the user's company, as it was when this connection was first used."""
        return str(await self._rpc.read_company())

    async def scan_orders(self, query: OrderQuery, progress: Progress | None = None) -> OrderScan:
        """Return the orders of the query, which Tryton picks, by ascending id."""
        return await self._reader.scan_orders(query, progress)

    async def get_order(self, number: str, *, in_any_case: bool = False) -> PurchaseOrder:
        """Return one order, found by its number, its reference or its id in brackets.

        It is called by what was asked for; its status text tells what else it goes by. One that several orders
        go by is `Conflict`.
        """
        source = await self._reader.find_order(names.check_readable(number), in_any_case=in_any_case)
        return translate.convert_order(source, names.find_stored_name(source, number))

    async def get_order_of_id(self, erp_id: str, number: str) -> PurchaseOrder:
        """Return the order of an id, called `number` where it still goes by that, else what it goes by now."""
        source = await self._reader.read_by_id(translate.parse_erp_id(erp_id))
        return translate.convert_order(source, number if names.goes_by(source, number) else None)

    async def get_order_of_reference(self, reference: str) -> PurchaseOrder:
        """Return the order that was created with this reference, called what it goes by now."""
        return translate.convert_order(await self._reader.find_created(reference))

    async def vendors(self) -> Entries[Vendor]:
        """Return every active party but the company itself."""
        parties = await self._reader.read_every("party.party", schemas.Party, schemas.PARTY_FIELDS)
        return Entries(await self._convert_vendors(parties), parties.left_out)

    async def items(self, on_items: OnItems | None = None) -> Entries[Item]:
        """Return every active product that can be bought."""
        of_purchases = [["purchasable", "=", True]]
        own = await self._reader.read_own_company()
        products = await self._reader.read_every(
            "product.product", schemas.Product, schemas.PRODUCT_FIELDS, of_purchases
        )
        # Tryton writes prices in the company's currency where the context names no other.
        return Entries(catalog.convert_items(products, _find_currency(own)), products.left_out)

    async def read_vendor(self, vendor: Vendor) -> Vendor | None:
        """Return the active party of this id."""
        identifier = drafts.require_vendor_id(vendor)
        found = await self._reader.read_parties([identifier])
        return next(iter(await self._convert_vendors(found, ["party", "=", identifier])), None)

    async def read_item(self, item: Item) -> Item | None:
        """Return the active product of this id that can be bought."""
        product = drafts.parse_item_id(item.id)
        if product is None:
            return None
        found = await self._reader.read_products([product], ["purchasable", "=", True])
        return next(iter(catalog.convert_items(found, item.currency)), None)

    async def warehouses(self) -> Entries[Warehouse]:
        """Return every active warehouse."""
        places = await self._reader.read_warehouses()
        return Entries(catalog.convert_warehouses(places), places.left_out)

    async def snapshot(self, number: str, operation: Guarded) -> Snapshot:
        """Read the order, its lines and their moves, with the stamp of each."""
        if operation not in self.capabilities:
            raise self._not_offered_error(operation)
        if operation == "delete":
            await self._rpc.need_right("delete")
        return translate.build_snapshot(await self._reader.find_order(names.check_readable(number)), number, operation)

    async def create_order(self, draft: OrderDraft, before_send: BeforeSend = send_at_once) -> PurchaseOrder:
        """Create a draft as the desktop client would, and read it back."""
        return await self._writer.create(draft, before_send)

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
        """Delete the order with its lines. Tryton itself refuses where the order or a line was changed meanwhile."""
        await self._writer.delete(number, before_send, version)

    async def cancel_order(
        self, number: str, before_send: BeforeSend = send_at_once, *, version: str | None = None
    ) -> None:
        """Cancel a draft or a quotation. Tryton itself refuses where the order was changed meanwhile."""
        await self._writer.cancel(number, before_send, version)

    def limit_calls(self, limit: CallLimit, breaker: ErpBreaker | None = None) -> None:
        """Let every request from now on hold a place, and pass a breaker that other connectors share."""
        self._rpc.limit_calls(limit, breaker)

    async def aclose(self) -> None:
        """Sign out and close the sockets."""
        await self._rpc.aclose()

    async def _convert_vendors(self, parties: Sequence[schemas.Party], *conditions: Any) -> tuple[Vendor, ...]:
        """Read parties as vendors; their orders are looked at as far as they meet the conditions."""
        own = await self._reader.read_own_company()
        currency = _find_currency(own)
        otherwise = await self._reader.read_paid_otherwise(currency, *conditions)
        return catalog.convert_vendors(parties, {company.party for company in own}, currency, otherwise)

    def _not_offered_error(self, operation: str) -> NotOffered:
        return NotOffered(f"Tryton has no call for this ({operation}).", effect="nothing_sent", detail=self.limits)


def _find_currency(own: Sequence[schemas.Company]) -> str | None:
    return next((company.currency.code for company in own if company.currency is not None), None)
