"""What a person says of an operation whose outcome is not known: that it happened, or that it did not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from po_mcp.errors import InvalidInput
from po_mcp.writes import order_text
from po_mcp.writes.journal import Journal
from po_mcp.writes.kinds import kind_of
from po_mcp.writes.local_time import THIS_MACHINE, LocalTime
from po_mcp.writes.operation import Operation, Recorded, State, WriteOutcome
from po_mcp.writes.policy import SettlementPolicy
from po_mcp.writes.reconcile import Reconciler

CONFIRMED = "confirmed by hand"


async def record_verdict(
    reconciler: Reconciler, recorded: Recorded, *, happened: bool, detail: Mapping[str, Any]
) -> WriteOutcome:
    """Look once more, and record what the person says unless the look decides otherwise.

    That it did not happen releases a second send. So it is not taken before nothing can come late any more, as far
    as is known, and never against what the ERP shows right now.

    Raises:
        InvalidInput: it is too early, or the operation was settled meanwhile.
    """
    # "It happened" can be said at any time: it sends nothing, and blocks a repeat.
    if not happened:
        need_time(reconciler.journal, reconciler.policy, recorded, reconciler.words.local)
    recorded = await reconciler.reconcile(recorded)
    words = reconciler.words
    # The look settled it: what the ERP shows goes before what a person remembers.
    if recorded.state != "UNKNOWN":
        return words.outcome(recorded)
    operation, seen = recorded.operation, await reconciler.look(recorded, beyond_number=happened)
    if happened:
        outcome = words.say("done", operation, say_verdict(operation, happened=True, seen=seen.why), order=seen.order)
    elif seen.seen in ("applied", "gone", "differs"):
        raise InvalidInput(f"The ERP shows otherwise: {seen.why}. Nothing was recorded.")
    elif seen.seen == "unreadable":
        # Nobody's word releases a second send unseen.
        raise InvalidInput(f"The order cannot be read now: {seen.why}. Nothing was recorded.")
    else:
        outcome = words.say("refused", operation, say_verdict(operation, happened=False))
    # By the journal's own moves, so that a process that settled it meanwhile is noticed.
    after: State = "DONE" if happened else "NOT_APPLIED"
    if await reconciler.record(operation, "UNKNOWN", after, outcome, {**detail, "observed": seen.why}):
        return outcome
    raise InvalidInput("Another process settled it first; your answer was not recorded.")


def say_verdict(operation: Operation, *, happened: bool, seen: str = "") -> str:
    """Write what a person says happened, as the message of the outcome."""
    done, number = kind_of(operation.kind).words.done, order_text.number(operation.number)
    if happened:
        return f"Order {number} was {done}: {CONFIRMED} ({seen})."
    return f"Order {number} was not {done}: {CONFIRMED}. It can be requested again."


def need_time(journal: Journal, policy: SettlementPolicy, recorded: Recorded, local: LocalTime = THIS_MACHINE) -> None:
    """Raise `InvalidInput` while an effect may still come."""
    # Not always from the send: where the clock was ahead then, the order would be blocked until that time comes again.
    not_before = (recorded.counts_from or recorded.sent_at or 0.0) + policy.verdict_after
    if journal.now() < not_before:
        time = local.time(not_before, seconds=True)
        raise InvalidInput(f"It may still happen. Say that it did not after {time}. Nothing was recorded.")
