"""Whether an order that was created is gone again: then it is no reason to ask, and answers no repeated call."""

from __future__ import annotations

from po_mcp.desk.context import Desk
from po_mcp.erp import acting, acting_for
from po_mcp.errors import NoCredentials, NotPermitted, SignInFailed
from po_mcp.writes.observation import find_created_order, find_order
from po_mcp.writes.operation import Recorded


async def is_gone_for_sure(desk: Desk, done: Recorded) -> bool:
    """Tell whether an order that was created is gone again, and not only newer than what a reading shows.

    Where each person has their own rights in the ERP, it is looked for by who requested it: to another it may be
    hidden. If that person's credentials are missing, or may see less now, nobody can tell, and it counts as there.
    """
    proof = await desk.journal.find_proof(done.operation.id)
    # No reading showed it when a person said that it happened: that none does now is no news.
    if proof.is_persons_word:
        return False
    answered = proof.answered_number
    if not await _is_gone(desk, done, answered):
        return False
    return await desk.reconciler.wait_out_lag(done) and await _is_gone(desk, done, answered)


async def _is_gone(desk: Desk, recorded: Recorded, answered: str | None) -> bool:
    if acting() is None:
        return await _is_hidden(desk, recorded, answered)
    with acting_for(recorded.operation.actor):
        try:
            return await _is_hidden(desk, recorded, answered)
        except (NoCredentials, SignInFailed, NotPermitted):
            return False


async def _is_hidden(desk: Desk, recorded: Recorded, answered: str | None) -> bool:
    # Also under the number that the ERP gave it, where its answer named one.
    for number in filter(None, (recorded.operation.number, answered)):
        if await find_order(desk.erp, number, in_any_case=True) is not None:
            return False
    return await find_created_order(desk.erp, recorded.operation.id) is None
