"""How many requests may be under way at one ERP at a time, over all replicas: a slot of PostgreSQL for each.

A slot is an advisory lock of the session, on one connection for each replica: one that dies gives its slots back at
once. Where the database cannot be used, each replica sends one request at a time.
"""

from __future__ import annotations

import logging
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

logger = logging.getLogger(__name__)

_TRY = "SELECT n FROM unnest(%s::int[]) AS n WHERE pg_try_advisory_lock(hashtext(%s), n) LIMIT 1"
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.01, 0.2
_AWAY_S = 5.0
"""Seconds after a failure in which the database is not asked for a slot."""


@dataclass(frozen=True)
class _Held:
    """A slot, and the connection whose session holds it."""

    slot: int
    connection: psycopg.AsyncConnection[Any]


class SharedSlots:
    """So many slots of one name, shared by all that use the same database."""

    def __init__(self, address: str, defaults: dict[str, Any], name: str, most: int) -> None:
        self._conninfo = make_conninfo(**{**defaults, **conninfo_to_dict(address)})
        self._name = f"po-mcp requests {name}"
        self._most = most
        self._held: set[int] = set()
        self._own = anyio.Semaphore(most)
        self._alone = anyio.Semaphore(1)
        self._asking = anyio.Lock()
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._away_until = 0.0

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Hold one slot; wait for one as long as none is free."""
        async with self._own:
            held = await self._wait_for_one()
            if held is None:
                async with self._alone:
                    yield
                return
            try:
                yield
            finally:
                # Shielded, too: a slot that is not given back is in use for as long as its connection is open.
                with anyio.CancelScope(shield=True):
                    await self._give_back(held)

    async def _wait_for_one(self) -> _Held | None:
        """Return a slot that is held now; None where the database cannot be asked."""
        pause = _FIRST_PAUSE_S
        while True:
            if anyio.current_time() < self._away_until:
                return None
            try:
                # Shielded: a call that is cancelled while it asks would hold a slot, and not know.
                with anyio.CancelScope(shield=True), anyio.fail_after(_AWAY_S):
                    held = await self._try()
            except (psycopg.Error, OSError, TimeoutError) as exc:
                logger.warning("requests are counted here alone: %s", type(exc).__name__)
                self._away_until = anyio.current_time() + _AWAY_S
                await self._forget()
                return None
            if held is not None:
                return held
            await anyio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - so that replicas do not ask in step
            pause = min(_LONGEST_PAUSE_S, 1.5 * pause)

    async def _try(self) -> _Held | None:
        async with self._asking:
            if self._connection is None or self._connection.closed:
                self._held.clear()
                self._connection = await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)
            # Those that are held here are left out: the session would get each of them again.
            others = random.sample(sorted(set(range(self._most)) - self._held), self._most - len(self._held))
            found = await (await self._connection.execute(_TRY, (others, self._name))).fetchone()
            if found is None:
                return None
            self._held.add(found[0])
            return _Held(int(found[0]), self._connection)

    async def _give_back(self, held: _Held) -> None:
        async with self._asking:
            if self._is_gone(held):
                return
            self._held.discard(held.slot)
            try:
                with anyio.fail_after(_AWAY_S):
                    await held.connection.execute(
                        "SELECT pg_advisory_unlock(hashtext(%s), %s::int)", (self._name, held.slot)
                    )
            except (psycopg.Error, OSError, TimeoutError):
                await self._forget()

    def _is_gone(self, held: _Held) -> bool:
        """Tell whether a slot went with its connection: under its number another request may hold it by now."""
        return held.connection is not self._connection

    async def _forget(self) -> None:
        """Let the connection go, and every slot with it."""
        connection, self._connection = self._connection, None
        self._held.clear()
        if connection is not None:
            await connection.close()

    async def aclose(self) -> None:
        """Give all slots back."""
        await self._forget()
