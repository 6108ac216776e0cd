"""Following up on operations: one by its id, or all that are not at their end."""

from __future__ import annotations

from po_mcp.desk import Desk, asking, deciding
from po_mcp.errors import InvalidInput
from po_mcp.orders import Record
from po_mcp.writes.operation import Operation, Recorded, WriteOutcome


class Operations(Record):
    """Operations as they stand now, the oldest first."""

    operations: tuple[WriteOutcome, ...]


async def get_operations(desk: Desk, operation_id: str | None) -> Operations:
    """Return one operation, or those that wait or are not known; what was sent is looked up in the ERP first.

    One that was asked for by its id, and that a person approved since, is carried out.

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
        if recorded.state == "APPROVED" and recorded.operation.question is not None:
            return Operations(operations=(await _carried_through(desk, recorded.operation),))
        found = [recorded]
    return Operations(operations=tuple([await _as_it_stands(desk, recorded) for recorded in found]))


async def _carried_through(desk: Desk, operation: Operation) -> WriteOutcome:
    """Send what a person approved outside of the call that asked for it."""
    if operation.kind == "create":
        return await desk.executor.carry_out(operation.id)
    return await deciding.carry_out(desk, operation)


async def _as_it_stands(desk: Desk, recorded: Recorded) -> WriteOutcome:
    if recorded.state == "PROPOSED":
        return await asking.waiting(desk, recorded)
    if recorded.state in ("SENT", "UNKNOWN") and not desk.executor.has_in_hand(recorded.operation.id):
        recorded = await desk.executor.reconcile(recorded)
    return desk.executor.outcome(recorded)
