"""A new operation, within the transaction that records it: what stands in its way, one reason after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from po_mcp.erp import Connection
from po_mcp.errors import JournalUnavailable
from po_mcp.writes.journal import connections, moves, proposals, queries, restores
from po_mcp.writes.journal.database import Ask, Row, Transaction
from po_mcp.writes.journal.proposals import Similar
from po_mcp.writes.operation import Operation, Recorded, State

ASKED_LATELY_S = 0.5
"""Seconds for which an answer counts that was asked for before its transaction began: it may have waited for others."""


@dataclass(frozen=True)
class Limits:
    """Of one journal: seconds that a proposal can be approved, and proposals of one client that may wait at a time."""

    ttl: float
    max_open: int


@dataclass(frozen=True)
class Proposal:
    """What is asked for, and what the caller knows: the arguments of the store's `propose`."""

    operation: Operation
    detail: Mapping[str, Any]
    approved: bool
    known: frozenset[str] | None
    connection: Connection | None
    gone: frozenset[str]
    read_at: float | None


@dataclass(frozen=True)
class _Seen:
    """What the journal holds of the order and of the client, as one look shows it.

    `names` are those of the connection, also of an older version; `orders` have live operations, `live` is that on the
    order, and `is_declined` tells whether its question was; `done` are the writes on the order since it was read;
    `answers` are those that the same request got, `counts` what its client asked for.
    """

    names: Sequence[str]
    orders: Sequence[Row]
    live: Recorded | None
    is_declined: bool
    done: Sequence[Row]
    answers: Sequence[Row]
    counts: Sequence[int]


def asks(proposal: Proposal, now: float, names: Sequence[str] = ()) -> tuple[Ask, ...]:
    """Ask for all that tells whether it may be recorded at that time; `names` are those of the connection."""
    operation = proposal.operation
    # What a clock that was ahead has recorded is of no later time, and must block nothing until that time comes.
    until = now + moves.CLOCK_SLACK_S
    since = until if proposal.read_at is None else proposal.read_at
    return (
        queries.ask_live_orders(),
        queries.ask_done(names or (operation.connection,), operation.number, since, until),
        queries.ask_answers(operation, now - proposals.NO_IS_SHOWN_S),
        proposals.ask_counts(operation, now),
    )


def record(
    db: Transaction, proposal: Proposal, limits: Limits, origin: str, asked_at: float, now: float
) -> Recorded | Similar:
    """Record it, or return what stands in its way: see the store's `propose`.

    The transaction was begun with what `asks` gives, as it was at `asked_at`.
    """
    operation = proposal.operation
    # First of all: a client that lost its answer repeats the call, and must not get a second order.
    if operation.makes_order and (same := _find_same_create(db, proposal, limits, now)) is not None:
        return proposals.renew(db, same, now, limits.ttl)
    seen = _look(db, proposal, asked_at, now)
    live = seen.live
    if live is not None and operation.requester.may_handle(live.operation) and live.operation.is_same(operation):
        return proposals.renew(db, live, now, limits.ttl)
    _need_free_order(proposal, seen)
    if proposal.known is not None:
        passed_over = proposal.known | proposal.gone
        similar = proposals.find_similar(db, operation, seen.names, passed_over, now - limits.ttl)
        if similar is not None:
            return similar
    return _record(db, proposal, seen, limits, origin, now)


def _find_same_create(db: Transaction, proposal: Proposal, limits: Limits, now: float) -> Recorded | None:
    # By a clock that was ahead nothing was done within the ttl.
    found = queries.same_create(db, proposal.operation, now - limits.ttl, now + moves.CLOCK_SLACK_S)
    return None if found is None or found.operation.id in proposal.gone else found


def _look(db: Transaction, proposal: Proposal, asked_at: float, now: float) -> _Seen:
    operation = proposal.operation
    names: tuple[str, ...] = (operation.connection,)
    # A writer may have waited for others meanwhile, and what they did is of after the time that was asked for.
    is_old = abs(now - asked_at) > ASKED_LATELY_S
    found = db.ask(*asks(proposal, now)) if is_old else db.answers
    if proposal.connection is not None and (former := connections.former_names_in(found[0], proposal.connection)):
        names = (operation.connection, *former)
        found = db.ask(*asks(proposal, now, names))
    orders, done, answers, [counts] = found
    its = [row for row in orders if row["connection"] in names]
    if any(row["number"] == operation.number for row in its):
        row = queries.live_row(db, names, operation.number)
    else:
        # An ERP that takes po-1 for PO-1 would get two writes on one order.
        row = queries.live_row_alike(db, its, operation.number)
    live = proposals.read_or_block(row, operation.number)
    is_declined = row is not None and row["declined_at"] is not None
    done = [] if proposal.read_at is None else done
    return _Seen(names, orders, live, is_declined, done, answers, tuple(counts))


def _need_free_order(proposal: Proposal, seen: _Seen) -> None:
    asker, live = proposal.operation.requester, seen.live
    # What was approved or sent is somebody else's decision; only an unanswered question gives way.
    if live is not None and (live.state != "PROPOSED" or _can_take_another_number(proposal, seen)):
        raise proposals.under_way_error(live, asker)
    if (done := next(queries.readable(seen.done), None)) is not None:
        raise proposals.under_way_error(done, asker)


def _can_take_another_number(proposal: Proposal, seen: _Seen) -> bool:
    """Tell whether a new order would replace another's question only since both were given the same next number."""
    # Of a create, only one that is numbered here says since when its number was seen to be free.
    return proposal.operation.makes_order and proposal.read_at is not None and not seen.is_declined


def _record(
    db: Transaction, proposal: Proposal, seen: _Seen, limits: Limits, origin: str, now: float
) -> Recorded | Similar:
    operation, approved = proposal.operation, proposal.approved
    replaced = seen.live.operation if seen.live else None
    if replaced is not None:
        moves.move(db, replaced.id, "PROPOSED", "STALE", {"because": "replaced by a newer request"}, now)
    if approved:
        _refuse_to_go_unasked(db, origin, now - limits.ttl)
    # Last, so that a repeated call is answered even where no new question is let in.
    waiting = None if approved else proposals.count_waiting(seen.orders, operation, replaced)
    proposals.refuse_flood(db, operation, now, counts=seen.counts, waiting=waiting, max_open=limits.max_open)
    state: State = "APPROVED" if approved else "PROPOSED"
    last_no = queries.last_no(seen.answers)
    return proposals.insert(db, operation, state, proposal.detail, now, limits.ttl, last_no)


def _refuse_to_go_unasked(db: Transaction, origin: str, since: float) -> None:
    # The person who asked for it did not know: the very same order may have been sent, and be missing here.
    if restores.may_lack_events(db, origin, since):
        raise JournalUnavailable(
            "The journal was just restored from a backup or another copy.",
            effect="nothing_sent",
            next_step="Call the tool again: a person is asked then.",
        )
