"""Hearing of the journal's events in PostgreSQL, of every replica: `LISTEN`, on a connection of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import anyio
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

logger = logging.getLogger(__name__)

Heard = Callable[[str, str], None]
"""Takes the operation's id and the event; ("", "") where some may have been missed."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 10.0


async def listen(address: str, defaults: dict[str, Any], heard: Heard) -> None:
    """Hear of every event until cancelled; connect again where the connection is lost, since nobody says so."""
    pause, connects_again = _FIRST_PAUSE_S, False
    while True:
        try:
            conninfo = make_conninfo(**{**defaults, **conninfo_to_dict(address)})
            async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
                schema = await (await connection.execute("SELECT current_schema()")).fetchone()
                await connection.execute("LISTEN po_mcp")
                pause = _FIRST_PAUSE_S
                # PostgreSQL keeps no event for who was away.
                if connects_again:
                    heard("", "")
                connects_again = True
                async for note in connection.notifies():
                    _pass_on(note.payload, str(schema and schema[0]), heard)
        except (psycopg.Error, OSError) as exc:
            logger.warning("events of other replicas are not heard: %s", type(exc).__name__)
        await anyio.sleep(pause)
        pause = min(_LONGEST_PAUSE_S, 2 * pause)


def _pass_on(payload: str, schema: str, heard: Heard) -> None:
    of_schema, _, rest = payload.partition(" ")
    # Notifications go to the whole database, where other schemas may hold journals of their own.
    if of_schema == schema:
        operation_id, _, event = rest.partition(" ")
        heard(operation_id, event)
