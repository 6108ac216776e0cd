"""Limits on HTTP connections: a silent client loses its connection before an active one is refused."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uvicorn.protocols.http.h11_impl import H11Protocol as _Protocol
else:
    _Protocol = object

REQUEST_TIMEOUT_S = 10.0
"""How long a request may take to arrive in full, from its first byte or from the start of the connection."""
_MAX_HEAD_BYTES = 64 * 1024
"""Bytes of a request line and its headers; h11 has this limit itself, httptools has none."""
_MAX_ARRIVING_BYTES = 4 * 1024 * 1024
"""Bytes of a request that has not arrived in full: more than any application here takes, with what frames it."""


class BoundedConnection(_Protocol):
    """A connection of uvicorn, closed if its request does not arrive in time, or if a new connection needs its place.

    It stands before one of uvicorn's two protocols among the bases of a class. At most `limit` connections stay open,
    as long as one of them is silent. uvicorn itself waits for a first request for ever, and counts silent connections
    towards `limit_concurrency`, at which every request gets 503.
    """

    limit = 64
    _deadline: asyncio.TimerHandle | None = None
    _arrived = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept a connection; beyond the limit, the connection that has been silent for longest is closed."""
        super().connection_made(transport)
        self.silent_since = self.loop.time()
        self._start_deadline()
        self._make_room()

    def data_received(self, data: bytes) -> None:
        """Receive bytes of a request; its time runs until all of it has arrived."""
        super().data_received(data)
        if not self.is_silent:
            self._arrived = 0
            self._end_deadline()
            return
        self._start_deadline()
        self._arrived += len(data)
        if self._arrived > (_MAX_ARRIVING_BYTES if self._has_body_to_come else _MAX_HEAD_BYTES):
            self.transport.close()

    def on_response_complete(self) -> None:
        """Wait for the next request; uvicorn's keep-alive limits that wait."""
        super().on_response_complete()
        self.silent_since = self.loop.time()
        self._arrived = 0
        self._end_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer."""
        self._end_deadline()
        super().connection_lost(exc)

    @property
    def is_silent(self) -> bool:
        """Whether no request is being answered: none has arrived in full since the last answer."""
        # A request whose body is still arriving holds no place: slow bodies would otherwise fill the server.
        is_answered = self.cycle is None or self.cycle.response_complete
        return is_answered or self._has_body_to_come

    @property
    def has_answered(self) -> bool:
        """Whether a request was answered, and no other is under way."""
        return self.cycle is not None and self.cycle.response_complete

    @property
    def _has_body_to_come(self) -> bool:
        return self.cycle is not None and self.cycle.more_body

    def _make_room(self) -> None:
        others = [one for one in self.connections if isinstance(one, BoundedConnection) and one is not self]
        # One that is closing already frees its place by itself: to count it would close another for it.
        here = [one for one in others if not one.transport.is_closing()]
        silent = [one for one in here if one.is_silent]
        if len(here) >= self.limit and silent:
            min(silent, key=lambda one: one.silent_since).transport.close()

    def _start_deadline(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_TIMEOUT_S, self.transport.close)

    def _end_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
