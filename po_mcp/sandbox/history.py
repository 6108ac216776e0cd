"""Past states of a book, for an ERP that tells what is some seconds old."""

from datetime import datetime, timedelta

from .storage import Storage


class History:
    """Keeps a copy of the book as it stood before each of its latest changes."""

    def __init__(self, keep: timedelta) -> None:
        """Keep what is needed to tell the state of `keep` ago; zero keeps nothing."""
        self._keep = keep
        self._copies: list[tuple[datetime, Storage]] = []

    def remember(self, storage: Storage, now: datetime) -> None:
        """Copy the book, which is changed now."""
        if not self._keep:
            return
        while self._copies and self._copies[0][0] <= now - self._keep:
            self._copies.pop(0)[1].close()
        self._copies.append((now, storage.copy()))

    def at(self, moment: datetime) -> Storage | None:
        """Return the book as it stood then; None if nothing has changed since."""
        return next((copy for changed, copy in self._copies if changed > moment), None)
