"""A breaker: what could not be reached a moment ago is not waited for again by every call."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 10.0
"""Seconds after a failure in which nobody tries: doubled by each failure that follows."""


class DatabaseBreaker:
    """Lets one call try after each pause, and turns the others away at once; `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._pause = 0.0
        self._closed_until = 0.0

    def may_try(self) -> bool:
        """Tell whether this call may try; after a failure it is the only one until its end is known."""
        with self._lock:
            if self._pause == 0.0:
                return True
            if self._clock() < self._closed_until:
                return False
            # Closed behind the one that tries: every other call would wait in vain beside it.
            self._closed_until = self._clock() + self._pause
            return True

    def note_failure(self) -> None:
        """Turn others away for a while, longer with each failure."""
        with self._lock:
            self._pause = min(LONGEST_PAUSE_S, max(FIRST_PAUSE_S, 2 * self._pause))
            self._closed_until = self._clock() + self._pause

    def note_success(self) -> None:
        """Let everybody in."""
        self._pause = 0.0
