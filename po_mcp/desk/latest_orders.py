"""The ERP's latest orders, read once for the number and the prices of a new order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

from po_mcp.desk.context import Desk
from po_mcp.errors import BadAnswer
from po_mcp.orders import OrderQuery, PurchaseOrder

_REACH_BACK = (timedelta(days=92), timedelta(days=730))
"""How far back orders are read before all are: the list of many years is seldom needed for a number."""


class LatestOrders:
    """The orders at the time of one create; the whole list is read at most once."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._recent: Sequence[PurchaseOrder] | None = None
        self._all: Sequence[PurchaseOrder] | None = None

    async def read_all(self) -> Sequence[PurchaseOrder]:
        """Return every order that the ERP lists, without lines.

        Raises:
            ERPError: the orders cannot be read.
        """
        if self._all is None:
            self._all = await self._scan(OrderQuery())
        return self._all

    async def read_recent(self) -> Sequence[PurchaseOrder]:
        """Return the orders of the last months, or more where more were read.

        Raises:
            ERPError: the orders cannot be read.
        """
        if self._all is not None:
            return self._all
        if self._recent is None:
            self._recent = await self._read_back(_REACH_BACK[0])
        return self._recent

    async def _read_back(self, reach: timedelta) -> Sequence[PurchaseOrder]:
        return await self._scan(OrderQuery(ordered_from=self._desk.today() - reach))

    async def scan_back(self) -> AsyncIterator[Sequence[PurchaseOrder]]:
        """Yield the orders of the last months, then of the last years, then all.

        Raises:
            ERPError: the orders cannot be read.
        """
        # Most series show in the orders of a few months, which are read much faster than all.
        if self._all is None:
            yield await self.read_recent()
        for reach in _REACH_BACK[1:]:
            if self._all is None:
                yield await self._read_back(reach)
        yield await self.read_all()

    async def _scan(self, query: OrderQuery) -> Sequence[PurchaseOrder]:
        found = await self._desk.erp.scan_orders(query)
        # The latest orders may be among those that did not come: neither a number nor a price follows from the others.
        if found.cut_by:
            raise BadAnswer(found.cut_by, effect="nothing_changed")
        return found.orders
