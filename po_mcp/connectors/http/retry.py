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

from po_mcp.connectors.http.error_mapping import TRANSIENT_STATUSES, Answer
from po_mcp.connectors.http.exact_json import NotExact

MAX_TRIES = 3
"""How often a request is sent at most."""
FIRST_BACKOFF_S, MAX_BACKOFF_S = 0.2, 5.0
"""Seconds: the first wait is at most the one, and however often it doubles, at most the other."""
MAX_RETRY_AFTER_S = 20.0
"""Seconds that an ERP may ask us to wait; for longer, the call ends and says so."""

TRANSIENT_ERRORS = (
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
_random_fraction = random.SystemRandom().random


@dataclass(frozen=True)
class AttemptResult:
    """How a call ended: its last answer or the error in its place, and a sentence on the tries, or none."""

    outcome: Answer | Exception
    explanation: str = ""


class RetryBudget:
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


class Retrier:
    """Tries again on one connection, until its surrounding `anyio` deadline at most.

    Args:
        sleep: waits for seconds.
        fraction: returns a random number from 0 to 1, so that clients do not come back in step.
    """

    def __init__(
        self,
        *,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        fraction: Callable[[], float] = _random_fraction,
    ) -> None:
        self._sleep = sleep
        self._fraction = fraction
        self._budget = RetryBudget()

    async def __call__(self, attempt: Attempt) -> AttemptResult:
        """Make the attempt until it is answered, or another one makes no sense.

        An error that is none of `TRANSIENT_ERRORS` is raised at once.
        """
        for tries in itertools.count(1):
            outcome = await _make_attempt(attempt)
            if not _is_transient(outcome):
                self._budget.give_back()
                return AttemptResult(outcome)
            wait = self._choose_wait(outcome, tries)
            if reason := self._reason_to_stop(wait, tries):
                return AttemptResult(outcome, reason)
            await self._sleep(wait)
        raise AssertionError("counting does not end")

    def _choose_wait(self, outcome: Answer | Exception, tries: int) -> float:
        """Return the seconds to wait: what the ERP asks for and a little, or any time up to twice the last one's."""
        asked = outcome.retry_after if isinstance(outcome, Answer) else None
        if asked is not None:
            return asked + self._fraction() * FIRST_BACKOFF_S
        return self._fraction() * min(MAX_BACKOFF_S, FIRST_BACKOFF_S * 2.0 ** (tries - 1))

    def _reason_to_stop(self, wait: float, tries: int) -> str:
        """Say why there is no further try; nothing where there is one, for which the budget is then charged."""
        if tries >= MAX_TRIES:
            return f"It was tried {tries} times."
        if (
            wait > MAX_RETRY_AFTER_S + FIRST_BACKOFF_S
            or wait >= anyio.current_effective_deadline() - anyio.current_time()
        ):
            return "It was not tried again: the wait would be too long."
        if not self._budget.take():
            return "It was not tried again: too many requests failed lately."
        return ""


async def _make_attempt(attempt: Attempt) -> Answer | Exception:
    try:
        return await attempt()
    except TRANSIENT_ERRORS as exc:
        # What it came of holds the body that was read, while the next one is awaited.
        exc.__cause__ = exc.__context__ = None
        return exc.with_traceback(None)


def _is_transient(outcome: Answer | Exception) -> bool:
    return not isinstance(outcome, Answer) or outcome.status in TRANSIENT_STATUSES
