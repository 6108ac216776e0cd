"""The access token of a connection: fetched on demand, renewed before it expires, one renewal at a time."""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

import anyio
from anyio import CancelScope, to_thread

Clock = Callable[[], float]

_LEASE_S = 30.0  # seconds for which a process may hold the right to fetch a token
_POLL_INTERVAL_S = 0.05
# A token that ends on its way to the ERP leaves a write in doubt.
EXPIRY_MARGIN_S = 60.0
"""Seconds before its expiry from which a token is no longer used."""
SHORTEST_S = 5.0
"""Seconds for which reads use a token that is over sooner, or at once: the pages of one list need not sign in each.

Where the ERP has ended it, a read is refused, and renews it once. A write always gets a new one.
"""


@dataclass(frozen=True)
class Token:
    """A bearer token, and its expiry in seconds of the monotonic clock. The repr does not show the token.

    `read_until` is until when reads use it although it ends sooner than a margin allows.
    """

    text: str = field(repr=False)
    ends_at: float
    read_until: float = -math.inf


class TokenStore(Protocol):
    """A store in which the processes of one user share a token, for an ERP that revokes the former one."""

    def load(self) -> tuple[str, float] | None:
        """Return the token and its remaining lifetime in seconds, or None."""

    def save(self, token: str, lifetime: float) -> None:
        """Save a token with its remaining lifetime in seconds."""

    def claim(self, lease: float) -> bool:
        """Take the right to fetch a token for `lease` seconds; return False while another process has it."""

    def release(self) -> None:
        """Release the right to fetch a token."""


class Tokens:
    """The token of one connection.

    Args:
        fetch: requests a new token from the ERP; returns its text and lifetime in seconds.
        clock: the monotonic clock, in seconds.
        store: where the token is shared between processes; None where each process has its own.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[tuple[str, float]]],
        clock: Clock = time.monotonic,
        store: TokenStore | None = None,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._store = store
        self._token: Token | None = None
        self._renewing = anyio.Lock(fast_acquire=True)  # nearly always free, and each request asks for it

    async def current(self, min_lifetime: float = 0.0) -> Token:
        """Return a token with at least `min_lifetime` seconds left, where the ERP issues such tokens."""
        token = self._token
        if (
            token is not None
            and self._store is None
            and self._lasts(token, min_lifetime)
            and not self._renewing.locked()
        ):
            return token  # the usual case: nothing is waited for
        # One at a time: where a new token ends the former, two renewals would sign each other out.
        async with self._renewing:
            token = self._token = await self._load_from_store() or self._token
            if token is None or not self._lasts(token, min_lifetime):
                token = self._token = await self._renew(min_lifetime)
            return token

    async def replace(self, rejected: Token) -> Token:
        """Return a token other than `rejected`; concurrent callers share one new token."""
        async with self._renewing:
            self._token = await self._load_from_store() or self._token
            # A second caller with the same rejected token must not revoke the token that the first one fetched.
            if self._token is None or self._token.text == rejected.text:
                self._token = await self._renew(0.0)
            return self._token

    def _lasts(self, token: Token, min_lifetime: float) -> bool:
        now = self._clock()
        return token.ends_at - now >= min_lifetime + EXPIRY_MARGIN_S or (min_lifetime == 0 and now < token.read_until)

    async def _load_from_store(self) -> Token | None:
        """Return the token of the store, which was fetched last and revoked every former one."""
        # Loaded each time: another process may have fetched a token since, which ended ours. In a thread, as all that
        # is asked of the store: it may be away, and nobody else waits for that.
        found = None if self._store is None else await to_thread.run_sync(self._store.load)
        if found is None or (self._token is not None and self._token.text == found[0]):
            return self._token
        ends_at = self._clock() + found[1]
        # How long it lasted at first is not known; what is over may have been from its beginning.
        return Token(found[0], ends_at, ends_at if found[1] > 0 else ends_at + SHORTEST_S)

    async def _renew(self, min_lifetime: float) -> Token:
        """Fetch a token, or take the one that another process is fetching."""
        if self._store is None:
            return await self._fetch_token()
        former = self._token
        while True:
            with CancelScope(shield=True):  # a call that is cancelled here would hold the right, and not know
                is_ours = await to_thread.run_sync(self._store.claim, _LEASE_S)
            if is_ours:
                break
            await anyio.sleep(_POLL_INTERVAL_S)
        try:
            shared = await self._load_from_store()
            # Another process may have fetched a token while this one waited for the right to do so.
            is_new = shared is not None and (former is None or shared.text != former.text)
            if shared is not None and is_new and self._lasts(shared, min_lifetime):
                return shared
            fetched = await self._fetch_token()
            await to_thread.run_sync(self._store.save, fetched.text, fetched.ends_at - self._clock())
            return fetched
        finally:
            # After a failure too, or the other processes would wait until the lease ends.
            with CancelScope(shield=True):
                await to_thread.run_sync(self._store.release)

    async def _fetch_token(self) -> Token:
        # The lifetime counts from the request: measured from the answer, a slow sign-in would prolong it.
        asked_at = self._clock()
        text, lifetime = await self._fetch()
        short = max(lifetime / 2, SHORTEST_S) if lifetime < 2 * EXPIRY_MARGIN_S else -math.inf
        return Token(text, asked_at + lifetime, asked_at + short)
