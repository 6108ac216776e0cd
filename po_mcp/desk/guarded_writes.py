"""Writes on an order that is there, such as finalize, delete and cancel: each needs a person's yes.

    read the order -> can it succeed? -> ask the person -> execute: read it again, compare, claim, send

Whatever stops it on the way, nothing was sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple, cast

from po_mcp.desk.approval_flow import Stop, check_answered, run_approval
from po_mcp.desk.context import Desk
from po_mcp.desk.list_orders import add_vendor_names, name_similar
from po_mcp.erp import Guarded
from po_mcp.errors import OperationUnderWay, OrderNotFound
from po_mcp.orders import Snapshot
from po_mcp.writes.approving import Approver
from po_mcp.writes.books import pin_books
from po_mcp.writes.journal import ApproverPin, Similar
from po_mcp.writes.kinds import GuardedKind, kind_of
from po_mcp.writes.kinds.snapshots import digest_of_snapshot
from po_mcp.writes.operation import LIVE, SENT_STATES, Operation, Recorded, WriteOutcome, canonical_json
from po_mcp.writes.payloads import Payload

_READINGS = 3
"""Readings that one call makes: each is of before another write's end only where the clock does not go on."""


async def guarded_write(
    desk: Desk, kind: str, number: str, arguments: Mapping[str, Any], approver: Approver
) -> WriteOutcome:
    """Ask the person about one write on an order, and carry it out after their yes.

    Args:
        desk: the ERP, the journal and the executor.
        kind: the registered name of the kind of write.
        number: the order's number.
        arguments: what the kind takes besides, such as `create_backorder`.
        approver: the person behind the call.

    Raises:
        OrderNotFound, ERPError: the order cannot be read.
        OperationUnderWay: it has another operation that was sent, or is not known.
        ConfigurationError: PO_MCP_APPROVER_PIN is not the PIN that was set.
    """
    guarded = cast("GuardedKind", kind_of(kind))
    desk.require(guarded.capability)
    if desk.pin_setting is not None:
        await desk.pin_setting.need_match()
    call = Operation(
        connection="",
        kind=kind,
        number=desk.erp.check_number(number),
        arguments=canonical_json(arguments),
        payload=Payload(),
        requester=approver.requester,
    )
    call, earlier = await desk.journal.begin_call(desk.erp.connection, call, approver.answered_operation_id)
    found: Recorded | Stop
    if approver.answered_operation_id is not None:
        found = check_answered(desk, approver, call, earlier)
    else:
        found = await _wait_for_watch(desk, earlier) or await _propose(desk, guarded, call, dict(arguments))
    return found.outcome if isinstance(found, Stop) else await run_approval(desk, found, approver)


async def _wait_for_watch(desk: Desk, found: Recorded | None) -> Recorded | None:
    """Return what the same call asked for before; a refusal is first waited for to be certain, and is none then."""
    if found is None or found.state != "WATCHED":
        return found  # approved on the page, or sent: the order may show its effect already
    found = await desk.reconciler.wait_until_certain(found)
    return None if found.state == "REFUSED" else found


async def _propose(
    desk: Desk, kind: GuardedKind, call: Operation, arguments: dict[str, Any], tries: int = _READINGS
) -> Recorded | Stop:
    """Read the order and record the proposal; or say why nobody need be asked."""
    reading = await _read_unless_done(desk, kind, call)
    if isinstance(reading, Stop):
        return reading
    found = reading.found
    if isinstance(found, OrderNotFound):
        raise await name_similar(desk, call.number, found)
    if (forbidden := kind.forbid(desk.erp, found)) is not None:
        text = f"{forbidden.reason} Nothing was changed."
        return Stop(desk.words.say("refused", None, text, forbidden.instead, order=found.order))
    payload, question = kind.propose(desk.erp, await _with_name(desk, found), arguments)
    question = await desk.prepare_question(question, reading.pin)
    payload = desk.begin_consent(payload, call.requester)
    # Of the order as the ERP gave it: a name from the list of vendors is in no reading that it is compared with.
    operation = replace(call, payload=payload, question=question, order_digest=digest_of_snapshot(found))
    operation = await pin_books(desk.erp, operation)
    try:
        return await _record(desk, operation, reading.at)
    except OperationUnderWay as exc:
        # What has ended meanwhile may have changed the order: the person is shown it as it is then.
        if tries <= 1 or not await _has_ended(desk, exc.operation_id):
            raise
    return await _propose(desk, kind, call, arguments, tries - 1)


class _Reading(NamedTuple):
    """What the ERP has of an order, from when on, in seconds since 1970, it was read, and the PIN as it was then."""

    found: Snapshot | OrderNotFound
    at: float
    pin: ApproverPin


async def _read_unless_done(desk: Desk, kind: GuardedKind, call: Operation) -> _Reading | Stop:
    """Read the order; or return the outcome of the same write, where it was done just now and shows in the order."""
    at = desk.journal.now()
    found = await _read(desk, kind, call.number)
    # After the reading, so that another call's write is not missed.
    done, pin = await desk.journal.find_recent_and_pin(call)
    if done is not None and not _shows(kind, found):
        # A reading that began before the effect is older than it: the next one shows it, without a wait.
        at = desk.journal.now()
        found = await _read(desk, kind, call.number)
    if done is not None and not _shows(kind, found):
        # Either the effect was undone since, or the ERP's readings lag behind.
        if not await desk.reconciler.wait_out_lag(done):
            return Stop(desk.words.outcome(done).as_repeated())
        at = desk.journal.now()
        found = await _read(desk, kind, call.number)
    if done is not None and _shows(kind, found):
        return Stop(desk.words.outcome(done).as_repeated())
    return _Reading(found, at, pin)


async def _read(desk: Desk, kind: GuardedKind, number: str) -> Snapshot | OrderNotFound:
    try:
        return await desk.erp.snapshot(number, cast("Guarded", kind.capability))
    except OrderNotFound as exc:
        return exc


def _shows(kind: GuardedKind, found: Snapshot | OrderNotFound) -> bool:
    """Tell whether the ERP shows the effect of such a write."""
    return kind.is_still_applied(found.order if isinstance(found, Snapshot) else None)


async def _record(desk: Desk, operation: Operation, read_at: float) -> Recorded:
    detail = operation.requester.detail()
    recorded = await desk.journal.propose(operation, detail, connection=desk.erp.connection, read_at=read_at)
    assert not isinstance(recorded, Similar)  # only new orders resemble one another
    return recorded


async def _has_ended(desk: Desk, operation_id: str | None) -> bool:
    """Look at the operation that is in the way; tell whether it is at its end now."""
    blocking = None if operation_id is None else await desk.journal.find(operation_id)
    if blocking is not None and blocking.state in SENT_STATES:
        blocking = await desk.reconciler.wait_until_certain(blocking)
    return blocking is not None and blocking.state not in LIVE


async def _with_name(desk: Desk, snapshot: Snapshot) -> Snapshot:
    """Let the person see the vendor's name, where the order tells only its id."""
    [order] = await add_vendor_names(desk, [snapshot.order])
    return snapshot.model_copy(update={"order": order})
