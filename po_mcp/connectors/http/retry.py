"""What failed for a moment is asked again, within limits: tries, waits, time, and a budget per connection.

For reads and sign-ins only. A write never comes here.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import anyio
import httpx2

from po_mcp.connectors.http.error_mapping import PASSING_STATUSES, Answer
from po_mcp.connectors.http.exact_json import NotExact

TRIES = 3
"""How often a request is sent at most."""
SHORTEST_WAIT, LONGEST_BACKOFF = 0.2, 5.0
"""Seconds: the first wait is at most the one, and however often it doubles, at most the other."""
LONGEST_WAIT = 20.0
"""Seconds that an ERP may ask us to wait; for longer, the call ends and says so."""

PASSING_ERRORS = (
    httpx2.TimeoutException,
    httpx2.NetworkError,
    httpx2.ProxyError,
    httpx2.RemoteProtocolError,
    httpx2.DecodingError,
    NotExact,
    OSError,
)
"""No answer, a broken one, or a body cut off."""

Attempt = Callable[[], Awaitable[Answer]]
_any_fraction = random.SystemRandom().random


@dataclass(frozen=True)
class Tried:
    """How a call ended: its last answer or the error in its place, and a sentence on the tries, or none."""

    outcome: Answer | Exception
    told: str = ""


class Budget:
    """How many repeats a connection has left: each takes one, each answer gives a tenth back.

    While an ERP is down, all calls together repeat ten times, and from then on each is sent once.
    """

    FULL = 10

    def __init__(self) -> None:
        self._tenths = self.FULL * 10

    def take(self) -> bool:
        """Take one repeat; False where none is left."""
        if self._tenths < 10:
            return False
        self._tenths -= 10
        return True

    def give_back(self) -> None:
        """Give back a tenth: the ERP answered."""
        self._tenths = min(self._tenths + 1, self.FULL * 10)


class Retrying:
    """Tries again on one connection, until its surrounding `anyio` deadline at most.

    Args:
        sleep: waits for seconds.
        fraction: returns a random number from 0 to 1, so that clients do not come back in step.
    """

    def __init__(
        self,
        *,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        fraction: Callable[[], float] = _any_fraction,
    ) -> None:
        self._sleep = sleep
        self._fraction = fraction
        self._budget = Budget()

    async def __call__(self, attempt: Attempt) -> Tried:
        """Make the attempt until it is answered, or another one makes no sense.

        An error that is none of `PASSING_ERRORS` is raised at once.
        """
        for tries in itertools.count(1):
            outcome = await _outcome(attempt)
            if not _passing(outcome):
                self._budget.give_back()
                return Tried(outcome)
            wait = self._wait(outcome, tries)
            if why_not := self._why_not(wait, tries):
                return Tried(outcome, why_not)
            await self._sleep(wait)
        raise AssertionError("counting does not end")

    def _wait(self, outcome: Answer | Exception, tries: int) -> float:
        """Return the seconds to wait: what the ERP asks for and a little, or any time up to twice the last one's."""
        asked = outcome.retry_after if isinstance(outcome, Answer) else None
        if asked is not None:
            return asked + self._fraction() * SHORTEST_WAIT
        return self._fraction() * min(LONGEST_BACKOFF, SHORTEST_WAIT * 2.0 ** (tries - 1))

    def _why_not(self, wait: float, tries: int) -> str:
        """Say why there is no further try; nothing where there is one, for which the budget is then charged."""
        if tries >= TRIES:
            return f"It was tried {tries} times."
        if wait > LONGEST_WAIT + SHORTEST_WAIT or wait >= anyio.current_effective_deadline() - anyio.current_time():
            return "It was not tried again: the wait would be too long."
        if not self._budget.take():
            return "It was not tried again: too many requests failed lately."
        return ""


async def _outcome(attempt: Attempt) -> Answer | Exception:
    try:
        return await attempt()
    except PASSING_ERRORS as exc:
        # What it came of holds the body that was read, while the next one is awaited.
        exc.__cause__ = exc.__context__ = None
        return exc.with_traceback(None)


def _passing(outcome: Answer | Exception) -> bool:
    return not isinstance(outcome, Answer) or outcome.status in PASSING_STATUSES
