"""One access token per connection: fetched when needed, renewed before it ends, one renewal at a time."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

import anyio

Clock = Callable[[], float]

_LEASE = 30.0  # seconds in which a process that fetches a token is waited for
_POLL = 0.05
EARLY = 60.0
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

    def save(self, token: str, lasting: float) -> None:
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

    async def current(self, lasting: float = 0.0) -> Token:
        """Return a token that lasts at least `lasting` seconds more, as far as the ERP gives such."""
        async with self._renewing:
            self._token = self._shared() or self._token
            if self._token is None or self._token.ends_at - self._clock() < lasting + EARLY:
                self._token = await self._renewed(lasting)
            return self._token

    async def replace(self, rejected: Token) -> Token:
        """Return another token than `rejected`; whoever comes second gets what the first one fetched."""
        async with self._renewing:
            self._token = self._shared() or self._token
            if self._token is None or self._token.text == rejected.text:
                self._token = await self._renewed(0.0)
            return self._token

    def _shared(self) -> Token | None:
        """Return the token that another process fetched last: it ended every one before."""
        found = self._store.load() if self._store is not None else None
        return None if found is None else Token(found[0], self._clock() + found[1])

    async def _renewed(self, lasting: float) -> Token:
        """Fetch a token, unless another process does so at this moment: then take theirs."""
        if self._store is None:
            return await self._fetched()
        former = self._token
        while not self._store.claim(_LEASE):  # noqa: ASYNC110 - another process cannot set an Event
            await anyio.sleep(_POLL)
        try:
            theirs = self._shared()
            is_new = theirs is not None and (former is None or theirs.text != former.text)
            if theirs is not None and is_new and theirs.ends_at - self._clock() >= lasting + EARLY:
                return theirs
            fetched = await self._fetched()
            self._store.save(fetched.text, fetched.ends_at - self._clock())
            return fetched
        finally:
            self._store.release()

    async def _fetched(self) -> Token:
        asked_at = self._clock()
        text, lifetime = await self._fetch()
        return Token(text, asked_at + lifetime)
