"""Retries after transient failures, limited by tries, waits, time and a budget per connection.

For reads and sign-ins only; a write is never retried.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import anyio
import httpx2

from po_mcp.connectors.http.cause import describe_cause
from po_mcp.connectors.http.error_mapping import TRANSIENT_STATUSES, Answer
from po_mcp.connectors.http.exact_json import NotExact

MAX_TRIES = 3
"""How often one request is sent at most."""
FIRST_BACKOFF_S, MAX_BACKOFF_S = 0.2, 5.0
"""Limits of the first wait and of every later one, which doubles, in seconds."""
MAX_RETRY_AFTER_S = 20.0
"""Longest Retry-After that is waited for, in seconds; for a longer one the call fails at once."""

# An answer that is too large is none of them: it would be as large again, and cost as much.
TRANSIENT_ERRORS = (
    httpx2.TimeoutException,
    httpx2.NetworkError,
    httpx2.ProxyError,
    httpx2.RemoteProtocolError,
    httpx2.DecodingError,
    NotExact,
    OSError,
)
"""No answer, a broken answer, or a truncated body."""

Attempt = Callable[[], Awaitable[Answer]]
_random_fraction = random.SystemRandom().random


@dataclass(frozen=True)
class AttemptResult:
    """The result of a call with its retries.

    Args:
        outcome: the last answer, or the last error.
        explanation: why no further try was made; empty after a definite answer.
    """

    outcome: Answer | Exception
    explanation: str = ""


OnFailure = Callable[[AttemptResult], None]


def _pass_by(result: AttemptResult) -> None:
    """Take no note of a failure."""


def _count_tries(tries: int) -> str:
    return f"Tried {tries} times." if tries > 1 else ""


class RetryBudget:
    """The number of retries that a connection has left. A retry takes one, a definite answer returns a tenth.

    While an ERP is down, all calls together are retried ten times, and then each request is sent once.
    """

    FULL = 10

    def __init__(self) -> None:
        # Whole tenths, since ten floats of 0.1 do not add up to 1.
        self._tenths = self.FULL * 10

    def take(self) -> bool:
        """Take one retry; return False where none is left."""
        if self._tenths < 10:
            return False
        self._tenths -= 10
        return True

    def give_back(self) -> None:
        """Return a tenth of a retry, after a definite answer."""
        # A whole retry would let an ERP that fails every second time be retried without end.
        self._tenths = min(self._tenths + 1, self.FULL * 10)


class Retrier:
    """Makes attempts with retries for one connection, within the surrounding `anyio` deadline.

    Args:
        sleep: waits for seconds.
        fraction: returns a random number from 0 to 1, which keeps clients from retrying in step.
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

    async def __call__(self, attempt: Attempt, on_failure: OnFailure = _pass_by) -> AttemptResult:
        """Make attempts until a definite answer or a limit; `on_failure` is called after each one that failed.

        An error that is none of `TRANSIENT_ERRORS` is raised at once.
        """
        tries = 0
        while True:
            tries += 1
            outcome = await _make_attempt(attempt)
            # Any definite answer counts, a 404 too: it shows that the ERP is up.
            if not _is_transient(outcome):
                self._budget.give_back()
                return AttemptResult(outcome)
            on_failure(AttemptResult(outcome, _count_tries(tries)))
            wait = self._choose_wait(outcome, tries)
            if reason := self._reason_to_stop(wait, tries):
                return AttemptResult(outcome, reason)
            await self._sleep(wait)

    def _choose_wait(self, outcome: Answer | Exception, tries: int) -> float:
        """Return the seconds to wait: the ERP's Retry-After plus jitter, or a random part of the doubled backoff."""
        asked = outcome.retry_after if isinstance(outcome, Answer) else None
        # Never earlier than the ERP asks.
        if asked is not None:
            # With a little more, since many clients may have been given the same second.
            return asked + self._fraction() * FIRST_BACKOFF_S
        return self._fraction() * min(MAX_BACKOFF_S, FIRST_BACKOFF_S * 2.0 ** (tries - 1))

    def _reason_to_stop(self, wait: float, tries: int) -> str:
        """Return why there is no further try, or "" and take one retry from the budget."""
        # The order matters: the budget is charged only for a try that is really made.
        if tries >= MAX_TRIES:
            return _count_tries(tries)
        # A wait into the deadline would end as a time-out, and hide what the ERP answered.
        if (
            wait > MAX_RETRY_AFTER_S + FIRST_BACKOFF_S
            or wait >= anyio.current_effective_deadline() - anyio.current_time()
        ):
            return "Not retried: the wait would be too long."
        if not self._budget.take():
            return "Not retried: too many requests have failed."
        return ""


async def _make_attempt(attempt: Attempt) -> Answer | Exception:
    try:
        return await attempt()
    except TRANSIENT_ERRORS as exc:
        # The causes and frames hold the body that was read; they would stay in memory during the next attempt.
        exc.add_note(describe_cause(exc))  # what it came from is dropped next
        exc.__cause__ = exc.__context__ = None
        return exc.with_traceback(None)


def _is_transient(outcome: Answer | Exception) -> bool:
    return not isinstance(outcome, Answer) or outcome.status in TRANSIENT_STATUSES
