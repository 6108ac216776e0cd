"""What was received of orders, read one by one where the ERP's list does not say it."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import MutableMapping, Sequence
from enum import Enum

import anyio

from po_mcp.concurrency import MAX_CONCURRENT_REQUESTS
from po_mcp.desk.listing import AWAITING_GOODS
from po_mcp.erp import ERP, Progress
from po_mcp.errors import BadAnswer, InvalidInput, OrderNotFound, PurchaseOrderError, Refused
from po_mcp.orders import PurchaseOrder

MAX_ORDERS_READ = 100
"""Orders that are read for one list; the first pages of a longer one."""
READ_TIMEOUT_S = 15.0
"""Seconds that reading them may take."""
_OF_ONE_ORDER = (InvalidInput, OrderNotFound, BadAnswer, Refused)
"""Errors that say nothing of the other orders."""
_plain = re.compile(r"[\w.-]+", re.ASCII)


class Receipts(Enum):
    """What is known of the receipts of an order."""

    IN_FULL = "in full"
    DUE = "something is still to come"
    NOT_DUE = "the order is not open any more"
    NOT_TOLD = "the ERP does not say it"
    NOT_READ = "the order could not be opened"
    NOT_LOOKED_UP = "there were too many orders, or too little time"


async def find_receipts(
    erp: ERP, numbers: Sequence[str], known: MutableMapping[str, Receipts], progress: Progress | None = None
) -> None:
    """Add to `known` what was received of each order that is not in it: of `MAX_ORDERS_READ` by reading them.

    Args:
        erp: the ERP.
        numbers: of the orders, the most important first.
        known: by number.
        progress: is awaited after each order that was read.
    """
    new = [number for number in numbers if number not in known]
    # What is not read by then stays so: the pages of a list must agree on which orders are in it.
    known.update(dict.fromkeys(new, Receipts.NOT_LOOKED_UP))
    if "get" in erp.capabilities:
        with anyio.move_on_after(READ_TIMEOUT_S):
            await _Reader(erp, new[:MAX_ORDERS_READ], known, progress).run()


class _Reader:
    """Reads orders, some at a time, until one meets an error that the others would meet, too."""

    def __init__(
        self, erp: ERP, numbers: Sequence[str], known: MutableMapping[str, Receipts], progress: Progress | None
    ) -> None:
        self._erp = erp
        self._left = deque(numbers)
        self._known = known
        self._progress = progress
        self._of = len(numbers)
        self._read = 0
        self._are_odd_in_list_alone = False

    async def run(self) -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(MAX_CONCURRENT_REQUESTS):
                tasks.start_soon(self._read_in_turn)

    async def _read_in_turn(self) -> None:
        while self._left:
            number = self._left.popleft()
            # Where a number has no path of its own, each read of one is a read of the whole list.
            if self._are_odd_in_list_alone and not _plain.fullmatch(number):
                self._known[number] = Receipts.NOT_READ
                continue
            await self._look(number)
            self._read += 1
            if self._progress is not None:
                await self._progress(self._read, self._of)

    async def _look(self, number: str) -> None:
        try:
            order = await self._erp.get_order(number)
        except PurchaseOrderError as exc:
            self._known[number] = Receipts.NOT_READ
            if not isinstance(exc, _OF_ONE_ORDER):
                # The others would meet it, too: the ERP is not asked a hundred times for one answer.
                self._left.clear()
            return
        self._are_odd_in_list_alone |= order.lines is None and not _plain.fullmatch(number)
        self._known[number] = _judge(order)


def _judge(order: PurchaseOrder) -> Receipts:
    if order.status not in AWAITING_GOODS:
        return Receipts.NOT_DUE
    # One line of which something is to come is enough, whatever is unknown of others.
    if order.outstanding_lines:
        return Receipts.DUE
    if order.tells_receipts:
        return Receipts.IN_FULL
    return Receipts.NOT_READ if order.lines is None else Receipts.NOT_TOLD
