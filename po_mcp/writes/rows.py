"""Rows of the journal, read as operations."""

from __future__ import annotations

import json
import sqlite3

from po_mcp.writes.approval import Field, Question
from po_mcp.writes.operation import Operation, Recorded, WriteOutcome


def call_of(operation: Operation) -> tuple[str, str, str, str]:
    """Return what the call itself told: connection, kind, number and arguments."""
    return (operation.connection, operation.kind, operation.number, operation.arguments)


def recorded_of(row: sqlite3.Row) -> Recorded:
    """Return the operation that a row of the journal holds."""
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
