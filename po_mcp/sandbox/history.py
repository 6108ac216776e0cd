"""Past states of a book, for habits that show data some seconds late."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from po_mcp.sandbox.storage import Storage

# How much longer a copy is kept than it is asked for: a read in another thread may be using it still.
SPARE = timedelta(seconds=10)


class History:
    """Keeps a copy of the book as it stood before each of its latest changes in this process."""

    def __init__(self, storage: Storage, keep: timedelta, now: Callable[[], datetime]) -> None:
        """Keep the states of the last `keep`, from now on."""
        self._storage = storage
        self._keep = keep + SPARE
        self._now = now
        self._copies: tuple[tuple[datetime, Storage], ...] = ()
        storage.before_change(self._remember, self._close)

    def state_before(self, lag: timedelta) -> Storage:
        """Return the state of the book `lag` ago."""
        moment = self._now() - lag
        # A copy stands for the time up to its change, so the first later change has the state of that moment.
        return next((copy for changed, copy in self._copies if changed > moment), self._storage)

    def _remember(self) -> None:
        now = self._now()
        # Each is a whole copy of the book: what no lag reaches back to is let go.
        old = [copy for changed, copy in self._copies if changed <= now - self._keep]
        self._copies = (*self._copies[len(old) :], (now, self._storage.copy()))
        for copy in old:
            copy.close()

    def _close(self) -> None:
        for _, copy in self._copies:
            copy.close()
