"""Standard input as lines of limited length.

Without a limit a line is held in memory several times: one of 200 MB took 800 MB. Of a line that is too long, the
start and the last bytes are kept, because the message's id may stand there.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

MAX_LINE_BYTES = 4 * 1024 * 1024
"""The longest message; the SDK's HTTP server has the same limit."""
_CHUNK_BYTES = 64 * 1024
_TAIL_BYTES = 512


@dataclass(frozen=True)
class Line:
    """A line without its newline. If `is_cut`, `start` has its first bytes and `tail` its last ones."""

    start: bytes
    tail: bytes = b""
    is_cut: bool = False


def take_stdin() -> BoundedLines:
    """Return the lines of standard input, and replace descriptor 0 by the null device.

    A child process or library that reads standard input then gets no message of the client.
    """
    descriptor = os.dup(sys.stdin.fileno())
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, sys.stdin.fileno())
    os.close(null)
    return BoundedLines(descriptor)


class BoundedLines:
    """The lines of a file descriptor.

    Args:
        descriptor: what is read.
        max_bytes: the length of a line; a longer one is cut.
    """

    def __init__(self, descriptor: int, max_bytes: int = MAX_LINE_BYTES) -> None:
        self.descriptor = descriptor
        self._max_bytes = max_bytes
        self._unread = bytearray()
        self._searched = 0  # bytes without a newline are searched once, or a long line would take quadratic time
        self._start: bytes | None = None  # of a line that is too long, and whose end has not arrived
        self.is_at_end = False

    def read_line(self) -> Line | None:
        """Return the next line, or None at the end. Blocks."""
        while (line := self.take_line()) is None and not self.is_at_end:
            self.read_more()
        return line

    def take_line(self) -> Line | None:
        """Return the next line that has arrived; None where none has."""
        end = self._unread.find(b"\n", self._searched)
        if end < 0 and not self.is_at_end:
            self._drop_middle()
            self._searched = len(self._unread)
            return None
        if end < 0 and not self._unread:
            return None
        line = bytes(self._unread if end < 0 else self._unread[:end])
        del self._unread[: len(self._unread) if end < 0 else end + 1]
        self._searched = 0
        return self._bound(line)

    def read_more(self) -> None:
        """Read what has arrived. Blocks while nothing has."""
        chunk = os.read(self.descriptor, _CHUNK_BYTES)
        self._unread += chunk
        self.is_at_end = not chunk

    def _drop_middle(self) -> None:
        """Keep the start and the last bytes of a line that is too long."""
        if self._start is None and len(self._unread) > self._max_bytes:
            self._start = bytes(self._unread[: self._max_bytes])
        if self._start is not None:
            del self._unread[:-_TAIL_BYTES]

    def _bound(self, line: bytes) -> Line:
        start, self._start = self._start, None
        if start is None and len(line) <= self._max_bytes:
            return Line(line)
        return Line(start or line[: self._max_bytes], line[-_TAIL_BYTES:], is_cut=True)
