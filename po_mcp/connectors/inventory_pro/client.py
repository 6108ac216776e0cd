"""Inventory Pro over HTTP (https://cissltd.com/docs/api/purchase-orders/)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import httpx2

from po_mcp.connectors.dialect import Dialect
from po_mcp.connectors.http import Wire, checked_segment
from po_mcp.connectors.inventory_pro import translate, wire
from po_mcp.connectors.tokens import Tokens
from po_mcp.erp import Guarded, Operation
from po_mcp.errors import BadAnswer, InvalidInput, NotOffered, SignInFailed
from po_mcp.orders import (
    Finalized,
    OrderDraft,
    OrderPage,
    OrderQuery,
    PurchaseOrder,
    Snapshot,
    Vendor,
)

_API = "/api/v1"
_ORDERS = "/PurchaseOrder"
_FINALIZE = "Finalize"
_DONE = frozenset({200, 201})
_SHORT_LIFETIME = 300  # seconds that a token is used where its lifetime is not told
_VENDORS_PER_PAGE = 250  # the most that https://cissltd.com/docs/api/pagination/ allows
_MOST_VENDOR_PAGES = 200

_DIALECT = Dialect(
    name="Inventory Pro",
    complaint=translate.complaint,
    permission_to_read="The ERP's administrator must give its user the right Preview PO (SecurityID 18).",
    permission_to_write="The ERP's administrator must give its user the right Create/Modify PO (SecurityID 42).",
)


class InventoryPro:
    """A connection to one Inventory Pro installation.

    Args:
        base_url: such as `https://erp.example.com`, with or without `/api/v1`.
        client_id: of the integration user.
        client_secret: kept out of every text.
        timeout: seconds that one call may take.
        vendor_ids: vendor name to vendorID, which no documented call tells.
        transport: an httpx2 transport in place of the network.
    """

    title = "Inventory Pro"
    notice = ""
    operations: frozenset[Operation] = frozenset({"list", "get", "create", "finalize"})
    limits = (
        "Inventory Pro's API lists open and partly received orders only, and cannot delete or cancel an order, "
        "edit its lines or receive goods."
    )

    def __init__(
        self,
        base_url: str,
        client_id: str,
        client_secret: str,
        *,
        timeout: float = 60.0,
        vendor_ids: Mapping[str, int] | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        root = base_url.rstrip("/").removesuffix(_API) + _API
        identity = hashlib.sha256(client_id.encode()).hexdigest()[:12]
        self.connection = f"inventory-pro {httpx2.URL(root).netloc.decode()} {identity}"
        self._credentials = {"client_id": client_id, "client_secret": client_secret}
        self._vendor_ids = dict(vendor_ids or {})
        self._wire = Wire(root, _DIALECT, timeout=timeout, transport=transport)
        self._wire.tokens = Tokens(self._sign_in)

    def __repr__(self) -> str:
        return f"<InventoryPro {self.connection}>"

    def valid_number(self, number: str) -> str:
        """Return the number. `Finalize` is none: its path is taken by a call."""
        if number.casefold() == _FINALIZE.casefold():
            raise InvalidInput("That is no order number. Nothing was sent.")
        return checked_segment(number)

    def check(self, draft: OrderDraft) -> None:
        """Need an integer vendor id, and a warehouse on every line; refuse a date and a note."""
        self.valid_number(draft.number)
        translate.check(draft)

    async def list_orders(self, query: OrderQuery) -> OrderPage:
        """Return one page of open and partly received orders, at most 50."""
        params = translate.order_query(query)
        answer = await self._wire.read(_ORDERS, params=params)
        return translate.order_page(answer.body, params)

    async def get_order(self, number: str) -> PurchaseOrder:
        """Return one order with its lines."""
        answer = await self._wire.read(_ORDERS, self.valid_number(number))
        return translate.order(answer.body, number)

    async def vendors(self) -> tuple[Vendor, ...]:
        """Return every vendor; those without an id cannot be ordered from yet."""
        rows: list[wire.Vendor] = []
        for place in range(1, _MOST_VENDOR_PAGES + 1):
            params: dict[str, str | int] = {"page": place, "pageSize": _VENDORS_PER_PAGE}
            answer = await self._wire.read("/Vendor/All", params=params)
            page = translate.vendor_page(answer.body, params)
            rows.extend(page.value)
            if not page.has_more:
                return translate.vendors(rows, self._vendor_ids)
        raise BadAnswer("Inventory Pro's list of vendors does not end.")

    async def snapshot(self, number: str, operation: Guarded) -> Snapshot:
        """Read the order. Inventory Pro gives it neither an id nor a version."""
        if operation not in self.operations:
            raise self._not_offered(operation)
        return Snapshot(order=await self.get_order(number))

    async def create_order(self, draft: OrderDraft) -> PurchaseOrder:
        """Create the order; its answer has no lines."""
        self.check(draft)
        return await self._wire.write(
            "POST",
            _ORDERS,
            body=translate.new_order(draft),
            expect=_DONE,
            verify=lambda body: translate.created(body, draft.number),
            creates=True,
        )

    async def finalize_order(self, number: str, *, create_backorder: bool) -> Finalized:
        """Close the order, and carry what is outstanding into a backorder if asked."""
        return await self._wire.write(
            "POST",
            f"{_ORDERS}/{_FINALIZE}",
            body=translate.to_finalize(self.valid_number(number), create_backorder),
            expect=_DONE,
            verify=lambda body: translate.finalized(body, number),
        )

    async def delete_order(self, number: str) -> None:
        """Raise `NotOffered`."""
        raise self._not_offered("delete")

    async def aclose(self) -> None:
        """Close the sockets."""
        await self._wire.aclose()

    async def _sign_in(self) -> tuple[str, float]:
        """Fetch a token (https://cissltd.com/docs/api/authentication/)."""
        form = {"grant_type": "client_credentials", **self._credentials}
        answer = await self._wire.sign_in("/Token", form=form)
        try:
            token = wire.Token.of(answer.body)
        except BadAnswer:
            raise SignInFailed("Inventory Pro gave no token.") from None  # the cause holds the answer
        return token.access_token, int(token.expires_in or _SHORT_LIFETIME)

    def _not_offered(self, operation: str) -> NotOffered:
        return NotOffered(f"Inventory Pro has no call for this ({operation}). Nothing was sent. {self.limits}")
