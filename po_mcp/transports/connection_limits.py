"""Limits on HTTP connections: a silent client loses its connection before an active one is refused."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_TIMEOUT_S = 10.0
"""How long a request may take to arrive in full, from its first byte or from the start of the connection."""


class BoundedConnection(H11Protocol):
    """uvicorn's connection, closed if its request does not arrive in time, or if a new connection needs its place.

    At most `limit` connections stay open, as long as one of them is silent. uvicorn itself waits for a first
    request for ever, and counts silent connections towards `limit_concurrency`, at which every request gets 503.
    """

    limit = 64
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept a connection; beyond the limit, the connection that has been silent for longest is closed."""
        super().connection_made(transport)
        self.silent_since = self.loop.time()
        self._start_deadline()
        self._make_room()

    def data_received(self, data: bytes) -> None:
        """Receive bytes of a request; its time runs until all of it has arrived."""
        super().data_received(data)
        if self.is_silent:
            self._start_deadline()
        else:
            self._end_deadline()

    def on_response_complete(self) -> None:
        """Wait for the next request; uvicorn's keep-alive limits that wait."""
        super().on_response_complete()
        self.silent_since = self.loop.time()
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
