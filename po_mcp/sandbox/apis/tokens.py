"""Bearer tokens, kept in memory: a restart signs everybody out."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta


class Credentials:
    """The one client that may sign in."""

    def __init__(self, client_id: str, client_secret: str) -> None:
        """Keep the pair as bytes, to be compared in constant time."""
        self._pair = client_id.encode(), client_secret.encode()

    def is_match(self, client_id: str, client_secret: str) -> bool:
        """Tell whether both are right."""
        # Both are compared in every case, so that the time does not show which one was wrong.
        right_id = hmac.compare_digest(client_id.encode(), self._pair[0])
        right_secret = hmac.compare_digest(client_secret.encode(), self._pair[1])
        return right_id and right_secret


class Tokens:
    """Tokens that live `seconds`; with `only_latest`, a new one revokes those before it."""

    def __init__(self, seconds: int, now: Callable[[], datetime], *, only_latest: bool = False) -> None:
        """Start with none."""
        self.seconds = seconds
        self._now = now
        self._only_latest = only_latest
        self._expiries: dict[str, datetime] = {}

    def issue(self) -> str:
        """Make a token that is valid from now."""
        token, now = secrets.token_urlsafe(32), self._now()
        # A new dict, not a change: other threads may be reading the old one.
        valid = {} if self._only_latest else {t: end for t, end in self._expiries.items() if end > now}
        self._expiries = valid | {token: now + timedelta(seconds=self.seconds)}
        return token

    def is_valid(self, token: str) -> bool:
        """Tell whether the token is valid now."""
        # Read once: another thread may put a new dict in its place meanwhile.
        expiry = self._expiries.get(token)
        return expiry is not None and expiry > self._now()
