"""Operations as rows of the journal, both ways. Pure."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import lru_cache
from typing import Any, cast, get_args

from po_mcp.writes.forms import Field, Question
from po_mcp.writes.journal.database import Row
from po_mcp.writes.kinds import kind_of
from po_mcp.writes.operation import Operation, Recorded, Requester, State, WriteOutcome
from po_mcp.writes.payloads import Payload

_STATES = frozenset(get_args(State))
_LAST_READ = 8
"""Payloads and questions that are kept as they were read."""
_LATER = ("declined_at", "sent_at", "counts_from", "watched_until", "foreign_since", "settled_at", "outcome")
"""Columns that a new operation leaves empty."""


class UnreadableRow(ValueError):
    """A row that this version cannot read: a newer one wrote it, or somebody edited it. `operation_id` names it."""

    def __init__(self, operation_id: str) -> None:
        super().__init__(f"operation {operation_id} cannot be read")
        self.operation_id = operation_id


def values_of(operation: Operation, state: State, proposed_at: float, expires_at: float) -> dict[str, object]:
    """Return all columns of a new operation by their names, in the table's order, as a database gives them back."""
    question = None if operation.question is None else json.dumps(asdict(operation.question))
    return {
        "id": operation.id,
        "connection": operation.connection,
        "kind": operation.kind,
        "number": operation.number,
        "arguments": operation.arguments,
        "payload": operation.payload.model_dump_json(),
        "requested_by": operation.requester.user,
        "client": operation.requester.client,
        "protocol": operation.requester.protocol,
        "session": operation.requester.session,
        "question": question,
        "order_digest": operation.order_digest,
        "content_digest": operation.content_digest,
        "vendor": operation.vendor,
        "items": json.dumps(sorted(operation.items)),
        "state": state,
        "proposed_at": proposed_at,
        "expires_at": expires_at,
        **dict.fromkeys(_LATER),
        "is_untold": 0,
        "last_event": "",
    }


def read_row(row: Row) -> Recorded:
    """Read a row.

    Raises:
        UnreadableRow: it holds what this version does not know.
    """
    try:
        return _read_row(row)
    except (ValueError, TypeError, KeyError, AttributeError) as exc:
        raise UnreadableRow(str(row["id"])) from exc


def _read_row(row: Row) -> Recorded:
    # The cast below would let a state of a newer version through.
    if row["state"] not in _STATES:
        raise ValueError("a state that is not known")
    operation = Operation(
        connection=row["connection"],
        kind=row["kind"],
        number=row["number"],
        arguments=row["arguments"],
        payload=_payload(row["kind"], row["payload"]),
        requester=Requester(row["requested_by"], row["client"], row["protocol"], row["session"]),
        question=_question(row["question"]),
        order_digest=row["order_digest"],
        content_digest=row["content_digest"],
        vendor=row["vendor"],
        items=frozenset(json.loads(row["items"])),
        id=row["id"],
    )
    return Recorded(
        operation=operation,
        state=cast("State", row["state"]),
        expires_at=row["expires_at"],
        sent_at=row["sent_at"],
        counts_from=row["counts_from"],
        watched_until=row["watched_until"],
        foreign_since=row["foreign_since"],
        settled_at=row["settled_at"],
        outcome=WriteOutcome.model_validate_json(row["outcome"]) if row["outcome"] else None,
        proposed_at=row["proposed_at"],
    )


# One write reads its operation several times: the same text is always the same value, and nothing changes that.
@lru_cache(maxsize=_LAST_READ)
def _payload(kind: str, text: str) -> Payload:
    return kind_of(kind).payload_type.model_validate_json(text)


@lru_cache(maxsize=_LAST_READ)
def _question(text: str | None) -> Question | None:
    if text is None:
        return None
    stored = json.loads(text)
    return Question(stored["text"], tuple(_field(field) for field in stored["fields"]))


def _field(stored: dict[str, Any]) -> Field:
    """Read a field; an older version wrote its kind besides, which options tell now."""
    choices = tuple((str(value), str(label)) for value, label in stored["choices"])
    return Field(stored["name"], stored["title"], stored["description"], choices)
