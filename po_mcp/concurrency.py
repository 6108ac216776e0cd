"""Several calls at the same time, with one limit for all that ask an ERP; and how many each caller may make."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import TypeVar

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

MAX_CONCURRENT_REQUESTS = 4
"""Requests at the same time to an ERP whose limits are not known."""

_MAX_CALLERS = 10_000
"""Callers that are remembered. Beyond it those are forgotten that have all of their calls left."""

MAX_ANSWERS = 2 * MAX_CONCURRENT_REQUESTS
"""Answers of one list that are awaited or read at the same time: while some are read, others are under way."""

_TURNS = 4
"""Turns of the event loop in which an answer that is there becomes the next request."""

T = TypeVar("T")
R = TypeVar("R")


async def wait_for_turn(waiting: deque[anyio.Event], hand_on: Callable[[], None]) -> None:
    """Wait in line until one's turn is set; who leaves at the moment at which it is set hands it on."""
    turn = anyio.Event()
    waiting.append(turn)
    try:
        await turn.wait()
    except BaseException:
        if turn.is_set():
            hand_on()
        else:
            waiting.remove(turn)
        raise


class Places:
    """Places for the requests of one list. Who waits for one gets it in turn, once another was given back.

    Args:
        allowed: returns how many there are at this moment.
    """

    def __init__(self, allowed: Callable[[], int] = lambda: MAX_CONCURRENT_REQUESTS) -> None:
        self._allowed = allowed
        self._taken = 0
        self._waiting: deque[anyio.Event] = deque()

    @asynccontextmanager
    async def take(self) -> AsyncIterator[None]:
        """Hold a place during the block, or until `give_place_back`; `need_place` takes one again."""
        place = _Place(self)
        await place.take()
        before = _place.set(place)
        try:
            await anyio.lowlevel.checkpoint_if_cancelled()  # whose turn it is may have no more to ask
            yield
        finally:
            _place.reset(before)
            place.give_back()

    async def wait(self) -> None:
        """Wait for a place, and take it."""
        if self._taken < self._allowed():
            self._taken += 1
        else:
            await wait_for_turn(self._waiting, self.give_back)

    def give_back(self) -> None:
        """Give a place back to those who wait."""
        self._taken -= 1
        while self._waiting and self._taken < self._allowed():
            self._taken += 1
            self._waiting.popleft().set()


class _Place:
    """The place of one reader of a list, which it holds or not."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._is_held = False

    async def take(self) -> None:
        if not self._is_held:
            await self._places.wait()
            self._is_held = True

    def give_back(self) -> None:
        if self._is_held:
            self._is_held = False
            self._places.give_back()


_place: ContextVar[_Place | None] = ContextVar("place", default=None)


async def need_place() -> None:
    """Wait, before a request, for the place that this task gave back; a task that never had one needs none."""
    place = _place.get()
    if place is not None:
        await place.take()


def give_place_back() -> None:
    """Give the place of this task back, after a whole answer: what is made of it keeps nobody else from asking."""
    place = _place.get()
    if place is not None:
        place.give_back()


async def let_requests_go() -> None:
    """Let all requests be sent for which there is a place, before work that keeps the event loop."""
    for _ in range(_TURNS):
        await anyio.lowlevel.checkpoint()


@asynccontextmanager
async def open_tasks() -> AsyncIterator[TaskGroup]:
    """Open a task group, which raises the first error of its block or its tasks as it is, and not in a group."""
    first: BaseException | None = None
    try:
        async with anyio.create_task_group() as tasks:
            yield tasks
    except BaseExceptionGroup as group:
        first = group.exceptions[0]
    if first is not None:  # out here, where the group is no part of it
        raise first


async def map_concurrently(call: Callable[[T], Awaitable[R]], values: Iterable[T]) -> list[R]:
    """Return what a call answers for each value, in their order; `MAX_CONCURRENT_REQUESTS` are under way at a time.

    The first error of a call ends the others, and is raised: without one answer the others are of no use.
    """
    found: dict[int, R] = {}
    places = Places()
    # One iterator for all tasks: whichever is free takes the next value.
    todo = iter(enumerate(values))

    async def call_in_turn(scope: anyio.CancelScope) -> None:
        while True:
            async with places.take():
                if (one := next(todo, None)) is None:
                    return
                place, value = one
                try:
                    found[place] = await call(value)
                except BaseException:
                    scope.cancel()  # before its place is given back: nobody else asks any more
                    raise

    async with open_tasks() as tasks:
        for _ in range(MAX_ANSWERS):
            tasks.start_soon(call_in_turn, tasks.cancel_scope)
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
