"""A connection that holds its place only while it is used: who sends nothing shuts nobody out."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_TIMEOUT_S = 10.0
"""Seconds in which a request must have arrived in full, from its first byte or from the connection's begin."""


class BoundedConnection(H11Protocol):
    """uvicorn's connection, closed where its request does not arrive, and where its place is needed.

    At most `limit` connections stay open beside each other, as long as one of them is silent.

    uvicorn itself waits for a first request for ever, and counts who is silent towards `limit_concurrency`:
    at that many it answers everybody 503.
    """

    limit = 64
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection; where there is no more room, the one that has been silent for longest is closed."""
        super().connection_made(transport)
        self.silent_since = self.loop.time()
        self._start_deadline()
        self._make_room()

    def data_received(self, data: bytes) -> None:
        """Take bytes of a request; its time runs until all of it is there."""
        super().data_received(data)
        if self.is_silent:
            self._start_deadline()
        else:
            self._end_deadline()

    def on_response_complete(self) -> None:
        """Wait for the next request, as long as uvicorn keeps connections alive."""
        super().on_response_complete()
        self.silent_since = self.loop.time()
        self._end_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the time."""
        self._end_deadline()
        super().connection_lost(exc)

    @property
    def is_silent(self) -> bool:
        """Tell whether no request has arrived in full that is not answered yet."""
        is_answered = self.cycle is None or self.cycle.response_complete
        return is_answered or self.conn.their_state is h11.SEND_BODY

    def _make_room(self) -> None:
        others = [one for one in self.connections if isinstance(one, BoundedConnection) and one is not self]
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
