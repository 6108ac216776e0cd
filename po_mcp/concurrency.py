"""Several calls at the same time, with one limit for all that ask an ERP; and how many each caller may make."""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import anyio

from po_mcp.errors import PurchaseOrderError

MAX_CONCURRENT_REQUESTS = 4
"""Requests at the same time to an ERP whose limits are not known."""

_MAX_CALLERS = 10_000
"""Callers that are remembered. Beyond it those are forgotten that have all of their calls left."""

T = TypeVar("T")
R = TypeVar("R")


async def map_concurrently(call: Callable[[T], Awaitable[R]], values: Iterable[T]) -> list[R]:
    """Return what a call answers for each value, in their order; `MAX_CONCURRENT_REQUESTS` are under way at a time.

    Raises:
        PurchaseOrderError: the first of a call. It ends the others: without one answer the others are of no use.
    """
    found: dict[int, R] = {}
    failed: list[PurchaseOrderError] = []
    # One iterator for all tasks: whichever is free takes the next value.
    todo = iter(enumerate(values))

    async def call_in_turn(scope: anyio.CancelScope) -> None:
        for place, value in todo:
            try:
                found[place] = await call(value)
            except PurchaseOrderError as exc:
                # Kept, and raised below: out of a task it would come wrapped in a group.
                failed.append(exc)
                scope.cancel()
                return

    async with anyio.create_task_group() as tasks:
        for _ in range(MAX_CONCURRENT_REQUESTS):
            tasks.start_soon(call_in_turn, tasks.cancel_scope)
    if failed:
        raise failed[0]
    return [found[place] for place in sorted(found)]


class CallRate:
    """How many calls each caller may make: so many at once, and as many again in a minute.

    Args:
        per_minute: calls.
        clock: monotonic seconds.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, caller: str) -> int:
        """Take one call and return 0; or return in how many seconds the caller may make the next."""
        now, per_second = self._clock(), self.per_minute / 60
        left, since = self._left.get(caller, (self.per_minute, now))
        left = min(self.per_minute, left + (now - since) * per_second)
        # A caller that must wait loses nothing by having asked: who asks on and on would else never be let in.
        if left < 1:
            # Rounded up: who comes back after that many seconds is let in.
            return math.ceil((1 - left) / per_second)
        self._left[caller] = (left - 1, now)
        if len(self._left) > _MAX_CALLERS:
            # After a minute without a call a caller has all of them again: to forget it changes nothing.
            self._forget(now - 60)
        return 0

    def _forget(self, before: float) -> None:
        self._left = {caller: (left, since) for caller, (left, since) in self._left.items() if since > before}
