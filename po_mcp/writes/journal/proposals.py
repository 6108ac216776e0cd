"""Recording of new operations within one transaction: what stands in their way, and how much one client may ask for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from po_mcp.errors import OperationUnderWay, TooManyQuestions
from po_mcp.writes import order_text
from po_mcp.writes.journal import audit_log, queries
from po_mcp.writes.journal.audit_log import Event
from po_mcp.writes.journal.database import Ask, Row, Transaction
from po_mcp.writes.journal.moves import CLOCK_SLACK_S
from po_mcp.writes.journal.rows import UnreadableRow, read_row, values_of
from po_mcp.writes.operation import STATE_LABELS, Operation, Recorded, Requester, State

MAX_OPEN_QUESTIONS = 20
"""Questions of one client that a person is left with at a time."""
MAX_PROPOSALS: Mapping[float, int] = {60.0: 100, 3600.0: 600}
"""Seconds, and how many proposals of one client are recorded in them."""
ASKED_AGAIN = "asked again"
"""The event of a proposal that was requested once more."""
NO_IS_SHOWN_S = 86_400.0
"""Seconds for which a question says that the same request was answered with a no before."""
RENEWED_AFTER_S = 10.0
"""Seconds after which a proposal that is asked about again gets its whole time again, and an event."""


@dataclass(frozen=True)
class Similar:
    """Why a new order was not recorded: one like it is under way or was made a few minutes ago.

    `same_content`: the same vendor, items and quantities. `common_item`: one for the same vendor with an item of
    this one was sent, and it is not known, or not yet certain, what came of it.
    """

    recorded: Recorded
    how: Literal["same_content", "common_item"]


@dataclass(frozen=True)
class Proposed(Recorded):
    """An operation that was recorded just now: nobody was asked about it before.

    `last_no` is the no that the same request was answered with last, within a day.
    """

    last_no: Event | None = None


def insert(
    db: Transaction,
    operation: Operation,
    state: State,
    detail: Mapping[str, Any],
    now: float,
    ttl: float,
    last_no: Event | None = None,
) -> Proposed:
    """Record an operation, which can be approved or sent for `ttl` seconds."""
    values = values_of(operation, state, now, now + ttl)
    # Word for word, since that is what a yes will have been given to.
    shown = {"shown": operation.question.text} if operation.question else {}
    link = audit_log.next_link(db, Event(operation.id, now, state, {**detail, **shown}), values)
    values["last_event"] = link.hash
    names, places = ", ".join(values), ", ".join("?" * len(values))
    db.execute(f"INSERT INTO write_operations ({names}) VALUES ({places})", tuple(values.values()))  # noqa: S608
    audit_log.add(db, link, values)
    return Proposed(operation, state, now + ttl, proposed_at=now, last_no=last_no)


def ask_counts(operation: Operation, now: float) -> Ask:
    """Ask how much the client asked for in the seconds of each limit."""
    places = ", ".join("COUNT(CASE WHEN proposed_at > ? THEN 1 END)" for _ in MAX_PROPOSALS)
    since = [now - seconds for seconds in MAX_PROPOSALS]
    # Nothing after now is counted: what a clock that was ahead has recorded must lock nobody out.
    where = "session = ? AND proposed_at > ? AND proposed_at <= ?"
    values = (*since, operation.requester.session, min(since), now + CLOCK_SLACK_S)
    return Ask(f"SELECT {places} FROM write_operations WHERE {where}", values)  # noqa: S608


def count_waiting(live: Iterable[Row], operation: Operation, replaced: Operation | None) -> int:
    """Return how many questions of the client wait, besides the one that this operation has replaced."""
    gone = (replaced.connection, replaced.number) if replaced else ()
    return sum(
        row["session"] == operation.requester.session
        and row["connection"] == operation.connection
        and row["state"] == "PROPOSED"
        and row["declined_at"] is None
        and (row["connection"], row["number"]) != gone
        for row in live
    )


def refuse_flood(
    db: Transaction, operation: Operation, now: float, *, counts: Sequence[int], waiting: int | None, max_open: int
) -> None:
    """Bound what one client asks for, so that neither a loop nor an instruction in a text locks others out.

    `counts` are those of `ask_counts`; `waiting` questions wait for a person, None where this is no question.
    """
    for (seconds, limit), count in zip(MAX_PROPOSALS.items(), counts, strict=True):
        if count >= limit:
            minutes = order_text.count(round(seconds / 60), "minute")
            raise TooManyQuestions(
                f"{count} changes were requested within {minutes}.",
                effect="nothing_sent",
                next_step="Wait a few minutes.",
            )
    # An order that nobody is asked about waits for nobody, and takes no place.
    if waiting is not None and waiting >= max_open:
        raise TooManyQuestions(f"{waiting} requests are already waiting for approval.", effect="nothing_changed")


def renew(db: Transaction, live: Recorded, now: float, ttl: float) -> Recorded:
    """Give a proposal that is asked about again its whole time."""
    expires_at = now + ttl
    # Not at every call, or a client that asks in a loop would fill the audit log.
    if live.state != "PROPOSED" or expires_at - live.expires_at < RENEWED_AFTER_S:
        return live
    db.execute("UPDATE write_operations SET expires_at = ? WHERE id = ?", (expires_at, live.operation.id))
    audit_log.append(db, Event(live.operation.id, now, ASKED_AGAIN, {}))
    return replace(live, expires_at=expires_at)


def find_similar(
    db: Transaction, operation: Operation, names: Sequence[str], known: frozenset[str], since: float
) -> Similar | None:
    """Find an order like this one, in the transaction that would record it: two calls cannot miss each other.

    What has the same number is no other order: it is live, and found before, or its number is taken.
    """
    if not operation.content_digest and not operation.vendor:
        return None  # no new order
    for found in queries.find_same_content(db, operation, since):
        if found.operation.id not in known and found.operation.number != operation.number:
            return Similar(found, "same_content")
    for found in queries.common_items(db, operation, names):
        if found.operation.id not in known and found.operation.number != operation.number:
            return Similar(found, "common_item")
    return None


def read_or_block(row: Row | None, number: str) -> Recorded | None:
    """Read a live row; one that cannot be read blocks its order all the same.

    Raises:
        OperationUnderWay: this version cannot read it.
    """
    if row is None:
        return None
    try:
        return read_row(row)
    except UnreadableRow as exc:
        # It may have been sent by a newer version: passing it over could send the write twice.
        raise OperationUnderWay(
            f"Order {order_text.number(number)} has a request in progress that this version of po-mcp cannot read.",
            effect="nothing_changed",
            detail=f"Operation {exc.operation_id}.",
            next_step="Your administrator must run: po-mcp journal verify",
        ) from exc


def under_way_error(live: Recorded, asker: Requester) -> OperationUnderWay:
    """Return the error for an order that has another live operation."""
    operation, label = live.operation, STATE_LABELS[live.state]
    number, doing = order_text.number(operation.number), f"{_doing(operation.kind)}, {label[0].lower()}{label[1:]}"
    if not asker.may_handle(operation):
        return OperationUnderWay(
            f"Order {number} has another person's request in progress: {doing}.",
            effect="nothing_changed",
            next_step="Tell the user, and try again in a few minutes.",
            operation_id=operation.id,
        )
    return OperationUnderWay(
        f"Order {number} has another request in progress: {doing}.",
        effect="nothing_changed",
        detail=f"Operation {operation.id}.",
        operation_id=operation.id,
    )


def _doing(kind: str) -> str:
    from po_mcp.writes.kinds import kind_of  # late: the kinds stand above the journal

    return kind_of(kind).words.doing.lower()
