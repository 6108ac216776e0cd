"""How many requests of one connection are under way at a time, those of every person and tool together."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Protocol, runtime_checkable

import anyio

from po_mcp.concurrency import wait_for_turn
from po_mcp.connectors.http.breaker import ErpBreaker
from po_mcp.errors import TooManyRequests

MAX_REQUESTS = 8
"""Requests of one process to one ERP: those of two lists at a time (`concurrency.MAX_CONCURRENT_REQUESTS`)."""


class SharedSlots(Protocol):
    """Slots that several processes share, each of them held by one request at a time."""

    def one(self) -> AbstractAsyncContextManager[None]:
        """Hold a slot; wait for one as long as none is free."""

    async def aclose(self) -> None:
        """Give all slots back."""


@runtime_checkable
class TakesCallLimit(Protocol):
    """A connector whose requests can be limited."""

    def limit_calls(self, limit: CallLimit, breaker: ErpBreaker | None = None) -> None:
        """Let every request from now on hold a place, and pass a breaker that other connectors share."""


class CallLimit:
    """Places for requests. A write goes before every read that waits: it is recorded as sent while it waits here.

    Args:
        places: how many requests of this process may be under way.
        shared: of which each request holds a slot besides; None where no other process shares the limit.
    """

    def __init__(self, places: int = MAX_REQUESTS, shared: SharedSlots | None = None) -> None:
        self._free = places
        self._shared = shared
        self._writes: deque[anyio.Event] = deque()
        self._reads: deque[anyio.Event] = deque()

    def take(self, longest: float, *, is_write: bool = False) -> AbstractAsyncContextManager[None]:
        """Hold a place during the block.

        Args:
            longest: seconds to wait for it.
            is_write: go before the reads.

        Raises:
            TooManyRequests: no place got free in time; nothing was sent.
        """
        return _Place(self, lambda: self._wait_and_take(longest, is_write=is_write))

    def take_free(self) -> bool:
        """Take a place where one is free at this moment, and no other process has a say in it."""
        if self._free <= 0 or self._shared is not None:
            return False
        self._free -= 1
        return True

    def give_back(self) -> None:
        """Give a place back: to the one who waits for it longest, to writes before reads."""
        queue = self._writes or self._reads
        if queue:
            queue.popleft().set()
        else:
            self._free += 1

    @asynccontextmanager
    async def _wait_and_take(self, longest: float, *, is_write: bool) -> AsyncIterator[None]:
        async with AsyncExitStack() as held:
            try:
                with anyio.fail_after(longest):
                    await self._wait(self._writes if is_write else self._reads)
                    held.callback(self.give_back)
                    if self._shared is not None:
                        await held.enter_async_context(self._shared.one())
            except TimeoutError:
                what = "Too many requests of this server to the ERP are under way."
                raise TooManyRequests(what, effect="nothing_sent") from None
            yield

    async def aclose(self) -> None:
        """Give back what other processes share."""
        if self._shared is not None:
            await self._shared.aclose()

    async def _wait(self, queue: deque[anyio.Event]) -> None:
        if self._free > 0:
            self._free -= 1
        else:
            await wait_for_turn(queue, self.give_back)


class _Place:
    """A place during a block, taken as it begins."""

    def __init__(self, limit: CallLimit, wait: Callable[[], AbstractAsyncContextManager[None]]) -> None:
        self._limit = limit
        self._wait = wait
        self._waited: AbstractAsyncContextManager[None] | None = None

    async def __aenter__(self) -> None:
        if not self._limit.take_free():
            self._waited = self._wait()
            await self._waited.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        if self._waited is not None:
            return await self._waited.__aexit__(kind, error, trace)
        self._limit.give_back()
        return None


class LentLimit(CallLimit):
    """The places of a limit that another connector owns, and which stay when this one is closed."""

    def __init__(self, limit: CallLimit) -> None:
        self._limit = limit

    def take(self, longest: float, *, is_write: bool = False) -> AbstractAsyncContextManager[None]:
        """Hold a place of the limit during the block."""
        return self._limit.take(longest, is_write=is_write)

    async def aclose(self) -> None:
        """Do nothing: the owner closes it."""
