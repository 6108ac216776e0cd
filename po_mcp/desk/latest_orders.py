"""The orders that a new order's number and prices are taken from: the ERP's list, read once for both."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

from po_mcp.desk.context import Desk
from po_mcp.orders import OrderQuery, PurchaseOrder

_REACH_BACK = (timedelta(days=92), timedelta(days=730))
"""How far back orders are read before all are: a list of years is not read for a number."""


class LatestOrders:
    """The orders as they were when one new order was asked for. What was read whole is not read again."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._all: Sequence[PurchaseOrder] | None = None

    async def read_all(self) -> Sequence[PurchaseOrder]:
        """Return every order that the ERP lists, without lines.

        Raises:
            ERPError: the orders cannot be read.
        """
        if self._all is None:
            self._all = (await self._desk.erp.scan_orders(OrderQuery())).orders
        return self._all

    async def scan_back(self) -> AsyncIterator[Sequence[PurchaseOrder]]:
        """Yield the latest orders, then more and more of them, and at last all.

        Raises:
            ERPError: the orders cannot be read.
        """
        for reach in _REACH_BACK:
            if self._all is None:
                begin = self._desk.today() - reach
                yield (await self._desk.erp.scan_orders(OrderQuery(ordered_from=begin))).orders
        yield await self.read_all()
