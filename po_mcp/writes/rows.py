"""Operations as rows of the journal, both ways. Pure."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict

from po_mcp.writes.approval import Field, Question
from po_mcp.writes.operation import Operation, Recorded, State, WriteOutcome


def values_of(operation: Operation, state: State, expires_at: float) -> tuple[object, ...]:
    """Return the columns of a new operation, in the order of schema.sql."""
    question = None if operation.question is None else json.dumps(asdict(operation.question))
    asked = (operation.id, operation.meaning, *call_of(operation), operation.digest, question)
    return (*asked, operation.intent, operation.fingerprint, operation.attempt, state, expires_at, None, None, None, "")


def call_of(operation: Operation) -> tuple[str, str, str, str]:
    """Return what tells one call from another, whatever the state of the order."""
    return (operation.connection, operation.kind, operation.number, operation.arguments)


def recorded_of(row: sqlite3.Row) -> Recorded:
    """Read a row."""
    operation = Operation(
        connection=row["connection"],
        kind=row["kind"],
        number=row["number"],
        arguments=row["arguments"],
        digest=row["digest"],
        question=_question(row["question"]),
        intent=row["intent"],
        fingerprint=row["fingerprint"],
        attempt=row["attempt"],
    )
    outcome = WriteOutcome.model_validate_json(row["outcome"]) if row["outcome"] else None
    return Recorded(operation, row["state"], row["expires_at"], row["sent_at"], row["settled_at"], outcome)


def _question(text: str | None) -> Question | None:
    if text is None:
        return None
    kept = json.loads(text)
    return Question(kept["text"], tuple(Field(**field) for field in kept["fields"]))
