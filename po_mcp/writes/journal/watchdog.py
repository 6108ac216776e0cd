"""Ends a transaction whose server stands still: one that is paused answers nothing, and ends nothing by a time-out."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

_LOOK_S = 0.25


class _Connection(Protocol):
    def fileno(self) -> int: ...


class Watchdog:
    """Cuts connections that are used for longer than they may be; the statement that waits there fails then."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until: dict[_Connection, float] = {}
        self._cut: set[_Connection] = set()
        self._thread: threading.Thread | None = None
        self._is_closed = threading.Event()

    @contextmanager
    def watching(self, connection: _Connection, seconds: float) -> Iterator[None]:
        """Cut this connection if what is done here takes longer."""
        with self._lock:
            self._until[connection] = time.monotonic() + seconds
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="po-mcp journal watchdog", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            self.let_go(connection)

    def let_go(self, connection: _Connection) -> None:
        """Let what is done now take its time."""
        with self._lock:
            self._until.pop(connection, None)

    def has_cut(self, connection: _Connection) -> bool:
        """Tell whether a connection was cut here, once."""
        with self._lock:
            was_cut = connection in self._cut
            self._cut.discard(connection)
            return was_cut

    def close(self) -> None:
        """End the thread."""
        self._is_closed.set()

    def _run(self) -> None:
        while not self._is_closed.wait(_LOOK_S):
            with self._lock:
                over = [one for one, until in self._until.items() if until < time.monotonic()]
                for connection in over:
                    del self._until[connection]
                    self._cut.add(connection)
                    _cut(connection)


def _cut(connection: _Connection) -> None:
    # The descriptor stays the connection's own: it is shut down here, and closed by who uses it.
    with suppress(Exception), socket.socket(fileno=os.dup(connection.fileno())) as sock:
        sock.shutdown(socket.SHUT_RDWR)
