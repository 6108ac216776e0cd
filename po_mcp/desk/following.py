"""Following up on operations: one by its id, or all that are not at their end."""

from __future__ import annotations

from po_mcp.desk import Desk
from po_mcp.errors import InvalidInput
from po_mcp.orders import Record
from po_mcp.writes.operation import Recorded, WriteOutcome


class Operations(Record):
    """Operations as they stand now, the oldest first."""

    operations: tuple[WriteOutcome, ...]


async def get_operations(desk: Desk, operation_id: str | None) -> Operations:
    """Return one operation, or those that wait or are not known; what was sent is looked up in the ERP first.

    Raises:
        InvalidInput: there is no operation of this id on this connection.
    """
    if operation_id is None:
        found = desk.journal.live(desk.erp.connection)
    else:
        recorded = desk.journal.find(operation_id)
        if recorded is None or recorded.operation.connection != desk.erp.connection:
            raise InvalidInput(
                "There is no operation of this id.", next_step="Leave it out to see those that are not at their end."
            )
        found = [recorded]
    return Operations(operations=tuple([await _as_it_stands(desk, recorded) for recorded in found]))


async def _as_it_stands(desk: Desk, recorded: Recorded) -> WriteOutcome:
    if recorded.state in ("SENT", "UNKNOWN") and not desk.executor.has_in_hand(recorded.operation.id):
        recorded = await desk.executor.reconcile(recorded)
    return desk.executor.outcome(recorded)
