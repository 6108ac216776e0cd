"""What a person says of an operation whose outcome is not known: that it happened, or that it did not."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from po_mcp.errors import InvalidInput
from po_mcp.writes.journal import Journal
from po_mcp.writes.operation import Recorded, State, WriteOutcome
from po_mcp.writes.policy import SettlementPolicy
from po_mcp.writes.reconcile import Reconciler

HAPPENED = "Done: a person looked and says that it happened"
DID_NOT_HAPPEN = "It was not applied: a person looked and says that it did not happen. It may be asked for again."


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
        need_time(reconciler.journal, reconciler.policy, recorded)
    recorded = await reconciler.reconcile(recorded)
    words = reconciler.words
    # The look settled it: what the ERP shows goes before what a person remembers.
    if recorded.state != "UNKNOWN":
        return words.outcome(recorded)
    operation, seen = recorded.operation, await reconciler.look(recorded)
    if happened:
        outcome = words.say("done", operation, f"{HAPPENED} ({seen.why}).", order=seen.order)
    elif seen.seen in ("applied", "gone", "differs"):
        raise InvalidInput(f"The ERP shows otherwise now: {seen.why}. Nothing was recorded.")
    elif seen.seen == "unreadable":
        # Nobody's word releases a second send unseen.
        raise InvalidInput(f"It cannot be looked at now: {seen.why}. Nothing was recorded.")
    else:
        outcome = words.say("refused", operation, DID_NOT_HAPPEN)
    after: State = "DONE" if happened else "NOT_APPLIED"
    if await reconciler.record(operation, "UNKNOWN", after, outcome, {**detail, "observed": seen.why}):
        return outcome
    raise InvalidInput("It was settled by another process meanwhile, and your answer was not recorded.")


def need_time(journal: Journal, policy: SettlementPolicy, recorded: Recorded) -> None:
    """Raise `InvalidInput` while an effect may still come."""
    not_before = (recorded.counts_from or recorded.sent_at or 0.0) + policy.verdict_after
    if journal.now() < not_before:
        time = datetime.fromtimestamp(not_before, UTC)
        raise InvalidInput(
            f"It may still happen: nobody can say before {time:%H:%M:%S} UTC that it did not. Nothing was recorded."
        )
