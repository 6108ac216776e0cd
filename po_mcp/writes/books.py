"""In whose books an operation was requested, where an ERP's user can be moved to those of another company.

There, an order that is missing is no order that was deleted, and a new one would be another company's.
"""

from __future__ import annotations

from dataclasses import replace

from po_mcp.erp import ERP, TellsBooks
from po_mcp.errors import Conflict
from po_mcp.writes.operation import Operation


async def pin_books(erp: ERP, operation: Operation) -> Operation:
    """Return the operation with the books that it is meant for; as it is where the ERP's user has the same always.

    Raises:
        ERPError: they cannot be read.
    """
    if not isinstance(erp, TellsBooks):
        return operation
    books = await erp.read_books()
    return replace(operation, payload=operation.payload.model_copy(update={"books": books}))


async def need_same_books(erp: ERP, operation: Operation) -> None:
    """Raise `Conflict` where the ERP's user works in other books now; an older version recorded none.

    Raises:
        ERPError: they cannot be read.
    """
    pinned = operation.payload.books
    if pinned is None or not isinstance(erp, TellsBooks) or await erp.read_books() == pinned:
        return
    raise Conflict(
        f"The user of this server works in another company in {erp.title} than when this was requested.",
        next_step=f"{erp.title}'s administrator must give its user the former company again.",
        effect="nothing_sent",
    )
