"""The connectors of single people: made when one is needed, kept for the next call, and closed when many are idle."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Container
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio

from po_mcp.erp import ERP

logger = logging.getLogger(__name__)

MAX_IDLE = 32
"""Connectors that are kept with nobody using them."""
_CLOSE_S = 5.0
"""Seconds that closing one may take: an ERP may want a sign-out."""


@dataclass
class _Live:
    erp: ERP
    version: str
    calls: int = 0
    is_retired: bool = False


class LiveConnectors:
    """One connector for each person and each version of their credentials.

    Args:
        most: how many are kept with nobody using them; those used last stay.
    """

    def __init__(self, most: int = MAX_IDLE) -> None:
        self._most = most
        self._live: dict[str, _Live] = {}

    @asynccontextmanager
    async def hold(self, person: str, version: str, build: Callable[[], ERP]) -> AsyncIterator[ERP]:
        """Hold a person's connector during the block; it is not closed meanwhile.

        Args:
            person: whose it is.
            version: of their credentials; one that was made with others is used no more.
            build: makes a connector.
        """
        live, former = self._live.get(person), None
        if live is None or live.version != version:
            former, live = live, _Live(build(), version)
        self._live.pop(person, None)
        self._live[person] = live  # as the last: the first is the one that was not used for the longest time
        live.calls += 1
        try:
            if former is not None:
                await self._retire(former)
            yield live.erp
        finally:
            live.calls -= 1
            if live.is_retired and live.calls == 0:
                await _close(live.erp)
            await self._make_room()

    async def keep_only(self, people: Container[str]) -> None:
        """Use the connectors of all others no more."""
        others = [self._live.pop(person) for person in [*self._live] if person not in people]
        async with anyio.create_task_group() as tasks:  # at a time: an ERP that hangs would hold up one after the other
            for live in others:
                tasks.start_soon(self._retire, live)

    async def aclose(self) -> None:
        """Close all that nobody uses; the others are closed by their last user."""
        await self.keep_only(())

    async def _make_room(self) -> None:
        idle = [person for person, live in self._live.items() if live.calls == 0]
        for person in idle[: max(0, len(self._live) - self._most)]:
            # Another call may have come for it while the one before it was closed.
            if person in self._live and self._live[person].calls == 0:
                await self._retire(self._live.pop(person))

    async def _retire(self, live: _Live) -> None:
        live.is_retired = True
        if live.calls == 0:
            await _close(live.erp)


async def _close(erp: ERP) -> None:
    # Shielded: a call that is cancelled would leave the sockets of another person's connector open.
    with anyio.move_on_after(_CLOSE_S, shield=True):
        try:
            await erp.aclose()
        except Exception as exc:  # whose call it is that closes another's connector, has nothing to do with it
            logger.warning("a connector could not be closed: %s", type(exc).__name__)
