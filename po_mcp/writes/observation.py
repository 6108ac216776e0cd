"""What a reading showed of an operation that was sent: its effect, no effect, or something else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from po_mcp.erp import ERP, ReadsById, ReadsByReference
from po_mcp.errors import ERPError, OrderNotFound
from po_mcp.orders import PurchaseOrder, Snapshot

Seen = Literal["applied", "gone", "absent", "ended_otherwise", "foreign", "differs", "elsewhere", "unreadable"]
"""What stands in the ERP.

    applied          the effect
    gone             the effect of a delete: nothing stands there; one reading does not prove it
    absent           no effect
    ended_otherwise  the order ended in another way, so that the effect cannot come
    foreign          another's order under the number of a new one; one reading does not prove it
    differs          an order under the number of a new one that may be ours or not
    elsewhere        no effect, and the ERP's success had named another order than was asked for: a person decides
    unreadable       nothing that could be read, or named
"""

NEEDS_TWO_READINGS: frozenset[Seen] = frozenset({"gone", "foreign"})


@dataclass(frozen=True)
class Observation:
    """What a reading showed, with the order as it is now.

    `differences` say line by line how the stored order is not what was asked for; `backorder_number` is that of
    the backorder which a finalize left; `detail` is a sentence on what else was seen of the effect.
    """

    seen: Seen
    why: str
    order: PurchaseOrder | None = None
    backorder_number: str | None = None
    differences: tuple[str, ...] = ()
    detail: str = ""


def unreadable(error: ERPError) -> Observation:
    """Say that a reading failed; that the reading itself changed nothing says nothing of the write."""
    why = error.reason.rstrip(".")
    # It stands in the middle of a sentence; a name keeps its capital.
    return Observation("unreadable", f"the {why[4:]}" if why.startswith("The ") else why)


async def find_read_back(erp: ERP, number: str) -> PurchaseOrder | None:
    """Read an order after a write, once; None where there is none.

    Raises:
        ERPError: it cannot be read.
    """
    try:
        return await erp.get_order(number)
    except OrderNotFound:
        return None


async def find_order(erp: ERP, number: str, *, in_any_case: bool = False) -> PurchaseOrder | None:
    """Read an order; None where there is none.

    One "not found" proves no absence, since a gateway can say it too: it must be said twice, and the ERP must
    answer another question in between.

    Raises:
        ERPError: the order cannot be read.
    """
    return await _find(erp, lambda: erp.get_order(number, in_any_case=in_any_case))


async def find_shown_order(erp: ERP, shown: Snapshot) -> PurchaseOrder | None:
    """Read the very order that a person was shown, whatever it is called by now; None where there is none.

    By its number alone an order that got another one would look as if it were gone.

    Raises:
        ERPError: the order cannot be read.
    """
    number, erp_id = shown.order.number, shown.erp_id
    if erp_id is None or not isinstance(erp, ReadsById):
        return await find_order(erp, number)
    reading: ReadsById = erp
    return await _find(erp, lambda: reading.get_order_of_id(erp_id, number))


async def find_created_order(erp: ERP, reference: str) -> PurchaseOrder | None:
    """Read the order that carries the reference of its draft, whatever number it goes by now; None where none is found.

    Raises:
        ERPError: the order cannot be read.
    """
    if not isinstance(erp, ReadsByReference):
        return None
    reading: ReadsByReference = erp
    return await _find(erp, lambda: reading.get_order_of_reference(reference))


async def _find(erp: ERP, read: Callable[[], Awaitable[PurchaseOrder]]) -> PurchaseOrder | None:
    try:
        return await read()
    except OrderNotFound:
        # Another question in between: a gateway that says "not found" to everything has no answer to it.
        await erp.probe()
    try:
        return await read()
    except OrderNotFound:
        return None
