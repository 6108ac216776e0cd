"""A breaker: an ERP that is down is asked now and then, and not by every call of every person.

Without it each call waits out its time, one after the other. Writes pass it: each is claimed right after a
reading of the same order, and a reading that the breaker ends keeps the approval for later.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx2

from po_mcp.connectors.http.error_mapping import Answer
from po_mcp.connectors.http.retry import AttemptResult
from po_mcp.errors import Unreachable
from po_mcp.telemetry import count

MAX_FAILURES = 5
"""Calls in a row, each with its tries, after which the ERP counts as down."""
FIRST_PAUSE_S, MAX_PAUSE_S = 5.0, 60.0
"""Seconds until it is asked again; twice as many each time that it is still down."""
_DOWN_STATUSES = frozenset({502, 503, 504})
_DOWN_ERRORS = (
    httpx2.TimeoutException,
    httpx2.NetworkError,
    httpx2.ProxyError,
    httpx2.RemoteProtocolError,
    TimeoutError,
    OSError,
)


class ErpBreaker:
    """Whether one ERP is asked at this moment.

    Args:
        name: of the ERP, for people.
        clock: monotonic seconds.
    """

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._clock = clock
        self._failures = 0
        self._pause = FIRST_PAUSE_S
        self._closed_until = -math.inf
        self._is_probing = False

    @property
    def is_open(self) -> bool:
        """Whether the ERP counts as down."""
        return self._failures >= MAX_FAILURES

    @contextmanager
    def watch(self) -> Iterator[Callable[[AttemptResult], None]]:
        """Let a call be made, and take what came of it; while the ERP is down one call at a time finds out.

        Raises:
            Unreachable: the ERP is down, and it is too early to ask it again. Nothing was sent.
        """
        is_probe = self._need_closed()
        try:
            yield self.note
        finally:
            if is_probe:
                self._is_probing = False

    def note(self, result: AttemptResult) -> None:
        """Count what came of a call."""
        if not _is_down(result.outcome):
            self._failures, self._pause = 0, FIRST_PAUSE_S
            return
        was_open = self.is_open
        self._failures += 1
        if self.is_open and self._clock() >= self._closed_until:
            self._pause = min(2 * self._pause, MAX_PAUSE_S) if was_open else FIRST_PAUSE_S
            self._closed_until = self._clock() + self._pause

    def _need_closed(self) -> bool:
        """Return whether this call finds out for all others."""
        if not self.is_open:
            return False
        left = self._closed_until - self._clock()
        if left > 0 or self._is_probing:
            count("po_mcp.erp.down")
            again = f"is asked again in {max(1, math.ceil(left))} s"
            raise Unreachable(
                f"{self._name} did not answer several times in a row, and {again}.", effect="nothing_sent"
            )
        self._is_probing = True
        return True


def _is_down(outcome: Answer | Exception) -> bool:
    if isinstance(outcome, Answer):
        return outcome.status in _DOWN_STATUSES
    return isinstance(outcome, _DOWN_ERRORS)
