"""How many requests of one list are under way at the same time: fewer once the ERP asks for that."""

from __future__ import annotations

import time
from collections.abc import Callable

from po_mcp.concurrency import MAX_CONCURRENT_REQUESTS

# How many requests an ERP takes, and in what time, is not documented, so more are tried again seldom.
RECOVERY_S = 600.0
"""Seconds after the last request for fewer, from which on all are allowed again."""


class Pace:
    """The number of requests that one connection may have under way for a list.

    Args:
        clock: a monotonic clock, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._allowed = MAX_CONCURRENT_REQUESTS
        self._slowed_at = 0.0

    def count_allowed(self) -> int:
        """Return how many may be under way now."""
        if self._allowed < MAX_CONCURRENT_REQUESTS and self._clock() - self._slowed_at >= RECOVERY_S:
            self._allowed = MAX_CONCURRENT_REQUESTS
        return self._allowed

    def slow_down(self) -> None:
        """Halve the number, after an answer 429."""
        # Never none, or the list could not be read to its end.
        self._allowed = max(1, self._allowed // 2)
        self._slowed_at = self._clock()
