"""Carry an operation out: claim it, send it once, and say truly what came of it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import anyio

from po_mcp.errors import OutcomeUnknown, PurchaseOrderError
from po_mcp.writes.journal import Journal
from po_mcp.writes.operation import Operation, WriteOutcome

logger = logging.getLogger(__name__)

Send = Callable[[], Awaitable[WriteOutcome]]


async def carry_out(journal: Journal, operation: Operation, send: Send, notice: str) -> WriteOutcome:
    """Send `operation` if nobody has, and return its outcome; else wait for that of whoever did.

    Once it is claimed, nothing stops it until its outcome is recorded: a cancelled call must not lose
    what became of a write.
    """
    if not journal.claim(operation.id):
        return await _known(journal, operation) or _expired(operation, notice)
    with anyio.CancelScope(shield=True):
        outcome = await _sent(operation, send, notice)
        journal.settle(operation.id, outcome)
    return outcome


async def end_unsent(journal: Journal, operation: Operation, outcome: WriteOutcome) -> WriteOutcome:
    """End `operation` without sending it, unless somebody else already has it in hand."""
    if not journal.claim(operation.id):
        return await _known(journal, operation) or outcome
    journal.settle(operation.id, outcome)
    return outcome


async def _known(journal: Journal, operation: Operation) -> WriteOutcome | None:
    known = await journal.outcome(operation.id)
    return known.repeated() if known is not None else None


def _expired(operation: Operation, notice: str) -> WriteOutcome:
    text = "The time for approving this is over. Nothing was sent; ask for it again to be asked anew."
    return WriteOutcome(status="expired", operation_id=operation.id, message=f"{notice} {text}".strip())


async def _sent(operation: Operation, send: Send, notice: str) -> WriteOutcome:
    """Send, and turn every end into an outcome: what is not definite is unknown."""
    try:
        return await send()
    except OutcomeUnknown as exc:
        return _unknown(operation, exc.what, notice)
    except PurchaseOrderError as exc:
        return WriteOutcome(status="refused", operation_id=operation.id, message=f"{notice} {exc}".strip())
    except Exception as exc:  # a crash after the claim: the request may be on its way
        logger.error("operation %s crashed while it was sent: %s", operation.id, type(exc).__name__)
        return _unknown(operation, "The request may have been sent, but this server failed.", notice)


def _unknown(operation: Operation, what: str, notice: str) -> WriteOutcome:
    advice = f"Do not repeat it: look at order {operation.number} first (get_purchase_order) and tell the user."
    return WriteOutcome(
        status="unknown",
        operation_id=operation.id,
        message=f"{notice} What came of it is not known. {what} {advice}".strip(),
        do_not_repeat=True,
    )
