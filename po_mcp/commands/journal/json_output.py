"""The journal as a program reads it: operations as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import click

from po_mcp.commands._status_text import came_of, state_of
from po_mcp.writes.journal import Event
from po_mcp.writes.local_time import LocalTime
from po_mcp.writes.operation import LIVE, Recorded


def row_of(recorded: Recorded, begun: Mapping[str, float], now: float, local: LocalTime) -> dict[str, Any]:
    """Return one operation as the list has it; what has no time yet is left out."""
    operation = recorded.operation
    settled_at = None if recorded.state in LIVE else recorded.settled_at  # of UNKNOWN it is when the doubt began
    times = {"expires_at": recorded.expires_at, "sent_at": recorded.sent_at, "settled_at": settled_at}
    return {
        "id": operation.id,
        "connection": operation.connection,
        "kind": operation.kind,
        "number": operation.number,
        "state": state_of(recorded, now),
        "asked_at": local.iso(begun[operation.id]),
        **{name: local.iso(at) for name, at in times.items() if at is not None},
        "message": came_of(recorded, now),
    }


def whole(recorded: Recorded, events: Sequence[Event], now: float, local: LocalTime) -> dict[str, Any]:
    """Return everything of one operation."""
    operation = recorded.operation
    return {
        **row_of(recorded, {operation.id: events[0].at} if events else {}, now, local),
        "question": operation.question and operation.question.text,
        "payload": operation.payload.model_dump(mode="json", exclude_none=True),
        "outcome": recorded.outcome and recorded.outcome.model_dump(mode="json", exclude_none=True),
        "events": [{"at": local.iso(one.at), "event": one.event, "detail": one.detail} for one in events],
    }


def print_json(value: object) -> None:
    """Print it on one line."""
    click.echo(json.dumps(value))
