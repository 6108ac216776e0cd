"""One access token per connection: fetched when needed, renewed before it ends, one renewal at a time."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

import anyio

Clock = Callable[[], float]

_LEASE_S = 30.0  # seconds in which a process that fetches a token is waited for
_POLL_INTERVAL_S = 0.05
EXPIRY_MARGIN_S = 60.0
"""Seconds before its end at which a token counts as ended."""


@dataclass(frozen=True)
class Token:
    """A bearer token and the monotonic second at which it ends. Its repr does not show it."""

    text: str = field(repr=False)
    ends_at: float


class TokenStore(Protocol):
    """A place where the processes of one user keep the token of a connection, for an ERP that grants one at a time."""

    def load(self) -> tuple[str, float] | None:
        """Return the token and the seconds that it lasts from now on, or None."""

    def save(self, token: str, min_lifetime: float) -> None:
        """Keep a token that lasts so many seconds from now on."""

    def claim(self, lease: float) -> bool:
        """Take the right to fetch a token, for `lease` seconds. False while another process has it."""

    def release(self) -> None:
        """Give the right back."""


class Tokens:
    """The token of one connection.

    `fetch` asks the ERP for a new one and returns its text and lifetime in seconds. `store` is where
    other processes find it.
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
        self._renewing = anyio.Lock()

    async def current(self, min_lifetime: float = 0.0) -> Token:
        """Return a token that lasts at least `min_lifetime` seconds more, as far as the ERP gives such."""
        async with self._renewing:
            self._token = self._load_shared() or self._token
            if self._token is None or self._token.ends_at - self._clock() < min_lifetime + EXPIRY_MARGIN_S:
                self._token = await self._renew(min_lifetime)
            return self._token

    async def replace(self, rejected: Token) -> Token:
        """Return another token than `rejected`; whoever comes second gets what the first one fetched."""
        async with self._renewing:
            self._token = self._load_shared() or self._token
            if self._token is None or self._token.text == rejected.text:
                self._token = await self._renew(0.0)
            return self._token

    def _load_shared(self) -> Token | None:
        """Return the token that another process fetched last: it ended every one before."""
        found = self._store.load() if self._store is not None else None
        return None if found is None else Token(found[0], self._clock() + found[1])

    async def _renew(self, min_lifetime: float) -> Token:
        """Fetch a token, unless another process does so at this moment: then take theirs."""
        if self._store is None:
            return await self._fetch_token()
        former = self._token
        while not self._store.claim(_LEASE_S):  # noqa: ASYNC110 - another process cannot set an Event
            await anyio.sleep(_POLL_INTERVAL_S)
        try:
            shared = self._load_shared()
            is_new = shared is not None and (former is None or shared.text != former.text)
            if shared is not None and is_new and shared.ends_at - self._clock() >= min_lifetime + EXPIRY_MARGIN_S:
                return shared
            fetched = await self._fetch_token()
            self._store.save(fetched.text, fetched.ends_at - self._clock())
            return fetched
        finally:
            self._store.release()

    async def _fetch_token(self) -> Token:
        asked_at = self._clock()
        text, lifetime = await self._fetch()
        return Token(text, asked_at + lifetime)
