"""One access token per connection: fetched when needed, renewed before it ends, one renewal at a time."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import anyio

Clock = Callable[[], float]

EARLY = 60.0
"""Seconds before its end at which a token counts as ended."""


@dataclass(frozen=True)
class Token:
    """A bearer token and the monotonic second at which it ends. Its repr does not show it."""

    text: str = field(repr=False)
    ends_at: float


class Tokens:
    """The token of one connection.

    `fetch` asks the ERP for a new one and returns its text and lifetime in seconds.
    """

    def __init__(self, fetch: Callable[[], Awaitable[tuple[str, float]]], clock: Clock = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._token: Token | None = None
        self._renewing = anyio.Lock()

    async def current(self, lasting: float = 0.0) -> Token:
        """Return a token that lasts at least `lasting` seconds more, as far as the ERP gives such."""
        async with self._renewing:
            if self._token is None or self._token.ends_at - self._clock() < lasting + EARLY:
                self._token = await self._renewed()
            return self._token

    async def replace(self, rejected: Token) -> Token:
        """Return another token than `rejected`; whoever comes second gets what the first one fetched."""
        async with self._renewing:
            if self._token is None or self._token.text == rejected.text:
                self._token = await self._renewed()
            return self._token

    async def _renewed(self) -> Token:
        asked_at = self._clock()
        text, lifetime = await self._fetch()
        return Token(text, asked_at + lifetime)
