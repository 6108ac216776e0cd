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
        descriptor: read in blocking calls.
        max_bytes: the length of a line; a longer one is cut.
    """

    def __init__(self, descriptor: int, max_bytes: int = MAX_LINE_BYTES) -> None:
        self._descriptor = descriptor
        self._max_bytes = max_bytes
        self._unread = bytearray()

    def read_line(self) -> Line | None:
        """Return the next line, or None at the end. Blocks."""
        # Bytes without a newline are searched once, or a long line would take quadratic time.
        searched = 0
        while (end := self._unread.find(b"\n", searched)) < 0:
            searched = len(self._unread)
            if searched > self._max_bytes:
                return self._cut_line()
            if not self._read_more():
                return self._last_line()
        line = bytes(self._unread[:end])
        del self._unread[: end + 1]
        return self._bound(line)

    def _bound(self, line: bytes) -> Line:
        if len(line) <= self._max_bytes:
            return Line(line)
        return Line(line[: self._max_bytes], line[-_TAIL_BYTES:], is_cut=True)

    def _cut_line(self) -> Line:
        """Read on to the end of a line that is too long, without keeping its middle."""
        start = bytes(self._unread[: self._max_bytes])
        while (end := self._unread.find(b"\n")) < 0:
            del self._unread[:-_TAIL_BYTES]
            if not self._read_more():
                end = len(self._unread)
                break
        tail = bytes(self._unread[:end][-_TAIL_BYTES:])
        del self._unread[: end + 1]
        return Line(start, tail, is_cut=True)

    def _last_line(self) -> Line | None:
        line = bytes(self._unread)
        self._unread.clear()
        return self._bound(line) if line else None

    def _read_more(self) -> bool:
        chunk = os.read(self._descriptor, _CHUNK_BYTES)
        self._unread += chunk
        return bool(chunk)
